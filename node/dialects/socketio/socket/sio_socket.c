/* SPDX-License-Identifier: MIT */
/*
 * One socket: a client in one namespace, from its CONNECT to its end. The table says which way its life
 * goes. It ends at any moment, also while an app handles something of it: what is over stays in memory
 * until the loop's next turn, and everything that is still asked of it does nothing.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sio_session.h"

const struct sio_end sio_client_left = {
    .reason = "client namespace disconnect",
    .leave = CHANNEL_LEAVE_IN_ORDER,
};
const struct sio_end sio_server_ended = {
    .reason = "server namespace disconnect",
    .leave = CHANNEL_LEAVE_IN_ORDER,
};
const struct sio_end sio_moved = {
    .reason = "transport close",
    .leave = CHANNEL_LEAVE_BROKEN,
    .has_moved = true,
};

/* ---- the table of sockets -------------------------------------------------------------------------- */

/* A namespace and, behind its NUL, an id. */
enum { KEY_MAX_BYTES = SIO_NAME_MAX + 1 + SIO_ID_MAX };

static size_t key_write(char key[KEY_MAX_BYTES], struct slice nsp, struct slice id)
{
    assert(nsp.len <= SIO_NAME_MAX && id.len < SIO_ID_MAX);
    memcpy(key, nsp.data, nsp.len);
    key[nsp.len] = '\0';
    memcpy(key + nsp.len + 1, id.data, id.len);
    return nsp.len + 1 + id.len;
}

static char *key_create(struct slice nsp, struct slice id)
{
    char key[KEY_MAX_BYTES];

    return slice_dup((struct slice){ key, key_write(key, nsp, id) });
}

struct sio_socket *sio_find(struct sio *sio, struct slice nsp, struct slice id)
{
    struct sio_socket *socket;
    char key[KEY_MAX_BYTES];
    size_t len;

    if (nsp.len > SIO_NAME_MAX || id.len >= SIO_ID_MAX)
        return NULL;
    len = key_write(key, nsp, id);
    HASH_FIND(hh, sio->sockets, key, len, socket);
    return socket;
}

/* The newest of two with one id is it: the other's client has come back. */
static void enlist(struct sio_socket *socket)
{
    struct sio_socket *older = sio_find(socket->sio, sio_namespace(socket), sio_id(socket));

    if (older != NULL)
        sio_socket_yield(older);
    HASH_ADD_KEYPTR(hh, socket->sio->sockets, socket->nsp,
                    strlen(socket->nsp) + 1 + strlen(socket->id), socket);
}

/* ---- its states -------------------------------------------------------------------------------------- */

static void on_entering_connected(struct sio_socket *socket)
{
    socket->sio->node->metrics.socketio_connects++;
    socket->sio->node->metrics.socketio_sockets++;
}

static void on_entering_over(struct sio_socket *socket)
{
    list_remove(&socket->node);
    socket->conn->socket_count--;
    list_append(&socket->sio->graves, &socket->node);
}

#define TO(state) (1u << (state))

static const struct socket_rule {
    const char *name;
    unsigned next;
    void (*enter)(struct sio_socket *socket);
} rules[SIO_STATES] = {
    [SIO_ADMITTING] = { "admitting", TO(SIO_JOINING) | TO(SIO_OVER), NULL },
    [SIO_JOINING] = { "joining", TO(SIO_CONNECTED) | TO(SIO_OVER), enlist },
    [SIO_CONNECTED] = { "connected", TO(SIO_OVER), on_entering_connected },
    [SIO_OVER] = { "over", 0, on_entering_over },
};

void sio_socket_enter(struct sio_socket *socket, enum sio_state to)
{
    assert(rules[socket->state].next & TO(to));
    log_debug(NULL, "sio.socket", "conn=%llu from=%s to=%s",
              (unsigned long long)engine_number(socket->conn->engine), rules[socket->state].name,
              rules[to].name);
    socket->state = (uint8_t)to;
    if (rules[to].enter != NULL)
        rules[to].enter(socket);
}

struct sio_socket *sio_socket_create(struct sio_conn *conn, struct slice nsp, const char *id)
{
    struct sio_socket *socket = xcalloc(1, sizeof *socket);

    assert(strlen(id) < sizeof socket->id);
    socket->sio = conn->sio;
    socket->conn = conn;
    socket->state = SIO_ADMITTING;
    strcpy(socket->id, id);
    socket->nsp = key_create(nsp, slice_of(id));
    list_init(&socket->tasks);
    list_init(&socket->members);
    list_init(&socket->data);
    deadline_init(&socket->expiry);
    list_append(&conn->sockets, &socket->node);
    conn->socket_count++;
    return socket;
}

void sio_socket_rename(struct sio_socket *socket, const char *id)
{
    char *former = socket->nsp;

    assert(socket->state == SIO_ADMITTING && strlen(id) < sizeof socket->id);
    strcpy(socket->id, id);
    socket->nsp = key_create(slice_of(former), slice_of(id));
    free(former);
}

