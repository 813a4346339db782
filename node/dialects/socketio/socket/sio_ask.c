/* SPDX-License-Identifier: MIT */
/*
 * Asking: an emit with the id of an acknowledgement, and the node that wants it. The append tells how many
 * nodes were given it; each of them tells how many of its sockets are asked, and each of those answers or does
 * not. Word comes by the inbox, at least once, and may come before the append has been answered.
 *
 *     complete = all nodes have told, and all their sockets have answered
 *     over     = … or will not
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/hex.h"
#include "base/mem.h"
#include "sio_asked.h"
#include "sio_post.h"

enum {
    ANSWERS_BYTES_MAX = 16 * 1024 * 1024, /* of one ask; what is beyond counts as no answer */
    TICK_MS = 50,                         /* how late the end may be noticed */
    NODE_BITS = 20,
    COUNT_BITS = 29,
};

/* What a socket, or a node, has said. */
struct heard {
    UT_hash_handle hh; /* by the socket's id; by the node's */
    bool is_answer;
    size_t key_len, len;
    char bytes[]; /* the key, and the answer as it was packed */
};

struct sio_ask {
    UT_hash_handle hh; /* by id */
    uint64_t id;
    struct sio *sio;
    struct sio_ask **slot;
    sio_asked_fn *done;
    void *ctx;
    struct store_op *appending;
    int64_t until_ms; /* by the loop's clock */
    bool is_appended;
    uint32_t nodes; /* that were given it */
    uint64_t clients;
    size_t answers, silent, bytes;
    struct heard *sockets, *told; /* who has said something */
};

struct sio_asks {
    struct sio_ask *items; /* uthash */
    uint64_t next;
    struct deadline tick; /* while there are any */
};

/* ---- the end ---------------------------------------------------------------------------------------- */

static void free_heard(struct heard **all)
{
    struct heard *heard, *next;

    HASH_ITER (hh, *all, heard, next) {
        HASH_DEL(*all, heard);
        free(heard);
    }
}

static void ask_destroy(struct sio_ask *ask)
{
    HASH_DEL(ask->sio->asks->items, ask);
    *ask->slot = NULL;
    store_cancel(&ask->appending);
    free_heard(&ask->sockets);
    free_heard(&ask->told);
    free(ask);
}

/* The answers as whoever asks reads them; what they point to is in what was heard. */
struct reading {
    struct sio_answer *items;
    size_t count;
    struct slice *attachments;
    size_t attachment_count;
};

static void read_answer(struct reading *reading, const struct heard *heard)
{
    struct sio_answer *answer = &reading->items[reading->count++];
    struct unpack bytes;

    unpack_init(&bytes, (struct slice){ heard->bytes + heard->key_len, heard->len });
    answer->socket = (struct slice){ heard->bytes, heard->key_len };
    answer->args = unpack_slice(&bytes);
    answer->attachment_count = (size_t)unpack_number(&bytes);
    answer->attachments = reading->attachments + reading->attachment_count;
    for (size_t i = 0; i < answer->attachment_count; i++)
        reading->attachments[reading->attachment_count++] = unpack_slice(&bytes);
    assert(unpack_is_done(&bytes));
}

static size_t count_attachments(const struct sio_ask *ask)
{
    struct heard *heard, *next;
    size_t count = 0;

    HASH_ITER (hh, ask->sockets, heard, next) {
        struct unpack bytes;

        unpack_init(&bytes, (struct slice){ heard->bytes + heard->key_len, heard->len });
        unpack_slice(&bytes);
        count += heard->is_answer ? (size_t)unpack_number(&bytes) : 0;
    }
    return count;
}

static bool is_over(const struct sio_ask *ask)
{
    return ask->is_appended && HASH_COUNT(ask->told) >= ask->nodes &&
           ask->answers + ask->silent >= ask->clients;
}

