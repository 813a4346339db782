/* SPDX-License-Identifier: MIT */
#include "hub_channel.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"

/*
 * One channel as this node listens to it. The topic is the fast lane, the list is the truth: what
 * does not follow on is read, and whoever is in doubt (as all are when the topic came up again)
 * reads; one read in flight.
 *
 * The topic's numbers ascend, and nothing is asked while it is not in force. So when it comes up,
 * all that is known is older than anything it will bring; and a number that is not above what was
 * heard before proves that Redis lost something.
 */
enum { RETRY_MIN_MS = 100, RETRY_MAX_MS = 1000 };

/* ---- states ---------------------------------------------------------------------------------- */

static void subscribe(struct hub_channel *channel);
static void hold(struct hub_channel *channel);
static void go_live(struct hub_channel *channel);
static void withdraw(struct hub_channel *channel);

#define TO(state) (1u << (state))

/* clang-format off */
static const struct hub_rule {
    const char *name;
    unsigned next;
    void (*enter)(struct hub_channel *channel);
} rules[] = {
    /*                      name           may move to                                   on entry */
    [HUB_SUBSCRIBING] = { "subscribing", TO(HUB_HOLDING) | TO(HUB_PAUSED) | TO(HUB_OVER), subscribe },
    [HUB_HOLDING]     = { "holding",     TO(HUB_LIVE) | TO(HUB_HOLDING) | TO(HUB_SUBSCRIBING) |
                                         TO(HUB_PAUSED) | TO(HUB_OVER),                   hold      },
    [HUB_LIVE]        = { "live",        TO(HUB_HOLDING) | TO(HUB_SUBSCRIBING) |
                                         TO(HUB_PAUSED) | TO(HUB_OVER),                   go_live   },
    [HUB_PAUSED]      = { "paused",      TO(HUB_SUBSCRIBING) | TO(HUB_OVER),              withdraw  },
    [HUB_OVER]        = { "over",        0,                                               NULL      },
};
/* clang-format on */

static void channel_enter(struct hub_channel *channel, enum hub_state to)
{
    const struct hub_rule *rule = &rules[to];
    struct channel_id id = hub_channel_id(channel);

    assert(rules[channel->state].next & TO(to));
    log_debug(NULL, "hub.state", "channel=%s id=%s from=%s to=%s", channel_kind_name(id.kind),
              log_quote(id.id.data, id.id.len), rules[channel->state].name, rule->name);
    channel->state = (uint8_t)to;
    if (rule->enter != NULL)
        rule->enter(channel);
}

/* ---- asking: holds and reads ------------------------------------------------------------------ */

static void on_retry_due(struct deadline *deadline);

static void channel_retry(struct hub_channel *channel)
{
    uint32_t wait_ms = RETRY_MIN_MS << channel->tries;

    if (wait_ms < RETRY_MAX_MS)
        channel->tries++;
    else
        wait_ms = RETRY_MAX_MS;
    deadline_set(channel->hub->deadlines, &channel->retry, wait_ms, on_retry_due);
}

/* Everybody who was at the tip has to read. */
static void channel_doubt(struct hub_channel *channel)
{
    list_splice(&channel->behind, &channel->tight);
}

void hub_channel_raise_tip(struct hub_channel *channel, uint64_t number)
{
    if (number <= channel->tip)
        return;
    channel_doubt(channel);
    hub_stash_clear(channel);
    channel->tip = number;
}

static void stop_asking(struct hub_channel *channel)
{
    store_cancel(&channel->holding);
    store_cancel(&channel->reading);
    hub_stash_clear(channel);
    deadline_clear(&channel->renewal);
    deadline_clear(&channel->retry);
    channel->tries = 0;
    channel_doubt(channel);
}

static void note_settled(struct hub_channel *channel, uint64_t settled)
{
    if (settled > channel->settled)
        channel->settled = settled;
}

/* Redis lost the end of the channel: as soon as it is known where it stands now, the cursors go
 * back there. `heard` is the first number of the new life, if it is known. */
static void channel_note_loss(struct hub_channel *channel, uint64_t heard)
{
    log_peer(LOG_WARN, NULL, "hub.loss", "channel=%s tip=%llu",
             channel_kind_name(hub_channel_kind(channel)), (unsigned long long)channel->tip);
    channel->is_lost = true;
    channel->tip = channel->heard = heard;
    hub_settle_forget(channel);
}

static void list_take_back(struct list *listeners, uint64_t settled)
{
    LIST_EACH (node, spare, listeners) {
        struct hub_listener *listener = LIST_ENTRY(node, struct hub_listener, node);

        if (listener->cursor > settled)
            listener->cursor = settled;
        if (listener->written > settled)
            listener->written = settled;
    }
}

