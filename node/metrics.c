/* SPDX-License-Identifier: MIT */
/*
 * Prometheus text (version 0.0.4). A family is a row: its name, and where in which structure its
 * counters lie; one function prints them all. What has no such row (latencies, the process, health)
 * is in metrics_node.c.
 */
#include <stdio.h>

#include "metrics_family.h"
#include "node.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const char *const limit_names[LIMIT_KINDS] = {
    [LIMIT_CONNECTIONS] = "connections",
    [LIMIT_CONNECTIONS_PER_IP] = "connections_per_ip",
    [LIMIT_HEADER] = "header",
    [LIMIT_BODY] = "body",
    [LIMIT_HEADER_TIME] = "header_time",
    [LIMIT_BODY_TIME] = "body_time",
    [LIMIT_IDLE_TIME] = "idle_time",
    [LIMIT_WRITE_TIME] = "write_time",
    [LIMIT_WS_MESSAGE] = "ws_message",
    [LIMIT_WS_PENDING] = "ws_pending",
    [LIMIT_PLAYER_CONNECTIONS] = "player_connections",
    [LIMIT_RATE] = "rate",
    [LIMIT_HANDSHAKE_TIME] = "handshake_time",
    [LIMIT_SOCKETIO_ROOMS] = "socketio_rooms",
    [LIMIT_SOCKETIO_ACKS] = "socketio_acks",
    [LIMIT_SOCKETIO_WISHES] = "socketio_wishes",
    [LIMIT_POLL_FORWARD] = "poll_forward",
    [LIMIT_SOCKETIO_PENDING] = "socketio_pending",
    [LIMIT_SOCKETIO_POST_PACKETS] = "socketio_post_packets",
    [LIMIT_SOCKETIO_UPGRADE_TIME] = "socketio_upgrade_time",
    [LIMIT_SOCKETIO_CONNECT_TIME] = "socketio_connect_time",
    [LIMIT_SOCKETIO_ADMISSION_QUEUE] = "socketio_admission_queue",
    [LIMIT_SOCKETIO_ATTACHMENTS] = "socketio_attachments",
    [LIMIT_SOCKETIO_ATTACHMENT_BYTES] = "socketio_attachment_bytes",
    [LIMIT_SOCKETIO_ATTACHMENT_TIME] = "socketio_attachment_time",
    [LIMIT_TOKEN_FAILURES] = "token_failures",
    [LIMIT_JOB_JOINS] = "job_joins",
    [LIMIT_ARCHITUS_RATE] = "architus_rate",
    [LIMIT_ARCHITUS_REQUESTS] = "architus_requests",
    [LIMIT_ARCHITUS_CALLS] = "architus_calls",
    [LIMIT_POOL] = "pool",
    [LIMIT_FLEET_COMMANDS] = "fleet_commands",
    [LIMIT_FLEET_LOGINS] = "fleet_logins",
    [LIMIT_FLEET_STREAMS] = "fleet_streams",
};

const char *limit_name(enum limit_kind limit)
{
    return limit_names[limit];
}

/* ---- labels: of the sample at an index, or NULL when there is none ------------------------------ */

#define TWO(name, first, second)                                                                   \
    static const char *name(size_t index)                                                          \
    {                                                                                              \
        return index == 0 ? first : second;                                                        \
    }

TWO(enqueue_labels, "status=\"queued\"", "status=\"live\"")
TWO(recipient_labels, "to=\"bot\"", "to=\"mod\"")
TWO(transport_labels, "transport=\"polling\"", "transport=\"websocket\"")
TWO(move_labels, "way=\"out\"", "way=\"in\"")
TWO(owner_labels, "owner=\"self\"", "owner=\"other\"")
TWO(way_labels, "way=\"received\"", "way=\"sent\"")
TWO(recovery_labels, "result=\"new\"", "result=\"recovered\"")
TWO(badness_labels, "kind=\"malformed\"", "kind=\"misplaced\"")
TWO(reload_labels, "result=\"failed\"", "result=\"good\"")

static char label_room[128];

static const char *label(const char *name, const char *value)
{
    snprintf(label_room, sizeof label_room, "%s=\"%s\"", name, value);
    return label_room;
}

