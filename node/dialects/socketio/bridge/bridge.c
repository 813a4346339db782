/* SPDX-License-Identifier: MIT */
/*
 * Every node asks for the lease again and again; the one that has it listens. It believes in its lease for
 * less long than Redis does, because it counts from when it asked: so two never listen at a time, and
 * nothing is emitted twice.
 *
 * Patterns, not channels: whoever subscribes to a request channel by its name is counted by servers of
 * theirs as one of them, and waited for.
 */
#include "bridge.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "bridge_tell.h"
#include "bridge_wire.h"
#include "sio_emit.h"
#include "sio_name.h"
#include "store/leases.h"
#include "store/topic.h"

enum { LEASE_MS = 2000, LEASE_EVERY_MS = 500, EAR_MAX = 384 };

/* What is published below the prefix, and what is asked of all servers. */
enum ear { EAR_BROADCASTS, EAR_REQUESTS, EARS };
static const char *const ear_ends[EARS] = { "#*", "-request#*" };

struct bridge {
    struct node *node;
    struct sio *sio;
    struct slice prefix; /* data is NULL: there is nothing to do */
    char patterns[EARS][EAR_MAX];
    struct topic *ears[EARS]; /* NULL: another node listens */
    struct store_op *taking;
    int64_t asked_ms, held_until_ms; /* clock_ms() */
    uv_timer_t timer;
    struct list passing; /* of struct passing */
    struct bridge_teller *teller;
};

/* A message that Redis has not taken yet. */
struct passing {
    struct list node;
    struct bridge *bridge;
    struct store_op *slot;
};

static void count(struct bridge *bridge, enum emitter_outcome outcome)
{
    bridge->node->metrics.emitter_messages[outcome]++;
}

/* ---- passing on --------------------------------------------------------------------------------- */

static void passing_destroy(struct passing **passing_ref)
{
    struct passing *passing = *passing_ref;

    *passing_ref = NULL;
    list_remove(&passing->node);
    store_cancel(&passing->slot);
    free(passing);
}

static void on_passed(enum result result, const struct channel_appended *appended, void *ctx)
{
    struct passing *passing = ctx;

    (void)appended;
    count(passing->bridge, result == RESULT_OK ? EMITTER_PASSED : EMITTER_FAILED);
    passing_destroy(&passing);
}

static struct passing *passing_create(struct bridge *bridge)
{
    struct passing *passing = xcalloc(1, sizeof *passing);

    passing->bridge = bridge;
    list_append(&bridge->passing, &passing->node);
    return passing;
}

static struct sio_target target_of(const struct bridge_message *message)
{
    return (struct sio_target){
        .realm = sio_default_realm(),
        .nsp = message->nsp,
        .rooms = message->rooms.items,
        .room_count = message->rooms.count,
        .except = message->except.items,
        .except_count = message->except.count,
    };
}

static bool pass_event(struct bridge *bridge, const struct bridge_message *message, struct why *why)
{
    struct sio_emit emit = {
        .to = target_of(message),
        .items = message->items,
        .attachments = message->attachments,
        .attachment_count = message->attachment_count,
        .is_volatile = message->is_volatile,
    };

    if (!sio_emit_check(bridge->sio, &emit, why))
        return false;

    struct passing *passing = passing_create(bridge);

    sio_emit(bridge->sio, &emit, on_passed, passing, &passing->slot);
    return true;
}

static bool are_rooms(const struct bridge_names *names)
{
    if (names->count > SIO_TARGET_MAX)
        return false;
    for (size_t i = 0; i < names->count; i++) {
        if (!sio_room_name_is_valid(names->items[i]))
            return false;
    }
    return true;
}

static enum sio_control control_of(const struct bridge_message *message)
{
    static const enum sio_control controls[] = {
        [BRIDGE_JOIN] = SIO_CONTROL_JOIN,
        [BRIDGE_LEAVE] = SIO_CONTROL_LEAVE,
        [BRIDGE_DISCONNECT] = SIO_CONTROL_DISCONNECT,
    };

