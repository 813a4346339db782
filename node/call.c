/* SPDX-License-Identifier: MIT */
/*
 * Questions and answers are messages in the nodes' inboxes:
 *
 *     ask     <asker> <number> <topic> <text>
 *     answer  <number> <result> <text>           result: "ok", or "invalid": nobody handles the topic
 *     unask   <asker> <number>                   the asker no longer wants to know
 *     probe                                      nothing: whoever sends it wants to know who listens
 *
 * An asker's numbers ascend, so a question that comes twice is known by its number; an answer that comes
 * twice finds no question.
 */
#include "call_inner.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum {
    TICK_MS = 1000,
    OPEN_MAX = 64 * 1024,              /* questions without an answer      */
    OPEN_BYTES_MAX = 64 * 1024 * 1024, /* their texts                    */
    ENVELOPE_MAX = 512,
};

static const struct slice nothing = { "", 0 };

const struct call_stats *calls_stats(const struct calls *calls)
{
    return &calls->stats;
}

/* Cuts off the word in front of the first blank. */
static struct slice take_word(struct slice *text)
{
    const char *blank = text->len > 0 ? memchr(text->data, ' ', text->len) : NULL;
    size_t len = blank != NULL ? (size_t)(blank - text->data) : text->len;
    struct slice word = { text->data, len };

    len += blank != NULL;
    *text = (struct slice){ text->data + len, text->len - len };
    return word;
}

static bool take_number(struct slice *text, uint64_t *number)
{
    return slice_to_u64(take_word(text), 1, UINT64_MAX, number);
}

static void complain(const char *topic, struct slice text)
{
    log_peer(LOG_WARN, NULL, "call.message", "topic=%s bytes=%zu", topic, text.len);
}

/* ---- asking -------------------------------------------------------------------------------------- */

static void call_unlink(struct call *call)
{
    struct calls *calls = call->calls;

    list_remove(&call->node);
    if (call->peer != NULL)
        HASH_DELETE(hh, calls->open, call);
    calls->stats.pending--;
    calls->open_bytes -= call->bytes;
    store_cancel(&call->sending);
    buf_fini(&call->text);
    *call->slot = NULL;
}

void call_end(struct call *call, enum result result, struct slice answer)
{
    call_done_fn *done = call->done;
    void *ctx = call->ctx;

    call_unlink(call);
    call->calls->stats.answered[result]++;
    free(call);
    done(result, answer, ctx);
}

static void withdraw(const struct call *call)
{
    char text[ENVELOPE_MAX];
    int len = snprintf(text, sizeof text, "%s %" PRIu64, call->calls->id, call->number);

    note_send(call->peer, "unask", (struct slice){ text, (size_t)len });
}

static void on_sent(enum result result, const struct channel_appended *appended, void *ctx)
{
    struct call *call = ctx;
    struct call_peer *peer = call->peer;

    if (result == RESULT_OK && appended->number > 0) {
        peer_note_listeners(peer, appended->listeners);
    } else if (result == RESULT_OK) { /* not even kept for it: it has been gone for long */
        bool is_sure = !calls_are_shaky(call->calls);

        call_end(call, is_sure ? RESULT_NOT_FOUND : RESULT_UNAVAILABLE, nothing);
        peer_note_listeners(peer, 0);
    } else {
        if (result != RESULT_UNAVAILABLE)
            withdraw(call);
        call_end(call, result, nothing);
    }
}

void call_send(struct call *call)
{
    inbox_send_live(call->calls->inbox, slice_of(call->peer->id), "ask", buf_slice(&call->text),
                    on_sent, call, &call->sending);
    buf_fini(&call->text);
}

static void on_end_due(uv_timer_t *timer)
{
    struct calls *calls = timer->data;
    struct list ended;

    list_init(&ended);
    list_splice(&ended, &calls->ended);
    while (!list_is_empty(&ended)) {
        struct call *call = LIST_ENTRY(ended.next, struct call, node);

        call_end(call, call->result, nothing);
    }
}

/* It never begins; whoever asked hears of it once he has returned. */
static void end_later(struct call *call, enum result result)
{
    call->result = result;
    list_append(&call->calls->ended, &call->node);
    uv_timer_start(&call->calls->ender, on_end_due, 0, 0);
}

