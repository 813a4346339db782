/* SPDX-License-Identifier: MIT */
/*
 * What comes in on a connection: packets are read, put together with their attachments, and handed to the
 * socket of their namespace. One whose namespace is still being decided keeps them for later (sio_admit.c).
 */
#include <assert.h>
#include <string.h>

#include "sio_assembly.h"
#include "sio_inner.h"
#include "sio_query.h"

enum { ASSEMBLY_PATIENCE_MS = 30000 };

/* ---- packets --------------------------------------------------------------------------------------- */

static struct sio_socket *conn_find(const struct sio_conn *conn, struct slice nsp)
{
    LIST_EACH (node, spare, &conn->sockets) {
        struct sio_socket *socket = LIST_ENTRY(node, struct sio_socket, node);

        if (slice_is(nsp, socket->nsp))
            return socket;
    }
    return NULL;
}

static void refuse(struct sio_conn *conn, struct slice nsp, enum socketio_refusal refusal)
{
    static const char *const messages[SOCKETIO_REFUSALS] = {
        [SOCKETIO_UNKNOWN_NAMESPACE] = "Invalid namespace",
        [SOCKETIO_TOO_MANY_NAMESPACES] = "Too many namespaces",
    };
    const struct sio_refusal told = { .message = slice_of(messages[refusal]), .is_object = true };

    conn->sio->node->metrics.socketio_refused[refusal]++;
    sio_conn_refuse(conn, nsp, &told);
}

/* A packet's namespace, and in protocol 4 the query that may stand behind it. */
static struct slice split_namespace(const struct sio_conn *conn, struct slice name,
                                    struct slice *query_out)
{
    const char *mark = NULL;

    *query_out = (struct slice){ "", 0 };
    if (engine_handshake(conn->engine)->version == ENGINE_3)
        mark = memchr(name.data, '?', name.len);
    if (mark == NULL)
        return name;
    *query_out = (struct slice){ mark + 1, (size_t)(name.data + name.len - mark - 1) };
    return (struct slice){ name.data, (size_t)(mark - name.data) };
}

/* Protocol 4: what the client says of itself stands in a query. */
static void join(struct sio_conn *conn, struct slice nsp, struct slice query)
{
    struct buf auth;

    buf_init(&auth, SIO_QUERY_JSON_MAX);
    sio_query_to_json(query, &auth);
    sio_admission_begin(conn, nsp, buf_slice(&auth));
    buf_fini(&auth);
}

void sio_conn_join_root(struct sio_conn *conn)
{
    const struct slice root = SLICE_LITERAL("/");

    if (sio_has_namespace(conn->sio, root))
        join(conn, root, slice_of(engine_handshake(conn->engine)->query));
    else
        refuse(conn, root, SOCKETIO_UNKNOWN_NAMESPACE);
}

static void conn_connect(struct sio_conn *conn, struct slice nsp, struct slice query,
                         struct json payload)
{
    if (nsp.len > SIO_NAME_MAX)
        sio_conn_fault(conn, SIO_FAULT_NAMESPACE);
    else if (!sio_has_namespace(conn->sio, nsp))
        refuse(conn, nsp, SOCKETIO_UNKNOWN_NAMESPACE);
    else if (conn->socket_count >= conn->sio->node->config->socketio_max_namespaces)
        refuse(conn, nsp, SOCKETIO_TOO_MANY_NAMESPACES);
    else if (engine_handshake(conn->engine)->version == ENGINE_3)
        join(conn, nsp, query);
    else
        sio_admission_begin(conn, nsp,
                            payload.type != JSON_ABSENT ? payload.raw : SLICE_LITERAL("{}"));
}

/* `assembly` is NULL for a packet without attachments; it is taken over where the packet has to wait. */
static void conn_packet(struct sio_conn *conn, const struct sio_packet *packet, struct slice text,
                        struct sio_assembly **assembly)
{
    struct slice query, nsp = split_namespace(conn, packet->nsp, &query);
    struct sio_socket *socket = conn_find(conn, nsp);
    struct sio_assembly *kept = NULL;

    if ((socket == NULL) != (packet->type == SIO_CONNECT) || packet->type == SIO_CONNECT_ERROR) {
        sio_conn_fault(conn, SIO_FAULT_STATE);
    } else if (socket == NULL) {
        conn_connect(conn, nsp, query, packet->payload);
    } else if (socket->state == SIO_CONNECTED) {
        sio_socket_handle(socket, packet,
                          assembly != NULL ? sio_assembly_attachments(*assembly) : NULL);
    } else if (packet->type == SIO_DISCONNECT) {
        sio_socket_end(socket, &sio_client_left);
    } else {
        if (assembly == NULL) {
            kept = sio_assembly_create(text, 0, 0);
            assembly = &kept;
        }
        sio_admission_keep(socket->admission, assembly);
    }
}

void sio_conn_handle(struct sio_conn *conn, struct sio_assembly **assembly)
{
    struct slice text = sio_assembly_text(*assembly);
    struct sio_packet packet;
    enum sio_fault fault = sio_packet_read(text, UINT32_MAX, &packet);

    assert(fault == SIO_FINE); /* it was read before */
    (void)fault;
    if (packet.attachment_count > 0 &&
        !sio_placeholders_are_valid(packet.payload, packet.attachment_count))
        sio_conn_fault(conn, SIO_FAULT_PLACEHOLDER);
    else
        conn_packet(conn, &packet, text, assembly);
    sio_assembly_destroy(assembly);
}

/* ---- binary packets -------------------------------------------------------------------------------- */

static void on_assembly_late(struct deadline *assembling)
{
    struct sio_conn *conn = LIST_ENTRY(assembling, struct sio_conn, assembling);

    sio_conn_fault(conn, SIO_FAULT_LATE);
}

void sio_conn_await(struct sio_conn *conn, struct sio_assembly *assembly)
{
    conn->assembly = assembly;
    deadline_set(conn->sio->deadlines, &conn->assembling, ASSEMBLY_PATIENCE_MS, on_assembly_late);
}

static void conn_assembled(struct sio_conn *conn)
{
    struct sio_assembly *assembly = conn->assembly;

    conn->assembly = NULL;
    deadline_clear(&conn->assembling);
    sio_conn_handle(conn, &assembly);
}

/* ---- from the engine --------------------------------------------------------------------------------- */

void sio_conn_text(struct sio_conn *conn, struct slice text)
{
    const struct config *config = conn->sio->node->config;
    struct sio_packet packet;
    enum sio_fault fault = SIO_FAULT_ORDER;

    if (conn->assembly == NULL)
        fault = sio_packet_read(text, config->socketio_max_attachments, &packet);
    if (fault != SIO_FINE)
        sio_conn_fault(conn, fault);
    else if (packet.attachment_count > 0)
        sio_conn_await(
            conn, sio_assembly_create(text, packet.attachment_count, config->socketio_max_payload));
    else
        conn_packet(conn, &packet, text, NULL);
}

void sio_conn_binary(struct sio_conn *conn, struct slice bytes)
{
    if (conn->assembly == NULL)
        sio_conn_fault(conn, SIO_FAULT_ORDER);
    else if (!sio_assembly_add(conn->assembly, bytes))
        sio_conn_fault(conn, SIO_FAULT_BYTES);
    else if (sio_assembly_is_complete(conn->assembly))
        conn_assembled(conn);
}
