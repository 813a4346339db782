/* SPDX-License-Identifier: MIT */
#ifndef SB_TESTS_FAKE_CHANNELS_H
#define SB_TESTS_FAKE_CHANNELS_H

#include "support.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "deadline.h"
#include "hub.h"

/*
 * A store of channels, its topics and the clock, all of which stand still until the test moves
 * them. Included by exactly one file of a test.
 *
 *     commands   hub → fake.sent → fake_execute() → fake.answers → fake_answer() → hub
 *     topics     fake_append() → topic->news → fake_hear() → hub
 */
enum { FAKE_BATCH = 8, FAKE_HOLD_EVERY_MS = 5000 };

struct fake_entry {
    uint64_t number;
    int64_t expires_ms;
};

/* One channel as Redis has it. */
struct fake_channel {
    struct fake_channel *next;
    struct key key;
    bool is_feed;
    struct fake_entry *entries; /* those that are there are entries[first … count-1] */
    size_t first, count;
    uint64_t appended, settled;
    struct topic *topic; /* the hub's subscription, in force or not */
};

enum fake_kind { FAKE_HOLD, FAKE_READ, FAKE_SETTLE, FAKE_LEAVE, FAKE_KINDS };

struct store_op {
    struct list node;
    enum fake_kind kind;
    struct fake_channel *channel;
    uint64_t number;
    size_t entries_max;
    enum channel_leave how;
    union {
        channel_position_fn *held;
        channel_batch_fn *read;
        store_done_fn *done;
    } on;
    void *ctx;
    struct store_op **slot;
    struct channel_position position;
    struct channel_batch batch;
    struct channel_entry entries[FAKE_BATCH];
    char payloads[FAKE_BATCH][24];
};

struct fake_news {
    struct list node;
    enum topic_news news;
    struct slice message;
    struct fake_entry entry;
};

struct topic {
    struct fake_channel *channel;
    topic_fn *on_news;
    void *ctx;
    struct list news;
    bool is_in_force, is_known_up;
};

struct deadlines {
    struct list set;
};

static struct fake {
    struct fake_channel *channels;
    struct list sent, answers;
    int64_t now_ms;
    uint64_t expired, losses;
    uint32_t counts[FAKE_KINDS]; /* how many were called */
    char log[4096];              /* what was executed: "hold read settle:3 leave:order " */
    void (*on_settle)(struct fake_channel *channel, uint64_t number);
    struct deadlines *deadlines;
    deadline_fn *due_fns[16];
} fake;

static void fake_reset(void)
{
    memset(&fake, 0, sizeof fake);
    list_init(&fake.sent);
    list_init(&fake.answers);
    fake.now_ms = 1000000;
}

static void fake_free(void)
{
    assert_true(list_is_empty(&fake.sent) && list_is_empty(&fake.answers));
    while (fake.channels != NULL) {
        struct fake_channel *channel = fake.channels;

        assert_null(channel->topic);
        fake.channels = channel->next;
        free(channel->entries);
        free(channel);
    }
}

/* ---- the clock --------------------------------------------------------------------------------- */

struct deadlines *deadlines_create(uv_loop_t *loop)
{
    struct deadlines *deadlines = xcalloc(1, sizeof *deadlines);

    (void)loop;
    list_init(&deadlines->set);
    fake.deadlines = deadlines;
    return deadlines;
}

void deadlines_destroy(struct deadlines **deadlines)
{
    assert_true(list_is_empty(&(*deadlines)->set));
    free(*deadlines);
    *deadlines = NULL;
}

void deadline_init(struct deadline *deadline)
{
    list_init(&deadline->node);
}

/* The function rides in the low digits of the time: the struct has no room for it. */
void deadline_set(struct deadlines *deadlines, struct deadline *deadline, uint32_t after_ms,
                  deadline_fn *on_due)
{
    int fn = 0;

    while (fake.due_fns[fn] != NULL && fake.due_fns[fn] != on_due)
        fn++;
    assert_in_range(fn, 0, 15);
    fake.due_fns[fn] = on_due;
    list_remove(&deadline->node);
    deadline->due_ms = (fake.now_ms + after_ms) * 16 + fn;
    list_append(&deadlines->set, &deadline->node);
}

void deadline_clear(struct deadline *deadline)
{
    list_remove(&deadline->node);
}

static struct deadline *fake_first_due(void)
{
    struct deadline *first = NULL;

    LIST_EACH (node, spare, &fake.deadlines->set) {
        struct deadline *deadline = LIST_ENTRY(node, struct deadline, node);

        if (first == NULL || deadline->due_ms / 16 < first->due_ms / 16)
            first = deadline;
    }
    return first;
}

