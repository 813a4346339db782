/* SPDX-License-Identifier: MIT */
/*
 * The door: HTTP requests, checked in the order in which Engine.IO's clients expect it: what they
 * are, whether they may, and who answers them: a connection here, the owner of one elsewhere, or we
 * at once.
 */
#include "engine_door.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* One request, while it is looked at. */
struct visit {
    struct engine *engine;
    struct http_request *request;
    struct visitor *arriving; /* NULL, or a POST whose body was awaited */
    struct buf headers;       /* of the answer, NUL-terminated          */
};

/* ---- answers -------------------------------------------------------------------------------------------- */

static void visit_end(struct visit *visit)
{
    buf_fini(&visit->headers);
}

/* The request is answered here, and goes to no connection. */
static void visit_reply(struct visit *visit, int status, const char *type, struct slice body)
{
    visitor_forget(&visit->arriving);
    http_reply(visit->request,
               &(struct http_reply){ .status = status,
                                     .type = type,
                                     .body = body,
                                     .headers = engine_headers_end(&visit->headers) });
    visit_end(visit);
}

static void visit_refuse(struct visit *visit, enum engine_error error)
{
    visit->engine->node->metrics.engine_refused[error]++;
    log_peer(LOG_DEBUG, NULL, "engine.refused", "engine=%s code=%d", visit->engine->ops->name,
             error);
    visit_reply(visit, error == ENGINE_ERROR_FORBIDDEN ? 403 : 400, "application/json",
                engine_error_body(error));
}

static void visit_unavailable(struct visit *visit)
{
    buf_add_text(&visit->headers, "Retry-After: 1\r\n");
    visit_reply(visit, 503, NULL, SLICE_LITERAL(""));
}

/* ---- polls ---------------------------------------------------------------------------------------------------- */

/* Its connection is here, or its owner is asked. */
static void visit_poll(struct visit *visit, const struct poll_request *poll)
{
    struct engine *engine = visit->engine;
    struct visitor *visitor = visit->arriving;

    if (visitor == NULL)
        visitor = visitor_create(engine, visit->request);
    visit_end(visit);
    if (engine_is_ours(engine, poll->sid)) { /* maybe since its head came */
        engine_remote_forget(engine->remote, &visitor->poll);
        engine_poll(engine, poll, &visitor->poll);
    } else {
        engine_remote_poll(engine->remote, poll, &visitor->poll);
    }
}

/* ---- handshakes ----------------------------------------------------------------------------------------------- */

/* Polling clients are counted as if they had a socket each. */
static bool take_place(struct engine *engine, const struct peer *peer, struct conn_place *place)
{
    if (conn_limit_take(engine->limit, place) && conn_limit_take_address(place, peer))
        return true;
    conn_limit_give(place);
    return false;
}

static void visit_open_polling(struct visit *visit, enum engine_version version)
{
    struct engine *engine = visit->engine;
    struct http_request *request = visit->request;
    struct conn_place place = { NULL, NULL };
    struct engine_conn *conn;
    struct visitor *visitor;

    if (!take_place(engine, http_peer(request), &place)) {
        visit_unavailable(visit);
        return;
    }
    visit_end(visit);
    conn = engine_conn_create(engine, engine_handshake_of(engine, request, version), NULL);
    conn->place = place;
    conn->has_b64 = slice_is(http_query(request, "b64"), "1");
    conn->is_jsonp = engine_is_jsonp(engine, request);
    engine->node->metrics.engine_opened[version - ENGINE_3][0]++;
    visitor = visitor_create(engine, request);
    engine_conn_open(conn);
    engine_conn_greet(conn, &visitor->poll);
}

static void visit_open_websocket(struct visit *visit, enum engine_version version)
{
    carrier_create_direct(visit->engine, visit->request, engine_headers_end(&visit->headers),
                          engine_handshake_of(visit->engine, visit->request, version));
    visit_end(visit);
}

/* ---- upgrades --------------------------------------------------------------------------------------------------- */

/* One whose connection's owner is being asked. */
struct knock {
    struct engine *engine;
    struct http_request *request;
    struct move *moving;
    enum engine_version version;
};

static void visit_upgrade(struct visit *visit, enum engine_version version,
                          enum engine_verdict verdict, struct home *home)
{
    switch (verdict) {
    case ENGINE_UNKNOWN:
        visit_refuse(visit, ENGINE_ERROR_SID);
        break;
    case ENGINE_WRONG_VERSION:
        visit_refuse(visit, ENGINE_ERROR_REQUEST);
        break;
    case ENGINE_UNREACHABLE:
        visit_unavailable(visit);
        break;
    default: /* FOUND; or it is closed as soon as it is open */
        carrier_create_probing(visit->engine, visit->request, engine_headers_end(&visit->headers),
                               version, home);
        visit_end(visit);
        break;
    }
}