static const char *labels(const char *name, const char *value, const char *other_name,
                          const char *other_value)
{
    snprintf(label_room, sizeof label_room, "%s=\"%s\",%s=\"%s\"", name, value, other_name,
             other_value);
    return label_room;
}

static const char *status_labels(size_t index)
{
    static const char *const classes[] = { NULL, "1xx", "2xx", "3xx", "4xx", "5xx" };

    return classes[index] != NULL ? label("status", classes[index]) : NULL;
}

static const char *limit_labels(size_t index)
{
    return label("limit", limit_name((enum limit_kind)index));
}

static const char *close_labels(size_t index)
{
    return label("reason", close_label((enum close_reason)index));
}

static const char *relay_labels(size_t index)
{
    static const char *const statuses[] = { "completed", "queued", "failed" };

    return labels("from", index < COUNT(statuses) ? "mod" : "bot", "status",
                  statuses[index % COUNT(statuses)]);
}

static const char *engine_opened_labels(size_t index)
{
    return labels("protocol", index < 2 ? "3" : "4", "transport",
                  index % 2 == 0 ? "polling" : "websocket");
}

static const char *engine_closed_labels(size_t index)
{
    static const char *const ends[ENGINE_END_KINDS] = {
        "transport_close",     "transport_error",   "ping_timeout",  "parse_error", "forced_close",
        "forced_server_close", "server_disconnect", "shutting_down", "too_slow",
    };

    return label("reason", ends[index]);
}

static const char *code_labels(size_t index)
{
    const char code[] = { (char)('0' + index), '\0' };

    return label("code", code);
}

static const char *refusal_labels(size_t index)
{
    static const char *const refusals[SOCKETIO_REFUSALS] = {
        [SOCKETIO_REFUSED] = "refused",
        [SOCKETIO_UNKNOWN_NAMESPACE] = "unknown_namespace",
        [SOCKETIO_TOO_MANY_NAMESPACES] = "too_many_namespaces",
        [SOCKETIO_UNAVAILABLE] = "unavailable",
    };

    return label("reason", refusals[index]);
}

static const char *emitter_labels(size_t index)
{
    static const char *const outcomes[EMITTER_OUTCOMES] = {
        [EMITTER_PASSED] = "passed",       [EMITTER_IGNORED] = "ignored",
        [EMITTER_MALFORMED] = "malformed", [EMITTER_UNSUPPORTED] = "unsupported",
        [EMITTER_REFUSED] = "refused",     [EMITTER_FAILED] = "failed",
    };

    return label("outcome", outcomes[index]);
}

static const char *kick_labels(size_t index)
{
    static const char *const reasons[FLEET_KICKS] = {
        [FLEET_KICK_INVALID] = "invalid_message",
        [FLEET_KICK_RATE] = "rate_limited",
        [FLEET_KICK_TEXT] = "text",
        [FLEET_KICK_UNASKED] = "unasked",
        [FLEET_KICK_ACK] = "ack",
        [FLEET_KICK_SILENT] = "silent",
        [FLEET_KICK_FENCED] = "fenced",
        [FLEET_KICK_STUCK] = "stuck",
        [FLEET_KICK_CROWDED] = "crowded",
        [FLEET_KICK_REVOKED] = "revoked",
        [FLEET_KICK_SHUTDOWN] = "shutdown",
    };

    return label("reason", reasons[index]);
}

static const char *command_labels(size_t index)
{
    static const char *const ops[FLEET_COMMAND_OPS] = { "create", "destroy", "drain", "undrain" };
    static const char *const ends[FLEET_COMMAND_ENDS] = { "done", "refused", "exists", "timeout",
                                                          "disconnected" };

    return labels("op", ops[index / FLEET_COMMAND_ENDS], "outcome",
                  ends[index % FLEET_COMMAND_ENDS]);
}

static const char *status_kind_labels(size_t index)
{
    static const char *const statuses[FLEET_STATUS_KINDS] = { "active", "draining", TALLY_OTHER };

    return label("status", statuses[index]);
}

TWO(audience_labels, "audience=\"agent\"", "audience=\"admin\"")

static const char *kind_labels(size_t index)
{
    return label("kind", channel_kind_name((enum channel_kind)index));
}