static void fake_pass(int64_t ms)
{
    int64_t end_ms = fake.now_ms + ms;
    struct deadline *first;

    while ((first = fake_first_due()) != NULL && first->due_ms / 16 <= end_ms) {
        fake.now_ms = first->due_ms / 16;
        list_remove(&first->node);
        fake.due_fns[first->due_ms % 16](first);
    }
    fake.now_ms = end_ms;
}

int64_t store_now_ms(const struct store *store)
{
    (void)store;
    return fake.now_ms;
}

/* ---- channels, as Redis has them --------------------------------------------------------------- */

static struct fake_channel *fake_find(const char *key)
{
    struct fake_channel *channel = fake.channels;

    while (channel != NULL && strcmp(channel->key.text, key) != 0)
        channel = channel->next;
    return channel;
}

static struct fake_channel *fake_channel(const struct channel_id *id)
{
    struct fake_channel *channel;
    struct key key;

    channel_topic_key(id, &key);
    channel = fake_find(key.text);
    if (channel != NULL)
        return channel;
    channel = xcalloc(1, sizeof *channel);
    channel->key = key;
    channel->is_feed = channel_kind_is_feed(id->kind);
    channel->next = fake.channels;
    fake.channels = channel;
    return channel;
}

static void fake_publish(struct fake_channel *channel, enum topic_news what,
                         struct fake_entry entry)
{
    struct fake_news *news = xcalloc(1, sizeof *news);

    news->news = what;
    news->entry = entry;
    list_append(&channel->topic->news, &news->node);
}

/* Whether it is published, and so whether its publication is lost, is the test's choice. */
static uint64_t fake_append_as(struct fake_channel *channel, int64_t expires_ms, bool is_published)
{
    struct fake_entry entry = { ++channel->appended, expires_ms };

    channel->entries = xrealloc(channel->entries, (channel->count + 1) * sizeof *channel->entries);
    channel->entries[channel->count++] = entry;
    if (is_published && channel->topic != NULL && channel->topic->is_in_force)
        fake_publish(channel, TOPIC_MESSAGE, entry);
    return entry.number;
}

static inline uint64_t fake_append(struct fake_channel *channel)
{
    return fake_append_as(channel, 0, true);
}

/* The oldest is dropped, as by a bound. */
static inline void fake_drop(struct fake_channel *channel)
{
    if (channel->first < channel->count)
        channel->first++;
}

/* A failover to a replica that had not got the last `entries`. */
static inline void fake_lose(struct fake_channel *channel, uint64_t entries)
{
    while (entries-- > 0 && channel->count > channel->first) {
        channel->count--;
        channel->appended--;
    }
    if (channel->settled > channel->appended)
        channel->settled = channel->appended;
}

static void execute_settle(struct fake_channel *channel, uint64_t number)
{
    if (fake.on_settle != NULL)
        fake.on_settle(channel, number);
    if (number > channel->settled && number <= channel->appended)
        channel->settled = number;
    while (!channel->is_feed && channel->first < channel->count &&
           channel->entries[channel->first].number <= channel->settled)
        channel->first++;
}

static void execute_read(struct store_op *op)
{
    struct fake_channel *channel = op->channel;
    uint64_t cursor = op->number;
    size_t i = channel->first;

    op->batch = (struct channel_batch){ .entries = op->entries };
    if (cursor == CHANNEL_FROM_FIRST) {
        cursor = i < channel->count ? channel->entries[i].number - 1 : channel->appended;
    } else if (cursor > channel->appended) {
        op->batch.has_gone_back = true;
        fake.losses++;
        cursor = channel->settled;
    }
    while (i < channel->count && channel->entries[i].number <= cursor)
        i++;
    op->batch.missed =
        (i < channel->count ? channel->entries[i].number - 1 : channel->appended) - cursor;
    for (; i < channel->count && op->batch.count < op->entries_max && op->batch.count < FAKE_BATCH;
         i++) {
        size_t n = op->batch.count++;
        int len = snprintf(op->payloads[n], sizeof op->payloads[n], "%llu",
                           (unsigned long long)channel->entries[i].number);

        op->entries[n] = (struct channel_entry){ .number = channel->entries[i].number,
                                                 .expires_ms = channel->entries[i].expires_ms,
                                                 .payload = { op->payloads[n], (size_t)len } };
    }
    op->batch.has_more = i < channel->count;
    op->batch.settled = channel->settled;
    op->batch.appended = channel->appended;
}

