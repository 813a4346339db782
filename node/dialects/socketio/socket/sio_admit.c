/* SPDX-License-Identifier: MIT */
/*
 * From CONNECT to its answer:
 *
 *     the apps are asked, one after the other → the socket's own channels come into force → CONNECT
 *
 * A client that comes back and can be recovered skips the apps: it is who it was.
 *
 * Any app may take its time. The CONNECT's payload and what the client sends meanwhile to the namespace are kept,
 * within bounds, and the latter is handled behind the answer; its DISCONNECT ends the whole thing, as the connection's end does. With a refusal
 * it is dropped: the client had no right to it yet.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "sio_assembly.h"
#include "sio_inner.h"
#include "sio_name.h"
#include "sio_recover.h"

enum { KEPT_PACKETS_MAX = 16, KEPT_BYTES_MAX = 65536 };

struct kept {
    struct list node;
    struct sio_assembly *packet;
};

struct sio_admission {
    struct sio_socket *socket;
    size_t next_app;
    struct buf auth;
    struct list kept;
    uint32_t kept_count;
    size_t kept_bytes;
    void (*on_gone)(void *ctx); /* of the app that decides; NULL: it need not know */
    void *ctx;
    struct sio_recovery *recovery; /* while it is being tried */
};

/* ---- what came too early -------------------------------------------------------------------------- */

void sio_admission_keep(struct sio_admission *admission, struct sio_assembly **assembly)
{
    struct kept *kept = xcalloc(1, sizeof *kept);

    kept->packet = *assembly;
    *assembly = NULL;
    list_append(&admission->kept, &kept->node);
    admission->kept_bytes += sio_assembly_bytes(kept->packet);
    if (++admission->kept_count > KEPT_PACKETS_MAX || admission->kept_bytes > KEPT_BYTES_MAX)
        sio_conn_fault(admission->socket->conn, SIO_FAULT_QUEUE);
}

static struct sio_assembly *take_kept(struct list *queue)
{
    struct kept *kept = LIST_ENTRY(queue->next, struct kept, node);
    struct sio_assembly *packet = kept->packet;

    list_remove(&kept->node);
    free(kept);
    return packet;
}

static void drop_kept(struct list *queue)
{
    while (!list_is_empty(queue)) {
        struct sio_assembly *packet = take_kept(queue);

        sio_assembly_destroy(&packet);
    }
}

/* In order, until one of them ends the socket or its connection. */
static void handle_kept(struct sio_socket *socket, struct list *queue)
{
    while (!list_is_empty(queue) && socket->state == SIO_CONNECTED && !socket->conn->is_ending) {
        struct sio_assembly *packet = take_kept(queue);

        sio_conn_handle(socket->conn, &packet);
    }
    drop_kept(queue);
}

/* ---- life ------------------------------------------------------------------------------------------- */

static void admission_destroy(struct sio_admission **admission)
{
    struct sio_admission *gone = *admission;

    *admission = NULL;
    drop_kept(&gone->kept);
    sio_recovery_destroy(&gone->recovery);
    buf_fini(&gone->auth);
    free(gone);
}

void sio_admission_end(struct sio_socket *socket)
{
    struct sio_admission *admission = socket->admission;

    if (admission == NULL)
        return;
    if (admission->on_gone != NULL)
        admission->on_gone(admission->ctx);
    admission_destroy(&socket->admission);
}

void sio_admission_wait(struct sio_admission *admission, void (*on_gone)(void *ctx), void *ctx)
{
    admission->on_gone = on_gone;
    admission->ctx = ctx;
}

struct sio_socket *sio_admission_socket(struct sio_admission *admission)
{
    return admission->socket;
}

struct slice sio_admission_auth(const struct sio_admission *admission)
{
    return buf_slice(&admission->auth);
}

/* ---- in ---------------------------------------------------------------------------------------------- */