static const char *append_labels(size_t index)
{
    return labels("kind", channel_kind_name((enum channel_kind)(index / 2)), "mode",
                  index % 2 == 0 ? "queued" : "live");
}

static const char *drop_labels(size_t index)
{
    return labels("kind", channel_kind_name((enum channel_kind)(index / DROP_REASONS)), "reason",
                  channel_drop_name((enum channel_drop)(index % DROP_REASONS)));
}

static const char *bound_labels(size_t index)
{
    static const char *const bounds[STORE_BOUNDS] = {
        [STORE_PENDING_MAX] = "redis_pending_max",
        [STORE_PENDING_BYTES] = "redis_pending_bytes",
    };

    return label("limit", bounds[index]);
}

static const char *result_labels(size_t index)
{
    return label("result", result_name((enum result)index));
}

static const char *answer_labels(size_t index)
{
    static const char *const answers[AUTH_UNKNOWN + 1] = {
        [AUTH_OK] = "ok",
        [AUTH_REFUSED] = "refused",
        [AUTH_THROTTLED] = "throttled",
        [AUTH_UNKNOWN] = "unknown",
    };
    const char *answer = answers[index % COUNT(answers)];

    if (answer == NULL)
        return NULL;
    return labels("kind", credential_kind_name((enum credential_kind)(index / COUNT(answers))),
                  "answer", answer);
}

static const char *hook_answer_labels(size_t index)
{
    return index == 0 ? label("status", "none") : status_labels(index);
}

static const char *token_labels(size_t index)
{
    static const char *const events[SOCKETIO_TOKENS] = {
        [SOCKETIO_TOKEN_RENEWED] = "renewed",
        [SOCKETIO_TOKEN_EXPIRING] = "expiring",
        [SOCKETIO_TOKEN_EXPIRED] = "expired",
    };

    return label("event", events[index]);
}

static const char *jwt_labels(size_t index)
{
    static const char *const answers[JWT_ANSWERS] = {
        [JWT_OK] = "ok",           [JWT_MALFORMED] = "malformed", [JWT_REFUSED] = "refused",
        [JWT_EXPIRED] = "expired", [JWT_UNKNOWN] = "unknown",
    };

    return answers[index] != NULL ? label("answer", answers[index]) : NULL;
}

/* ---- families --------------------------------------------------------------------------------- */

#define ONE(type, member) offsetof(struct type, member), 1, NULL
#define MANY(type, member, label)                                                                  \
    offsetof(struct type, member), sizeof(((struct type *)NULL)->member) / sizeof(uint64_t), label