static void finish(struct sio_ask *ask, enum result result)
{
    struct reading reading = {
        .items = xcalloc(ask->answers + 1, sizeof *reading.items),
        .attachments = xcalloc(count_attachments(ask) + 1, sizeof *reading.attachments),
    };
    struct sio_answers answers = {
        .is_complete = result == RESULT_OK && is_over(ask) && ask->silent == 0,
        .clients = (uint32_t)ask->clients,
        .items = reading.items,
    };
    struct heard *heard, *next, *sockets = ask->sockets;
    sio_asked_fn *done = ask->done;
    void *ctx = ask->ctx;

    HASH_ITER (hh, sockets, heard, next) {
        if (heard->is_answer)
            read_answer(&reading, heard);
    }
    answers.count = reading.count;
    ask->sockets = NULL;
    ask_destroy(ask);
    done(result, &answers, ctx);
    free_heard(&sockets);
    free(reading.items);
    free(reading.attachments);
}

static void on_tick(struct deadline *deadline)
{
    struct sio_asks *asks = LIST_ENTRY(deadline, struct sio_asks, tick);
    struct sio *sio = asks->items != NULL ? asks->items->sio : NULL;
    struct sio_ask *ask, *next;

    HASH_ITER (hh, asks->items, ask, next) {
        if (ask->until_ms <= (int64_t)uv_now(sio->node->loop)) {
            finish(ask, RESULT_OK);
            next = asks->items; /* anything may have been cancelled meanwhile */
        }
    }
    if (asks->items != NULL)
        deadline_set(sio->deadlines, &asks->tick, TICK_MS, on_tick);
}

/* ---- what is heard ---------------------------------------------------------------------------------- */

/* False: it has said so before. */
static bool hear(struct heard **all, struct slice key, struct slice answer)
{
    struct heard *heard;

    HASH_FIND(hh, *all, key.data, key.len, heard);
    if (heard != NULL)
        return false;
    heard = xcalloc(1, sizeof *heard + key.len + answer.len);
    heard->is_answer = answer.data != NULL;
    heard->key_len = key.len;
    heard->len = answer.len;
    memcpy(heard->bytes, key.data, key.len);
    if (answer.len > 0)
        memcpy(heard->bytes + key.len, answer.data, answer.len);
    HASH_ADD(hh, *all, bytes, key.len, heard);
    return true;
}

static bool is_answer(struct slice bytes)
{
    struct unpack unpack;
    uint64_t count;

    unpack_init(&unpack, bytes);
    unpack_slice(&unpack);
    count = unpack_number_max(&unpack, SIO_ENTRY_LIST_MAX);
    for (uint64_t i = 0; i < count; i++)
        unpack_slice(&unpack);
    return unpack_is_done(&unpack);
}

static void hear_clients(struct sio_ask *ask, struct unpack *message)
{
    struct slice node = unpack_slice(message);
    uint64_t count = unpack_number_max(message, UINT32_MAX);

    if (unpack_is_done(message) && hear(&ask->told, node, (struct slice){ NULL, 0 }))
        ask->clients += count;
}

static void hear_answer(struct sio_ask *ask, struct unpack *message)
{
    struct slice socket = unpack_slice(message), answer = message->left;
    bool fits = ask->bytes + answer.len <= ANSWERS_BYTES_MAX;

    if (message->is_broken || !is_answer(answer))
        return;
    if (!fits)
        answer = (struct slice){ NULL, 0 };
    if (!hear(&ask->sockets, socket, answer))
        return;
    ask->bytes += answer.len;
    ask->answers += fits;
    ask->silent += !fits;
}

static void hear_none(struct sio_ask *ask, struct unpack *message)
{
    struct slice socket = unpack_slice(message);

    if (unpack_is_done(message) && hear(&ask->sockets, socket, (struct slice){ NULL, 0 }))
        ask->silent++;
}