/* {"sid":"…"}, with the pid where the socket can be recovered; protocol 4 knows it by itself. */
static void answer(struct sio_socket *socket)
{
    struct json payload = { .type = JSON_ABSENT };
    struct buf text;

    buf_init(&text, 2 * SIO_ID_MAX);
    if (sio_handshake(socket)->version == ENGINE_4) {
        buf_printf(&text, "{\"sid\":\"%s\"", socket->id);
        if (socket->session != NULL)
            buf_printf(&text, ",\"pid\":\"%s\"", socket->session->pid);
        buf_add_byte(&text, '}');
        payload = (struct json){ JSON_OBJECT, buf_slice(&text) };
    }
    sio_conn_tell(socket->conn, SIO_CONNECT, sio_namespace(socket), payload);
    buf_fini(&text);
}

/* What a client that came back has missed goes first, then the answer; then whatever the apps say, what waits on
 * its channels, what waited here. A client keeps what it missed until it has the answer, also beyond its connection:
 * so both come to it at once, or it might have them twice. */
static void let_in(struct sio_admission *admission, struct sio_recovery *recovery)
{
    struct sio_socket *socket = admission->socket;
    struct engine_conn *engine = socket->conn->engine;
    struct list kept;

    list_init(&kept);
    list_splice(&kept, &admission->kept);
    admission_destroy(&socket->admission);
    sio_socket_enter(socket, SIO_CONNECTED);
    deadline_clear(&socket->conn->connecting);
    if (recovery != NULL)
        engine_cork(engine);
    if (recovery != NULL)
        sio_recovery_replay(recovery, socket);
    else if (sio_session_is_wanted(socket))
        sio_session_create(socket, NULL);
    sio_session_save(socket);
    answer(socket);
    sio_socket_tell(socket, recovery != NULL);
    if (socket->state == SIO_CONNECTED)
        sio_members_drain(socket);
    handle_kept(socket, &kept);
    if (recovery != NULL)
        engine_uncork(engine);
    if (socket->conn != NULL)
        sio_conn_note_rest(socket->conn);
}

/* Without its channels it would miss what is sent to it: better to come again. */
static void on_own_joined(enum result result, void *ctx)
{
    struct sio_admission *admission = ctx;

    if (result == RESULT_OK) {
        let_in(admission, NULL);
        return;
    }
    admission->socket->sio->node->metrics.socketio_refused[SOCKETIO_UNAVAILABLE]++;
    sio_conn_close(admission->socket->conn, ENGINE_FORCED_SERVER_CLOSE);
}

static void ask_next(struct sio_admission *admission)
{
    struct sio_socket *socket = admission->socket;
    const struct sio_app_list *apps = &socket->sio->apps;

    while (admission->next_app < apps->count && apps->items[admission->next_app]->admit == NULL)
        admission->next_app++;
    if (admission->next_app < apps->count) {
        size_t app = admission->next_app++;

        apps->items[app]->admit(admission, socket->sio->opened[app]);
        return;
    }
    sio_socket_enter(socket, SIO_JOINING);
    sio_members_begin(socket, on_own_joined, admission);
}

void sio_admit(struct sio_admission *admission)
{
    assert(admission->socket->state == SIO_ADMITTING);
    admission->on_gone = NULL;
    ask_next(admission);
}

/* ---- back ------------------------------------------------------------------------------------------- */

static void on_recovered(struct sio_recovery *recovery, void *ctx)
{
    struct sio_admission *admission = ctx;
    struct sio_socket *socket = admission->socket;

    if (recovery == NULL || !sio_recovery_apply(recovery, socket)) {
        sio_recovery_destroy(&recovery);
        ask_next(admission);
        return;
    }
    sio_socket_enter(socket, SIO_JOINING);
    sio_recovery_join(recovery, socket);
    sio_supersede(socket);
    let_in(admission, recovery);
    sio_recovery_destroy(&recovery);
}

/* ---- refused ------------------------------------------------------------------------------------------ */