/* clang-format off */
static const struct family node_families[] = {
    { "signalbox_http_connections_opened_total", "HTTP connections accepted", ONE(metrics, http_connections_opened) },
    { "signalbox_http_connections", "HTTP connections open", ONE(metrics, http_connections_open) },
    { "signalbox_http_requests_total", "requests answered, by class of status", MANY(metrics, http_requests, status_labels) },
    { "signalbox_limit_total", "times a limit said no", MANY(metrics, limits, limit_labels) },
    { "signalbox_ws_opened_total", "WebSockets opened", ONE(metrics, ws_opened) },
    { "signalbox_ws_connections", "WebSockets open", ONE(metrics, ws_open) },
    { "signalbox_ws_closed_total", "WebSockets closed, by reason", MANY(metrics, ws_closed, close_labels) },
    { "signalbox_ws_messages_received_total", "WebSocket messages received", ONE(metrics, ws_messages_in) },
    { "signalbox_ws_messages_sent_total", "WebSocket messages sent", ONE(metrics, ws_messages_out) },
    { "signalbox_ws_bytes_received_total", "payload bytes received", ONE(metrics, ws_bytes_in) },
    { "signalbox_ws_bytes_sent_total", "payload bytes sent", ONE(metrics, ws_bytes_out) },
    { "signalbox_ws_pending_bytes", "bytes that wait for WebSocket peers to read", ONE(metrics, ws_pending_bytes) },
    { "signalbox_mailbox_polls_total", "polls accepted", ONE(metrics, mailbox_polls) },
    { "signalbox_mailbox_commands_taken_total", "commands handed out", ONE(metrics, mailbox_commands_taken) },
    { "signalbox_mailbox_commands_enqueued_total", "commands accepted, by state of the job", MANY(metrics, mailbox_commands_enqueued, enqueue_labels) },
    { "signalbox_mailbox_held_polls", "long polls held open", ONE(metrics, mailbox_held_polls) },
    { "signalbox_relay_messages_total", "messages acknowledged, by sender and acknowledgement", MANY(metrics, relay_messages, relay_labels) },
    { "signalbox_relay_malformed_total", "malformed messages", ONE(metrics, relay_malformed) },
    { "signalbox_relay_delivered_total", "messages written to a recipient", MANY(metrics, relay_delivered, recipient_labels) },
    { "signalbox_relay_mods", "mods connected", ONE(metrics, relay_mods) },
    { "signalbox_relay_bots", "bots connected", ONE(metrics, relay_bots) },
    { "ws_active_connections", "players' connections open", ONE(metrics, push_active) },
    { "ws_messages_published_total", "messages published by servers", ONE(metrics, push_published) },
    { "ws_messages_delivered_total", "messages written to players' connections", ONE(metrics, push_delivered) },
    { "signalbox_engine_opened_total", "connections of Engine.IO opened", MANY(metrics, engine_opened, engine_opened_labels) },
    { "signalbox_engine_connections", "connections of Engine.IO open", MANY(metrics, engine_open, transport_labels) },
    { "signalbox_engine_closed_total", "connections of Engine.IO closed, by reason", MANY(metrics, engine_closed, engine_closed_labels) },
    { "signalbox_engine_refused_total", "requests of Engine.IO refused, by its error code", MANY(metrics, engine_refused, code_labels) },
    { "signalbox_engine_upgrades_total", "connections that went from polling to a WebSocket here", ONE(metrics, engine_upgrades) },
    { "signalbox_engine_moves_total", "connections that went to another node with their upgrade", MANY(metrics, engine_moves, move_labels) },
    { "signalbox_engine_polls_total", "polls, by whose connection they were for", MANY(metrics, engine_polls, owner_labels) },
    { "signalbox_socketio_sockets", "Socket.IO sockets connected", ONE(metrics, socketio_sockets) },
    { "signalbox_socketio_connects_total", "Socket.IO sockets that were let in", ONE(metrics, socketio_connects) },
    { "signalbox_socketio_refused_total", "Socket.IO CONNECTs refused", MANY(metrics, socketio_refused, refusal_labels) },
    { "signalbox_socketio_tokens_total", "what became of the tokens of Socket.IO sockets", MANY(metrics, socketio_tokens, token_labels) },
    { "signalbox_socketio_recoveries_total", "Socket.IO clients that came back with a pid and an offset", MANY(metrics, socketio_recoveries, recovery_labels) },
    { "signalbox_socketio_events_total", "events received from Socket.IO clients", ONE(metrics, socketio_events) },
    { "signalbox_socketio_acks_total", "Socket.IO acknowledgements", MANY(metrics, socketio_acks, way_labels) },
    { "signalbox_socketio_emits_total", "events emitted to rooms by this node, without acknowledgements", ONE(metrics, socketio_emitted) },
    { "signalbox_socketio_asks_total", "the same, with acknowledgements", ONE(metrics, socketio_asked) },
    { "signalbox_socketio_delivered_total", "events of rooms handed to clients", ONE(metrics, socketio_delivered) },
    { "signalbox_socketio_volatile_skipped_total", "volatile events that a client could not take", ONE(metrics, socketio_volatile_skipped) },
    { "signalbox_socketio_bad_entries_total", "entries of rooms that make no sense", ONE(metrics, socketio_malformed_entries) },
    { "signalbox_socketio_bad_packets_total", "packets that ended their Socket.IO connection", MANY(metrics, socketio_bad_packets, badness_labels) },
    { "signalbox_emitter_messages_total", "messages of redis emitters", MANY(metrics, emitter_messages, emitter_labels) },
    { "signalbox_fleet_agents", "agents of fleets that are connected here", ONE(metrics, fleet_agents) },
    { "signalbox_fleet_instances", "instances whose agents are connected here, by status", MANY(metrics, fleet_instances, status_kind_labels) },
    { "signalbox_fleet_instances_stale", "of them those that have missed two polls", ONE(metrics, fleet_stale) },
    { "signalbox_fleet_connections", "connections to their rooms", ONE(metrics, fleet_connections) },
    { "signalbox_fleet_sse_streams", "streams of a fleet's events", ONE(metrics, fleet_streams) },
    { "signalbox_fleet_inflight_commands", "commands under way to agents here", ONE(metrics, fleet_inflight) },
    { "signalbox_fleet_commands_total", "commands to agents here that have ended", MANY(metrics, fleet_commands, command_labels) },
    { "signalbox_fleet_kicks_total", "agents thrown out", MANY(metrics, fleet_kicks, kick_labels) },
    { "signalbox_fleet_snapshots_rejected_total", "full states that were refused", ONE(metrics, fleet_states_rejected) },
    { "signalbox_fleet_auth_failures_total", "keys of the fleet that were refused", MANY(metrics, fleet_auth_failures, audience_labels) },
    { "signalbox_emitter_listening", "this node listens to redis emitters", ONE(metrics, emitter_listening) },
    { "signalbox_architus_asked_total", "questions to the bot's shards", ONE(metrics, architus_asked) },
    { "signalbox_architus_answers_total", "their answers, by class of status", MANY(metrics, architus_answers, hook_answer_labels) },
    { "signalbox_architus_questions", "questions to the bot's shards without an answer", ONE(metrics, architus_running) },
    { "signalbox_hook_malformed_total", "answers of back ends that make no sense", ONE(metrics, hook_malformed) },
    { "signalbox_hook_emits_failed_total", "emits of back ends' answers that could not be made", ONE(metrics, hook_emits_failed) },
    { "signalbox_hook_events_refused_total", "clients' events refused because too many waited", ONE(metrics, hook_events_refused) },
    { "signalbox_hook_events_waiting", "clients' events that wait for earlier ones of their socket", ONE(metrics, hook_events_waiting) },
    { "signalbox_hook_sessions_lost_total", "sessions whose end was told while they lived", ONE(metrics, hook_sessions_lost) },
    { "signalbox_hook_ends_given_up_total", "ends of sessions that no back end took for a day", ONE(metrics, hook_ends_given_up) },
    { "signalbox_redis_restarts_total", "times the private Redis was started again", ONE(metrics, redis_restarts) },
    { "signalbox_config_reloads_total", "reloads of the options", MANY(metrics, config_reloads, reload_labels) },
};

