/* SPDX-License-Identifier: MIT */
#ifndef SB_SIO_AUTH_H
#define SB_SIO_AUTH_H

#include "sio.h"

/*
 * Who sockets are, by JSON Web Tokens: the first app. A token comes with the handshake (auth payload,
 * Authorization header, cookie, query), and may be renewed by the event SIO_AUTH_RENEW.
 */
extern const struct sio_app sio_auth_app;

#define SIO_AUTH_RENEW    "signalbox:renew" /* {"token":"…"} → {"ok":true,"expires":<ms>} */
#define SIO_AUTH_EXPIRING "signalbox:token_expiring" /* {"expires":<ms>}: renew it              */
#define SIO_AUTH_EXPIRED  "signalbox:token_expired"  /* {}: DISCONNECT follows                  */

/* Of the app, for sio_auth.c: is a new token of this socket's being checked? */
bool sio_auth_is_renewing(const struct sio_socket *socket);

/* Brings its rooms and its deadline in line with its identity: once it is connected. */
void sio_auth_settle(struct sio_socket *socket);

#endif
