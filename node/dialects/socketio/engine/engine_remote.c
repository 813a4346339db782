/* SPDX-License-Identifier: MIT */
/*
 * Polls that came to another node than their connection's. The owner is asked as a client would ask it: it answers,
 * or holds the question as it holds a request, and when the client's TCP connection breaks, the question is taken
 * back.
 *
 *     question    sid, version, traits, body
 *     answer      status, form, error, has a `j`, `j`, body
 *
 * A node that drains wants its clients to poll elsewhere from now on: it asks the owners to let their GETs return.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "engine_inner.h"

enum {
    TOPIC_SIZE = 40,
    QUESTION_MAX = 64,     /* without the body                                 */
    POST_LIMIT_MS = 10000, /* a POST is answered at once; a GET by the heartbeat */
    GET_GRACE_MS = 5000,
    STATUS_MAX = 599,
};
enum { TRAIT_POST = 1, TRAIT_OCTETS = 2, TRAIT_RETURN = 4, TRAITS = 8 };

struct engine_remote {
    struct engine *engine;
    struct asking *asking; /* by poll */
    struct list asked;     /* struct asked */
    size_t bytes;          /* of bodies on their way */
    char topic[TOPIC_SIZE];
};

/* ---- here: what another node is asked ------------------------------------------------------------------- */

struct asking {
    UT_hash_handle hh;
    struct engine_remote *remote;
    struct poll *poll;
    struct call *call, *returning;
    struct deadline limit;
    size_t bytes;
    enum engine_version version;
    bool is_held, is_returning; /* it is a GET; its owner has been told to let it return */
    char sid[ENGINE_ID_LEN];
};

static void asking_free(struct asking *asking)
{
    HASH_DELETE(hh, asking->remote->asking, asking);
    call_cancel(&asking->call);
    call_cancel(&asking->returning);
    deadline_clear(&asking->limit);
    asking->remote->bytes -= asking->bytes;
    free(asking);
}

static void refuse(struct asking *asking, enum engine_verdict verdict)
{
    struct poll *poll = asking->poll;

    asking_free(asking);
    engine_poll_refuse(poll, verdict);
}

static bool read_answer(struct slice text, struct poll_answer *answer)
{
    struct unpack unpack;
    bool is_jsonp;

    unpack_init(&unpack, text);
    answer->status = (int)unpack_number_max(&unpack, STATUS_MAX);
    answer->form = (enum poll_form)unpack_number_max(&unpack, POLL_FORMS - 1);
    answer->error = (enum engine_error)unpack_number_max(&unpack, ENGINE_ERROR_VERSION);
    is_jsonp = unpack_number_max(&unpack, 1) == 1;
    answer->jsonp = unpack_slice(&unpack);
    answer->body = unpack_slice(&unpack);
    if (!is_jsonp)
        answer->jsonp.data = NULL;
    return unpack_is_done(&unpack);
}

static void on_answered(enum result result, struct slice text, void *ctx)
{
    struct asking *asking = ctx;
    struct poll *poll = asking->poll;
    struct poll_answer answer;

    if (result == RESULT_NOT_FOUND || result == RESULT_INVALID) {
        refuse(asking, ENGINE_UNKNOWN);
    } else if (result != RESULT_OK || !read_answer(text, &answer)) {
        refuse(asking, ENGINE_UNREACHABLE);
    } else {
        asking_free(asking);
        poll->ops->answer(poll, &answer);
    }
}

static void on_refused(struct deadline *deadline)
{
    refuse(LIST_ENTRY(deadline, struct asking, limit), ENGINE_UNREACHABLE);
}

static void on_late(struct deadline *deadline)
{
    struct asking *asking = LIST_ENTRY(deadline, struct asking, limit);

    log_peer(LOG_WARN, NULL, "engine.remote_late", "bytes=%zu", asking->bytes);
    refuse(asking, ENGINE_UNREACHABLE);
}

static uint32_t limit_ms(const struct engine *engine, const struct poll_request *request)
{
    const struct engine_settings *settings = &engine->settings;

    return request->is_post ? POST_LIMIT_MS
                            : settings->ping_interval_ms + settings->ping_timeout_ms + GET_GRACE_MS;
}

static void ask(struct asking *asking, unsigned traits, struct slice body, call_done_fn *done,
                struct call **slot)
{
    struct slice sid = { asking->sid, ENGINE_ID_LEN };
    struct engine_remote *remote = asking->remote;
    char owner[NODE_ID_LEN + 1];
    struct buf text;

    buf_init(&text, QUESTION_MAX + body.len);
    pack_slice(&text, sid);
    pack_number(&text, asking->version);
    pack_number(&text, traits);
    pack_slice(&text, body);
    assert(!text.has_overflowed);
    engine_owner(sid, owner);
    call_start(remote->engine->node->calls, slice_of(owner), remote->topic, buf_slice(&text), done,
               asking, slot);
    buf_fini(&text);
}

void engine_remote_poll(struct engine_remote *remote, const struct poll_request *request,
                        struct poll *poll)
{
    struct asking *asking = xcalloc(1, sizeof *asking);
    struct engine *engine = remote->engine;
    bool is_full = remote->bytes + request->body.len > engine->node->config->poll_forward_max;

    engine->node->metrics.engine_polls[1]++;
    asking->remote = remote;
    asking->poll = poll;
    asking->version = request->version;
    asking->is_held = !request->is_post && !is_full;
    memcpy(asking->sid, request->sid.data, ENGINE_ID_LEN);
    deadline_init(&asking->limit);
    HASH_ADD_PTR(remote->asking, poll, asking);
    if (is_full) {
        engine->node->metrics.limits[LIMIT_POLL_FORWARD]++;
        deadline_set(engine->deadlines, &asking->limit, 0, on_refused);
        return;
    }
    asking->bytes = request->body.len;
    remote->bytes += asking->bytes;
    deadline_set(engine->deadlines, &asking->limit, limit_ms(engine, request), on_late);
    ask(asking, (request->is_post ? TRAIT_POST : 0) | (request->is_octets ? TRAIT_OCTETS : 0),
        request->body, on_answered, &asking->call);
}

