/* SPDX-License-Identifier: MIT */
/*
 * Where a token may come from, in this order. The first good one counts. A bad one in the auth payload was
 * meant, and is refused, so that its client can mend it; browsers send the others by themselves, so a bad one
 * of these is like none.
 *
 *     auth payload {"token"} → Authorization: Bearer → the cookie --jwt-cookie → query token=
 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

#include "auth_throttle.h"
#include "base/mem.h"
#include "sio_auth.h"
#include "sio_inner.h"

struct sio_auth {
    struct node *node;
    struct throttle *throttle;
};

/* Why not, in words for a person and for a program. */
struct denial {
    const char *text, *code;
    uint32_t retry_after_s; /* 0: it does not help to wait */
};

/* Counts against the client's address what looks like guessing; beyond --auth-failures it is not told any
 * more what was wrong with its token. A good one passes all the same. */
static struct denial denial_of(struct sio_auth *app, const struct sio_socket *socket,
                               enum jwt_answer answer)
{
    static const char *const codes[JWT_ANSWERS] = {
        [JWT_MALFORMED] = "TOKEN_INVALID",
        [JWT_REFUSED] = "TOKEN_INVALID",
        [JWT_EXPIRED] = "TOKEN_EXPIRED",
        [JWT_UNKNOWN] = "TRY_AGAIN",
    };
    const struct peer *peer = &sio_handshake(socket)->peer;
    const struct rate *rate = &app->node->config->auth_failures;
    int64_t wait_ms = throttle_wait_ms(app->throttle, peer, rate);

    if (wait_ms > 0) {
        app->node->metrics.limits[LIMIT_TOKEN_FAILURES]++;
        return (struct denial){ "Too many failed attempts", "TRY_AGAIN",
                                (uint32_t)((wait_ms + 999) / 1000) };
    }
    if (answer == JWT_MALFORMED || answer == JWT_REFUSED)
        throttle_count(app->throttle, peer, rate);
    return (struct denial){ jwt_answer_text(answer), codes[answer], 0 };
}

/* {"code":"TRY_AGAIN","retryAfter":7} and the like: the members, without the braces. */
static void write_code(struct buf *out, const struct denial *denial)
{
    buf_printf(out, "\"code\":\"%s\"", denial->code);
    if (denial->retry_after_s > 0)
        buf_printf(out, ",\"retryAfter\":%" PRIu32, denial->retry_after_s);
}

/* ---- where tokens are --------------------------------------------------------------------------- */

/* The member "token" of an object; what is no text is no token either, but it was meant. */
static void read_member(struct json object, struct buf *out)
{
    struct json_member token = { .name = "token" };

    if (!json_members(object, &token, 1) || token.value.type == JSON_ABSENT ||
        token.value.type == JSON_NULL)
        return;
    if (!json_text(token.value, out)) {
        buf_clear(out);
        buf_add_byte(out, '?');
    }
}

static void read_payload(const struct sio_admission *admission, const struct engine_handshake *from,
                         const struct config *config, struct buf *out)
{
    struct json auth;

    (void)from;
    (void)config;
    if (json_parse(sio_admission_auth(admission), &auth))
        read_member(auth, out);
}

static void read_header(const struct sio_admission *admission, const struct engine_handshake *from,
                        const struct config *config, struct buf *out)
{
    static const char scheme[] = "Bearer ";

    (void)admission;
    (void)config;
    if (strncasecmp(from->authorization, scheme, sizeof scheme - 1) == 0)
        buf_add_slice(out, slice_trim(slice_of(from->authorization + sizeof scheme - 1)));
}

static void read_cookie(const struct sio_admission *admission, const struct engine_handshake *from,
                        const struct config *config, struct buf *out)
{
    (void)admission;
    if (config->jwt_cookie != NULL)
        buf_add_slice(out, engine_cookie(from, config->jwt_cookie));
}

static void read_query(const struct sio_admission *admission, const struct engine_handshake *from,
                       const struct config *config, struct buf *out)
{
    (void)admission;
    (void)config;
    if (!engine_query(from, "token", out))
        buf_clear(out);
}

static const struct source {
    void (*read)(const struct sio_admission *admission, const struct engine_handshake *from,
                 const struct config *config, struct buf *out);
    bool is_meant; /* a bad one is refused */
} sources[] = {
    { read_payload, true },
    { read_header, false },
    { read_cookie, false },
    { read_query, false },
};
enum { SOURCES = sizeof sources / sizeof sources[0] };

/* ---- admission ---------------------------------------------------------------------------------- */

struct entry {
    struct sio_auth *app;
    struct sio_admission *admission;
    struct jwt_check *checking;
    size_t source;
    bool is_unknown; /* a token could not be checked */
};

/* Each of these is the entry's end. */

static void entry_free(struct entry *entry)
{
    jwt_cancel(&entry->checking);
    free(entry);
}

static void on_entry_gone(void *ctx)
{
    entry_free(ctx);
}

