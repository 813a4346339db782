/* SPDX-License-Identifier: MIT */
/*
 * A call is known by its id, which the back end repeats on a list; over HTTP the answer knows its call by
 * itself. Whichever way it goes, its deadline ends it, and a late answer finds nobody.
 */
#include "backend.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/log.h"
#include "base/mem.h"
#include "json.h"
#include "mailslot.h"

enum { ID_SIZE = 40, SHARD_SIZE = 16, QUESTION_MAX = 8 * 1024 * 1024, SOON_MS = 1, LOOK_MS = 250 };

struct shard {
    UT_hash_handle hh;
    uint32_t number, running;
};

struct backend {
    struct node *node;
    struct deadlines *deadlines;
    struct slice realm;
    struct shard *shards;       /* that are asked something now */
    struct backend_call *calls; /* by id */
    struct mailslot *mailslot;  /* where answers on lists arrive */
    uint64_t made;
};

struct backend_call {
    UT_hash_handle hh;
    struct backend *backend;
    struct backend_call **slot;
    backend_done_fn *done;
    void *ctx;
    struct shard *shard; /* NULL: it was not asked */
    struct deadline deadline;
    struct hook_call *hook;
    struct store_op *pushing;
    bool is_listed; /* the mailslot looks for its answer */
    int refusal;    /* why it was not asked */
    char id[ID_SIZE];
};

/* ---- its end ------------------------------------------------------------------------------------- */

static void shard_leave(struct backend *backend, struct shard *shard)
{
    if (shard == NULL || --shard->running > 0)
        return;
    HASH_DEL(backend->shards, shard);
    free(shard);
}

static void call_free(struct backend_call *call)
{
    struct backend *backend = call->backend;

    *call->slot = NULL;
    if (call->is_listed)
        mailslot_leave(backend->mailslot);
    deadline_clear(&call->deadline);
    hook_cancel(&call->hook);
    store_cancel(&call->pushing);
    shard_leave(backend, call->shard);
    HASH_DEL(backend->calls, call);
    backend->node->metrics.architus_running--;
    free(call);
}

void backend_cancel(struct backend_call **slot)
{
    if (*slot != NULL)
        call_free(*slot);
}

/* 504 is ours: none came. */
static void count_answer(struct backend *backend, int status)
{
    bool has_come = status >= 100 && status < 600 && status != 504;

    backend->node->metrics.architus_answers[has_come ? status / 100 : 0]++;
}

/* The last thing that is done with a call. */
static void call_end(struct backend_call *call, int status, struct json resp)
{
    backend_done_fn *done = call->done;
    void *ctx = call->ctx;

    if (call->refusal == 0)
        count_answer(call->backend, status);
    call_free(call);
    done(status, resp, ctx);
}

static void call_fail(struct backend_call *call, int status)
{
    call_end(call, status, (struct json){ .type = JSON_ABSENT });
}

/* {"sc":…,"resp":…}. On a list there may be more of it than a hook would take. */
static void call_take(struct backend_call *call, struct json answer)
{
    struct json_member members[] = { { .name = "sc" }, { .name = "resp" } };
    int64_t status;

    if (answer.raw.len <= HOOK_ANSWER_MAX && answer.type == JSON_OBJECT &&
        json_members(answer, members, 2) && json_whole(members[0].value, 100, 599, &status)) {
        call_end(call, (int)status, members[1].value);
    } else {
        log_peer(LOG_WARN, NULL, "architus.malformed_answer", "bytes=%zu", answer.raw.len);
        call_fail(call, 502);
    }
}

static void on_due(struct deadline *deadline)
{
    struct backend_call *call = LIST_ENTRY(deadline, struct backend_call, deadline);

    call_fail(call, call->refusal != 0 ? call->refusal : 504);
}

/* ---- over HTTP ----------------------------------------------------------------------------------- */

static void on_hook_done(enum result result, const struct hook_answer *answer, void *ctx)
{
    struct backend_call *call = ctx;
    struct json body = { .type = JSON_ABSENT };

    if (result == RESULT_UNCERTAIN)
        call_fail(call, 504);
    else if (result != RESULT_OK)
        call_fail(call, 503);
    else if (answer->status == 200 && json_parse(answer->body, &body))
        call_take(call, body);
    else if (answer->status == 200)
        call_fail(call, 502);
    else if (json_parse(answer->body, &body))
        call_end(call, answer->status, body);
    else
        call_fail(call, answer->status);
}

static void ask_hook(struct backend_call *call, const char *url, struct slice body)
{
    struct hook_request request = {
        .url = url,
        .body = body,
        .delivery = slice_of(call->id),
        .timeout_ms = BACKEND_TIMEOUT_MS,
    };

    hook_call(call->backend->node->hooks, &request, on_hook_done, call, &call->hook);
}

/* ---- on lists -------------------------------------------------------------------------------------- */

static void on_pushed(enum result result, void *ctx)
{
    struct backend_call *call = ctx;

    if (result == RESULT_REFUSED)
        call->backend->node->metrics.limits[LIMIT_ARCHITUS_CALLS]++;
    if (result != RESULT_OK && result != RESULT_UNCERTAIN)
        call_fail(call, 503);
}

