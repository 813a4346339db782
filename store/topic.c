/* SPDX-License-Identifier: MIT */
/*
 * Subscriptions. Redis confirms every request in the order of the requests, so what we asked for
 * stands in a line (`asked`), and a confirmation belongs to the first in it. A topic hears nothing
 * before its own confirmation: what still arrives under its name belongs to an older subscription.
 *
 *     wanted → asked → up;  when the link breaks, all → wanted
 */
#include "store/topic.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/hello.h"
#include "store/inside.h"
#include "store/link.h"
#include "store/resp.h"

enum {
    PING_EVERY_MS = 1000,    /* a link that is silent from one ping to the next is dead */
    ASK_PER_TURN = 2048,     /* subscriptions asked for in one turn of the loop          */
    OUT_ENOUGH = 512 * 1024, /* … while no more than this waits to be written            */
    LINE_MIN = 64,
    TOPIC_KINDS = TOPIC_PATTERN + 1,
};

enum topic_state { WANTED, ASKED, UP };

struct topic {
    struct topics *topics; /* NULL: the store is closed */
    struct list node;      /* in the list of its state, or in `fallen` */
    enum topic_kind kind;
    enum topic_state state;
    uint64_t place; /* ASKED: in the line */
    topic_fn *on_news;
    void *ctx;
    struct slice channel; /* of a pattern's message, while its owner is told */
    UT_hash_handle hh;
    size_t name_len;
    char name[];
};

enum request { SUBSCRIBE, UNSUBSCRIBE, REQUESTS };

struct confirmation {
    struct topic *topic; /* NULL: nobody waits for it (any more) */
    enum topic_kind kind;
    enum request request;
};

struct topics {
    struct store *store;
    struct link *link;
    struct hello hello;
    struct topic *by_name[TOPIC_KINDS];
    struct list wanted, asked, up;
    struct list fallen;        /* were up, and have yet to hear that they are not */
    struct confirmation *line; /* a ring: places line_first..line_end-1, modulo its size */
    uint64_t line_first, line_end;
    size_t line_size; /* a power of two */
    uv_timer_t pinger;
    int64_t pinged_ms; /* 0: not on this connection */
    bool is_doubtful, is_closed;
};

static const char *const requests[TOPIC_KINDS][REQUESTS] = {
    [TOPIC_CHANNEL] = { "ssubscribe", "sunsubscribe" },
    [TOPIC_KEY] = { "subscribe", "unsubscribe" },
    [TOPIC_PATTERN] = { "psubscribe", "punsubscribe" },
};
static const char *const messages[TOPIC_KINDS] = {
    [TOPIC_CHANNEL] = "smessage",
    [TOPIC_KEY] = "message",
    [TOPIC_PATTERN] = "pmessage",
};

static struct topic *topic_of(struct list *node)
{
    return LIST_ENTRY(node, struct topic, node);
}

/* ---- the line of requests ------------------------------------------------------------------------------ */

static struct confirmation *line_at(struct topics *topics, uint64_t place)
{
    return &topics->line[place & (topics->line_size - 1)];
}

static void line_grow(struct topics *topics)
{
    size_t size = topics->line_size > 0 ? topics->line_size * 2 : LINE_MIN;
    struct confirmation *line = xcalloc(size, sizeof *line);

    for (uint64_t place = topics->line_first; place < topics->line_end; place++)
        line[place & (size - 1)] = *line_at(topics, place);
    free(topics->line);
    topics->line = line;
    topics->line_size = size;
}

/* Writes a request and returns its place in the line. */
static uint64_t ask(struct topics *topics, struct topic *topic, enum request request)
{
    struct slice words[] = { slice_of(requests[topic->kind][request]),
                             { topic->name, topic->name_len } };

    if (topics->line_end - topics->line_first == topics->line_size)
        line_grow(topics);
    *line_at(topics, topics->line_end) = (struct confirmation){
        .topic = request == SUBSCRIBE ? topic : NULL, .kind = topic->kind, .request = request
    };
    /* When there is no room the buffer remembers that it overflowed, and the link breaks. */
    if (!resp_write(link_out(topics->link), words, 2))
        topics->is_doubtful = true;
    return topics->line_end++;
}

uint64_t topics_mark(const struct store *store)
{
    return store->topics->line_end;
}

bool topics_has_passed(const struct store *store, uint64_t mark)
{
    return store->topics == NULL || store->topics->line_first >= mark;
}

/* ---- what arrives ---------------------------------------------------------------------------------------- */

