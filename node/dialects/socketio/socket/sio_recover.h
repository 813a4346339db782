/* SPDX-License-Identifier: MIT */
#ifndef SB_SIO_RECOVER_H
#define SB_SIO_RECOVER_H

#include "sio_session.h"

/*
 * A client that broke off comes back: with the pid that it was given, and the offset of the last event that it
 * has. Everything is read before anything is decided; so it is either the socket that it was, with all that it
 * missed, or a new one that knows it.
 */
struct sio_recovery;

/* `recovery` is NULL: it cannot be recovered, go on as with a new client. Else it is the caller's, to be applied
 * and destroyed. */
typedef void sio_recovered_fn(struct sio_recovery *recovery, void *ctx);

/* Does a CONNECT's auth payload (a JSON object) ask for it? Then `done` runs once, never before this returns,
 * unless the recovery is cancelled with sio_recovery_destroy(slot). */
bool sio_recovery_begin(struct sio_conn *conn, struct slice nsp, struct slice auth,
                        sio_recovered_fn *done, void *ctx, struct sio_recovery **slot);
void sio_recovery_destroy(struct sio_recovery **recovery); /* accepts NULL, leaves NULL */

/* Makes the socket, which is being admitted, the one that it was: id, session, identity, data. False: what was
 * written makes no sense, the identity has ended, or what it missed is more than may wait now; then it is as it was
 * before. */
bool sio_recovery_apply(struct sio_recovery *recovery, struct sio_socket *socket);

/* Once it is SIO_JOINING: it listens to its rooms again. */
void sio_recovery_join(struct sio_recovery *recovery, struct sio_socket *socket);

/* Once it is SIO_CONNECTED, before CONNECT is answered: what it missed, each with its own offset. */
void sio_recovery_replay(struct sio_recovery *recovery, struct sio_socket *socket);

#endif
