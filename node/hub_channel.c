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

void hub_channel_enter(struct hub_channel *channel, enum hub_state to)
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

/* ---- the tip, and losing it -------------------------------------------------------------------- */

void hub_channel_doubt(struct hub_channel *channel)
{
    list_splice(&channel->behind, &channel->tight);
}

void hub_channel_raise_tip(struct hub_channel *channel, uint64_t number)
{
    if (number <= channel->tip)
        return;
    hub_channel_doubt(channel);
    hub_stash_clear(channel);
    channel->tip = number;
}

void hub_channel_note_loss(struct hub_channel *channel, uint64_t heard)
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

void hub_channel_take_back(struct hub_channel *channel, uint64_t settled)
{
    list_take_back(&channel->behind, settled);
    list_take_back(&channel->full, settled);
    channel->settled = channel->delivered = channel->expired = settled;
    channel->is_lost = false;
}

/* ---- entering states --------------------------------------------------------------------------- */

static void on_topic(struct topic *topic, enum topic_news news, struct slice message, void *ctx);

static void subscribe(struct hub_channel *channel)
{
    struct channel_id id = hub_channel_id(channel);
    struct key key;

    channel->is_certain = false;
    hub_ask_stop(channel);
    if (channel->topic != NULL)
        return;
    channel_topic_key(&id, &key);
    channel->topic =
        topic_subscribe(channel->hub->store, TOPIC_CHANNEL, key.text, on_topic, channel);
}

static void hold(struct hub_channel *channel)
{
    channel->is_certain = false;
    hub_ask_stop(channel);
    hub_ask_hold(channel);
}

/* All are newcomers, and there is nothing to be read for them. */
static bool needs_no_read(struct hub_channel *channel)
{
    if (list_is_empty(&channel->behind) || channel->reading != NULL)
        return false;
    LIST_EACH (node, spare, &channel->behind) {
        const struct hub_listener *listener = LIST_ENTRY(node, struct hub_listener, node);

        if (!hub_listener_is_new(listener) ||
            (!listener->ops->starts_at_tip && channel->settled != channel->tip))
            return false;
    }
    return true;
}

/* What is known answers for the read where it can. */
static void go_live(struct hub_channel *channel)
{
    struct channel_batch nothing = { .settled = channel->settled, .appended = channel->tip };

    channel->is_certain = true;
    if (needs_no_read(channel)) {
        channel->read_from = channel->settled;
        hub_deliver_batch(channel, &nothing);
    } else {
        hub_settle_soon(channel);
        hub_ask_read(channel);
    }
}

static void on_start_due(struct deadline *deadline)
{
    go_live(LIST_ENTRY(deadline, struct hub_channel, retry));
}

void hub_channel_start_soon(struct hub_channel *channel)
{
    assert(channel->state == HUB_LIVE);
    if (!deadline_is_set(&channel->retry)) /* else a read is due soon: of a doubtful channel */
        deadline_set(channel->hub->deadlines, &channel->retry, 0, on_start_due);
}

/* The messages wait in Redis, under the bounds of a channel that nobody listens to. */
static void withdraw(struct hub_channel *channel)
{
    struct channel_id id = hub_channel_id(channel);

    channel->hub->stats.stalls++;
    hub_settle_now(channel);
    hub_ask_stop(channel);
    topic_unsubscribe(&channel->topic);
    channel_leave(channel->hub->store, &id, CHANNEL_LEAVE_IN_ORDER, NULL, NULL, NULL);
}

static void on_stall_due(struct deadline *deadline)
{
    struct hub_channel *channel = LIST_ENTRY(deadline, struct hub_channel, stall);

    assert(!hub_channel_can_take(channel));
    hub_channel_enter(channel, HUB_PAUSED);
}

/* ---- the topic --------------------------------------------------------------------------------- */

static void on_message(struct hub_channel *channel, struct slice message)
{
    struct channel_entry entry;

    if (!channel_entry_parse(message, &entry)) {
        log_peer(LOG_WARN, NULL, "hub.message", "channel=%s bytes=%zu",
                 channel_kind_name(hub_channel_kind(channel)), message.len);
        hub_channel_doubt(channel);
        hub_ask_read(channel);
    } else if (entry.number <= channel->heard) {
        channel->hub->stats.losses++;
        hub_channel_note_loss(channel, entry.number);
        hub_channel_enter(channel, HUB_HOLDING);
    } else {
        channel->heard = entry.number;
        if (entry.number == channel->tip + 1) {
            hub_deliver_live(channel, &entry);
        } else { /* a gap; or it has been read before it came here, and there is nothing to do */
            hub_channel_raise_tip(channel, entry.number);
            hub_ask_read(channel);
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
        hub_channel_enter(channel, HUB_SUBSCRIBING);
    if (news == TOPIC_UP) {
        channel->heard = channel->tip;
        hub_channel_enter(channel, HUB_HOLDING);
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
    hub_ask_stop(channel);
    deadline_clear(&channel->stall);
    topic_unsubscribe(&channel->topic);
    if (channel->state != HUB_PAUSED)
        channel_leave(hub->store, &id, how, NULL, NULL, NULL);
    hub_channel_enter(channel, HUB_OVER);
    HASH_DELETE(hh, hub->channels, channel);
    hub->stats.channels--;
    if (hub->walked != channel) /* else the end of the walk frees it */
        free(channel);
}

void hub_channel_wake(struct hub_channel *channel)
{
    deadline_clear(&channel->stall);
    if (channel->state == HUB_PAUSED) {
        /* while it is subscribed to anew nothing may be settled, and who has written it may be gone by then */
        hub_settle_now(channel);
        hub_channel_enter(channel, HUB_SUBSCRIBING);
    } else {
        hub_channel_go_on(channel);
    }
}

/* Nobody can take any: all are full. */
static bool may_pause(const struct hub_channel *channel)
{
    LIST_EACH (node, spare, &channel->full) {
        if (LIST_ENTRY(node, struct hub_listener, node)->ops->stays)
            return false;
    }
    return channel->state != HUB_PAUSED;
}

void hub_channel_go_on(struct hub_channel *channel)
{
    struct hub *hub = channel->hub;

    if (hub->walked == channel) /* the end of the walk sees to it */
        return;
    if (hub_channel_can_take(channel))
        hub_ask_read(channel);
    else if (!deadline_is_set(&channel->stall) && may_pause(channel))
        deadline_set(hub->deadlines, &channel->stall, hub->options.stall_ms, on_stall_due);
}