/* {word, name, message}, and of a pattern {word, name, channel, message}. */
static void deliver(struct topics *topics, enum topic_kind kind, const redisReply *reply)
{
    struct slice name = reply_slice(reply->element[1]);
    struct topic *topic;

    HASH_FIND(hh, topics->by_name[kind], name.data, name.len, topic);
    if (topic == NULL || topic->state != UP)
        return;
    topic->channel = reply_slice(reply->element[2]);
    topic->on_news(topic, TOPIC_MESSAGE, reply_slice(reply->element[reply->elements - 1]),
                   topic->ctx);
}

static bool is_message(const redisReply *reply, enum topic_kind kind)
{
    return reply->elements == (kind == TOPIC_PATTERN ? 4 : 3) &&
           slice_is(reply_slice(reply->element[0]), messages[kind]);
}

struct slice topic_channel(const struct topic *topic)
{
    assert(topic->kind == TOPIC_PATTERN);
    return topic->channel;
}

static void confirm(struct topics *topics, struct slice word, struct slice name)
{
    struct confirmation *first = line_at(topics, topics->line_first);
    struct topic *topic;

    if (topics->line_first == topics->line_end ||
        !slice_is(word, requests[first->kind][first->request])) {
        link_break(topics->link, "a confirmation that nobody asked for");
        return;
    }
    topic = first->topic;
    if (topic != NULL && !slice_equals(name, (struct slice){ topic->name, topic->name_len })) {
        link_break(topics->link, "a confirmation for another topic");
        return;
    }
    topics->line_first++;
    if (topic == NULL)
        return;
    topic->state = UP;
    list_remove(&topic->node);
    list_append(&topics->up, &topic->node);
    topic->on_news(topic, TOPIC_UP, (struct slice){ NULL, 0 }, topic->ctx);
}

static void on_answer(struct topics *topics, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR) {
        link_refuse(topics->link, reply->str);
        return;
    }
    if (reply_is_status(reply, "PONG") ||
        (reply_is_array(reply, 2) && slice_is(reply_slice(reply->element[0]), "pong")))
        return;
    if ((!reply_is_array(reply, 3) && !reply_is_array(reply, 4)) ||
        !reply_is_string(reply->element[0]) || !reply_is_string(reply->element[1])) {
        topics->store->stats.malformed_replies++;
        link_break(topics->link, "no message and no confirmation");
        return;
    }
    for (int kind = 0; kind < TOPIC_KINDS; kind++) {
        if (is_message(reply, kind)) {
            deliver(topics, kind, reply);
            return;
        }
    }
    confirm(topics, reply_slice(reply->element[0]), reply_slice(reply->element[1]));
}

/* ---- the subscription link -------------------------------------------------------------------------------- */

static void advance_hello(struct topics *topics, enum hello_state state, const struct why *why)
{
    if (state == HELLO_FAILED) {
        link_refuse(topics->link, why->text);
    } else if (state == HELLO_DONE) {
        link_set_ready(topics->link);
        topics->pinged_ms = 0;
        topics->store->stats.topic_connects++;
    }
}

static void on_open(void *ctx)
{
    struct topics *topics = ctx;
    struct why why = { "" };

    topics->is_doubtful = false;
    advance_hello(topics,
                  hello_start(&topics->hello, hello_topics, topics->store, link_out(topics->link)),
                  &why);
}

static void on_reply(const redisReply *reply, void *ctx)
{
    struct topics *topics = ctx;
    struct why why = { "" };

    if (link_is_ready(topics->link))
        on_answer(topics, reply);
    else
        advance_hello(
            topics, hello_hear(&topics->hello, topics->store, link_out(topics->link), reply, &why),
            &why);
}

static void want_again(struct list *list, struct list *to)
{
    LIST_EACH (node, spare, list)
        topic_of(node)->state = WANTED;
    list_splice(to, list);
}

static void on_broken(const char *reason, void *ctx)
{
    struct topics *topics = ctx;

    (void)reason;
    topics->store->stats.topic_disconnects++;
    topics->line_first = topics->line_end;
    want_again(&topics->asked, &topics->wanted);
    want_again(&topics->up, &topics->fallen);
    while (!topics->is_closed && !list_is_empty(&topics->fallen)) {
        struct topic *topic = topic_of(topics->fallen.next);

        list_remove(&topic->node);
        list_append(&topics->wanted, &topic->node);
        topic->on_news(topic, TOPIC_DOWN, (struct slice){ NULL, 0 }, topic->ctx);
    }
}

static void on_writable(void *ctx)
{
    (void)ctx; /* topics_flush() goes on before the loop waits again */
}

static const struct link_ops link_ops = {
    .on_open = on_open, .on_reply = on_reply, .on_writable = on_writable, .on_broken = on_broken
};

