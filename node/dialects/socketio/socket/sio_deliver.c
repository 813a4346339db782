/* SPDX-License-Identifier: MIT */
/*
 * Entries to members. An entry is decoded once, when the first member here is offered it, and its frames are
 * shared by all that it is for; the last one stays, because the others come right after. Whoever has begun
 * later, or lagged behind, has it decoded again.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "sio_asked.h"
#include "sio_entry.h"
#include "sio_room.h"
#include "sio_session.h"

struct sio_delivery {
    struct frame *frame; /* of the entry that is decoded: a reference; NULL: none is */
    bool is_good, is_counted;
    struct sio_entry entry;
    struct packet *packet;     /* of an event */
    struct sio_member *member; /* who is being offered it; NULL: it has left */
    uint64_t number;
};

/* ---- decoding --------------------------------------------------------------------------------------- */

static void forget(struct sio_delivery *delivery)
{
    sio_entry_fini(&delivery->entry);
    packet_unref(&delivery->packet);
    frame_unref(&delivery->frame);
}

struct packet *sio_entry_packet(const struct sio_entry *entry)
{
    size_t count = entry->attachments.count;
    struct frame **frames = xcalloc(count + 1, sizeof *frames);
    struct packet *packet;

    for (size_t i = 0; i < count; i++)
        frames[i] = frame_of(entry->attachments.items[i]);
    packet = packet_create(frame_of(entry->packet), frames, count);
    free(frames);
    return packet;
}

/* False: it is none. That is counted once a node. */
static bool decode(struct sio *sio, const struct hub_entry *entry)
{
    struct sio_delivery *delivery = sio->delivery;

    if (delivery->frame == entry->frame)
        return delivery->is_good;
    forget(delivery);
    delivery->frame = frame_ref(entry->frame);
    delivery->is_counted = false;
    delivery->is_good = sio_entry_read(frame_slice(entry->frame), &delivery->entry);
    if (!delivery->is_good) {
        sio->node->metrics.socketio_malformed_entries++;
        log_peer(LOG_WARN, NULL, "sio.entry", "bytes=%u", entry->frame->len);
    } else if (delivery->entry.kind == SIO_ENTRY_EVENT) {
        delivery->packet = sio_entry_packet(&delivery->entry);
    }
    return delivery->is_good;
}

/* ---- whom it is for --------------------------------------------------------------------------------- */

static bool is_in_any(const struct sio_socket *socket, const struct sio_texts *rooms)
{
    for (size_t i = 0; i < rooms->count; i++) {
        if (sio_is_in(socket, rooms->items[i]))
            return true;
    }
    return false;
}

bool sio_entry_is_for(const struct sio_entry *entry, const struct sio_member *member)
{
    const struct sio_socket *socket = member->socket;
    bool is_for_all = member->room.len == 0 && entry->rooms.count == 0;

    if (is_for_all && entry->kind == SIO_ENTRY_EVENT && sio_is_restricted(socket))
        return false;
    return (entry->rooms.count == 0 || is_in_any(socket, &entry->rooms)) &&
           !is_in_any(socket, &entry->except);
}

/* ---- events ----------------------------------------------------------------------------------------- */

static enum hub_take take_of(enum engine_sent sent)
{
    switch (sent) {
    case ENGINE_WRITTEN:
        return HUB_WRITTEN;
    case ENGINE_QUEUED:
        return HUB_TAKEN;
    default:
        assert(sent == ENGINE_FULL);
        return HUB_FULL;
    }
}

/* Volatile: for those who can take it now. It expires soon, unless it has an id or asks: then only those who
 * are at the tip are in time. */
static bool is_too_late(const struct sio_socket *socket, const struct hub_entry *entry)
{
    int64_t soon_ms = store_now_ms(socket->sio->node->store) + SIO_VOLATILE_TTL_MS;

    return !engine_is_writable(socket->conn->engine) ||
           (!entry->is_live && entry->expires_ms > soon_ms);
}

static enum hub_take give_event(struct sio_member *member, const struct hub_entry *entry)
{
    struct sio_socket *socket = member->socket;
    struct sio_delivery *delivery = socket->sio->delivery;
    struct metrics *metrics = &socket->sio->node->metrics;
    bool is_asked = delivery->entry.asker.data != NULL;
    enum hub_take take;

    if (delivery->entry.is_volatile && is_too_late(socket, entry)) {
        metrics->socketio_volatile_skipped++;
        if (is_asked)
            sio_asked_pass(socket, &delivery->entry);
        return HUB_WRITTEN;
    }
    if (is_asked)
        sio_asked_expect(socket, &delivery->entry, entry->expires_ms);
    take = take_of(sio_socket_deliver(socket, delivery->packet));
    metrics->socketio_delivered += take != HUB_FULL;
    return take;
}

/* ---- control ---------------------------------------------------------------------------------------- */

static void join_all(struct sio_socket *socket, const struct sio_texts *rooms)
{
    for (size_t i = 0; i < rooms->count; i++)
        sio_join(socket, rooms->items[i], NULL, NULL);
}