/* ---- what the apps hear ------------------------------------------------------------------------------ */

void sio_socket_tell(struct sio_socket *socket, bool is_back)
{
    const struct sio_app_list *apps = &socket->sio->apps;

    socket->is_back = false;
    while (socket->state == SIO_CONNECTED && socket->told_count < apps->count) {
        size_t app = socket->told_count++;

        if (apps->items[app]->on_connect != NULL)
            apps->items[app]->on_connect(socket, is_back, socket->sio->opened[app]);
    }
}

/* Only who was told of the beginning hears of the end. */
static void tell_end(struct sio_socket *socket, const struct sio_end *end)
{
    const struct sio_app_list *apps = &socket->sio->apps;

    for (size_t app = 0; app < socket->told_count; app++)
        if (apps->items[app]->on_disconnect != NULL)
            apps->items[app]->on_disconnect(socket, end->reason, end->has_moved,
                                            socket->sio->opened[app]);
}

/* ---- its end ------------------------------------------------------------------------------------------ */

static void on_burial(struct deadline *burial)
{
    sio_sockets_bury(LIST_ENTRY(burial, struct sio, burial));
}

void sio_sockets_bury(struct sio *sio)
{
    while (!list_is_empty(&sio->graves)) {
        struct sio_socket *socket = LIST_ENTRY(sio->graves.next, struct sio_socket, node);

        list_remove(&socket->node);
        free(socket->nsp);
        free(socket);
    }
}

static void count_out(struct sio_socket *socket)
{
    HASH_DELETE(hh, socket->sio->sockets, socket);
    if (socket->state != SIO_CONNECTED)
        return;
    socket->sio->node->metrics.socketio_sockets--;
}

void sio_socket_end(struct sio_socket *socket, const struct sio_end *end)
{
    struct sio_conn *conn = socket->conn;

    if (socket->is_back) /* its end is ours to tell, so its beginning as well */
        sio_socket_tell(socket, true);
    if (socket->state == SIO_OVER)
        return;
    if (socket->state != SIO_ADMITTING)
        count_out(socket);
    sio_socket_enter(socket, SIO_OVER);
    sio_admission_end(socket);
    sio_tasks_end(socket);
    tell_end(socket, end);
    sio_session_end(socket, end);
    sio_asks_forget(socket);
    sio_members_end(socket, end->leave);
    sio_auth_end(socket);
    sio_data_end(socket);
    socket->conn = NULL;
    deadline_set(socket->sio->deadlines, &socket->sio->burial, 0, on_burial);
    sio_conn_note_rest(conn);
}

void sio_socket_yield(struct sio_socket *socket)
{
    struct sio_conn *conn = socket->conn;

    if (socket->state == SIO_OVER)
        return;
    sio_socket_end(socket, &sio_moved);
    if (list_is_empty(&conn->sockets))
        sio_conn_close(conn, ENGINE_FORCED_SERVER_CLOSE);
}

/* By its private room it would come too late. */
void sio_part(struct sio_socket *socket)
{
    if (socket->state == SIO_CONNECTED)
        sio_session_end(socket, &sio_server_ended);
}

static void end_by_us(struct sio_socket *socket)
{
    if (socket->state != SIO_ADMITTING)
        sio_conn_tell(socket->conn, SIO_DISCONNECT, sio_namespace(socket),
                      (struct json){ .type = JSON_ABSENT });
    sio_socket_end(socket, &sio_server_ended);
}

void sio_disconnect(struct sio_socket *socket, bool closes)
{
    struct sio_conn *conn = socket->conn;

    if (socket->state == SIO_OVER)
        return;
    end_by_us(socket);
    if (!closes)
        return;
    while (!list_is_empty(&conn->sockets))
        end_by_us(LIST_ENTRY(conn->sockets.next, struct sio_socket, node));
    sio_conn_close(conn, ENGINE_SERVER_DISCONNECT);
}

/* ---- what it is ---------------------------------------------------------------------------------------- */

struct slice sio_id(const struct sio_socket *socket)
{
    return slice_of(socket->id);
}

struct slice sio_namespace(const struct sio_socket *socket)
{
    return slice_of(socket->nsp);
}

struct slice sio_default_realm(void)
{
    return SLICE_LITERAL("default");
}

struct slice sio_realm(const struct sio_socket *socket)
{
    (void)socket;
    return sio_default_realm();
}

struct engine_conn *sio_socket_engine(const struct sio_socket *socket)
{
    return socket->conn != NULL ? socket->conn->engine : NULL;
}

const struct engine_handshake *sio_handshake(const struct sio_socket *socket)
{
    assert(socket->conn != NULL); /* not after its end */
    return engine_handshake(socket->conn->engine);
}