void topics_flush(struct topics *topics)
{
    if (topics->is_doubtful) {
        topics->is_doubtful = false;
        link_break(topics->link, "in doubt");
    }
    if (topics->is_closed)
        return;
    if (link_is_ready(topics->link)) {
        for (int i = 0; i < ASK_PER_TURN && !list_is_empty(&topics->wanted) &&
                        link_out(topics->link)->len < OUT_ENOUGH;
             i++) {
            struct topic *topic = topic_of(topics->wanted.next);

            topic->state = ASKED;
            topic->place = ask(topics, topic, SUBSCRIBE);
            list_remove(&topic->node);
            list_append(&topics->asked, &topic->node);
        }
    }
    link_flush(topics->link);
}

static void on_ping(uv_timer_t *timer)
{
    struct topics *topics = timer->data;
    const struct slice ping = SLICE_LITERAL("PING");

    if (!link_is_ready(topics->link))
        return;
    if (topics->pinged_ms > link_heard_ms(topics->link)) {
        link_break(topics->link, "no answer to a ping");
        return;
    }
    topics->pinged_ms = clock_ms();
    if (!resp_write(link_out(topics->link), &ping, 1))
        topics->is_doubtful = true;
}

/* ---- the contract --------------------------------------------------------------------------------------------- */

struct topics *topics_create(struct store *store)
{
    struct topics *topics = xcalloc(1, sizeof *topics);

    topics->store = store;
    list_init(&topics->wanted);
    list_init(&topics->asked);
    list_init(&topics->up);
    list_init(&topics->fallen);
    line_grow(topics);
    uv_timer_init(store->loop, &topics->pinger);
    topics->pinger.data = topics;
    uv_timer_start(&topics->pinger, on_ping, PING_EVERY_MS, PING_EVERY_MS);
    topics->link =
        link_create(store->loop, "topics", &store->url, store->timeout_ms, &link_ops, topics);
    return topics;
}

static void on_closed(uv_handle_t *handle)
{
    struct topics *topics = handle->data;

    free(topics->line);
    free(topics);
}

static void orphan(struct topic **by_name)
{
    struct topic *topic, *next;

    HASH_ITER (hh, *by_name, topic, next) {
        HASH_DEL(*by_name, topic);
        list_remove(&topic->node);
        topic->topics = NULL;
    }
}

void topics_set_limit(struct topics *topics, uint32_t limit_ms)
{
    link_set_limit(topics->link, limit_ms);
}

void topics_break(struct topics *topics, const char *reason)
{
    link_break(topics->link, reason);
}

void topics_destroy(struct topics **topics)
{
    struct topics *closing = *topics;

    *topics = NULL;
    closing->is_closed = true;
    for (int kind = 0; kind < TOPIC_KINDS; kind++)
        orphan(&closing->by_name[kind]);
    link_destroy(&closing->link);
    uv_close((uv_handle_t *)&closing->pinger, on_closed);
}

struct topic *topic_subscribe(struct store *store, enum topic_kind kind, const char *key,
                              topic_fn *on_news, void *ctx)
{
    struct topics *topics = store->topics;
    const char *prefix = kind == TOPIC_PATTERN ? "" : store->topic_prefix;
    size_t prefix_len = strlen(prefix), key_len = strlen(key);
    struct topic *topic = xcalloc(1, sizeof *topic + prefix_len + key_len + 1), *other;

    topic->topics = topics;
    topic->kind = kind;
    topic->state = WANTED;
    topic->on_news = on_news;
    topic->ctx = ctx;
    topic->name_len = prefix_len + key_len;
    memcpy(topic->name, prefix, prefix_len);
    memcpy(topic->name + prefix_len, key, key_len);
    HASH_FIND(hh, topics->by_name[kind], topic->name, topic->name_len, other);
    assert(other == NULL);
    (void)other;
    HASH_ADD_KEYPTR(hh, topics->by_name[kind], topic->name, topic->name_len, topic);
    list_append(&topics->wanted, &topic->node);
    return topic;
}

void topic_unsubscribe(struct topic **topic)
{
    struct topic *ended = *topic;
    struct topics *topics;

    if (ended == NULL)
        return;
    *topic = NULL;
    topics = ended->topics;
    if (topics != NULL) {
        if (ended->state == ASKED)
            line_at(topics, ended->place)->topic = NULL;
        if (ended->state != WANTED)
            ask(topics, ended, UNSUBSCRIBE);
        list_remove(&ended->node);
        HASH_DEL(topics->by_name[ended->kind], ended);
    }
    free(ended);
}

void topic_reconnect(struct store *store)
{
    store->topics->is_doubtful = true;
}
