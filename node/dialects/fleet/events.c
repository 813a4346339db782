/* SPDX-License-Identifier: MIT */
/*
 * GET /v1/events: a fleet's log of events as server-sent events, from whatever node. A stream begins when this node
 * hears the log: from then on it has every event, once, in the order that all streams have. What its client does not
 * take waits in the log, not here; when the log has gone on beyond that, the stream ends, and its caller begins anew.
 *
 *     asked ──hears the log──> open ──client gone | gap | log lost | node stops──> over
 *
 * One that is resumed begins with the entry that its client had last: while the log still has that, nothing behind it
 * can be missing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "http_stream.h"
#include "rest_inner.h"

enum {
    PING_MS = 15000,
    PATIENCE_MS = 5000, /* until the log is heard */
    FINDING_MS = 1000,  /* … and then until the entry is found that a client had last */
    PENDING_MAX = 256 * 1024,
    OUT_KEPT = 64 * 1024, /* what few events want; more goes at once */
    KEEP_MS = 24 * 3600 * 1000,
};

/* An entry is one string of Redis', which has no longer ones; each of its events is longer than its id. */
#define ENTRY_MAX ((size_t)512 * 1024 * 1024)

struct events {
    struct list node; /* rest->streams */
    struct rest *rest;
    const struct fleet_realm *realm;
    struct rest_call *call;     /* as long as it has not begun */
    struct http_stream *stream; /* … and then                  */
    struct hub_listener listener;
    struct deadline ping;
    struct auth_hold hold;
    bool has_ids;
    uint64_t after_number, after_index; /* resumed: what its client had last */
    struct buf out;                     /* an entry with its ids */
};

static struct node *node_of(const struct events *events)
{
    return events->rest->fleet->node;
}

/* ---- its end -------------------------------------------------------------------------------------------- */

static void events_free(struct events *events)
{
    hub_leave(node_of(events)->hub, &events->listener, CHANNEL_LEAVE_IN_ORDER);
    auth_release(&events->hold);
    deadline_clear(&events->ping);
    list_remove(&events->node);
    events->rest->stream_count--;
    node_of(events)->metrics.fleet_streams--;
    buf_fini(&events->out);
    free(events);
}

void events_forget(struct events **events)
{
    if (*events != NULL)
        events_free(*events);
    *events = NULL;
}

/* Answered with a refusal, which frees both. */
static void events_refuse(struct events *events, enum rest_cause cause)
{
    rest_refuse(events->call, cause);
}

static void events_end(struct events *events)
{
    if (events->call != NULL) {
        events_refuse(events, REST_UNAVAILABLE);
        return;
    }
    http_stream_end(&events->stream);
    events_free(events);
}

static void on_gone(void *ctx)
{
    events_free(ctx);
}

static void on_stop(void *ctx)
{
    events_end(ctx);
}

static void on_key_gone(struct auth_hold *hold)
{
    events_end(LIST_ENTRY(hold, struct events, hold));
}

/* ---- its beginning ---------------------------------------------------------------------------------------- */

static void on_ready(void *ctx)
{
    struct events *events = ctx;

    hub_resume(node_of(events)->hub, &events->listener);
}

static const struct http_stream_ops stream_ops = {
    .on_ready = on_ready,
    .on_gone = on_gone,
    .on_stop = on_stop,
};

/* False: there is no room. */
static bool events_write(struct events *events, struct slice text)
{
    return http_stream_write(events->stream, text);
}

static void on_ping_due(struct deadline *deadline)
{
    struct events *events = LIST_ENTRY(deadline, struct events, ping);

    /* without room for it the client has enough to read */
    if (!events_write(events, SLICE_LITERAL(": ping\n\n")))
        log_debug(NULL, "fleet.events_slow", "streams=%zu", events->rest->stream_count);
    deadline_set(events->rest->fleet->deadlines, &events->ping, PING_MS, on_ping_due);
}

static const struct http_stream_head stream_head = {
    .status = 200,
    .type = "text/event-stream; charset=utf-8",
    .headers = "Cache-Control: no-cache, no-transform\r\nX-Accel-Buffering: no\r\n",
    .pending_max = PENDING_MAX,
};