static void channel_take_back(struct hub_channel *channel, uint64_t settled)
{
    list_take_back(&channel->behind, settled);
    list_take_back(&channel->full, settled);
    channel->settled = channel->delivered = channel->expired = settled;
    channel->is_lost = false;
}

static void on_batch(enum result result, const struct channel_batch *batch, void *ctx)
{
    struct hub_channel *channel = ctx;

    if (result != RESULT_OK) {
        hub_stash_clear(channel);
        channel_retry(channel);
        return;
    }
    channel->tries = 0;
    if (batch->has_gone_back || batch->appended < channel->asked_tip) {
        channel->hub->stats.losses += !batch->has_gone_back; /* the store has counted it */
        channel_note_loss(channel, 0);
        channel_enter(channel, HUB_HOLDING);
        return;
    }
    note_settled(channel, batch->settled);
    hub_channel_raise_tip(channel, batch->appended);
    hub_deliver_batch(channel, batch);
}

static uint64_t lowest_cursor(struct list *listeners)
{
    uint64_t lowest = UINT64_MAX;

    LIST_EACH (node, spare, listeners) {
        const struct hub_listener *listener = LIST_ENTRY(node, struct hub_listener, node);

        if (listener->cursor < lowest)
            lowest = listener->cursor;
    }
    return lowest;
}

static void channel_read_on(struct hub_channel *channel)
{
    struct channel_id id = hub_channel_id(channel);

    if (channel->state != HUB_LIVE || channel->reading != NULL || list_is_empty(&channel->behind) ||
        deadline_is_set(&channel->retry))
        return;
    channel->read_from = lowest_cursor(&channel->behind);
    channel->asked_tip = channel->tip;
    channel->hub->stats.reads++;
    channel_read(channel->hub->store, &id, channel->read_from, on_batch, channel,
                 &channel->reading);
}

static void on_held(enum result result, const struct channel_position *position, void *ctx);
static void on_renewal_due(struct deadline *deadline);

static void channel_hold_on(struct hub_channel *channel)
{
    struct channel_id id = hub_channel_id(channel);

    if (channel->holding == NULL)
        channel_hold(channel->hub->store, &id, on_held, channel, &channel->holding);
}

/* Who has not started yet starts at the settled mark. */
static void place_newcomers(struct hub_channel *channel)
{
    LIST_EACH (node, spare, &channel->behind) {
        struct hub_listener *listener = LIST_ENTRY(node, struct hub_listener, node);

        if (!listener->has_started && listener->cursor < channel->settled)
            listener->cursor = listener->written = channel->settled;
    }
}

static void on_held(enum result result, const struct channel_position *position, void *ctx)
{
    struct hub_channel *channel = ctx;

    if (result != RESULT_OK) {
        channel_retry(channel);
        return;
    }
    channel->tries = 0;
    deadline_set(channel->hub->deadlines, &channel->renewal, channel_hold_every_ms(),
                 on_renewal_due);
    if (channel->state == HUB_HOLDING && position->appended < channel->asked_tip) {
        channel->hub->stats.losses++;
        channel_note_loss(channel, 0);
    }
    if (channel->is_lost)
        channel_take_back(channel, position->settled);
    note_settled(channel, position->settled);
    place_newcomers(channel);
    hub_channel_raise_tip(channel, position->appended);
    if (channel->state == HUB_HOLDING)
        channel_enter(channel, HUB_LIVE);
    else
        channel_read_on(channel);
}

static void on_renewal_due(struct deadline *deadline)
{
    channel_hold_on(LIST_ENTRY(deadline, struct hub_channel, renewal));
}

/* A hold that failed is not due for renewal: that tells what has to be done again. */
static void on_retry_due(struct deadline *deadline)
{
    struct hub_channel *channel = LIST_ENTRY(deadline, struct hub_channel, retry);

    if (!deadline_is_set(&channel->renewal))
        channel_hold_on(channel);
    channel_read_on(channel);
}

/* ---- entering states --------------------------------------------------------------------------- */

static void on_topic(struct topic *topic, enum topic_news news, struct slice message, void *ctx);

static void subscribe(struct hub_channel *channel)
{
    struct channel_id id = hub_channel_id(channel);
    struct key key;

    stop_asking(channel);
    if (channel->topic != NULL)
        return;
    channel_topic_key(&id, &key);
    channel->topic =
        topic_subscribe(channel->hub->store, TOPIC_CHANNEL, key.text, on_topic, channel);
}

static void hold(struct hub_channel *channel)
{
    stop_asking(channel);
    channel->asked_tip = channel->tip;
    channel_hold_on(channel);
}

static bool has_newcomers_only(struct hub_channel *channel)
{
    LIST_EACH (node, spare, &channel->behind) {
        if (LIST_ENTRY(node, struct hub_listener, node)->has_started)
            return false;
    }
    return true;
}

