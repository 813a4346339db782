/* SPDX-License-Identifier: MIT */
/*
 * A token makes a socket somebody. It comes with the handshake, as for every Socket.IO client, or a nonce that
 * stands for it does, or it comes by an event; wherever it comes from, the socket has one identity.
 */
#include <stdio.h>
#include <stdlib.h>

#include "architus_room.h"
#include "auth_throttle.h"
#include "base/log.h"
#include "base/mem.h"
#include "metrics.h"
#include "store/kept.h"

enum { ROOM_MAX = 256, NONCE_MAX = 64 };

/* ---- a proof -------------------------------------------------------------------------------------- */

/* From a nonce or a token to an identity. */
struct proving {
    struct architus *app;
    struct sio_socket *socket;
    struct store_op *taking;
    struct jwt_check *checking;
    void (*done)(struct proving *proving,
                 struct jwt *jwt); /* NULL: it proves nothing. Once; maybe at once */
};

static void on_checked(enum jwt_answer answer, struct jwt *jwt, void *ctx)
{
    struct proving *proving = ctx;
    bool is_good = answer == JWT_OK && identity_is_good(proving->app, jwt);

    if (!is_good)
        log_peer(LOG_INFO, NULL, "architus.token_refused", "reason=%s",
                 answer == JWT_OK ? "no_user" : jwt_answer_text(answer));
    proving->done(proving, is_good ? jwt : NULL);
}

static void prove_token(struct proving *proving, struct slice token)
{
    struct jwt *jwt = NULL;
    enum jwt_answer answer =
        jwt_check(proving->app->node->jwts, token, &jwt, on_checked, proving, &proving->checking);

    if (answer == JWT_PENDING)
        return;
    on_checked(answer, jwt, proving);
    jwt_unref(&jwt);
}

static void on_nonce_taken(enum result result, struct slice token, void *ctx)
{
    struct proving *proving = ctx;
    struct architus *app = proving->app;

    if (result == RESULT_NOT_FOUND)
        throttle_count(app->nonce_failures, &sio_handshake(proving->socket)->peer,
                       &app->node->config->auth_failures);
    if (result == RESULT_OK)
        prove_token(proving, token);
    else
        proving->done(proving, NULL);
}

/* A nonce is short and may be guessed: beyond --auth-failures none is looked up for that address. */
static void prove_nonce(struct proving *proving, struct slice nonce)
{
    struct architus *app = proving->app;

    if (throttle_wait_ms(app->nonce_failures, &sio_handshake(proving->socket)->peer,
                         &app->node->config->auth_failures) > 0) {
        app->node->metrics.limits[LIMIT_TOKEN_FAILURES]++;
        proving->done(proving, NULL);
        return;
    }
    kept_take(proving->app->node->store, KEPT_NONCE, sio_default_realm(), nonce, on_nonce_taken,
              proving, &proving->taking);
}

static void proving_cancel(struct proving *proving)
{
    store_cancel(&proving->taking);
    jwt_cancel(&proving->checking);
}

/* ---- at the door ------------------------------------------------------------------------------------ */

struct arrival {
    struct proving proving;
    struct sio_admission *admission;
};

static void on_arrival_gone(void *ctx)
{
    struct arrival *arrival = ctx;

    proving_cancel(&arrival->proving);
    free(arrival);
}

static void on_arrival_proved(struct proving *proving, struct jwt *jwt)
{
    struct arrival *arrival = LIST_ENTRY(proving, struct arrival, proving);
    struct sio_admission *admission = arrival->admission;

    if (jwt != NULL)
        sio_set_identity(sio_admission_socket(admission), jwt);
    free(arrival);
    sio_admit(admission);
}

static struct arrival *arrival_create(struct architus *app, struct sio_admission *admission)
{
    struct arrival *arrival = xcalloc(1, sizeof *arrival);

    arrival->proving.app = app;
    arrival->proving.socket = sio_admission_socket(admission);
    arrival->proving.done = on_arrival_proved;
    arrival->admission = admission;
    sio_admission_wait(admission, on_arrival_gone, arrival);
    return arrival;
}

/* An id in the query; nothing when there is none. */
static struct slice find_nonce(const struct engine_handshake *handshake, struct buf *text)
{
    uint64_t number;

    if (!engine_query(handshake, "nonce", text) ||
        !slice_to_u64(buf_slice(text), 0, UINT64_MAX, &number))
        return (struct slice){ NULL, 0 };
    return buf_slice(text);
}