static const struct family store_families[] = {
    { "signalbox_redis_connects_total", "connects of the command link", ONE(store_stats, connects) },
    { "signalbox_redis_disconnects_total", "losses of the command link", ONE(store_stats, disconnects) },
    { "signalbox_redis_topic_connects_total", "connects of the subscription link", ONE(store_stats, topic_connects) },
    { "signalbox_redis_topic_disconnects_total", "losses of the subscription link", ONE(store_stats, topic_disconnects) },
    { "signalbox_redis_script_loads_total", "scripts that Redis had forgotten", ONE(store_stats, script_loads) },
    { "signalbox_redis_malformed_replies_total", "replies of a wrong type or length", ONE(store_stats, malformed_replies) },
    { "signalbox_redis_losses_total", "channels whose numbers went back: Redis itself lost something", ONE(store_stats, losses) },
    { "signalbox_store_operations_pending", "operations without an answer", ONE(store_stats, pending) },
    { "signalbox_store_refused_total", "operations that were one too many", MANY(store_stats, refused, bound_labels) },
};

static const struct family channel_families[] = {
    { "signalbox_channel_appended_total", "messages appended, by whether somebody listened", MANY(channel_stats, appended, append_labels) },
    { "signalbox_channel_duplicates_total", "messages that were stored already", MANY(channel_stats, duplicates, kind_labels) },
    { "signalbox_channel_dropped_total", "messages dropped undelivered", MANY(channel_stats, dropped, drop_labels) },
};

