/* SPDX-License-Identifier: MIT */
#ifndef SB_SIO_ENTRY_H
#define SB_SIO_ENTRY_H

#include "base/buf.h"

/*
 * What stands on the channels of rooms and namespaces: a packet in the form in which it is written to a
 * WebSocket of Engine.IO 4, or what sockets are made to do, behind a small envelope.
 *
 *     entry   = head [target] [ask] (event / control)
 *     head    = one byte: version (3 bits), flags (5 bits)
 *     target  = rooms except                 both lists; on channels of namespaces
 *     ask     = text number                  the node that asks, and the id of the acknowledgement
 *     event   = [attachments] packet         a list; the packet is the rest
 *     control = number list                  enum sio_entry_kind; what it needs
 *     list    = number *text                 numbers and texts as in base/pack.h
 *
 * So a packet of text to one room has an envelope of one byte.
 */
enum sio_entry_kind {
    SIO_ENTRY_EVENT,
    SIO_ENTRY_JOIN,       /* names: the rooms */
    SIO_ENTRY_LEAVE,      /* names: the rooms */
    SIO_ENTRY_DISCONNECT, /* no names */
    SIO_ENTRY_CLOSE,      /* no names */
    SIO_ENTRY_SUPERSEDE,  /* names: the one connection that keeps the socket */
    SIO_ENTRY_KINDS
};

enum {
    SIO_ENTRY_LIST_MAX = 1024,  /* items of a list */
    SIO_VOLATILE_TTL_MS = 1000, /* how long a volatile event may take */
};
#define SIO_ACK_ID_MAX 999999999999999u /* 15 digits: a client keeps them as a double */

struct sio_texts {
    const struct slice *items;
    size_t count;
};

struct sio_entry {
    enum sio_entry_kind kind;
    bool is_volatile;
    bool has_target; /* rooms and except say whom it is for; else all members of the channel */
    struct sio_texts rooms, except;
    struct slice
        asker; /* EVENT: the node that waits for acknowledgements; data is NULL: none does */
    uint64_t ask_id;
    struct sio_texts attachments; /* EVENT */
    struct slice packet;          /* EVENT: "42…" or "45…" */
    struct sio_texts names;       /* the others */
    struct slice *texts;          /* of an entry that was read: what the lists point to */
};

/* Appends the entry. The packet stands last: when it is empty the caller appends it behind. */
void sio_entry_write(struct buf *out, const struct sio_entry *entry);

/* False: it is none; nothing is kept then. Else sio_entry_fini() is due, and all is borrowed from the bytes. */
bool sio_entry_read(struct slice bytes, struct sio_entry *entry_out) MUST_CHECK;
void sio_entry_fini(struct sio_entry *entry);

#endif