void elevate_admit(struct sio_admission *admission, void *app)
{
    struct architus *architus = app;
    struct sio_socket *socket = sio_admission_socket(admission);
    const struct engine_handshake *handshake = sio_handshake(socket);
    struct slice nonce;
    struct buf text;

    if (!slice_is(sio_namespace(socket), "/") || sio_identity(socket) != NULL) {
        sio_admit(admission);
        return;
    }
    buf_init(&text, NONCE_MAX);
    nonce = find_nonce(handshake, &text);
    if (nonce.data != NULL)
        prove_nonce(&arrival_create(architus, admission)->proving, nonce);
    else
        sio_admit(admission);
    buf_fini(&text);
}

/* ---- its rooms ---------------------------------------------------------------------------------------- */

static struct slice auth_room(const struct session *session, char out[ROOM_MAX])
{
    struct slice id = sio_id(session->socket);
    int len = snprintf(out, ROOM_MAX, "%.*s_auth", (int)id.len, id.data);

    return (struct slice){ out, (size_t)len };
}

static struct slice user_room(const struct jwt *identity, char out[ROOM_MAX])
{
    int len = snprintf(out, ROOM_MAX, "user_%s", identity->subject);

    return (struct slice){ out, (size_t)len };
}

void elevate_settle(struct session *session)
{
    struct jwt *identity = session_identity(session);
    char auth[ROOM_MAX], user[ROOM_MAX];

    if (identity == NULL)
        return;
    sio_join(session->socket, auth_room(session, auth), NULL, NULL);
    sio_join(session->socket, user_room(identity, user), NULL, NULL);
}

static void leave_rooms(struct session *session)
{
    struct jwt *identity = sio_identity(session->socket);
    char auth[ROOM_MAX], user[ROOM_MAX];

    watch_end(session);
    sio_leave(session->socket, auth_room(session, auth));
    if (identity != NULL && identity_user(identity).data != NULL)
        sio_leave(session->socket, user_room(identity, user));
}

void elevate_demote(struct session *session)
{
    leave_rooms(session);
    sio_set_identity(session->socket, NULL);
}

/* ---- request_elevation ----------------------------------------------------------------------------------- */

struct elevation {
    struct proving proving;
    struct list node; /* session->elevations */
    struct sio_task task;
    struct session *session;
    struct pending_ack ack;
};

static void elevation_free(struct elevation *elevation)
{
    list_remove(&elevation->node);
    proving_cancel(&elevation->proving);
    sio_task_end(&elevation->task);
    free(elevation);
}

void elevations_end(struct session *session)
{
    LIST_EACH (node, spare, &session->elevations) {
        elevation_free(LIST_ENTRY(node, struct elevation, node));
    }
}

static void on_gone(struct sio_task *task)
{
    elevation_free(LIST_ENTRY(task, struct elevation, task));
}

static void answer(struct session *session, struct pending_ack ack, bool is_elevated)
{
    struct slice object = is_elevated ? SLICE_LITERAL("{\"message\":\"success\"}")
                                      : SLICE_LITERAL("{\"message\":\"Missing or invalid jwt\"}");

    session_send(session, "elevation_return", object);
    session_ack(session, ack, object);
}

/* The same user with a new token goes on watching. */
static void become(struct session *session, struct jwt *jwt)
{
    struct jwt *before = sio_identity(session->socket);

    if (before != NULL && !slice_equals(identity_user(before), identity_user(jwt)))
        leave_rooms(session);
    sio_set_identity(session->socket, jwt);
    elevate_settle(session);
}

static void on_proved(struct proving *proving, struct jwt *jwt)
{
    struct elevation *elevation = LIST_ENTRY(proving, struct elevation, proving);
    struct session *session = elevation->session;
    struct pending_ack ack = elevation->ack;

    if (jwt != NULL)
        become(session, jwt);
    elevation_free(elevation);
    answer(session, ack, jwt != NULL);
}

/* A nonce that is said twice is taken once: so the first of the two goes on. */
void elevate_handle(struct session *session, const struct sio_event *event)
{
    struct elevation *elevation;
    struct proof proof;

    if (!proof_parse(sio_argument(event, 0), &proof)) {
        answer(session, ack_of(event), false);
        buf_fini(&proof.text);
        return;
    }
    elevation = xcalloc(1, sizeof *elevation);
    list_append(&session->elevations, &elevation->node);
    elevation->session = session;
    elevation->ack = ack_of(event);
    elevation->proving.app = session->app;
    elevation->proving.socket = session->socket;
    elevation->proving.done = on_proved;
    sio_task_begin(session->socket, &elevation->task, on_gone);
    if (proof.token.len > 0)
        prove_token(&elevation->proving, proof.token);
    else
        prove_nonce(&elevation->proving, proof.nonce);
    buf_fini(&proof.text);
}