static void on_word(struct slice text, void *ctx)
{
    static void (*const words[SIO_WORDS])(struct sio_ask * ask, struct unpack * message) = {
        [SIO_WORD_CLIENTS] = hear_clients,
        [SIO_WORD_ANSWER] = hear_answer,
        [SIO_WORD_NONE] = hear_none,
    };
    struct sio *sio = ctx;
    struct unpack message;
    struct sio_ask *ask;
    uint64_t id, word;

    unpack_init(&message, text);
    id = unpack_number(&message);
    word = unpack_number_max(&message, SIO_WORDS - 1);
    HASH_FIND(hh, sio->asks->items, &id, sizeof id, ask);
    if (message.is_broken || ask == NULL) /* it is over, or never was */
        return;
    words[word](ask, &message);
    if (is_over(ask))
        finish(ask, RESULT_OK);
}

/* ---- asking ----------------------------------------------------------------------------------------- */

static void on_appended(enum result result, const struct channel_appended *appended, void *ctx)
{
    struct sio_ask *ask = ctx;

    ask->is_appended = result == RESULT_OK;
    ask->nodes = appended->listeners;
    if (result != RESULT_OK || is_over(ask))
        finish(ask, result);
}

static void ask_send(struct sio_ask *ask, const struct sio_emit *emit, uint32_t timeout_ms)
{
    struct sio_packet packet = sio_packet_of(emit);
    struct sio_post post = {
        .to = &emit->to,
        .entry = { .is_volatile = emit->is_volatile,
                   .asker = slice_of(ask->sio->node->id),
                   .ask_id = ask->id,
                   .attachments = { emit->attachments, emit->attachment_count } },
        .packet = &packet,
        .ttl_ms = timeout_ms,
    };

    packet.has_id = true;
    packet.id = ask->id;
    sio_post(ask->sio, &post, on_appended, ask, &ask->appending);
}

void sio_ask(struct sio *sio, const struct sio_emit *emit, uint32_t timeout_ms, sio_asked_fn *done,
             void *ctx, struct sio_ask **slot)
{
    struct sio_asks *asks = sio->asks;
    struct sio_ask *ask = xcalloc(1, sizeof *ask);

    assert(*slot == NULL && timeout_ms > 0 && emit->once.data == NULL);
    *ask = (struct sio_ask){
        .id = asks->next,
        .sio = sio,
        .slot = slot,
        .done = done,
        .ctx = ctx,
        .until_ms = (int64_t)uv_now(sio->node->loop) + timeout_ms,
    };
    asks->next = (asks->next & ~((UINT64_C(1) << COUNT_BITS) - 1)) |
                 ((asks->next + 1) & ((UINT64_C(1) << COUNT_BITS) - 1));
    HASH_ADD(hh, asks->items, id, sizeof ask->id, ask);
    *slot = ask;
    if (!deadline_is_set(&asks->tick))
        deadline_set(sio->deadlines, &asks->tick, TICK_MS, on_tick);
    sio->node->metrics.socketio_asked++;
    ask_send(ask, emit, timeout_ms);
}

void sio_ask_cancel(struct sio_ask **slot)
{
    if (*slot != NULL)
        ask_destroy(*slot);
}

/* Ids of different nodes differ, so that a socket can owe acknowledgements to several of them. */
static uint64_t first_id(const char *node_id)
{
    uint64_t node = 0;

    for (int i = 0; i < NODE_BITS / 4; i++)
        node = node << 4 | (uint64_t)hex_value(node_id[i]);
    return node << COUNT_BITS;
}

void sio_asks_open(struct sio *sio)
{
    sio->asks = xcalloc(1, sizeof *sio->asks);
    sio->asks->next = first_id(sio->node->id);
    deadline_init(&sio->asks->tick);
    inbox_handle(sio->node->inbox, SIO_ANSWER_TOPIC, on_word, sio);
}

void sio_asks_close(struct sio *sio)
{
    struct sio_ask *ask, *next;

    HASH_ITER (hh, sio->asks->items, ask, next)
        ask_destroy(ask);
    deadline_clear(&sio->asks->tick);
    free(sio->asks);
    sio->asks = NULL;
}