static const struct family hub_families[] = {
    { "signalbox_hub_channels", "channels listened to", ONE(hub_stats, channels) },
    { "signalbox_hub_listeners", "local listeners", ONE(hub_stats, listeners) },
    { "signalbox_hub_topic_entries_total", "messages delivered straight from the topic", MANY(hub_stats, fast, kind_labels) },
    { "signalbox_hub_read_entries_total", "messages delivered from a read", MANY(hub_stats, read, kind_labels) },
    { "signalbox_hub_reads_total", "reads of a channel's list", ONE(hub_stats, reads) },
    { "signalbox_hub_settles_total", "settles", ONE(hub_stats, settles) },
    { "signalbox_hub_stalls_total", "times a channel's listeners took no more for too long", ONE(hub_stats, stalls) },
    { "signalbox_hub_losses_total", "channels whose numbers went back, as a subscription or a hold shows it", ONE(hub_stats, losses) },
    { "signalbox_hub_gaps_total", "times a listener missed messages", MANY(hub_stats, gaps, kind_labels) },
};

static const struct family call_families[] = {
    { "signalbox_calls_total", "questions to other nodes", ONE(call_stats, started) },
    { "signalbox_calls_answered_total", "how they ended, unless they were taken back", MANY(call_stats, answered, result_labels) },
    { "signalbox_calls_pending", "questions without an answer", ONE(call_stats, pending) },
    { "signalbox_calls_asked_total", "questions of other nodes", ONE(call_stats, asked) },
    { "signalbox_calls_held", "of them not yet answered", ONE(call_stats, held) },
};

static const struct family auth_families[] = {
    { "signalbox_auth_answers_total", "authentications, by kind of credential and answer", MANY(auth_stats, answers, answer_labels) },
    { "signalbox_auth_cache_hits_total", "answers from the cache", ONE(auth_stats, cache_hits) },
    { "signalbox_auth_revocations_total", "identities that ended while they were in use", ONE(auth_stats, revocations) },
    { "signalbox_auth_hook_calls_total", "calls of an HTTP hook", ONE(auth_stats, hook_calls) },
    { "signalbox_auth_sql_queries_total", "SQL queries", ONE(auth_stats, sql_queries) },
    { "signalbox_auth_throttled_total", "requests refused for too many failures from their address", ONE(auth_stats, throttled) },
};

static const struct family hook_families[] = {
    { "signalbox_hook_calls_total", "calls to back ends", ONE(hook_stats, calls) },
    { "signalbox_hook_answers_total", "answers of back ends, by class of status", MANY(hook_stats, answers, hook_answer_labels) },
    { "signalbox_hook_retries_total", "further attempts of a call", ONE(hook_stats, retries) },
    { "signalbox_hook_refused_total", "calls refused because too many waited", ONE(hook_stats, refused) },
    { "signalbox_hook_calls_running", "calls under way", ONE(hook_stats, running) },
    { "signalbox_hook_calls_waiting", "calls that wait in line", ONE(hook_stats, waiting) },
};

static const struct family jwt_families[] = {
    { "signalbox_jwt_answers_total", "JSON Web Tokens checked, by answer", MANY(jwt_stats, answers, jwt_labels) },
    { "signalbox_jwks_fetches_total", "fetches of JWKS documents", MANY(jwt_stats, fetches, reload_labels) },
};
/* clang-format on */

static void families_print(const struct family *families, size_t count, const void *base,
                           struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct family *family = &families[i];

        family_print_head(out, family->name, family_type(family->name), family->help);
        for (size_t at = 0; at < family->count; at++) {
            const char *text = family->labels != NULL ? family->labels(at) : "";
            const uint64_t *values =
                (const uint64_t *)(const void *)((const char *)base + family->offset);

            if (text != NULL)
                sample_print(out, family->name, text, values[at]);
        }
    }
}

void metrics_print(const struct node *node, struct buf *out)
{
    metrics_print_node(node, out);
    families_print(node_families, COUNT(node_families), &node->metrics, out);
    families_print(store_families, COUNT(store_families), store_stats(node->store), out);
    families_print(channel_families, COUNT(channel_families), channel_stats(node->store), out);
    families_print(hub_families, COUNT(hub_families), hub_stats(node->hub), out);
    families_print(call_families, COUNT(call_families), calls_stats(node->calls), out);
    families_print(auth_families, COUNT(auth_families), auth_stats(node->auth), out);
    families_print(jwt_families, COUNT(jwt_families), jwts_stats(node->jwts), out);
    families_print(hook_families, COUNT(hook_families), hooks_stats(node->hooks), out);
    metrics_print_operations(store_stats(node->store), out);
}
