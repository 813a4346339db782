/* SPDX-License-Identifier: MIT */
#include "sio_session.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sio_room.h"
#include "store/resumes.h"

enum { RETRY_MS = 1000, OFF_MS = 60 * 1000 };

static uint32_t window_ms(const struct sio_socket *socket)
{
    return socket->sio->node->config->recovery_ms;
}

/* While the socket lives its state is written again this often, and lives so much longer. */
static uint32_t renewal_ms(const struct sio_socket *socket)
{
    return window_ms(socket) / 2 + 1000;
}

bool sio_session_is_wanted(const struct sio_socket *socket)
{
    return window_ms(socket) > 0 && sio_handshake(socket)->version == ENGINE_4;
}

/* ---- writing ------------------------------------------------------------------------------------- */

/* It is known where it began: it is in force, or goes on where it was. */
static bool has_begun(const struct sio_member *member)
{
    return member->is_listening || member->listener.is_placed;
}

static void pack_place(const struct sio_member *member, struct buf *state)
{
    pack_slice(state, member->room);
    pack_number(state, member->index);
    pack_number(state, has_begun(member));
    if (has_begun(member)) {
        pack_number(state, member->from);
        pack_number(state, sio_member_cursor(member));
    }
}

static void pack_state(const struct sio_socket *socket, struct buf *state)
{
    uint64_t count = 0;

    LIST_EACH (node, spare, &socket->members)
        count++;
    pack_number(state, SIO_SESSION_VERSION);
    pack_slice(state, sio_id(socket));
    pack_slice(state, sio_namespace(socket));
    pack_number(state, socket->members_made);
    pack_number(state, count);
    LIST_EACH (node, spare, &socket->members)
        pack_place(LIST_ENTRY(node, struct sio_member, node), state);
    sio_data_pack(socket, state);
    sio_auth_pack(socket, state);
}

static void on_renewal(struct deadline *renewal)
{
    sio_session_save(LIST_ENTRY(renewal, struct sio_session, renewal)->socket);
}

static void save_in(struct sio_session *session, uint32_t ms)
{
    deadline_set(session->socket->sio->deadlines, &session->renewal, ms, on_renewal);
}

static struct resume_id id_of(const struct sio_session *session)
{
    const struct sio_socket *socket = session->socket;

    return (struct resume_id){
        .realm = sio_realm(socket),
        .secret = slice_of(session->pid),
        .holder = slice_of(engine_sid(socket->conn->engine)),
    };
}

/* Somebody else's: its client has come back there. */
static void on_saved(enum result result, void *ctx)
{
    struct sio_session *session = ctx;

    if (result == RESULT_CONFLICT)
        sio_socket_yield(session->socket);
    else if (result != RESULT_OK)
        save_in(session, RETRY_MS);
}

static void forget(struct sio_session *session, store_done_fn *done, void *ctx,
                   struct store_op **slot)
{
    const struct resume_id id = id_of(session);

    session->is_written = false;
    resume_forget(session->socket->sio->node->store, &id, done, ctx, slot);
}

/* Better none than an old one. */
static void forget_written(struct sio_session *session)
{
    if (session->is_written)
        forget(session, NULL, NULL, NULL);
}

static void write_state(struct sio_session *session)
{
    struct sio_socket *socket = session->socket;
    const struct resume_id id = id_of(session);
    struct buf state;

    buf_init(&state, SIO_SESSION_STATE_MAX);
    pack_state(socket, &state);
    if (state.has_overflowed) {
        forget_written(session);
    } else {
        session->is_written = true;
        resume_save(socket->sio->node->store, &id, buf_slice(&state),
                    window_ms(socket) + renewal_ms(socket), on_saved, session, &session->saving);
    }
    buf_fini(&state);
}

void sio_session_save(struct sio_socket *socket)
{
    struct sio_session *session = socket->session;

    if (session == NULL)
        return;
    store_cancel(&session->saving);
    if (window_ms(socket) == 0) { /* not any more; perhaps again */
        forget_written(session);
        save_in(session, OFF_MS);
        return;
    }
    save_in(session, renewal_ms(socket));
    write_state(session);
}

/* ---- birth and death ----------------------------------------------------------------------------- */

/* Applications see offsets, and are not to learn anything of the pid. */
void sio_session_make_tag(const char *pid, char tag[SIO_OFFSET_TAG_LEN])
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
    unsigned char hash[EVP_MAX_MD_SIZE];

    if (EVP_Digest(pid, strlen(pid), hash, NULL, EVP_sha256(), NULL) != 1)
        abort();
    for (size_t i = 0; i < SIO_OFFSET_TAG_LEN; i++)
        tag[i] = digits[hash[i] % 64];
}

void sio_session_create(struct sio_socket *socket, const char *pid)
{
    struct sio_session *session = xcalloc(1, sizeof *session);

    session->socket = socket;
    deadline_init(&session->renewal);
    session->is_written = pid != NULL;
    if (pid != NULL)
        memcpy(session->pid, pid, ENGINE_ID_LEN);
    else
        engine_random_id(session->pid);
    sio_session_make_tag(session->pid, session->tag);
    socket->session = session;
}

bool sio_forget(struct sio_socket *socket, store_done_fn *done, void *ctx, struct store_op **slot)
{
    struct sio_session *session = socket->session;

    if (session == NULL || !session->is_written)
        return false;
    forget(session, done, ctx, slot);
    return true;
}

static void keep(struct sio_session *session)
{
    const struct sio_socket *socket = session->socket;
    const struct resume_id id = id_of(session);

    resume_keep(socket->sio->node->store, &id, window_ms(socket) + 1, NULL, NULL, NULL);
}

void sio_session_end(struct sio_socket *socket, const struct sio_end *end)
{
    struct sio_session *session = socket->session;

    if (session == NULL)
        return;
    if (end->leave == CHANNEL_LEAVE_IN_ORDER)
        forget_written(session);
    else if (!end->has_moved && window_ms(socket) > 0)
        keep(session);
    socket->session = NULL;
    store_cancel(&session->saving);
    store_cancel(&session->announcing);
    deadline_clear(&session->renewal);
    free(session);
}

/* ---- offsets ------------------------------------------------------------------------------------- */

/* A room from which nothing has come since it was joined is left out: where that was is written. Redis may have
 * gone back to before. */
void sio_session_offset(const struct sio_socket *socket, struct buf *out)
{
    sio_offset_begin(out, socket->session->tag);
    LIST_EACH (node, spare, &socket->members) {
        const struct sio_member *member = LIST_ENTRY(node, struct sio_member, node);
        uint64_t cursor = sio_member_cursor(member);

        if (has_begun(member) && cursor != member->from)
            sio_offset_add(out, member->index, cursor);
    }
}

struct packet *sio_session_stamp(struct packet *packet, struct slice offset)
{
    struct slice text = frame_slice(packet->text);
    struct frame **frames;
    struct packet *stamped;
    struct buf out;

    buf_init(&out, text.len + offset.len + 8);
    if (!sio_offset_insert(text, offset, &out)) {
        buf_fini(&out);
        return packet_ref(packet);
    }
    frames = xcalloc(packet->attachment_count + 1, sizeof(struct frame *));
    for (size_t i = 0; i < packet->attachment_count; i++)
        frames[i] = frame_ref(packet->attachments[i]);
    stamped = packet_create(frame_of(buf_slice(&out)), frames, packet->attachment_count);
    free(frames);
    buf_fini(&out);
    return stamped;
}