void sio_conn_refuse(struct sio_conn *conn, struct slice nsp, const struct sio_refusal *refusal)
{
    bool is_object = engine_handshake(conn->engine)->version == ENGINE_4 || refusal->is_object;
    struct json payload;
    struct buf text;

    buf_init(&text, 6 * refusal->message.len + refusal->data.len + 64);
    if (is_object)
        buf_add_text(&text, "{\"message\":");
    if (is_object || refusal->data.data == NULL)
        json_quote(&text, refusal->message);
    if (is_object && refusal->data.data != NULL)
        buf_add_text(&text, ",\"data\":");
    buf_add_slice(&text, refusal->data);
    if (is_object)
        buf_add_byte(&text, '}');
    payload = (struct json){ JSON_OBJECT, buf_slice(&text) };
    sio_conn_tell(conn, SIO_CONNECT_ERROR, nsp, payload);
    buf_fini(&text);
}

void sio_refuse(struct sio_admission *admission, struct slice message, struct slice data)
{
    static const struct sio_end refused = { .reason = "refused" };
    const struct sio_refusal refusal = { .message = message, .data = data };
    struct sio_socket *socket = admission->socket;

    assert(socket->state == SIO_ADMITTING);
    admission->on_gone = NULL;
    socket->sio->node->metrics.socketio_refused[SOCKETIO_REFUSED]++;
    sio_conn_refuse(socket->conn, sio_namespace(socket), &refusal);
    sio_socket_end(socket, &refused);
}

/* ---- begin --------------------------------------------------------------------------------------------- */

/* Without pid and offset, which are between the client and us. False: that is more than may wait. */
static bool copy_auth(struct slice text, struct buf *out)
{
    struct json auth = { JSON_OBJECT, text }, name, value;
    size_t offset = 0;

    buf_init(out, KEPT_BYTES_MAX);
    buf_add_byte(out, '{');
    while (json_next_member(auth, &offset, &name, &value)) {
        if (json_text_is(name, "pid") || json_text_is(name, "offset"))
            continue;
        if (out->len > 1)
            buf_add_byte(out, ',');
        buf_add_slice(out, name.raw);
        buf_add_byte(out, ':');
        buf_add_slice(out, value.raw);
    }
    return buf_add_byte(out, '}');
}

/* In protocol 4 the client makes the same id of what it knows. */
static bool make_id(const struct sio_conn *conn, struct slice nsp, char out[SIO_ID_MAX])
{
    if (engine_handshake(conn->engine)->version == ENGINE_4)
        engine_random_id(out);
    else if (slice_is(nsp, "/"))
        snprintf(out, SIO_ID_MAX, "%s", engine_sid(conn->engine));
    else
        snprintf(out, SIO_ID_MAX, "%.*s#%s", (int)nsp.len, nsp.data, engine_sid(conn->engine));
    return sio_room_name_is_valid(slice_of(out));
}

void sio_admission_begin(struct sio_conn *conn, struct slice nsp, struct slice auth)
{
    static const struct sio_refusal too_long = {
        .message = { "Invalid namespace", sizeof "Invalid namespace" - 1 },
        .is_object = true,
    };
    struct sio_admission *admission;
    struct buf kept;
    char id[SIO_ID_MAX];

    if (!make_id(conn, nsp, id)) {
        conn->sio->node->metrics.socketio_refused[SOCKETIO_UNKNOWN_NAMESPACE]++;
        sio_conn_refuse(conn, nsp, &too_long);
        return;
    }
    if (!copy_auth(auth, &kept)) {
        buf_fini(&kept);
        sio_conn_fault(conn, SIO_FAULT_QUEUE);
        return;
    }
    admission = xcalloc(1, sizeof *admission);
    list_init(&admission->kept);
    admission->auth = kept;
    admission->socket = sio_socket_create(conn, nsp, id);
    admission->socket->admission = admission;
    if (!sio_recovery_begin(conn, nsp, auth, on_recovered, admission, &admission->recovery))
        ask_next(admission);
}