static void on_return_told(enum result result, struct slice text, void *ctx)
{
    (void)result; /* the poll's own answer is what is waited for */
    (void)text;
    (void)ctx;
}

uint32_t engine_remote_return(struct engine_remote *remote, uint32_t max)
{
    struct asking *asking, *next;
    uint32_t told = 0;

    HASH_ITER (hh, remote->asking, asking, next) {
        if (told == max)
            break;
        if (!asking->is_held || asking->is_returning)
            continue;
        asking->is_returning = true;
        ask(asking, TRAIT_RETURN, (struct slice){ "", 0 }, on_return_told, &asking->returning);
        told++;
    }
    return told;
}

bool engine_remote_gone(struct engine_remote *remote, struct poll *poll)
{
    struct asking *asking;

    HASH_FIND_PTR(remote->asking, &poll, asking);
    if (asking != NULL)
        asking_free(asking);
    return asking != NULL;
}

/* ---- there: what another node asks ---------------------------------------------------------------------- */

struct asked {
    struct poll poll;
    struct list node;
    struct call_asked *asked;
};

static void asked_free(struct asked *asked)
{
    list_remove(&asked->node);
    free(asked);
}

static void answer_call(struct call_asked *asked, const struct poll_answer *answer)
{
    struct buf text;

    buf_init(&text, CALL_TEXT_MAX);
    pack_number(&text, (uint64_t)answer->status);
    pack_number(&text, answer->form);
    pack_number(&text, answer->error);
    pack_number(&text, answer->jsonp.data != NULL);
    pack_slice(&text, answer->jsonp);
    pack_slice(&text, answer->body);
    if (text.has_overflowed) { /* whoever asked makes nothing of it, and the client begins anew */
        log_peer(LOG_WARN, NULL, "engine.remote_too_big", "bytes=%zu", answer->body.len);
        buf_clear(&text);
    }
    call_answer(asked, buf_slice(&text));
    buf_fini(&text);
}

static void on_poll_answered(struct poll *poll, const struct poll_answer *answer)
{
    struct asked *asked = LIST_ENTRY(poll, struct asked, poll);
    struct call_asked *call = asked->asked;

    asked_free(asked);
    answer_call(call, answer);
}

static const struct poll_ops poll_ops = { .answer = on_poll_answered };

/* The client's TCP connection broke, or its node did. */
static void on_taken_back(void *ctx)
{
    struct asked *asked = ctx;

    engine_poll_gone(&asked->poll);
    asked_free(asked);
}

static bool read_question(struct slice text, struct poll_request *request, uint64_t *traits_out)
{
    struct unpack unpack;
    uint64_t version, traits;

    unpack_init(&unpack, text);
    request->sid = unpack_slice(&unpack);
    version = unpack_number(&unpack);
    *traits_out = traits = unpack_number_max(&unpack, TRAITS - 1);
    request->version = version == ENGINE_3 ? ENGINE_3 : ENGINE_4;
    request->is_post = (traits & TRAIT_POST) != 0;
    request->is_octets = (traits & TRAIT_OCTETS) != 0;
    request->body = unpack_slice(&unpack);
    return unpack_is_done(&unpack) && engine_is_sid(request->sid);
}

/* The GET that this node holds for the connection's client: by now another one may. */
static void let_return(struct engine_remote *remote, const struct poll_request *request,
                       struct slice asker)
{
    struct engine_conn *conn;

    if (engine_find(remote->engine, request->sid, request->version, &conn) != ENGINE_FOUND ||
        conn->get == NULL || conn->get->ops != &poll_ops)
        return;
    if (slice_equals(call_asker(LIST_ENTRY(conn->get, struct asked, poll)->asked), asker))
        engine_conn_let_return(conn);
}

static void on_asked(struct call_asked *call, struct slice text, void *ctx)
{
    struct engine_remote *remote = ctx;
    struct poll_request request;
    struct asked *asked;
    uint64_t traits;

    if (!read_question(text, &request, &traits)) {
        log_peer(LOG_WARN, NULL, "engine.remote_question", "bytes=%zu", text.len);
        call_answer(call, (struct slice){ "", 0 });
        return;
    }
    if ((traits & TRAIT_RETURN) != 0) {
        let_return(remote, &request, call_asker(call));
        call_answer(call, (struct slice){ "", 0 });
        return;
    }
    asked = xcalloc(1, sizeof *asked);
    asked->poll.ops = &poll_ops;
    asked->asked = call;
    list_append(&remote->asked, &asked->node);
    call_wait(call, on_taken_back, asked);
    engine_poll(remote->engine, &request, &asked->poll);
}

/* ---- life ------------------------------------------------------------------------------------------------ */

struct engine_remote *engine_remote_create(struct engine *engine)
{
    struct engine_remote *remote = xcalloc(1, sizeof *remote);
    int len = snprintf(remote->topic, sizeof remote->topic, "%s-poll", engine->ops->name);

    assert(len > 0 && (size_t)len < sizeof remote->topic);
    remote->engine = engine;
    list_init(&remote->asked);
    call_handle(engine->node->calls, remote->topic, on_asked, remote);
    return remote;
}

void engine_remote_destroy(struct engine_remote **remote)
{
    struct engine_remote *old = *remote;

    if (old == NULL)
        return;
    *remote = NULL;
    assert(old->asking == NULL && list_is_empty(&old->asked));
    free(old);
}
