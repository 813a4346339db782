/* SPDX-License-Identifier: MIT */
#ifndef SB_SIO_OFFSET_H
#define SB_SIO_OFFSET_H

#include "base/buf.h"

/*
 * The offset that a recoverable client is given with every event and brings back (socketio.md 13): how far it
 * had come in each room. So nothing has to be written when a connection breaks.
 *
 *     offset = tag *( "." index "-" number )      index, number: base 36
 *
 * The tag belongs to the client's session; it tells our offsets from other texts that a client may have
 * taken for one. An index is a room's number among the session's rooms.
 */
enum { SIO_OFFSET_TAG_LEN = 4, SIO_OFFSET_PLACE_MAX = 1 + 7 + 1 + 13 };

void sio_offset_begin(struct buf *out, const char tag[SIO_OFFSET_TAG_LEN]);
void sio_offset_add(struct buf *out, uint32_t index, uint64_t number);

/* Steps through an offset. */
struct sio_offset {
    struct slice left;
};

/* False: it is not of this session. */
bool sio_offset_parse(struct sio_offset *offset, struct slice text,
                      const char tag[SIO_OFFSET_TAG_LEN]);

enum sio_offset_step { SIO_OFFSET_PLACE, SIO_OFFSET_END, SIO_OFFSET_BROKEN };
enum sio_offset_step sio_offset_next(struct sio_offset *offset, uint32_t *index_out,
                                     uint64_t *number_out);

/*
 * `text` ("42/admin,["news",1]", as written to a WebSocket) with the offset as one more argument. False when it
 * is no event, or one that asks for an acknowledgement: it goes out as it is, and `out` is unchanged.
 */
bool sio_offset_insert(struct slice text, struct slice offset, struct buf *out);

#endif
