/* SPDX-License-Identifier: MIT */
/*
 * Acknowledgements that are awaited of sockets here. Each socket has the few that it owes, by their ids, which
 * move with it; one whose time is over is dropped when the place is needed, or when its answer comes too late.
 */
#include "sio_asked.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sio_room.h"

struct pending {
    uint64_t id;
    int64_t until_ms; /* store_now_ms() time */
    char asker[NODE_ID_LEN];
};

struct sio_pending_acks {
    uint32_t count;
    bool is_moving; /* packed: they are owed elsewhere */
    struct pending items[];
};

/* ---- telling ---------------------------------------------------------------------------------------- */

static void begin(struct buf *message, uint64_t id, enum sio_word word)
{
    buf_init(message, INBOX_TEXT_MAX);
    pack_number(message, id);
    pack_number(message, word);
}

static void tell(const struct sio *sio, struct slice asker, struct buf *message)
{
    assert(!message->has_overflowed);
    inbox_send(sio->node->inbox, asker, SIO_ANSWER_TOPIC, buf_slice(message));
    buf_fini(message);
}

static void tell_none(const struct sio_socket *socket, struct slice asker, uint64_t id)
{
    struct buf message;

    begin(&message, id, SIO_WORD_NONE);
    pack_slice(&message, sio_id(socket));
    tell(socket->sio, asker, &message);
}

void sio_asked_pass(const struct sio_socket *socket, const struct sio_entry *entry)
{
    tell_none(socket, entry->asker, entry->ask_id);
}

/* Members of a namespace's channel are filtered one by one, as they will be when they are offered the entry. */
static uint64_t count_in_namespace(const struct sio_member *member, const struct sio_entry *entry)
{
    struct slice nsp = sio_namespace(member->socket);
    struct sio_socket *socket, *next;
    uint64_t count = 0;

    HASH_ITER (hh, member->socket->sio->sockets, socket, next) {
        const struct sio_member *other = slice_equals(sio_namespace(socket), nsp)
                                             ? sio_member_find(socket, SLICE_LITERAL(""))
                                             : NULL;

        if (other != NULL && other->listener.has_started && sio_entry_is_for(entry, other))
            count++;
    }
    return count;
}

void sio_asked_count(struct sio_member *member, const struct sio_entry *entry)
{
    const struct sio *sio = member->socket->sio;
    uint64_t count =
        member->room.len > 0 ? hub_count(&member->listener) : count_in_namespace(member, entry);
    struct buf message;

    begin(&message, entry->ask_id, SIO_WORD_CLIENTS);
    pack_slice(&message, slice_of(sio->node->id));
    pack_number(&message, count);
    tell(sio, entry->asker, &message);
}

/* ---- what a socket owes ----------------------------------------------------------------------------- */

static struct pending *find(const struct sio_socket *socket, uint64_t id)
{
    struct sio_pending_acks *acks = socket->acks;

    for (uint32_t i = 0; acks != NULL && i < acks->count; i++) {
        if (acks->items[i].id == id)
            return &acks->items[i];
    }
    return NULL;
}

static void drop(struct sio_socket *socket, struct pending *pending)
{
    struct sio_pending_acks *acks = socket->acks;

    *pending = acks->items[--acks->count];
    if (acks->count > 0)
        return;
    free(acks);
    socket->acks = NULL;
}

static void drop_late(struct sio_socket *socket)
{
    int64_t now_ms = store_now_ms(socket->sio->node->store);

    for (uint32_t i = 0; socket->acks != NULL && i < socket->acks->count;) {
        if (socket->acks->items[i].until_ms < now_ms)
            drop(socket, &socket->acks->items[i]);
        else
            i++;
    }
}

static void add(struct sio_socket *socket, const struct pending *pending)
{
    uint32_t count = socket->acks != NULL ? socket->acks->count : 0;
    size_t size = sizeof *socket->acks + (count + 1) * sizeof *pending;

    socket->acks = xrealloc(socket->acks, size);
    if (count == 0)
        socket->acks->is_moving = false;
    socket->acks->items[count] = *pending;
    socket->acks->count = count + 1;
}