static void entry_admit(struct entry *entry, struct jwt *identity)
{
    struct sio_admission *admission = entry->admission;

    entry_free(entry);
    sio_set_identity(sio_admission_socket(admission), identity);
    sio_admit(admission);
}

static void entry_refuse(struct entry *entry, const struct denial *denial)
{
    struct sio_admission *admission = entry->admission;
    struct buf data;

    entry_free(entry);
    buf_init(&data, 128);
    buf_add_byte(&data, '{');
    write_code(&data, denial);
    buf_add_byte(&data, '}');
    sio_refuse(admission, slice_of(denial->text), buf_slice(&data));
    buf_fini(&data);
}

static void entry_without(struct entry *entry)
{
    const struct denial required = { "Token required", "TOKEN_REQUIRED", 0 };
    const struct denial unknown = { jwt_answer_text(JWT_UNKNOWN), "TRY_AGAIN", 0 };

    if (entry->app->node->config->socketio_auth != SOCKETIO_AUTH_REQUIRED)
        entry_admit(entry, NULL);
    else
        entry_refuse(entry, entry->is_unknown ? &unknown : &required);
}

/* True: that was the end. */
static bool entry_take(struct entry *entry, enum jwt_answer answer, struct jwt *jwt)
{
    if (answer == JWT_OK) {
        entry_admit(entry, jwt);
        return true;
    }
    if (sources[entry->source].is_meant) {
        struct denial denial =
            denial_of(entry->app, sio_admission_socket(entry->admission), answer);

        entry_refuse(entry, &denial);
        return true;
    }
    entry->is_unknown |= answer == JWT_UNKNOWN;
    return false;
}

static void on_entry_checked(enum jwt_answer answer, struct jwt *jwt, void *ctx);

/* False when there is no token at this place. */
static bool entry_check(struct entry *entry, struct jwt **jwt_out, enum jwt_answer *answer_out)
{
    const struct node *node = entry->app->node;
    struct sio_socket *socket = sio_admission_socket(entry->admission);
    struct buf token;
    bool is_there;

    buf_init(&token, JWT_TOKEN_MAX + 1);
    sources[entry->source].read(entry->admission, sio_handshake(socket), node->config, &token);
    is_there = token.len > 0;
    if (is_there)
        *answer_out = jwt_check(node->jwts, buf_slice(&token), jwt_out, on_entry_checked, entry,
                                &entry->checking);
    buf_fini(&token);
    return is_there;
}

static void entry_go_on(struct entry *entry)
{
    for (; entry->source < SOURCES; entry->source++) {
        struct jwt *jwt = NULL;
        enum jwt_answer answer;
        bool is_over;

        if (!entry_check(entry, &jwt, &answer))
            continue;
        if (answer == JWT_PENDING) {
            sio_admission_wait(entry->admission, on_entry_gone, entry);
            return;
        }
        is_over = entry_take(entry, answer, jwt);
        jwt_unref(&jwt);
        if (is_over)
            return;
    }
    entry_without(entry);
}

static void on_entry_checked(enum jwt_answer answer, struct jwt *jwt, void *ctx)
{
    struct entry *entry = ctx;

    if (entry_take(entry, answer, jwt))
        return;
    entry->source++;
    entry_go_on(entry);
}

static void auth_admit(struct sio_admission *admission, void *app)
{
    struct sio_auth *auth = app;
    struct entry *entry;

    if (!jwts_is_configured(auth->node->jwts)) {
        sio_admit(admission);
        return;
    }
    entry = xcalloc(1, sizeof *entry);
    entry->app = auth;
    entry->admission = admission;
    entry_go_on(entry);
}

/* ---- renewal ------------------------------------------------------------------------------------ */

struct renewal {
    struct sio_task task;
    struct sio_auth *app;
    struct jwt_check *checking;
    uint64_t ack_id;
    bool wants_ack;
};

static void renewal_free(struct renewal *renewal)
{
    jwt_cancel(&renewal->checking);
    sio_task_end(&renewal->task);
    free(renewal);
}

static void on_renewal_gone(struct sio_task *task)
{
    renewal_free(LIST_ENTRY(task, struct renewal, task));
}

bool sio_auth_is_renewing(const struct sio_socket *socket)
{
    LIST_EACH (node, spare, &socket->tasks)
        if (LIST_ENTRY(node, struct sio_task, node)->on_gone == on_renewal_gone)
            return true;
    return false;
}

static void ack_renewed(const struct renewal *renewal, struct sio_socket *socket,
                        const struct jwt *jwt)
{
    struct buf args;

    if (!renewal->wants_ack)
        return;
    buf_init(&args, 128);
    buf_add_text(&args, "[{\"ok\":true,\"expires\":");
    if (jwt->expires_ms != 0)
        buf_printf(&args, "%" PRId64 "}]", jwt->expires_ms);
    else
        buf_add_text(&args, "null}]");
    sio_ack(socket, renewal->ack_id, buf_slice(&args));
    buf_fini(&args);
}

