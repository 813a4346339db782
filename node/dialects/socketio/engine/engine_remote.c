/* SPDX-License-Identifier: MIT */
/*
 * Polls that came to another node than their connection's. The owner is asked as a client would ask it: it answers,
 * or holds the question as it holds a request, and when the client's TCP connection breaks, the question is taken
 * back.
 *
 *     question    sid, version, traits, body
 *     answer      status, form, error, has a `j`, `j`, body
 *
 * A POST whose body does not come for a while is told of, in a question that is open until the POST itself follows, and
 * so is one that breaks off: that ends its connection wherever it came, as does overlapping with another POST.
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
    ARRIVAL_MS = 100, /* most bodies come at once: those are not worth a question of their own */
    STATUS_MAX = 599,
};
enum {
    TRAIT_POST = 1,
    TRAIT_OCTETS = 2,
    TRAIT_RETURN = 4,
    TRAIT_ARRIVES = 8,  /* a POST; its body is not there yet               */
    TRAIT_ARRIVED = 16, /* that is over: by this POST, or without one      */
    TRAITS = 32
};
static const struct slice nothing = { "", 0 };

struct engine_remote {
    struct engine *engine;
    struct asking *asking; /* by poll */
    struct list asked;     /* struct asked */
    size_t bytes;          /* of bodies on their way */
    char topic[TOPIC_SIZE], broke[TOPIC_SIZE];
};

/* ---- here: what another node is asked ------------------------------------------------------------------- */

struct asking {
    UT_hash_handle hh;
    struct engine_remote *remote;
    struct poll *poll;
    struct call *call, *arrival, *returning;
    struct deadline limit;
    size_t bytes;
    enum engine_version version;
    bool is_arriving;           /* it is a POST, whose body is not there yet */
    bool is_held, is_returning; /* it is a GET; its owner has been told to let it return */
    char sid[ENGINE_ID_LEN];
};

static void asking_free(struct asking *asking)
{
    HASH_DELETE(hh, asking->remote->asking, asking);
    call_cancel(&asking->call);
    call_cancel(&asking->arrival);
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

static struct slice sid_of(const struct asking *asking)
{
    return (struct slice){ asking->sid, ENGINE_ID_LEN };
}

static void write_question(const struct asking *asking, unsigned traits, struct slice body,
                           struct buf *text)
{
    buf_init(text, QUESTION_MAX + body.len);
    pack_slice(text, sid_of(asking));
    pack_number(text, asking->version);
    pack_number(text, traits);
    pack_slice(text, body);
    assert(!text->has_overflowed);
}

static void ask(struct asking *asking, unsigned traits, struct slice body, call_done_fn *done,
                struct call **slot)
{
    struct engine_remote *remote = asking->remote;
    char owner[NODE_ID_LEN + 1];
    struct buf text;

    write_question(asking, traits, body, &text);
    engine_owner(sid_of(asking), owner);
    call_start(remote->engine->node->calls, slice_of(owner), remote->topic, buf_slice(&text), done,
               asking, slot);
    buf_fini(&text);
}

static struct asking *asking_find(const struct engine_remote *remote, struct poll *poll)
{
    struct asking *asking;

    HASH_FIND_PTR(remote->asking, &poll, asking);
    return asking;
}

static struct asking *asking_create(struct engine_remote *remote,
                                    const struct poll_request *request, struct poll *poll)
{
    struct asking *asking = xcalloc(1, sizeof *asking);

    asking->remote = remote;
    asking->poll = poll;
    asking->version = request->version;
    memcpy(asking->sid, request->sid.data, ENGINE_ID_LEN);
    deadline_init(&asking->limit);
    HASH_ADD_PTR(remote->asking, poll, asking);
    return asking;
}

/* It is refused before it is there: whatever the words, its TCP connection is cut. Everything else the POST itself
 * will hear. */
static void on_arrival_answered(enum result result, struct slice text, void *ctx)
{
    struct asking *asking = ctx;
    struct poll *poll = asking->poll;
    struct poll_answer answer;

    if (result != RESULT_OK || !read_answer(text, &answer))
        return;
    asking_free(asking);
    poll->ops->answer(poll, &(struct poll_answer){ .form = POLL_CUT });
}

static void on_still_arriving(struct deadline *deadline)
{
    struct asking *asking = LIST_ENTRY(deadline, struct asking, limit);

    ask(asking, TRAIT_ARRIVES, nothing, on_arrival_answered, &asking->arrival);
}

/* It will not come, and nobody waits for an answer. */
static void tell_broken(const struct asking *asking)
{
    const struct engine_remote *remote = asking->remote;
    char owner[NODE_ID_LEN + 1];
    struct buf text;

    write_question(asking, TRAIT_POST, nothing, &text);
    engine_owner(sid_of(asking), owner);
    inbox_send(remote->engine->node->inbox, slice_of(owner), remote->broke, buf_slice(&text));
    buf_fini(&text);
}

void engine_remote_arrives(struct engine_remote *remote, const struct poll_request *request,
                           struct poll *poll)
{
    struct asking *asking = asking_create(remote, request, poll);

    asking->is_arriving = true;
    deadline_set(remote->engine->deadlines, &asking->limit, ARRIVAL_MS, on_still_arriving);
}

static void on_told(enum result result, struct slice text, void *ctx)
{
    (void)result; /* the poll's own answer is what is waited for */
    (void)text;
    (void)ctx;
}

/* It is over, and nothing comes of it: that is no break. */
static void end_arrival(struct asking *asking)
{
    if (asking->arrival == NULL)
        return;
    ask(asking, TRAIT_ARRIVED, nothing, on_told, &asking->returning);
    call_cancel(&asking->arrival);
}

static unsigned traits_of(const struct asking *asking, const struct poll_request *request)
{
    return (request->is_post ? TRAIT_POST : 0) | (request->is_octets ? TRAIT_OCTETS : 0) |
           (asking->arrival != NULL ? TRAIT_ARRIVED : 0);
}

void engine_remote_poll(struct engine_remote *remote, const struct poll_request *request,
                        struct poll *poll)
{
    struct asking *asking = asking_find(remote, poll);
    struct engine *engine = remote->engine;
    bool is_full = remote->bytes + request->body.len > engine->node->config->poll_forward_max;

    engine->node->metrics.engine_polls[1]++;
    if (asking == NULL)
        asking = asking_create(remote, request, poll);
    asking->is_arriving = false;
    asking->is_held = !request->is_post && !is_full;
    if (is_full) {
        end_arrival(asking);
        engine->node->metrics.limits[LIMIT_POLL_FORWARD]++;
        deadline_set(engine->deadlines, &asking->limit, 0, on_refused);
        return;
    }
    asking->bytes = request->body.len;
    remote->bytes += asking->bytes;
    deadline_set(engine->deadlines, &asking->limit, limit_ms(engine, request), on_late);
    ask(asking, traits_of(asking, request), request->body, on_answered, &asking->call);
    call_cancel(&asking->arrival); /* behind it: by then it is no news that it was taken back */
}

void engine_remote_forget(struct engine_remote *remote, struct poll *poll)
{
    struct asking *asking = asking_find(remote, poll);

    if (asking == NULL)
        return;
    end_arrival(asking);
    asking_free(asking);
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
        ask(asking, TRAIT_RETURN, nothing, on_told, &asking->returning);
        told++;
    }
    return told;
}