    return message->closes && message->what == BRIDGE_DISCONNECT ? SIO_CONTROL_CLOSE
                                                                 : controls[message->what];
}

static bool pass_control(struct bridge *bridge, const struct bridge_message *message,
                         struct why *why)
{
    const struct sio_target to = target_of(message);

    if (!sio_target_check(&to, why))
        return false;
    if (!are_rooms(&message->changed))
        return why_set(why, "rooms: at most %d names of rooms", SIO_TARGET_MAX);

    struct passing *passing = passing_create(bridge);

    sio_control(bridge->sio, &to, control_of(message), message->changed.items,
                message->changed.count, on_passed, passing, &passing->slot);
    return true;
}

static bool pass_as_it_is_meant(struct bridge *bridge, const struct bridge_message *message,
                                struct why *why)
{
    switch (message->what) {
    case BRIDGE_EMIT:
        return pass_event(bridge, message, why);
    case BRIDGE_SERVERS:
        return bridge_tell(bridge->teller, message->nsp, message->items, why);
    default:
        return pass_control(bridge, message, why);
    }
}

static void pass(struct bridge *bridge, const struct bridge_message *message)
{
    struct why why = { "" };

    if (pass_as_it_is_meant(bridge, message, &why))
        return;
    count(bridge, EMITTER_REFUSED);
    log_peer(LOG_WARN, NULL, "emitter.refused", "namespace=%s reason=%s",
             log_quote(message->nsp.data, message->nsp.len), log_quote(why.text, strlen(why.text)));
}

/* ---- listening ---------------------------------------------------------------------------------- */

static void on_heard(struct bridge *bridge, struct slice channel, struct slice bytes)
{
    static const enum emitter_outcome outcomes[] = {
        [BRIDGE_IGNORED] = EMITTER_IGNORED,
        [BRIDGE_MALFORMED] = EMITTER_MALFORMED,
        [BRIDGE_UNSUPPORTED] = EMITTER_UNSUPPORTED,
        [BRIDGE_TOO_BIG] = EMITTER_REFUSED,
    };
    struct bridge_message message;
    enum bridge_verdict verdict = bridge_parse(bridge->prefix, channel, bytes, &message);

    if (verdict == BRIDGE_GOOD)
        pass(bridge, &message);
    else
        count(bridge, outcomes[verdict]);
    if (verdict > BRIDGE_IGNORED)
        log_peer(LOG_WARN, NULL, "emitter.dropped", "channel=%s verdict=%d bytes=%zu",
                 log_quote(channel.data, channel.len), (int)verdict, bytes.len);
    bridge_message_fini(&message);
}

static bool is_listening(const struct bridge *bridge)
{
    return bridge->ears[0] != NULL;
}

static void stop_listening(struct bridge *bridge, const char *reason)
{
    if (!is_listening(bridge))
        return;
    for (enum ear ear = 0; ear < EARS; ear++)
        topic_unsubscribe(&bridge->ears[ear]);
    bridge->node->metrics.emitter_listening = 0;
    log_info(NULL, "emitter.stop", "reason=%s", reason);
}

static void on_news(struct topic *topic, enum topic_news news, struct slice message, void *ctx)
{
    struct bridge *bridge = ctx;

    if (news != TOPIC_MESSAGE)
        return;
    if (clock_ms() < bridge->held_until_ms)
        on_heard(bridge, topic_channel(topic), message);
    else
        stop_listening(bridge, "late");
}

static void start_listening(struct bridge *bridge)
{
    if (is_listening(bridge))
        return;
    for (enum ear ear = 0; ear < EARS; ear++)
        bridge->ears[ear] = topic_subscribe(bridge->node->store, TOPIC_PATTERN,
                                            bridge->patterns[ear], on_news, bridge);
    bridge->node->metrics.emitter_listening = 1;
    log_info(NULL, "emitter.listen", "node=%s", bridge->node->id);
}