static void ack_denied(const struct renewal *renewal, struct sio_socket *socket,
                       const struct denial *denial)
{
    struct buf args;

    if (!renewal->wants_ack)
        return;
    buf_init(&args, 256);
    buf_printf(&args, "[{\"error\":\"%s\",", denial->text);
    write_code(&args, denial);
    buf_add_text(&args, "}]");
    sio_ack(socket, renewal->ack_id, buf_slice(&args));
    buf_fini(&args);
}

static void tell_renewed(struct sio_socket *socket)
{
    const struct sio_app_list *apps = &socket->sio->apps;

    for (size_t app = 0; app < socket->told_count; app++)
        if (apps->items[app]->on_renewed != NULL)
            apps->items[app]->on_renewed(socket, socket->sio->opened[app]);
}

static void take_renewed(const struct renewal *renewal, struct sio_socket *socket, struct jwt *jwt)
{
    static const struct denial another = { "Token of another subject", "TOKEN_INVALID", 0 };
    const struct jwt *old = sio_identity(socket);

    if (old != NULL && !jwt_is_same_holder(old, jwt)) {
        ack_denied(renewal, socket, &another);
        return;
    }
    sio_set_identity(socket, jwt);
    tell_renewed(socket);
    renewal->app->node->metrics.socketio_tokens[SOCKETIO_TOKEN_RENEWED]++;
    ack_renewed(renewal, socket, jwt);
}

static void on_renewal_checked(enum jwt_answer answer, struct jwt *jwt, void *ctx)
{
    struct renewal *renewal = ctx;
    struct sio_socket *socket = renewal->task.socket;

    if (answer == JWT_OK) {
        take_renewed(renewal, socket, jwt);
    } else {
        struct denial denial = denial_of(renewal->app, socket, answer);

        ack_denied(renewal, socket, &denial);
    }
    renewal_free(renewal);
}

static void renew(struct sio_auth *app, struct sio_socket *socket, struct slice token,
                  const struct sio_event *event)
{
    struct renewal *renewal = xcalloc(1, sizeof *renewal);
    enum jwt_answer answer;
    struct jwt *jwt;

    renewal->app = app;
    renewal->wants_ack = event->wants_ack;
    renewal->ack_id = event->ack_id;
    sio_task_begin(socket, &renewal->task, on_renewal_gone);
    answer =
        jwt_check(app->node->jwts, token, &jwt, on_renewal_checked, renewal, &renewal->checking);
    if (answer == JWT_PENDING)
        return;
    on_renewal_checked(answer, jwt, renewal);
    jwt_unref(&jwt);
}

/* Why there is nothing to check; NULL: there is. */
static const struct denial *renewal_fault(const struct sio_auth *app,
                                          const struct sio_socket *socket, struct slice token)
{
    static const struct denial not_configured = { "Tokens are not accepted here", "TOKEN_INVALID",
                                                  0 };
    static const struct denial missing = { "Token required", "TOKEN_REQUIRED", 0 };
    static const struct denial renewing = { "A renewal is under way", "TRY_AGAIN", 0 };
    static const struct denial too_late = { "Token expired", "TOKEN_EXPIRED", 0 };

    if (!jwts_is_configured(app->node->jwts))
        return &not_configured;
    if (token.len == 0)
        return &missing;
    if (sio_auth_has_ended(socket))
        return &too_late;
    return sio_auth_is_renewing(socket) ? &renewing : NULL;
}

static bool auth_on_event(struct sio_socket *socket, const struct sio_event *event, void *app)
{
    struct sio_auth *auth = app;
    const struct denial *fault;
    struct buf token;

    if (!slice_is(event->name, SIO_AUTH_RENEW))
        return false;
    buf_init(&token, JWT_TOKEN_MAX + 1);
    read_member(sio_argument(event, 0), &token);
    fault = renewal_fault(auth, socket, buf_slice(&token));
    if (fault == NULL)
        renew(auth, socket, buf_slice(&token), event);
    else
        ack_denied(&(struct renewal){ .wants_ack = event->wants_ack, .ack_id = event->ack_id },
                   socket, fault);
    buf_fini(&token);
    return true;
}

/* ---- the app ------------------------------------------------------------------------------------ */

static void auth_on_connect(struct sio_socket *socket, bool is_back, void *app)
{
    (void)is_back;
    (void)app;
    sio_auth_settle(socket);
}

static void *auth_open(struct node *node, struct sio *sio)
{
    struct sio_auth *app = xcalloc(1, sizeof *app);

    (void)sio;
    app->node = node;
    app->throttle = throttle_create();
    return app;
}

static void auth_close(void *app)
{
    struct sio_auth *auth = app;

    throttle_destroy(&auth->throttle);
    free(auth);
}

const struct sio_app sio_auth_app = {
    .name = "auth",
    .open = auth_open,
    .close = auth_close,
    .admit = auth_admit,
    .on_connect = auth_on_connect,
    .on_event = auth_on_event,
};
