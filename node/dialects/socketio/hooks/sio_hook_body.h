/* SPDX-License-Identifier: MIT */
#ifndef SB_SIO_HOOK_BODY_H
#define SB_SIO_HOOK_BODY_H

#include "sio.h"

/*
 * What back ends are told, as JSON:
 *
 *     {"type":"event","id":"…","sentAt":ms,"namespace":"/","event":"…","args":[…],"attachments":["base64",…],
 *      "ack":bool,"socket":{"id","rooms":[…],"claims":{…}|null,"address","query","data"}}
 *     {"type":"connect","id":"…","sentAt":ms,"namespace":"/","auth":{…},"headers":{"origin","user-agent"},
 *      "socket":{…}}
 *     {"type":"disconnect","id":"…","namespace":"/","socket":{"id","claims","address"},"connectedAt":ms,
 *      "reason":"…","endedAt":ms}
 *
 * The texts of args, auth, claims and data stand there byte for byte as they came. What waits in Redis, an end,
 * holds no secrets: no query, no data.
 */
enum { SIO_HOOK_BODY_MAX = 32 * 1024 * 1024 };

/* Each appends to a buffer with that ceiling, which overflows when there is too much. */
struct sio_hook_note {
    struct slice id; /* of the delivery */
    int64_t sent_ms;
};
void sio_hook_write_event(struct buf *out, const struct sio_hook_note *note,
                          const struct sio_socket *socket, const struct sio_event *event);
void sio_hook_write_connect(struct buf *out, const struct sio_hook_note *note,
                            struct sio_admission *admission);

/* The part of an end's body that is known from the beginning, and the body that is made of it. */
void sio_hook_write_about(struct buf *out, const struct sio_socket *socket, int64_t connected_ms);
void sio_hook_write_end(struct buf *out, struct slice id, struct slice about, struct slice reason,
                        int64_t ended_ms);

#endif