static void fake_note(const char *format, ...) PRINTF_LIKE(1, 2);
static void fake_note(const char *format, ...)
{
    size_t len = strlen(fake.log);
    va_list args;

    va_start(args, format);
    if (len < sizeof fake.log - 64)
        vsnprintf(fake.log + len, sizeof fake.log - len, format, args);
    va_end(args);
}

static void op_execute(struct store_op *op)
{
    switch (op->kind) {
    case FAKE_HOLD:
        fake_note("hold ");
        op->position.settled = op->channel->settled;
        op->position.appended = op->channel->appended;
        break;
    case FAKE_READ:
        fake_note("read:%llu ", (unsigned long long)op->number);
        execute_read(op);
        break;
    case FAKE_SETTLE:
        fake_note("settle:%llu ", (unsigned long long)op->number);
        execute_settle(op->channel, op->number);
        break;
    default:
        fake_note("leave:%s ", op->how == CHANNEL_LEAVE_IN_ORDER ? "order" : "broken");
    }
}

static void op_end(struct store_op *op, enum result result)
{
    list_remove(&op->node);
    if (op->slot != NULL)
        *op->slot = NULL;
    if (op->kind == FAKE_HOLD && op->on.held != NULL)
        op->on.held(result, result == RESULT_OK ? &op->position : NULL, op->ctx);
    else if (op->kind == FAKE_READ && op->on.read != NULL)
        op->on.read(result, result == RESULT_OK ? &op->batch : NULL, op->ctx);
    else if (op->kind >= FAKE_SETTLE && op->on.done != NULL)
        op->on.done(result, op->ctx);
    free(op);
}

/* Redis carries out the next command. False: there is none. */
static bool fake_execute(void)
{
    struct store_op *op;

    if (list_is_empty(&fake.sent))
        return false;
    op = LIST_ENTRY(fake.sent.next, struct store_op, node);
    op_execute(op);
    list_remove(&op->node);
    list_append(&fake.answers, &op->node);
    return true;
}

/* The next answer comes back. False: there is none. */
static bool fake_answer(void)
{
    if (list_is_empty(&fake.answers))
        return false;
    op_end(LIST_ENTRY(fake.answers.next, struct store_op, node), RESULT_OK);
    return true;
}

/* The command link breaks: what was sent is uncertain, what was not is unavailable. */
static inline void fake_break(void)
{
    struct list answers, sent;

    list_init(&answers);
    list_init(&sent);
    list_splice(&answers, &fake.answers);
    list_splice(&sent, &fake.sent);
    while (!list_is_empty(&answers))
        op_end(LIST_ENTRY(answers.next, struct store_op, node), RESULT_UNCERTAIN);
    while (!list_is_empty(&sent))
        op_end(LIST_ENTRY(sent.next, struct store_op, node), RESULT_UNAVAILABLE);
}

/* ---- the store's interface ---------------------------------------------------------------------- */

const char *channel_kind_name(enum channel_kind kind)
{
    return kind == CHANNEL_BOT ? "bot" : "player";
}

bool channel_kind_is_feed(enum channel_kind kind)
{
    return kind != CHANNEL_NODE && kind != CHANNEL_BOT && kind != CHANNEL_MAILBOX;
}

void channel_topic_key(const struct channel_id *id, struct key *key)
{
    key->len = (size_t)snprintf(key->text, sizeof key->text, "%d:%.*s:%.*s", (int)id->kind,
                                (int)id->realm.len, id->realm.data, (int)id->id.len, id->id.data);
}

bool channel_entry_parse(struct slice stored, struct channel_entry *entry_out)
{
    const struct fake_entry *entry;
    static char payload[24];

    if (stored.len != sizeof *entry)
        return false;
    entry = (const void *)stored.data;
    *entry_out = (struct channel_entry){ .number = entry->number, .expires_ms = entry->expires_ms };
    entry_out->payload.data = payload;
    entry_out->payload.len =
        (size_t)snprintf(payload, sizeof payload, "%llu", (unsigned long long)entry->number);
    return true;
}

uint32_t channel_hold_every_ms(void)
{
    return FAKE_HOLD_EVERY_MS;
}

void channel_count_expired(struct store *store, enum channel_kind kind, uint64_t entries)
{
    (void)store;
    (void)kind;
    fake.expired += entries;
}

static struct store_op *op_send(enum fake_kind kind, const struct channel_id *id, void *ctx,
                                struct store_op **slot)
{
    struct store_op *op = xcalloc(1, sizeof *op);