static bool has_room(struct sio_socket *socket)
{
    uint32_t max = socket->sio->node->config->socketio_max_acks;

    if (socket->acks != NULL && socket->acks->count >= max)
        drop_late(socket);
    return socket->acks == NULL || socket->acks->count < max;
}

void sio_asked_expect(struct sio_socket *socket, const struct sio_entry *entry, int64_t until_ms)
{
    struct pending pending = { .id = entry->ask_id, .until_ms = until_ms };

    if (find(socket, entry->ask_id) != NULL) /* it was full, and is offered the entry again */
        return;
    if (!has_room(socket)) {
        socket->sio->node->metrics.limits[LIMIT_SOCKETIO_ACKS]++;
        sio_asked_pass(socket, entry);
        return;
    }
    memcpy(pending.asker, entry->asker.data, sizeof pending.asker);
    add(socket, &pending);
}

/* Text and attachments may be as large as the options let them be: what finds no room together counts as no
 * answer. */
static void tell_answer(const struct sio_socket *socket, const struct pending *pending,
                        struct slice args, const struct slice *attachments, size_t attachment_count)
{
    struct slice asker = { pending->asker, NODE_ID_LEN };
    struct buf message;

    begin(&message, pending->id, SIO_WORD_ANSWER);
    pack_slice(&message, sio_id(socket));
    pack_slice(&message, args);
    pack_number(&message, attachment_count);
    for (size_t i = 0; i < attachment_count; i++)
        pack_slice(&message, attachments[i]);
    if (!message.has_overflowed) {
        tell(socket->sio, asker, &message);
    } else {
        buf_fini(&message);
        tell_none(socket, asker, pending->id);
    }
}

bool sio_asks_answer(struct sio_socket *socket, uint64_t ack_id, struct slice args,
                     const struct slice *attachments, size_t attachment_count)
{
    struct pending *pending = find(socket, ack_id);
    bool is_late;

    if (pending == NULL)
        return false;
    is_late = pending->until_ms < store_now_ms(socket->sio->node->store);
    if (!is_late)
        tell_answer(socket, pending, args, attachments, attachment_count);
    drop(socket, pending);
    return !is_late;
}

void sio_asks_forget(struct sio_socket *socket)
{
    struct sio_pending_acks *acks = socket->acks;

    drop_late(socket);
    acks = socket->acks;
    for (uint32_t i = 0; acks != NULL && !acks->is_moving && i < acks->count; i++)
        tell_none(socket, (struct slice){ acks->items[i].asker, NODE_ID_LEN }, acks->items[i].id);
    free(acks);
    socket->acks = NULL;
}

/* ---- moving ----------------------------------------------------------------------------------------- */

void sio_asks_pack(const struct sio_socket *socket, struct buf *image)
{
    struct sio_pending_acks *acks = socket->acks;

    pack_number(image, acks != NULL ? acks->count : 0);
    for (uint32_t i = 0; acks != NULL && i < acks->count; i++) {
        pack_number(image, acks->items[i].id);
        pack_number(image, (uint64_t)acks->items[i].until_ms);
        pack_slice(image, (struct slice){ acks->items[i].asker, NODE_ID_LEN });
    }
    if (acks != NULL)
        acks->is_moving = true;
}

void sio_asks_stay(struct sio_socket *socket)
{
    if (socket->acks != NULL)
        socket->acks->is_moving = false;
}

static bool unpack_one(struct sio_socket *socket, struct unpack *image)
{
    struct pending pending = { .id = unpack_number_max(image, SIO_ACK_ID_MAX) };
    struct slice asker;

    pending.until_ms = (int64_t)unpack_number_max(image, INT64_MAX);
    asker = unpack_slice(image);
    if (image->is_broken || asker.len != NODE_ID_LEN)
        return false;
    memcpy(pending.asker, asker.data, NODE_ID_LEN);
    add(socket, &pending);
    return true;
}

bool sio_asks_unpack(struct sio_socket *socket, struct unpack *image)
{
    uint64_t count = unpack_number_max(image, 10000);

    for (uint64_t i = 0; i < count; i++) {
        if (!unpack_one(socket, image))
            return false;
    }
    return !image->is_broken;
}