/* False: it is over. */
static bool events_begin(struct events *events)
{
    struct rest_call *call = events->call;

    events->call = NULL;
    call->events = NULL;
    if (call->identity != NULL)
        auth_follow(node_of(events)->auth, &events->hold, call->identity, on_key_gone);
    events->stream = rest_stream(call, &stream_head, &stream_ops, events);
    if (events->stream == NULL || !events_write(events, SLICE_LITERAL(": connected\n\n"))) {
        events_end(events);
        return false;
    }
    deadline_set(events->rest->fleet->deadlines, &events->ping, PING_MS, on_ping_due);
    return true;
}

static void on_unheard(struct deadline *deadline)
{
    events_refuse(LIST_ENTRY(deadline, struct events, ping), REST_UNAVAILABLE);
}

static void on_unfound(struct deadline *deadline)
{
    events_refuse(LIST_ENTRY(deadline, struct events, ping), REST_EVENTS_TRIMMED);
}

static void on_listening(struct hub_listener *listener)
{
    struct events *events = LIST_ENTRY(listener, struct events, listener);

    if (events->after_number == 0)
        events_begin(events);
    else
        deadline_set(events->rest->fleet->deadlines, &events->ping, FINDING_MS, on_unfound);
}

/* ---- its events --------------------------------------------------------------------------------------------- */

/* The next whole event of an entry. */
static struct slice event_next(struct slice *rest)
{
    const char *end = rest->len > 0 ? memmem(rest->data, rest->len, "\n\n", 2) : NULL;
    struct slice event = *rest;

    if (end != NULL)
        event.len = (size_t)(end + 2 - rest->data);
    *rest = (struct slice){ rest->data + event.len, rest->len - event.len };
    return event;
}

/* An id before each event; those that its client has are left out. False: they do not fit. */
static bool add_ids(struct events *events, uint64_t number, struct slice payload)
{
    bool is_cut = number == events->after_number;

    buf_clear(&events->out);
    for (uint64_t index = 0; payload.len > 0; index++) {
        struct slice event = event_next(&payload);

        if (is_cut && index <= events->after_index)
            continue;
        buf_printf(&events->out, "id: %llu.%llu\n", (unsigned long long)number,
                   (unsigned long long)index);
        buf_add_slice(&events->out, event);
    }
    return !events->out.has_overflowed;
}

/* False: it is over. */
static bool events_resume(struct events *events, uint64_t number)
{
    if (number == events->after_number)
        return events_begin(events);
    events_refuse(events, REST_EVENTS_TRIMMED);
    return false;
}

/* There are entries that its client cannot have. */
static void events_miss(struct events *events, uint64_t missed)
{
    log_peer(LOG_INFO, NULL, "fleet.events_gap", "missed=%llu", (unsigned long long)missed);
    if (events->call != NULL)
        events_refuse(events, REST_EVENTS_TRIMMED);
    else
        events_end(events);
}

static enum hub_take on_entry(struct hub_listener *listener, const struct hub_entry *entry)
{
    struct events *events = LIST_ENTRY(listener, struct events, listener);
    struct slice text = frame_slice(entry->frame);
    bool is_written;

    if (events->call != NULL && !events_resume(events, entry->number))
        return HUB_FULL;
    if (events->has_ids) {
        if (!add_ids(events, entry->number, text)) {
            events_miss(events, 1);
            return HUB_FULL;
        }
        text = buf_slice(&events->out);
    }
    is_written = events_write(events, text);
    if (events->out.size > OUT_KEPT)
        buf_fini(&events->out);
    if (is_written)
        return HUB_WRITTEN;
    http_stream_ask(events->stream);
    return HUB_FULL;
}

static void on_gap(struct hub_listener *listener, uint64_t missed)
{
    events_miss(LIST_ENTRY(listener, struct events, listener), missed);
}

static const struct hub_listener_ops from_now = {
    .on_entry = on_entry,
    .on_listening = on_listening,
    .on_gap = on_gap,
    .starts_at_tip = true,
    .stays = true,
};
static const struct hub_listener_ops from_there = {
    .on_entry = on_entry,
    .on_listening = on_listening,
    .on_gap = on_gap,
    .stays = true,
};

