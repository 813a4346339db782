/* SPDX-License-Identifier: MIT */
#ifndef SB_SIO_SESSION_H
#define SB_SIO_SESSION_H

#include "sio_inner.h"
#include "sio_offset.h"

/*
 * What outlives a connection (--recovery): a socket's id, rooms, identity and data, in Redis under a secret of
 * its client's, the pid. It is written ahead, at CONNECT and whenever one of them changes; so it is there
 * whatever ends the connection. How far the client had come it brings itself: every event carries an offset.
 * Its holder is the connection, by its sid, also when that moves to another node.
 *
 *     state = version id nsp members-made count *place data identity
 *     place = room index has-begun [from seen]
 *
 * What is `seen` the socket has obeyed: what a back end made it do is not done again.
 */
struct sio_session {
    struct sio_socket *socket;
    struct deadline renewal;
    struct store_op *saving, *announcing;
    bool is_written;    /* Redis may have something of it                                      */
    bool is_announcing; /* that it is back has not come by its private room yet: whoever came
                           back before it yields to it, and it to none of them               */
    char pid[ENGINE_ID_LEN + 1];
    char tag[SIO_OFFSET_TAG_LEN];
};

/* Can this socket be recovered at all? */
bool sio_session_is_wanted(const struct sio_socket *socket);

/* `pid` is NULL for a new one. Not written yet. */
void sio_session_create(struct sio_socket *socket, const char *pid);

/* Rooms, identity or data are not what was written. No-op for a socket without one. */
void sio_session_save(struct sio_socket *socket);

/* The socket ends: what is written stays for --recovery, or goes; nothing when it has moved. */
void sio_session_end(struct sio_socket *socket, const struct sio_end *end);

/* How far the client has come, with what is being delivered now. */
void sio_session_offset(const struct sio_socket *socket, struct buf *out);

/* The packet with the offset; another reference to the same where it carries none. */
struct packet *sio_session_stamp(struct packet *packet, struct slice offset);

void sio_session_make_tag(const char *pid, char tag[SIO_OFFSET_TAG_LEN]);

enum { SIO_SESSION_VERSION = 1, SIO_SESSION_STATE_MAX = 1024 * 1024 };

#endif