/* For newcomers the hold has answered for the read when there is nothing to be read. */
static void go_live(struct hub_channel *channel)
{
    struct channel_batch nothing = { .settled = channel->settled, .appended = channel->tip };

    if (channel->settled == channel->tip && has_newcomers_only(channel)) {
        channel->read_from = channel->settled;
        hub_deliver_batch(channel, &nothing);
    } else {
        channel_read_on(channel);
    }
}

/* The messages wait in Redis, under the bounds of a channel that nobody listens to. */
static void withdraw(struct hub_channel *channel)
{
    struct channel_id id = hub_channel_id(channel);

    channel->hub->stats.stalls++;
    hub_settle_now(channel);
    stop_asking(channel);
    topic_unsubscribe(&channel->topic);
    channel_leave(channel->hub->store, &id, CHANNEL_LEAVE_IN_ORDER, NULL, NULL, NULL);
}

static void on_stall_due(struct deadline *deadline)
{
    struct hub_channel *channel = LIST_ENTRY(deadline, struct hub_channel, stall);

    assert(!hub_channel_can_take(channel));
    channel_enter(channel, HUB_PAUSED);
}

/* ---- the topic --------------------------------------------------------------------------------- */

static void on_message(struct hub_channel *channel, struct slice message)
{
    struct channel_entry entry;

    if (!channel_entry_parse(message, &entry)) {
        log_peer(LOG_WARN, NULL, "hub.message", "channel=%s bytes=%zu",
                 channel_kind_name(hub_channel_kind(channel)), message.len);
        channel_doubt(channel);
        channel_read_on(channel);
    } else if (entry.number <= channel->heard) {
        channel->hub->stats.losses++;
        channel_note_loss(channel, entry.number);
        channel_enter(channel, HUB_HOLDING);
    } else {
        channel->heard = entry.number;
        if (entry.number == channel->tip + 1) {
            hub_deliver_live(channel, &entry);
        } else { /* a gap; or it has been read before it came here, and there is nothing to do */
            hub_channel_raise_tip(channel, entry.number);
            channel_read_on(channel);
        }
    }
}

static void on_topic(struct topic *topic, enum topic_news news, struct slice message, void *ctx)
{
    struct hub_channel *channel = ctx;

    (void)topic;
    if (news == TOPIC_MESSAGE) {
        if (channel->state != HUB_SUBSCRIBING)
            on_message(channel, message);
        return;
    }
    if (channel->state != HUB_SUBSCRIBING)
        channel_enter(channel, HUB_SUBSCRIBING);
    if (news == TOPIC_UP) {
        channel->heard = channel->tip;
        channel_enter(channel, HUB_HOLDING);
    }
}

/* ---- birth, waking, death ---------------------------------------------------------------------- */

struct hub_channel *hub_channel_create(struct hub *hub, const struct channel_id *id)
{
    char key[HUB_KEY_MAX];
    size_t len = hub_key_make(key, id);
    struct hub_channel *channel = xcalloc(1, sizeof *channel + len);

    channel->hub = hub;
    channel->state = HUB_PAUSED;
    list_init(&channel->tight);
    list_init(&channel->behind);
    list_init(&channel->full);
    deadline_init(&channel->renewal);
    deadline_init(&channel->settle);
    deadline_init(&channel->stall);
    deadline_init(&channel->retry);
    memcpy(channel->key, key, len);
    channel->key_len = (uint16_t)len;
    HASH_ADD(hh, hub->channels, key, len, channel);
    hub->stats.channels++;
    return channel;
}

void hub_channel_end(struct hub_channel *channel, enum channel_leave how)
{
    struct hub *hub = channel->hub;
    struct channel_id id = hub_channel_id(channel);

    hub_settle_last(channel);
    stop_asking(channel);
    deadline_clear(&channel->stall);
    topic_unsubscribe(&channel->topic);
    if (channel->state != HUB_PAUSED)
        channel_leave(hub->store, &id, how, NULL, NULL, NULL);
    channel_enter(channel, HUB_OVER);
    HASH_DELETE(hh, hub->channels, channel);
    hub->stats.channels--;
    if (hub->walked != channel) /* else the end of the walk frees it */
        free(channel);
}

void hub_channel_wake(struct hub_channel *channel)
{
    deadline_clear(&channel->stall);
    if (channel->state == HUB_PAUSED)
        channel_enter(channel, HUB_SUBSCRIBING);
    else
        hub_channel_go_on(channel);
}

void hub_channel_go_on(struct hub_channel *channel)
{
    struct hub *hub = channel->hub;

    if (hub->walked == channel) /* the end of the walk sees to it */
        return;
    if (hub_channel_can_take(channel))
        channel_read_on(channel);
    else if (channel->state != HUB_PAUSED && !deadline_is_set(&channel->stall))
        deadline_set(hub->deadlines, &channel->stall, hub->options.stall_ms, on_stall_due);
}
