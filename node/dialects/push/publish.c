/* SPDX-License-Identifier: MIT */
/*
 * POST /publish and /broadcast: who is it, has it tokens left for so many messages, then each message
 * goes into its channel. In a list they are all on their way at once, those to one player in order.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "fan.h"
#include "push_room.h"
#include "push_wire.h"
#include "store/limits.h"

enum { ANSWER_MAX = PUSH_MESSAGES_MAX * 256 };

struct publish;

/* What becomes of one message. */
struct posting {
    struct publish *publish;
    const struct push_message *message;
    struct store_op *op;
    const char *status; /* "live", "queued", "duplicate", "error" */
    const char *wrong;  /* "error": what, in words                */
    bool is_lost;       /* the store failed it                    */
};

struct publish {
    struct http_request *request;
    struct push *push;
    enum push_route route;
    struct auth_check *checking;
    struct identity *identity;
    struct push_batch batch;
    bool is_good; /* the body as a whole */
    struct store_op *taking;
    struct posting *postings; /* one per message                    */
    struct posting **sent;    /* those of them that go to the store */
    struct fan fan;
};

static void publish_destroy(struct publish **publish)
{
    struct publish *gone = *publish;

    *publish = NULL;
    if (gone == NULL)
        return;
    auth_cancel(&gone->checking);
    store_cancel(&gone->taking);
    for (size_t i = 0; i < gone->fan.count; i++)
        store_cancel(&gone->sent[i]->op);
    free(gone->sent);
    free(gone->postings);
    push_batch_fini(&gone->batch);
    identity_unref(&gone->identity);
    free(gone);
}

static void on_client_gone(void *ctx)
{
    struct publish *publish = ctx;

    publish_destroy(&publish);
}

/* The request, which the caller now answers; the rest is gone. */
static struct http_request *publish_finish(struct publish *publish)
{
    struct http_request *request = publish->request;