void call_start(struct calls *calls, struct slice node_id, const char *topic, struct slice text,
                call_done_fn *done, void *ctx, struct call **slot)
{
    struct call *call = xcalloc(1, sizeof *call);

    assert(*slot == NULL && text.len <= CALL_TEXT_MAX);
    *call = (struct call){ .calls = calls, .slot = slot, .done = done, .ctx = ctx };
    *slot = call;
    calls->stats.started++;
    calls->stats.pending++;
    if (!key_id_is_valid(node_id)) {
        end_later(call, RESULT_NOT_FOUND);
    } else if (calls->stats.pending > OPEN_MAX || calls->open_bytes + text.len > OPEN_BYTES_MAX) {
        log_peer(LOG_WARN, NULL, "call.full", "topic=%s pending=%" PRIu64, topic,
                 calls->stats.pending);
        end_later(call, RESULT_UNAVAILABLE);
    } else {
        call->number = ++calls->last_number;
        call->bytes = text.len;
        call->peer = peer_get(calls, node_id);
        calls->open_bytes += text.len;
        HASH_ADD(hh, calls->open, number, sizeof call->number, call);
        buf_init(&call->text, ENVELOPE_MAX + text.len);
        buf_printf(&call->text, "%s %" PRIu64 " %s ", calls->id, call->number, topic);
        buf_add_slice(&call->text, text);
        peer_ask(call->peer, call);
    }
}

void call_cancel(struct call **slot)
{
    struct call *call = *slot;

    if (call == NULL)
        return;
    if (call->peer != NULL && call->text.data == NULL) /* it was sent */
        withdraw(call);
    call_unlink(call);
    free(call);
}

static void on_answer(struct slice text, void *ctx)
{
    struct calls *calls = ctx;
    struct slice rest = text, word;
    struct call *call;
    uint64_t number;

    if (!take_number(&rest, &number)) {
        complain("answer", text);
        return;
    }
    HASH_FIND(hh, calls->open, &number, sizeof number, call);
    if (call == NULL)
        return;
    peer_meet(call->peer);
    word = take_word(&rest);
    call_end(call, slice_is(word, "ok") ? RESULT_OK : RESULT_INVALID, rest);
}

/* ---- being asked --------------------------------------------------------------------------------- */

static const struct call_handler *handler_of(const struct calls *calls, struct slice topic)
{
    for (size_t i = 0; i < calls->handler_count; i++) {
        if (slice_is(topic, calls->handlers[i].topic))
            return &calls->handlers[i];
    }
    return NULL;
}

void call_handle(struct calls *calls, const char *topic, call_asked_fn *on_asked, void *ctx)
{
    assert(calls->handler_count < CALL_HANDLERS_MAX && on_asked != NULL);
    assert(handler_of(calls, slice_of(topic)) == NULL && strchr(topic, ' ') == NULL);
    calls->handlers[calls->handler_count++] = (struct call_handler){ topic, on_asked, ctx };
}

static void asked_unlink(struct call_asked *asked)
{
    struct calls *calls = asked->peer->calls;

    HASH_DELETE(hh, asked->peer->held, asked);
    calls->stats.held--;
    if (calls->asking == asked)
        calls->asking = NULL;
}

void asked_end(struct call_asked *asked)
{
    call_gone_fn *on_gone = asked->on_gone;
    void *ctx = asked->ctx;

    asked_unlink(asked);
    free(asked);
    on_gone(ctx);
}

static void answer(struct call_asked *asked, const char *word, struct slice text)
{
    struct buf buf;

    buf_init(&buf, ENVELOPE_MAX + text.len);
    buf_printf(&buf, "%" PRIu64 " %s ", asked->number, word);
    buf_add_slice(&buf, text);
    asked_unlink(asked);
    note_send(asked->peer, "answer", buf_slice(&buf));
    buf_fini(&buf);
    free(asked);
}

void call_answer(struct call_asked *asked, struct slice text)
{
    assert(text.len <= CALL_TEXT_MAX);
    answer(asked, "ok", text);
}

void call_wait(struct call_asked *asked, call_gone_fn *on_gone, void *ctx)
{
    asked->on_gone = on_gone;
    asked->ctx = ctx;
}

struct slice call_asker(const struct call_asked *asked)
{
    return slice_of(asked->peer->id);
}