static void on_home(enum engine_verdict verdict, struct home *home, void *ctx)
{
    struct knock *knock = ctx;
    struct visit visit = { .engine = knock->engine, .request = knock->request };
    enum engine_version version = knock->version;

    free(knock);
    engine_headers_init(&visit.headers, visit.engine, visit.request);
    visit_upgrade(&visit, version, verdict, home);
}

static void on_knock_gone(void *ctx)
{
    struct knock *knock = ctx;

    engine_move_cancel(&knock->moving);
    free(knock);
}

static void visit_ask_owner(struct visit *visit, struct slice sid, enum engine_version version)
{
    struct knock *knock = xcalloc(1, sizeof *knock);

    knock->engine = visit->engine;
    knock->request = visit->request;
    knock->version = version;
    http_wait(visit->request, on_knock_gone, knock);
    visit_end(visit);
    engine_move_begin(knock->engine->moves, sid, version, on_home, knock, &knock->moving);
}

/* ---- what is asked ---------------------------------------------------------------------------------------------- */

struct wish {
    enum http_method method;
    bool is_upgrade, is_polling, is_websocket;
    enum engine_version version; /* 0: none that we know */
    struct slice sid;
};

static void read_wish(const struct engine *engine, struct http_request *request, struct wish *wish)
{
    const struct engine_settings *settings = &engine->settings;
    struct slice transport = http_query(request, "transport"), eio = http_query(request, "EIO");

    *wish = (struct wish){
        .method = http_request_method(request),
        .is_upgrade = http_is_upgrade(request),
        .is_polling = settings->has_polling && slice_is(transport, "polling"),
        .is_websocket = settings->has_websocket && slice_is(transport, "websocket"),
        .sid = http_query(request, "sid"),
    };
    if (slice_is(eio, "4"))
        wish->version = ENGINE_4;
    else if (slice_is(eio, "3") && settings->has_version_3)
        wish->version = ENGINE_3;
}

static struct poll_request poll_of(const struct http_request *request, const struct wish *wish)
{
    return (struct poll_request){
        .sid = wish->sid,
        .version = wish->version,
        .is_post = wish->method == HTTP_POST,
        .is_octets = eio_is_octets(http_header(request, "content-type")),
        .body = http_body(request),
    };
}

/* It would be here. Whether another node has one, only that knows. */
static bool is_nowhere(const struct engine *engine, struct slice sid)
{
    return engine_is_ours(engine, sid) && !engine_has(engine, sid);
}

/* A request that names a connection. */
static void visit_known(struct visit *visit, const struct wish *wish)
{
    struct engine *engine = visit->engine;
    struct poll_request poll = poll_of(visit->request, wish);
    struct home *home = NULL;

    if (!engine_is_sid(wish->sid) || is_nowhere(engine, wish->sid)) {
        visit_refuse(visit, ENGINE_ERROR_SID);
    } else if (wish->version == 0 && !engine_is_ours(engine, wish->sid)) {
        visit_refuse(visit, ENGINE_ERROR_REQUEST); /* whatever it is, that is not its version */
    } else if (wish->is_upgrade && engine->node->is_draining) { /* polling goes on, elsewhere */
        visit_unavailable(visit);
    } else if (wish->is_upgrade && wish->is_polling) { /* no transport of that name upgrades */
        visit_upgrade(visit, wish->version, ENGINE_WRONG_TRANSPORT, NULL);
    } else if (wish->is_upgrade && engine_is_ours(engine, wish->sid)) {
        enum engine_verdict verdict = engine_home_here(engine, wish->sid, wish->version, &home);

        visit_upgrade(visit, wish->version, verdict, home);
    } else if (wish->is_upgrade) {
        visit_ask_owner(visit, wish->sid, wish->version);
    } else if (wish->method != HTTP_GET && wish->method != HTTP_POST) {
        buf_add_text(&visit->headers, "Allow: GET, POST, OPTIONS\r\n");
        visit_reply(visit, 405, NULL, SLICE_LITERAL(""));
    } else if (wish->is_websocket) {
        visit_refuse(visit, ENGINE_ERROR_REQUEST);
    } else {
        visit_poll(visit, &poll);
    }
}