    publish_destroy(&publish);
    return request;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void answer_list(struct publish *publish)
{
    struct buf body;

    buf_init(&body, ANSWER_MAX);
    buf_add_byte(&body, '[');
    for (size_t i = 0; i < publish->batch.count; i++) {
        const struct posting *posting = &publish->postings[i];

        buf_printf(&body, "%s{\"status\":\"%s\"", i > 0 ? "," : "", posting->status);
        if (posting->wrong != NULL)
            buf_printf(&body, ",\"error\":\"%s\"", posting->wrong);
        buf_add_byte(&body, '}');
    }
    buf_add_byte(&body, ']');
    assert(!body.has_overflowed);
    http_reply_json(publish_finish(publish), 200, buf_slice(&body));
    buf_fini(&body);
}

static void answer_one(struct publish *publish)
{
    struct http_reply reply = { .status = 200 };
    char headers[64];

    if (publish->route == PUSH_PUBLISH) {
        snprintf(headers, sizeof headers, "X-Delivery: %s\r\n", publish->postings[0].status);
        reply.headers = headers;
    }
    http_reply(publish_finish(publish), &reply);
}

/* The answer to a list says what happened to each message, unless the store failed them all. */
static bool is_all_lost(const struct publish *publish)
{
    size_t lost = 0;

    for (size_t i = 0; i < publish->fan.count; i++)
        lost += publish->sent[i]->is_lost;
    return lost > 0 && lost == publish->fan.count;
}

static void on_all_posted(struct fan *fan)
{
    struct publish *publish = LIST_ENTRY(fan, struct publish, fan);

    if (is_all_lost(publish))
        push_fail(publish_finish(publish));
    else if (publish->batch.is_list)
        answer_list(publish);
    else
        answer_one(publish);
}

/* ---- posting --------------------------------------------------------------------------------- */

static void posting_end(struct posting *posting, enum result result,
                        const struct channel_appended *appended)
{
    if (result != RESULT_OK) {
        posting->status = "error";
        posting->wrong = result == RESULT_UNCERTAIN ? "it may have been stored" : "unavailable";
        posting->is_lost = true;
    } else if (appended->is_duplicate) {
        posting->status = "duplicate";
    } else {
        posting->status = appended->listeners > 0 ? "live" : "queued";
        posting->publish->push->node->metrics.push_published++;
    }
}

static void on_appended(enum result result, const struct channel_appended *appended, void *ctx)
{
    struct posting *posting = ctx;

    posting_end(posting, result, appended);
    fan_answered(&posting->publish->fan);
}

static void posting_send(struct posting *posting)
{
    const struct push_message *message = posting->message;
    struct publish *publish = posting->publish;
    bool is_to_all = message->player.data == NULL;
    struct channel_id id = {
        .kind = is_to_all ? CHANNEL_BROADCAST : CHANNEL_PLAYER,
        .realm = slice_of(publish->identity->realm),
        .id = is_to_all ? BROADCAST_ID : message->player,
    };
    struct channel_message stored = {
        .ttl_ms = message->ttl_ms,
        .once = message->once,
        .is_live_only = publish->route == PUSH_BROADCAST,
    };
    struct buf frame;

    buf_init(&frame, push_frame_max(message));
    push_frame_write(&frame, message);
    assert(!frame.has_overflowed);
    stored.payload = buf_slice(&frame);
    channel_append(publish->push->node->store, &id, &stored, on_appended, posting, &posting->op);
    buf_fini(&frame);
}

static void start_posting(struct fan *fan, size_t index)
{
    posting_send(LIST_ENTRY(fan, struct publish, fan)->sent[index]);
}

static void publish_post(struct publish *publish)
{
    size_t count = publish->batch.count, sent = 0;

    publish->postings = xcalloc(count + 1, sizeof *publish->postings);
    publish->sent = xcalloc(count + 1, sizeof *publish->sent);
    for (size_t i = 0; i < count; i++) {
        const struct push_message *message = &publish->batch.messages[i];

        publish->postings[i] = (struct posting){
            .publish = publish, .message = message, .status = "error", .wrong = message->wrong
        };
        if (message->wrong == NULL)
            publish->sent[sent++] = &publish->postings[i];
    }
    publish->fan = (struct fan){ .count = sent, .start = start_posting, .done = on_all_posted };
    fan_begin(&publish->fan);
}

/* ---- the rate -------------------------------------------------------------------------------- */

static void publish_go_on(struct publish *publish)
{
    if (publish->is_good)
        publish_post(publish);
    else
        http_reply_text(publish_finish(publish), 400, "bad request");
}

static void on_taken(enum result result, uint32_t retry_ms, void *ctx)
{
    struct publish *publish = ctx;

    if (result == RESULT_OK) {
        publish_go_on(publish);
    } else if (result == RESULT_REFUSED) {
        publish->push->node->metrics.limits[LIMIT_RATE]++;
        push_too_many(publish_finish(publish), "rate limit", (retry_ms + 999) / 1000);
    } else {
        push_fail(publish_finish(publish));
    }
}

/* A body that is wrong counts as one message. */
static void publish_take_tokens(struct publish *publish)
{
    const struct config *config = publish->push->node->config;
    const struct rate_limit limit = { config->rate_limit, config->rate_period_ms };
    size_t tokens = publish->is_good ? publish->batch.count : 1;

    if (limit.count == 0 || tokens == 0)
        publish_go_on(publish);
    else
        rate_take(publish->push->node->store, slice_of(publish->identity->realm),
                  slice_of(publish->identity->subject), &limit, (uint32_t)tokens, on_taken, publish,
                  &publish->taking);
}

/* ---- who, and what --------------------------------------------------------------------------- */

static void on_checked(const struct auth_outcome *outcome, void *ctx)
{
    struct publish *publish = ctx;

    if (outcome->answer != AUTH_OK) {
        push_refuse(publish_finish(publish), outcome, 403, "invalid server token");
        return;
    }
    publish->identity = identity_ref(outcome->identity);
    publish->is_good = push_parse(http_body(publish->request), publish->route,
                                  publish->push->node->config->max_ttl_ms, &publish->batch);
    publish_take_tokens(publish);
}

static void handle(struct http_request *request, struct push *push, enum push_route route)
{
    struct auth_request ask = {
        .kind = CREDENTIAL_SERVER,
        .secret = http_bearer(request),
        .peer = http_peer(request),
    };
    struct auth_outcome outcome;
    struct publish *publish;

    if (ask.secret.len == 0) {
        http_reply_text(request, 401, "missing token");
        return;
    }
    publish = xcalloc(1, sizeof *publish);
    publish->request = request;
    publish->push = push;
    publish->route = route;
    http_wait(request, on_client_gone, publish);
    outcome = auth_check(push->node->auth, &ask, on_checked, publish, &publish->checking);
    if (outcome.answer != AUTH_PENDING)
        on_checked(&outcome, publish);
}

void publish_handle(struct http_request *request, void *dialect)
{
    handle(request, dialect, PUSH_PUBLISH);
}

void broadcast_handle(struct http_request *request, void *dialect)
{
    handle(request, dialect, PUSH_BROADCAST);
}