static void leave_all(struct sio_socket *socket, const struct sio_texts *rooms)
{
    for (size_t i = 0; i < rooms->count; i++)
        sio_leave(socket, rooms->items[i]);
}

/* The last one of whom the private room tells has it: who has not been told of yet itself yields to nobody. */
static void supersede(struct sio_member *member, struct slice holder)
{
    struct sio_socket *socket = member->socket;
    struct sio_session *session = socket->session;

    if (!member->is_own || member->room.len == 0)
        return;
    if (!slice_is(holder, engine_sid(socket->conn->engine))) {
        if (session == NULL || !session->is_announcing)
            sio_socket_yield(socket);
    } else if (session != NULL) {
        session->is_announcing = false;
    }
}

static void obey(struct sio_member *member, const struct sio_entry *entry)
{
    struct sio_socket *socket = member->socket;

    switch (entry->kind) {
    case SIO_ENTRY_JOIN:
        join_all(socket, &entry->names);
        sio_session_save(
            socket); /* also when it was in all of them: it is not to be obeyed again */
        break;
    case SIO_ENTRY_LEAVE:
        leave_all(socket, &entry->names);
        break;
    case SIO_ENTRY_DISCONNECT:
    case SIO_ENTRY_CLOSE:
        sio_disconnect(socket, entry->kind == SIO_ENTRY_CLOSE);
        break;
    default:
        supersede(member, entry->names.items[0]);
        break;
    }
}

/* Whoever asks waits for every node's word, also for that of one where nobody is meant. */
static void count(struct sio_member *member)
{
    struct sio_delivery *delivery = member->socket->sio->delivery;

    if (delivery->is_counted || delivery->entry.asker.data == NULL)
        return;
    delivery->is_counted = true;
    sio_asked_count(member, &delivery->entry);
}

/* ---- what the hub brings ---------------------------------------------------------------------------- */

static struct sio_member *member_of(struct hub_listener *listener)
{
    return LIST_ENTRY(listener, struct sio_member, listener);
}

static enum hub_take give(struct sio_member *member, const struct hub_entry *entry)
{
    struct sio_delivery *delivery = member->socket->sio->delivery;

    if (!decode(member->socket->sio, entry))
        return HUB_WRITTEN;
    count(member);
    if (!sio_entry_is_for(&delivery->entry, member))
        return HUB_WRITTEN;
    if (delivery->entry.kind == SIO_ENTRY_EVENT)
        return give_event(member, entry);
    obey(member, &delivery->entry);
    return HUB_WRITTEN;
}

static enum hub_take on_entry(struct hub_listener *listener, const struct hub_entry *entry)
{
    struct sio_member *member = member_of(listener);
    struct sio_delivery *delivery = member->socket->sio->delivery;
    enum hub_take take;

    if (member->socket->state != SIO_CONNECTED || member->socket->conn->is_ending)
        return HUB_FULL; /* its CONNECT has to be answered first; or nothing is */
    delivery->member = member;
    delivery->number = entry->number;
    take = give(member, entry);
    if (delivery->member == NULL)
        return HUB_FULL;
    delivery->member = NULL;
    return take;
}

static void on_listening(struct hub_listener *listener)
{
    struct sio_member *member = member_of(listener);

    if (!member->is_listening && listener->ops == &sio_member_ops)
        member->from = listener->cursor;
    member->is_listening = true;
    sio_session_save(member->socket);
    sio_member_note(member);
}

/* What its client missed nobody could give it any more; so it is told, by the end of the connection. */
static void on_gap(struct hub_listener *listener, uint64_t missed)
{
    struct sio_member *member = member_of(listener);

    log_peer(LOG_WARN, NULL, "sio.gap", "conn=%llu missed=%llu",
             (unsigned long long)engine_number(member->socket->conn->engine),
             (unsigned long long)missed);
    sio_conn_close(member->socket->conn, ENGINE_TOO_SLOW);
}

const struct hub_listener_ops sio_member_ops = {
    .on_entry = on_entry,
    .on_listening = on_listening,
    .on_gap = on_gap,
    .starts_at_tip = true,
    .stays = true,
};

const struct hub_listener_ops sio_member_resumed_ops = {
    .on_entry = on_entry,
    .on_listening = on_listening,
    .on_gap = on_gap,
    .stays = true,
};

uint64_t sio_member_cursor(const struct sio_member *member)
{
    const struct sio_delivery *delivery = member->socket->sio->delivery;

    return delivery->member == member ? delivery->number : member->listener.cursor;
}

/* ---- birth and death -------------------------------------------------------------------------------- */

void sio_delivery_open(struct sio *sio)
{
    sio->delivery = xcalloc(1, sizeof *sio->delivery);
}

void sio_delivery_forget(struct sio_member *member)
{
    struct sio_delivery *delivery = member->socket->sio->delivery;

    if (delivery->member == member)
        delivery->member = NULL;
}

void sio_delivery_close(struct sio *sio)
{
    forget(sio->delivery);
    free(sio->delivery);
    sio->delivery = NULL;
}