static void visit_new(struct visit *visit, const struct wish *wish)
{
    if (wish->method != HTTP_GET)
        visit_refuse(visit, ENGINE_ERROR_METHOD);
    else if (wish->is_websocket && !wish->is_upgrade)
        visit_refuse(visit, ENGINE_ERROR_REQUEST);
    else if (wish->version == 0)
        visit_refuse(visit, ENGINE_ERROR_VERSION);
    else if (visit->engine->node->is_draining)
        visit_unavailable(visit);
    else if (wish->is_websocket)
        visit_open_websocket(visit, wish->version);
    else if (wish->is_upgrade)
        visit_upgrade(visit, wish->version, ENGINE_WRONG_TRANSPORT, NULL);
    else
        visit_open_polling(visit, wish->version);
}

static void visit_go_in(struct visit *visit)
{
    struct slice origin = http_header(visit->request, "origin");
    struct wish wish;

    read_wish(visit->engine, visit->request, &wish);
    if (!wish.is_polling && !wish.is_websocket)
        visit_refuse(visit, ENGINE_ERROR_TRANSPORT);
    else if (!engine_is_printable(origin))
        visit_refuse(visit, ENGINE_ERROR_REQUEST);
    else if (!engine_is_welcome(visit->engine, origin))
        visit_refuse(visit, ENGINE_ERROR_FORBIDDEN);
    else if (wish.sid.len > 0 || (wish.sid.data == NULL && http_has_query(visit->request, "sid")))
        visit_known(visit, &wish);
    else
        visit_new(visit, &wish);
}

void engine_handle(struct http_request *request, void *ctx)
{
    struct visit visit = { .engine = ctx, .request = request, .arriving = http_waiting(request) };
    struct slice name = http_path(request);

    name.data += visit.engine->path_len;
    name.len -= visit.engine->path_len;
    engine_headers_init(&visit.headers, visit.engine, request);
    if (http_request_method(request) == HTTP_OPTIONS && engine_has_cors(visit.engine)) {
        engine_add_preflight(request, &visit.headers);
        visit_reply(&visit, 204, NULL, SLICE_LITERAL(""));
    } else if (visit.engine->has_files && http_request_method(request) == HTTP_GET &&
               engine_files_know(name)) {
        engine_files_serve(visit.engine->files, request, name, engine_headers_end(&visit.headers));
        visit_end(&visit);
    } else {
        visit_go_in(&visit);
    }
}

/* A POST: that one is under way is worth knowing to its connection's node, and that it broke off. */
void engine_arrives(struct http_request *request, void *ctx)
{
    struct engine *engine = ctx;
    struct poll_request poll;
    struct wish wish;

    read_wish(engine, request, &wish);
    if (wish.method != HTTP_POST || wish.is_upgrade || !wish.is_polling ||
        !engine_is_sid(wish.sid) || !engine_is_welcome(engine, http_header(request, "origin")))
        return;
    poll = poll_of(request, &wish);
    if (engine_is_ours(engine, wish.sid))
        engine_poll_arrives(engine, &poll, &visitor_create(engine, request)->poll);
    else if (wish.version != 0)
        engine_remote_arrives(engine->remote, &poll, &visitor_create(engine, request)->poll);
}

/* One that is too large leaves its connection alone; one that breaks off ends it. */
void engine_refused(struct http_request *request, int status, void *ctx)
{
    enum { TOO_LARGE = 413, UNAVAILABLE = 503 };
    struct visit visit = { .engine = ctx, .request = request, .arriving = http_waiting(request) };

    if (visit.arriving != NULL && status != TOO_LARGE) {
        engine_poll_gone(&visit.arriving->poll);
        engine_remote_gone(visit.engine->remote, &visit.arriving->poll);
    }
    engine_headers_init(&visit.headers, visit.engine, request);
    if (status == UNAVAILABLE)
        buf_add_text(&visit.headers, "Retry-After: 1\r\n");
    visit_reply(&visit, status, NULL, SLICE_LITERAL(""));
}

static uint32_t body_max(void *ctx)
{
    return ((const struct engine *)ctx)->settings.max_payload;
}

void engine_serve(struct engine *engine, const char *path, bool has_files)
{
    const struct http_prefix prefix = {
        .path = path,
        .handle = engine_handle,
        .body_max = body_max,
        .on_refused = engine_refused,
        .on_arriving = engine_arrives,
    };

    engine->path_len = strlen(path);
    engine->has_files = has_files;
    if (has_files)
        engine_files_load(&engine->files, engine->node->config->socketio_client);
    http_add_prefix(engine->node->http, &prefix, engine);
}