/* ---- asking for it ------------------------------------------------------------------------------------------ */

/* "<number>.<index>", of an entry that there can have been. */
static bool id_parse(const struct events *events, struct slice id, uint64_t *number_out,
                     uint64_t *index_out)
{
    const char *dot = memchr(id.data, '.', id.len);
    uint64_t latest = ((uint64_t)store_now_ms(node_of(events)->store) + 60000) * 1024;
    size_t len = dot != NULL ? (size_t)(dot - id.data) : 0;

    return dot != NULL && slice_to_u64((struct slice){ id.data, len }, 1, latest, number_out) &&
           slice_to_u64((struct slice){ dot + 1, id.len - len - 1 }, 0, UINT32_MAX, index_out);
}

static void events_listen(struct events *events)
{
    struct hub *hub = node_of(events)->hub;
    const struct channel_id id = {
        .kind = CHANNEL_FLEET,
        .realm = slice_of(events->call->realm->name),
        .id = SLICE_LITERAL("all"),
    };

    deadline_set(events->rest->fleet->deadlines, &events->ping, PATIENCE_MS, on_unheard);
    /* the entry that its client had a part of is read again */
    if (events->after_number > 0)
        hub_listen_after(hub, &id, &events->listener, &from_there, events->after_number - 1);
    else
        hub_listen(hub, &id, &events->listener, &from_now);
}

static struct events *events_create(struct rest_call *call)
{
    struct events *events = xcalloc(1, sizeof *events);

    events->rest = call->rest;
    events->realm = call->realm;
    events->call = call;
    events->has_ids = slice_is(http_query(call->request, "ids"), "1");
    deadline_init(&events->ping);
    buf_init(&events->out, 2 * ENTRY_MAX);
    list_append(&call->rest->streams, &events->node);
    call->rest->stream_count++;
    node_of(events)->metrics.fleet_streams++;
    call->events = events;
    return events;
}

static void events_start(struct rest_call *call)
{
    struct events *events = events_create(call);
    struct slice last = http_header(call->request, "last-event-id");

    if (events->has_ids && last.data != NULL &&
        !id_parse(events, last, &events->after_number, &events->after_index))
        events_refuse(events, REST_EVENTS_TRIMMED);
    else
        events_listen(events);
}

void events_open(struct rest_call *call)
{
    struct rest *rest = call->rest;

    if (http_request_method(call->request) == HTTP_HEAD) {
        rest_stream(call, &stream_head, &stream_ops, NULL);
    } else if (rest->has_stopped) {
        rest_refuse(call, REST_UNAVAILABLE);
    } else if (rest->stream_count >= rest->fleet->node->config->fleet_streams) {
        log_peer(LOG_WARN, NULL, "fleet.events_limit", "streams=%zu", rest->stream_count);
        rest_refuse(call, REST_SSE_LIMIT);
    } else {
        events_start(call);
    }
}

/* ---- all streams ---------------------------------------------------------------------------------------------- */

void events_configure(struct rest *rest)
{
    const struct config *config = rest->fleet->node->config;
    const struct channel_bounds bounds = {
        .offline_cap = config->live_bound, /* callers who resume want what nobody heard */
        .live_bound = config->live_bound,
        .ttl_ms = KEEP_MS,
        .keep_ms = KEEP_MS,
        .keep_count = config->live_bound,
        .grace_ms = config->reconnect_grace_ms,
    };

    channel_set_bounds(rest->fleet->node->store, CHANNEL_FLEET, &bounds);
}

void rest_end_streams(struct rest *rest, const struct fleet_realm *realm)
{
    LIST_EACH (node, spare, &rest->streams) {
        struct events *events = LIST_ENTRY(node, struct events, node);

        if (events->realm == realm)
            events_end(events);
    }
}

void events_stop(struct rest *rest)
{
    while (!list_is_empty(&rest->streams))
        events_end(LIST_ENTRY(rest->streams.next, struct events, node));
}
