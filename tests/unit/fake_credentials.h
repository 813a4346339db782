/* SPDX-License-Identifier: MIT */
#ifndef SB_TESTS_FAKE_CREDENTIALS_H
#define SB_TESTS_FAKE_CREDENTIALS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

#include "base/list.h"
#include "base/mem.h"
#include "store/credentials.h"
#include "store/topic.h"

/*
 * A store that holds credentials only: lookups stay open until the test answers them, and topics say
 * what the test makes them say.
 */
struct store {
    struct list finds, topics;
    bool has_events;
    int64_t now_ms;
    int find_count; /* so far */
    int topic_count;
};

struct store_op {
    struct list node;
    enum credential_kind kind;
    struct credential_digest digest;
    char subject[KEY_ID_MAX + 1];
    credential_found_fn *done;
    void *ctx;
    struct store_op **slot;
};

struct topic {
    struct list node;
    struct store *store;
    char key[KEY_MAX];
    topic_fn *on_news;
    void *ctx;
};

static inline void fake_init(struct store *store)
{
    *store = (struct store){ .has_events = true, .now_ms = 1700000000000 };
    list_init(&store->finds);
    list_init(&store->topics);
}

static inline int fake_pending(const struct store *store)
{
    int count = 0;

    for (const struct list *node = store->finds.next; node != &store->finds; node = node->next)
        count++;
    return count;
}

/* Answers the oldest lookup. `subject` NULL: not found. */
static inline void fake_answer_as(struct store *store, const char *subject, const char *realm,
                                  int64_t expires_ms)
{
    struct store_op *op = LIST_ENTRY(store->finds.next, struct store_op, node);
    struct credential credential = {
        .kind = op->kind,
        .digest = op->digest,
        .subject = slice_of(subject),
        .realm = slice_of(realm),
        .expires_ms = expires_ms,
    };
    struct credential_found found = { .credential = subject != NULL ? &credential : NULL };

    assert_false(list_is_empty(&store->finds));
    list_remove(&op->node);
    *op->slot = NULL;
    op->done(subject != NULL ? RESULT_OK : RESULT_NOT_FOUND, &found, op->ctx);
    free(op);
}

static inline void fake_answer(struct store *store, const char *subject)
{
    fake_answer_as(store, subject, "default", 0);
}

static inline void fake_fail(struct store *store, enum result result, bool is_subject_known)
{
    struct store_op *op = LIST_ENTRY(store->finds.next, struct store_op, node);
    struct credential_found found = { .is_subject_known = is_subject_known };

    assert_false(list_is_empty(&store->finds));
    list_remove(&op->node);
    *op->slot = NULL;
    op->done(result, &found, op->ctx);
    free(op);
}

static inline struct topic *fake_topic(struct store *store)
{
    assert_false(list_is_empty(&store->topics));
    return LIST_ENTRY(store->topics.next, struct topic, node);
}

static inline void fake_news(struct store *store, enum topic_news news, const char *message)
{
    struct topic *topic = fake_topic(store);

    topic->on_news(topic, news, slice_of(message), topic->ctx);
}

/* ---- what the archive's store/ would define ------------------------------------------------------- */

void credential_find(struct store *store, enum credential_kind kind,
                     const struct credential_digest *digest, struct slice subject,
                     credential_found_fn *done, void *ctx, struct store_op **slot)
{
    struct store_op *op = xcalloc(1, sizeof *op);

    assert_null(*slot);
    op->kind = kind;
    op->digest = *digest;
    snprintf(op->subject, sizeof op->subject, "%.*s", (int)subject.len,
             subject.data != NULL ? subject.data : "");
    op->done = done;
    op->ctx = ctx;
    op->slot = slot;
    *slot = op;
    store->find_count++;
    list_append(&store->finds, &op->node);
}

void store_cancel(struct store_op **slot)
{
    if (*slot == NULL)
        return;
    list_remove(&(*slot)->node);
    free(*slot);
    *slot = NULL;
}

int64_t store_now_ms(const struct store *store)
{
    return store->now_ms;
}

bool store_has_keyspace_events(const struct store *store)
{
    return store->has_events;
}

struct topic *topic_subscribe(struct store *store, enum topic_kind kind, const char *key,
                              topic_fn *on_news, void *ctx)
{
    struct topic *topic = xcalloc(1, sizeof *topic);

    assert_int_equal(kind, TOPIC_KEY);
    LIST_EACH (node, spare, &store->topics)
        assert_string_not_equal(LIST_ENTRY(node, struct topic, node)->key, key);
    topic->store = store;
    snprintf(topic->key, sizeof topic->key, "%s", key);
    topic->on_news = on_news;
    topic->ctx = ctx;
    store->topic_count++;
    list_append(&store->topics, &topic->node);
    return topic;
}

void topic_unsubscribe(struct topic **topic)
{
    if (*topic == NULL)
        return;
    list_remove(&(*topic)->node);
    free(*topic);
    *topic = NULL;
}

#endif