static void on_letter(struct json letter, void *ctx)
{
    struct json_member id = { .name = "id" };
    struct backend *backend = ctx;
    struct backend_call *call = NULL;
    struct buf text;

    buf_init(&text, ID_SIZE);
    if (json_members(letter, &id, 1) && json_text(id.value, &text))
        HASH_FIND(hh, backend->calls, text.data, text.len, call);
    buf_fini(&text);
    if (call != NULL)
        call_take(call, letter);
}

static void ask_list(struct backend_call *call, struct slice body)
{
    struct backend *backend = call->backend;
    char queue[SHARD_SIZE];

    snprintf(queue, sizeof queue, "%" PRIu32, call->shard->number);
    mailslot_enter(backend->mailslot);
    call->is_listed = true;
    rpc_push(backend->node->store, backend->realm, slice_of(queue), body, on_pushed, call,
             &call->pushing);
}

/* ---- asking ---------------------------------------------------------------------------------------- */

/* (guild >> 22) mod shards */
static uint32_t shard_of(struct slice guild, uint32_t shards)
{
    uint64_t number;

    if (!slice_to_u64(guild, 0, UINT64_MAX, &number))
        return 0;
    return (uint32_t)((number >> 22) % shards);
}

static uint32_t shard_for(struct backend *backend, const struct backend_question *question)
{
    uint32_t shards = backend->node->config->shards;

    if (question->shard >= 0)
        return (uint32_t)question->shard % shards;
    if (question->guild.data != NULL)
        return shard_of(question->guild, shards);
    return (uint32_t)(backend->made % shards);
}

/* NULL: it has enough to do. */
static struct shard *shard_enter(struct backend *backend, uint32_t number)
{
    struct shard *shard;

    HASH_FIND(hh, backend->shards, &number, sizeof number, shard);
    if (shard == NULL) {
        shard = xcalloc(1, sizeof *shard);
        shard->number = number;
        HASH_ADD(hh, backend->shards, number, sizeof shard->number, shard);
    }
    if (shard->running >= BACKEND_CALLS_MAX)
        return NULL;
    shard->running++;
    return shard;
}

static void write_question(struct buf *out, const struct backend_call *call,
                           const struct backend_question *question)
{
    const struct backend *backend = call->backend;
    struct key reply;

    rpc_answers_key(&reply, backend->realm, slice_of(backend->node->id));
    buf_init(out, QUESTION_MAX);
    buf_printf(out, "{\"id\":\"%s\",\"method\":\"%s\",\"args\":[", call->id, question->method);
    buf_add_slice(out, question->args);
    buf_add_text(out, "],\"kwargs\":");
    buf_add_slice(out, question->kwargs.data != NULL ? question->kwargs : SLICE_LITERAL("{}"));
    buf_add_text(out, ",\"guild_id\":");
    if (question->guild.data != NULL)
        json_quote(out, question->guild);
    else
        buf_add_text(out, "null");
    buf_printf(out, ",\"shard\":%" PRIu32 ",\"deadline\":%" PRId64 ",\"reply\":\"%s\"}",
               call->shard->number, store_now_ms(backend->node->store) + BACKEND_TIMEOUT_MS,
               reply.text);
}

static void call_refuse(struct backend_call *call)
{
    call->refusal = 503;
    call->backend->node->metrics.limits[LIMIT_ARCHITUS_CALLS]++;
    deadline_set(call->backend->deadlines, &call->deadline, SOON_MS, on_due);
}

static void call_send(struct backend_call *call, const struct backend_question *question)
{
    struct backend *backend = call->backend;
    const char *url = backend->node->config->architus_hook;
    struct buf body;

    write_question(&body, call, question);
    if (body.has_overflowed) {
        call_refuse(call);
    } else {
        backend->node->metrics.architus_asked++;
        deadline_set(backend->deadlines, &call->deadline, BACKEND_TIMEOUT_MS, on_due);
        if (url != NULL)
            ask_hook(call, url, buf_slice(&body));
        else
            ask_list(call, buf_slice(&body));
    }
    buf_fini(&body);
}

void backend_ask(struct backend *backend, const struct backend_question *question,
                 backend_done_fn *done, void *ctx, struct backend_call **slot)
{
    struct backend_call *call = xcalloc(1, sizeof *call);

    assert(*slot == NULL);
    *slot = call;
    call->backend = backend;
    call->slot = slot;
    call->done = done;
    call->ctx = ctx;
    deadline_init(&call->deadline);
    snprintf(call->id, sizeof call->id, "%s-%" PRIx64, backend->node->id, ++backend->made);
    HASH_ADD_KEYPTR(hh, backend->calls, call->id, strlen(call->id), call);
    backend->node->metrics.architus_running++;
    call->shard = shard_enter(backend, shard_for(backend, question));
    if (call->shard == NULL)
        call_refuse(call);
    else
        call_send(call, question);
}

struct backend *backend_create(struct node *node, struct deadlines *deadlines, struct slice realm)
{
    struct backend *backend = xcalloc(1, sizeof *backend);
    struct key key;

    backend->node = node;
    backend->deadlines = deadlines;
    backend->realm = realm;
    rpc_answers_key(&key, realm, slice_of(node->id));
    backend->mailslot = mailslot_create(node->store, deadlines, &key, LOOK_MS, on_letter, backend);
    return backend;
}

void backend_destroy(struct backend **backend)
{
    struct backend *gone = *backend;

    *backend = NULL;
    if (gone == NULL)
        return;
    assert(gone->calls == NULL && gone->shards == NULL);
    mailslot_destroy(&gone->mailslot);
    free(gone);
}