/* ---- the lease ---------------------------------------------------------------------------------- */

static struct lease_id lease_of(const struct bridge *bridge)
{
    return (struct lease_id){ sio_default_realm(), bridge->prefix, slice_of(bridge->node->id) };
}

/* What is unknown changes nothing: the time that is left decides. */
static void on_taken(enum result result, void *ctx)
{
    struct bridge *bridge = ctx;

    if (result == RESULT_CONFLICT)
        stop_listening(bridge, "held_elsewhere");
    if (result != RESULT_OK)
        return;
    bridge->held_until_ms = bridge->asked_ms + LEASE_MS;
    if (clock_ms() < bridge->held_until_ms)
        start_listening(bridge);
}

static void on_due(uv_timer_t *timer)
{
    struct bridge *bridge = timer->data;
    const struct lease_id id = lease_of(bridge);

    if (clock_ms() >= bridge->held_until_ms)
        stop_listening(bridge, "late");
    if (bridge->taking != NULL)
        return;
    bridge->asked_ms = clock_ms();
    lease_take(bridge->node->store, &id, LEASE_MS, on_taken, bridge, &bridge->taking);
}

/* ---- life --------------------------------------------------------------------------------------- */

/* Those bytes of the prefix that mean something in a pattern are to mean themselves. */
static void pattern_make(char out[EAR_MAX], struct slice prefix, const char *end)
{
    struct buf pattern;

    buf_init(&pattern, EAR_MAX);
    for (size_t i = 0; i < prefix.len; i++) {
        if (strchr("*?[]\\", prefix.data[i]) != NULL)
            buf_add_byte(&pattern, '\\');
        buf_add_byte(&pattern, prefix.data[i]);
    }
    buf_add(&pattern, end, strlen(end) + 1);
    assert(!pattern.has_overflowed);
    memcpy(out, pattern.data, pattern.len);
    buf_fini(&pattern);
}

static void *bridge_open(struct node *node, struct sio *sio)
{
    struct bridge *bridge = xcalloc(1, sizeof *bridge);
    struct slice prefix = slice_of(node->config->emitter_key);

    bridge->node = node;
    bridge->sio = sio;
    bridge->teller = bridge_teller_create(node);
    list_init(&bridge->passing);
    if (prefix.data == NULL)
        return bridge;
    if (!key_id_is_valid(prefix)) {
        log_error(NULL, "emitter.key", "reason=%s", "\"no control characters, please\"");
        return bridge;
    }
    bridge->prefix = prefix;
    for (enum ear ear = 0; ear < EARS; ear++)
        pattern_make(bridge->patterns[ear], prefix, ear_ends[ear]);
    uv_timer_init(node->loop, &bridge->timer);
    bridge->timer.data = bridge;
    uv_timer_start(&bridge->timer, on_due, 0, LEASE_EVERY_MS);
    return bridge;
}

static void bridge_configure(void *app)
{
    const struct bridge *bridge = app;

    bridge_teller_configure(bridge->teller);
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* Another node need not wait until the lease has run out. */
static void bridge_close(void *app)
{
    struct bridge *bridge = app;

    LIST_EACH (node, spare, &bridge->passing) {
        struct passing *passing = LIST_ENTRY(node, struct passing, node);

        passing_destroy(&passing);
    }
    bridge_teller_destroy(&bridge->teller);
    if (bridge->prefix.data == NULL) {
        free(bridge);
        return;
    }

    const struct lease_id id = lease_of(bridge);

    stop_listening(bridge, "closing");
    store_cancel(&bridge->taking);
    lease_release(bridge->node->store, &id, NULL, NULL, NULL);
    uv_close((uv_handle_t *)&bridge->timer, on_timer_closed);
}

const struct sio_app bridge_app = {
    .name = "bridge",
    .open = bridge_open,
    .configure = bridge_configure,
    .close = bridge_close,
};