    assert_true(slot == NULL || *slot == NULL);
    op->kind = kind;
    op->channel = fake_channel(id);
    op->ctx = ctx;
    op->slot = slot;
    if (slot != NULL)
        *slot = op;
    fake.counts[kind]++;
    list_append(&fake.sent, &op->node);
    return op;
}

void channel_hold(struct store *store, const struct channel_id *id, channel_position_fn *done,
                  void *ctx, struct store_op **slot)
{
    (void)store;
    op_send(FAKE_HOLD, id, ctx, slot)->on.held = done;
}

void channel_read(struct store *store, const struct channel_id *id, uint64_t cursor,
                  size_t entries_max, channel_batch_fn *done, void *ctx, struct store_op **slot)
{
    struct store_op *op = op_send(FAKE_READ, id, ctx, slot);

    (void)store;
    assert_in_range(entries_max, 1, CHANNEL_READ_MAX);
    op->number = cursor;
    op->entries_max = entries_max;
    op->on.read = done;
}

void channel_settle(struct store *store, const struct channel_id *id, uint64_t number,
                    store_done_fn *done, void *ctx, struct store_op **slot)
{
    struct store_op *op = op_send(FAKE_SETTLE, id, ctx, slot);

    (void)store;
    op->number = number;
    op->on.done = done;
}

void channel_leave(struct store *store, const struct channel_id *id, enum channel_leave how,
                   store_done_fn *done, void *ctx, struct store_op **slot)
{
    struct store_op *op = op_send(FAKE_LEAVE, id, ctx, slot);

    (void)store;
    op->how = how;
    op->on.done = done;
}

void store_cancel(struct store_op **slot)
{
    if (*slot == NULL)
        return;
    memset(&(*slot)->on, 0, sizeof(*slot)->on);
    (*slot)->slot = NULL;
    *slot = NULL;
}

/* ---- topics ------------------------------------------------------------------------------------- */

struct topic *topic_subscribe(struct store *store, enum topic_kind kind, const char *key,
                              topic_fn *on_news, void *ctx)
{
    struct topic *topic = xcalloc(1, sizeof *topic);

    (void)store;
    assert_int_equal(kind, TOPIC_CHANNEL);
    topic->channel = fake_find(key);
    assert_non_null(topic->channel);
    assert_null(topic->channel->topic);
    topic->channel->topic = topic;
    topic->on_news = on_news;
    topic->ctx = ctx;
    list_init(&topic->news);
    return topic;
}

static void topic_forget(struct topic *topic)
{
    LIST_EACH (node, spare, &topic->news) {
        free(LIST_ENTRY(node, struct fake_news, node));
    }
    list_init(&topic->news);
}

void topic_unsubscribe(struct topic **topic)
{
    if (*topic == NULL)
        return;
    fake_note("unsubscribe ");
    (*topic)->channel->topic = NULL;
    topic_forget(*topic);
    free(*topic);
    *topic = NULL;
}

/* Redis carries out the subscription. */
static void fake_accept(struct fake_channel *channel)
{
    if (channel->topic == NULL || channel->topic->is_in_force)
        return;
    channel->topic->is_in_force = true;
    fake_publish(channel, TOPIC_UP, (struct fake_entry){ 0 });
}

/* The topic's next news arrive. False: there are none. */
static bool fake_hear(struct fake_channel *channel)
{
    struct topic *topic = channel->topic;
    struct fake_news *news;

    if (topic == NULL || list_is_empty(&topic->news))
        return false;
    news = LIST_ENTRY(topic->news.next, struct fake_news, node);
    list_remove(&news->node);
    news->message = (struct slice){ (const char *)&news->entry, sizeof news->entry };
    if (news->news == TOPIC_UP)
        topic->is_known_up = true;
    topic->on_news(topic, news->news, news->message, topic->ctx);
    free(news);
    return true;
}

/* The subscription's link breaks. */
static inline void fake_deafen(struct fake_channel *channel)
{
    struct topic *topic = channel->topic;
    bool was_up;

    if (topic == NULL)
        return;
    was_up = topic->is_known_up;
    topic_forget(topic);
    topic->is_in_force = topic->is_known_up = false;
    if (was_up)
        topic->on_news(topic, TOPIC_DOWN, (struct slice){ 0 }, topic->ctx);
}

/* Until nothing moves any more (but the clock). */
static void fake_run(void)
{
    bool has_moved = true;

    while (has_moved) {
        has_moved = fake_execute();
        has_moved |= fake_answer();
        for (struct fake_channel *channel = fake.channels; channel != NULL;
             channel = channel->next) {
            fake_accept(channel);
            has_moved |= fake_hear(channel);
        }
    }
}

#endif