bool engine_remote_gone(struct engine_remote *remote, struct poll *poll)
{
    struct asking *asking = asking_find(remote, poll);

    if (asking == NULL)
        return false;
    if (asking->is_arriving)
        tell_broken(asking);
    asking_free(asking);
    return true;
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

/* The POST of that node's that has begun: what follows decides, not that its question is taken back. */
static void forget_arrival(struct engine_remote *remote, const struct poll_request *request,
                           struct slice asker)
{
    struct engine_conn *conn;

    if (engine_find(remote->engine, request->sid, request->version, &conn) != ENGINE_FOUND ||
        conn->post == NULL || conn->post->ops != &poll_ops)
        return;
    if (slice_equals(call_asker(LIST_ENTRY(conn->post, struct asked, poll)->asked), asker))
        engine_poll_forget(conn->post);
}

static void wait_for_answer(struct engine_remote *remote, const struct poll_request *request,
                            struct call_asked *call, bool arrives)
{
    struct asked *asked = xcalloc(1, sizeof *asked);

    asked->poll.ops = &poll_ops;
    asked->asked = call;
    list_append(&remote->asked, &asked->node);
    call_wait(call, on_taken_back, asked);
    if (arrives)
        engine_poll_arrives(remote->engine, request, &asked->poll);
    else
        engine_poll(remote->engine, request, &asked->poll);
}

static void on_asked(struct call_asked *call, struct slice text, void *ctx)
{
    struct engine_remote *remote = ctx;
    struct poll_request request;
    uint64_t traits;

    if (!read_question(text, &request, &traits)) {
        log_peer(LOG_WARN, NULL, "engine.remote_question", "bytes=%zu", text.len);
        call_answer(call, nothing);
        return;
    }
    if ((traits & TRAIT_RETURN) != 0)
        let_return(remote, &request, call_asker(call));
    if ((traits & TRAIT_ARRIVED) != 0)
        forget_arrival(remote, &request, call_asker(call));
    if ((traits & TRAIT_RETURN) != 0 || ((traits & TRAIT_ARRIVED) != 0 && !request.is_post))
        call_answer(call, nothing);
    else
        wait_for_answer(remote, &request, call, (traits & TRAIT_ARRIVES) != 0);
}

/* Another node's POST for a connection of ours. */
static void on_broken(struct slice text, void *ctx)
{
    struct engine_remote *remote = ctx;
    struct poll_request request;
    struct engine_conn *conn;
    uint64_t traits;

    if (read_question(text, &request, &traits) &&
        engine_find(remote->engine, request.sid, request.version, &conn) == ENGINE_FOUND &&
        conn->state == CONN_POLLING)
        engine_close(conn, ENGINE_TRANSPORT_ERROR);
}

/* ---- life ------------------------------------------------------------------------------------------------ */

struct engine_remote *engine_remote_create(struct engine *engine)
{
    struct engine_remote *remote = xcalloc(1, sizeof *remote);
    int len = snprintf(remote->topic, sizeof remote->topic, "%s-poll", engine->ops->name);

    assert(len > 0 && (size_t)len < sizeof remote->topic);
    snprintf(remote->broke, sizeof remote->broke, "%s-cut", engine->ops->name);
    inbox_handle(engine->node->inbox, remote->broke, on_broken, remote);
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
    assert(old->asking == NULL);
    while (!list_is_empty(&old->asked)) { /* POSTs that are still arriving, for what has ended */
        struct asked *asked = LIST_ENTRY(old->asked.next, struct asked, node);

        call_answer(asked->asked, nothing);
        asked_free(asked);
    }
    free(old);
}