static void hand_over(struct call_asked *asked, struct slice topic, struct slice text)
{
    struct calls *calls = asked->peer->calls;
    const struct call_handler *handler = handler_of(calls, topic);

    if (handler == NULL) {
        log_peer(LOG_WARN, NULL, "call.unknown", "topic=%s", log_quote(topic.data, topic.len));
        answer(asked, "invalid", nothing);
        return;
    }
    calls->asking = asked;
    handler->on_asked(asked, text, handler->ctx);
    assert(calls->asking == NULL || asked->on_gone != NULL);
    calls->asking = NULL;
}

static void on_ask(struct slice text, void *ctx)
{
    struct calls *calls = ctx;
    struct slice rest = text, asker = take_word(&rest), topic;
    struct call_asked *asked;
    struct call_peer *peer;
    uint64_t number;

    if (!key_id_is_valid(asker) || !take_number(&rest, &number)) {
        complain("ask", text);
        return;
    }
    peer = peer_get(calls, asker);
    peer_meet(peer);
    if (number <= peer->last_asked)
        return;
    peer->last_asked = number;
    asked = xcalloc(1, sizeof *asked);
    asked->peer = peer;
    asked->number = number;
    HASH_ADD(hh, peer->held, number, sizeof number, asked);
    calls->stats.asked++;
    calls->stats.held++;
    topic = take_word(&rest);
    hand_over(asked, topic, rest);
}

static void on_unask(struct slice text, void *ctx)
{
    struct calls *calls = ctx;
    struct slice rest = text, asker = take_word(&rest);
    struct call_asked *asked = NULL;
    struct call_peer *peer = peer_find(calls, asker);
    uint64_t number;

    if (!take_number(&rest, &number))
        complain("unask", text);
    else if (peer != NULL)
        HASH_FIND(hh, peer->held, &number, sizeof number, asked);
    if (asked != NULL)
        asked_end(asked);
}

static void on_probe(struct slice text, void *ctx)
{
    (void)text;
    (void)ctx;
}

/* ---- birth and death ----------------------------------------------------------------------------- */

static void on_tick(uv_timer_t *timer)
{
    peers_probe(timer->data);
}

static void timer_init(struct calls *calls, uv_loop_t *loop, uv_timer_t *timer)
{
    uv_timer_init(loop, timer);
    timer->data = calls;
    calls->closing++;
}

struct calls *calls_create(uv_loop_t *loop, struct store *store, struct inbox *inbox,
                           const char *node_id)
{
    struct calls *calls = xcalloc(1, sizeof *calls);

    assert(key_id_is_valid(slice_of(node_id)));
    memcpy(calls->id, node_id, strlen(node_id));
    calls->store = store;
    calls->inbox = inbox;
    list_init(&calls->ended);
    timer_init(calls, loop, &calls->ticker);
    timer_init(calls, loop, &calls->ender);
    uv_timer_start(&calls->ticker, on_tick, TICK_MS, TICK_MS);
    inbox_handle(inbox, "ask", on_ask, calls);
    inbox_handle(inbox, "answer", on_answer, calls);
    inbox_handle(inbox, "unask", on_unask, calls);
    inbox_handle(inbox, "probe", on_probe, calls);
    return calls;
}

static void on_closed(uv_handle_t *handle)
{
    struct calls *calls = handle->data;

    if (--calls->closing == 0)
        free(calls);
}

/* Whoever asked, or was asked, has let go before, or is gone. */
static void drop_all(struct calls *calls)
{
    struct call_asked *asked, *spare_asked;
    struct call_peer *peer, *spare_peer;
    struct call *call, *spare;

    HASH_ITER (hh, calls->open, call, spare) {
        call_unlink(call);
        free(call);
    }
    LIST_EACH (node, spare_node, &calls->ended) {
        call_unlink(LIST_ENTRY(node, struct call, node));
        free(LIST_ENTRY(node, struct call, node));
    }
    HASH_ITER (hh, calls->peers, peer, spare_peer) {
        HASH_ITER (hh, peer->held, asked, spare_asked) {
            asked_unlink(asked);
            free(asked);
        }
    }
}

void calls_destroy(struct calls **calls)
{
    struct calls *old = *calls;

    if (old == NULL)
        return;
    *calls = NULL;
    drop_all(old);
    peers_release(old);
    uv_close((uv_handle_t *)&old->ticker, on_closed);
    uv_close((uv_handle_t *)&old->ender, on_closed);
}
