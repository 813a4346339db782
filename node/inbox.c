/* SPDX-License-Identifier: MIT */
#include "inbox.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/nodes.h"

/*
 * Messages "<topic> <text>" from nodes to nodes, and the canary: "canary <when it was sent>", which
 * counts only when the topic brings it. One that a read found would show that Redis answers, but
 * not that we would hear of anything.
 */
enum {
    TICK_MS = 1000,          /* a canary each                                       */
    LATE_MS = 2000,          /* so long after the last one that came we are unwell  */
    RECONNECT_MAX_MS = 8000, /* attempts to hear again: 2 s apart at first, then more */
    CANARY_TTL_MS = 5000,
    MESSAGE_TTL_MS = 60 * 1000,
    TOPIC_MAX = 64,
    HANDLERS_MAX = 16,
};

static const struct channel_bounds bounds = {
    .offline_cap = 256,
    .live_bound = 4096,
    .ttl_ms = MESSAGE_TTL_MS,
    .grace_ms = 10 * 1000, /* we hear of a message that came while the link was broken */
};

struct handler {
    const char *topic;
    inbox_fn *on_message;
    void *ctx;
};

struct inbox {
    struct store *store;
    struct hub *hub;
    struct hub_listener listener;
    inbox_health_fn *on_health;
    void *ctx;
    struct handler handlers[HANDLERS_MAX];
    size_t handler_count;
    struct store_op *appending, *beating;
    uv_timer_t ticker, watch;
    uint32_t reconnect_ms; /* until the next attempt, should no canary come */
    int64_t beat_ms;       /* when the next beat is due                     */
    bool is_healthy;
    int closing; /* timers whose close has yet to be told         */
    char id[KEY_ID_MAX + 1];
};

static struct channel_id channel_of(struct slice node_id)
{
    return (struct channel_id){ CHANNEL_NODE, SLICE_LITERAL("all"), node_id };
}

/* ---- the canary ---------------------------------------------------------------------------------- */

static void set_healthy(struct inbox *inbox, bool is_healthy)
{
    if (inbox->is_healthy == is_healthy)
        return;
    inbox->is_healthy = is_healthy;
    if (is_healthy)
        log_info(NULL, "inbox.healthy", "node=%s", inbox->id);
    else
        log_warn(NULL, "inbox.unhealthy", "node=%s late_ms=%d", inbox->id, LATE_MS);
    inbox->on_health(is_healthy, inbox->ctx);
}

static void on_late(uv_timer_t *timer)
{
    struct inbox *inbox = timer->data;

    uv_timer_start(&inbox->watch, on_late, inbox->reconnect_ms, 0);
    if (store_is_up(inbox->store)) { /* else there is nothing to connect to */
        if (inbox->reconnect_ms < RECONNECT_MAX_MS)
            inbox->reconnect_ms *= 2;
        topic_reconnect(inbox->store);
    }
    set_healthy(inbox, false);
}

static void expect_canary(struct inbox *inbox)
{
    inbox->reconnect_ms = LATE_MS;
    uv_timer_start(&inbox->watch, on_late, LATE_MS, 0);
}

static void on_canary_appended(enum result result, const struct channel_appended *appended,
                               void *ctx)
{
    (void)result; /* the canary that does not come says it all */
    (void)appended;
    (void)ctx;
}

static void send_canary(struct inbox *inbox)
{
    struct channel_id id = channel_of(slice_of(inbox->id));
    struct channel_message message = { .ttl_ms = CANARY_TTL_MS, .is_live_only = true };
    char text[40];
    int len = snprintf(text, sizeof text, "canary %lld", (long long)clock_ms());

    if (inbox->appending != NULL)
        return;
    message.payload = (struct slice){ text, (size_t)len };
    channel_append(inbox->store, &id, &message, on_canary_appended, inbox, &inbox->appending);
}

static void hear_canary(struct inbox *inbox, struct slice text)
{
    uint64_t sent_ms, now_ms = (uint64_t)clock_ms();

    if (!slice_to_u64(text, 0, now_ms, &sent_ms) || now_ms - sent_ms > LATE_MS)
        return;
    expect_canary(inbox);
    set_healthy(inbox, true);
}

/* ---- the registry of nodes ----------------------------------------------------------------------- */

static void on_beaten(enum result result, void *ctx)
{
    struct inbox *inbox = ctx;

    if (result != RESULT_OK)
        inbox->beat_ms = 0;
}

static void beat(struct inbox *inbox)
{
    if (inbox->beating != NULL || clock_ms() < inbox->beat_ms)
        return;
    inbox->beat_ms = clock_ms() + NODES_BEAT_MS;
    nodes_beat(inbox->store, inbox->id, on_beaten, inbox, &inbox->beating);
}

static void on_tick(uv_timer_t *timer)
{
    struct inbox *inbox = timer->data;

    send_canary(inbox);
    beat(inbox);
}

/* ---- messages ------------------------------------------------------------------------------------ */

static const struct handler *handler_of(const struct inbox *inbox, struct slice topic)
{
    for (size_t i = 0; i < inbox->handler_count; i++) {
        if (slice_is(topic, inbox->handlers[i].topic))
            return &inbox->handlers[i];
    }
    return NULL;
}

static enum hub_take on_entry(struct hub_listener *listener, const struct hub_entry *entry)
{
    struct inbox *inbox = LIST_ENTRY(listener, struct inbox, listener);
    struct slice text = frame_slice(entry->frame);
    const char *blank = memchr(text.data, ' ', text.len);
    struct slice topic = { text.data, blank != NULL ? (size_t)(blank - text.data) : text.len };
    const struct handler *handler = handler_of(inbox, topic);

    text.data += blank != NULL ? topic.len + 1 : topic.len;
    text.len -= blank != NULL ? topic.len + 1 : topic.len;
    if (handler != NULL)
        handler->on_message(text, handler->ctx);
    else if (!slice_is(topic, "canary"))
        log_peer(LOG_WARN, NULL, "inbox.unknown", "topic=%s", log_quote(topic.data, topic.len));
    else if (entry->is_live)
        hear_canary(inbox, text);
    return HUB_WRITTEN;
}

/* Now a canary can come: not to wait for the next tick makes the node ready sooner. */
static void on_listening(struct hub_listener *listener)
{
    send_canary(LIST_ENTRY(listener, struct inbox, listener));
}

static const struct hub_listener_ops inbox_ops = { .on_entry = on_entry,
                                                   .on_listening = on_listening };

void inbox_handle(struct inbox *inbox, const char *topic, inbox_fn *on_message, void *ctx)
{
    assert(inbox->handler_count < HANDLERS_MAX && on_message != NULL);
    assert(handler_of(inbox, slice_of(topic)) == NULL && strcmp(topic, "canary") != 0);
    assert(topic[0] != '\0' && strchr(topic, ' ') == NULL);
    inbox->handlers[inbox->handler_count++] = (struct handler){ topic, on_message, ctx };
}

static void on_message_appended(enum result result, const struct channel_appended *appended,
                                void *ctx)
{
    (void)appended;
    (void)ctx;
    if (result != RESULT_OK)
        log_peer(LOG_WARN, NULL, "inbox.unsent", "result=%s", result_name(result));
}

static void append(struct inbox *inbox, struct slice node_id, const char *topic, struct slice text,
                   struct channel_message *message, channel_appended_fn *done, void *ctx,
                   struct store_op **slot)
{
    struct channel_id id = channel_of(node_id);
    struct buf buf;

    assert(text.len <= INBOX_TEXT_MAX && strlen(topic) < TOPIC_MAX);
    buf_init(&buf, TOPIC_MAX + text.len);
    buf_reserve(&buf, TOPIC_MAX + text.len);
    buf_add_text(&buf, topic);
    buf_add_byte(&buf, ' ');
    buf_add_slice(&buf, text);
    message->ttl_ms = MESSAGE_TTL_MS;
    message->payload = buf_slice(&buf);
    channel_append(inbox->store, &id, message, done, ctx, slot);
    buf_fini(&buf);
}

void inbox_deliver(struct inbox *inbox, struct slice node_id, const char *topic, struct slice text,
                   channel_appended_fn *done, void *ctx, struct store_op **slot)
{
    struct channel_message message = { .is_live_only = false };

    assert(key_id_is_valid(node_id));
    append(inbox, node_id, topic, text, &message, done, ctx, slot);
}

void inbox_send(struct inbox *inbox, struct slice node_id, const char *topic, struct slice text)
{
    if (key_id_is_valid(node_id)) /* it may have come from Redis */
        inbox_deliver(inbox, node_id, topic, text, on_message_appended, NULL, NULL);
    else
        log_peer(LOG_WARN, NULL, "inbox.nobody", "node=%s", log_quote(node_id.data, node_id.len));
}

void inbox_send_live(struct inbox *inbox, struct slice node_id, const char *topic,
                     struct slice text, channel_appended_fn *done, void *ctx,
                     struct store_op **slot)
{
    struct channel_message message = { .is_live_only = true };

    assert(key_id_is_valid(node_id));
    append(inbox, node_id, topic, text, &message, done, ctx, slot);
}

/* ---- birth and death ----------------------------------------------------------------------------- */

static void timer_init(struct inbox *inbox, uv_loop_t *loop, uv_timer_t *timer)
{
    uv_timer_init(loop, timer);
    timer->data = inbox;
    inbox->closing++;
}

struct inbox *inbox_create(uv_loop_t *loop, struct store *store, struct hub *hub,
                           const char *node_id, inbox_health_fn *on_health, void *ctx)
{
    struct inbox *inbox = xcalloc(1, sizeof *inbox);
    struct channel_id id = channel_of(slice_of(node_id));

    assert(key_id_is_valid(id.id));
    memcpy(inbox->id, node_id, id.id.len);
    inbox->store = store;
    inbox->hub = hub;
    inbox->on_health = on_health;
    inbox->ctx = ctx;
    channel_set_bounds(store, CHANNEL_NODE, &bounds);
    hub_listen(hub, &id, &inbox->listener, &inbox_ops);
    timer_init(inbox, loop, &inbox->ticker);
    timer_init(inbox, loop, &inbox->watch);
    uv_timer_start(&inbox->ticker, on_tick, 0, TICK_MS);
    expect_canary(inbox);
    return inbox;
}

static void on_closed(uv_handle_t *handle)
{
    struct inbox *inbox = handle->data;

    if (--inbox->closing == 0)
        free(inbox);
}

void inbox_destroy(struct inbox **inbox)
{
    struct inbox *old = *inbox;

    if (old == NULL)
        return;
    *inbox = NULL;
    store_cancel(&old->appending);
    store_cancel(&old->beating);
    hub_leave(old->hub, &old->listener, CHANNEL_LEAVE_IN_ORDER);
    nodes_leave(old->store, old->id, NULL, NULL, NULL);
    uv_close((uv_handle_t *)&old->ticker, on_closed);
    uv_close((uv_handle_t *)&old->watch, on_closed);
}

bool inbox_is_healthy(const struct inbox *inbox)
{
    return inbox->is_healthy;
}
