/* SPDX-License-Identifier: MIT */
/*
 * A message is inflated at once when all of it has come, in pieces of a room that all messages share;
 * what it may grow to is the buffer's ceiling, so a small message that would become a huge one ends
 * there.
 */
#include "ws_inflate.h"

#include <stdlib.h>
#define ZLIB_CONST /* zlib only reads its input */
#include <zlib.h>

#include "base/mem.h"

enum { WINDOW_BITS = 15, ROOM = 16 * 1024 };

struct ws_inflater {
    z_stream stream;
    unsigned char room[ROOM];
};

struct ws_inflater *ws_inflater_create(void)
{
    struct ws_inflater *inflater = xcalloc(1, sizeof *inflater);

    if (inflateInit2(&inflater->stream, -WINDOW_BITS) != Z_OK)
        abort(); /* out of memory */
    return inflater;
}

void ws_inflater_destroy(struct ws_inflater **inflater)
{
    if (*inflater == NULL)
        return;
    inflateEnd(&(*inflater)->stream);
    free(*inflater);
    *inflater = NULL;
}

/* A peer may end its stream inside a message and begin another (section 7.2.3.5). */
static bool take_step(z_stream *stream)
{
    int code = inflate(stream, Z_SYNC_FLUSH);

    if (code == Z_STREAM_END)
        return inflateReset(stream) == Z_OK;
    return code == Z_OK || code == Z_BUF_ERROR; /* the latter: there is nothing left to do */
}

static enum ws_inflated feed(struct ws_inflater *inflater, struct slice packed, struct buf *plain)
{
    z_stream *stream = &inflater->stream;

    stream->next_in = (const Bytef *)packed.data;
    stream->avail_in = (uInt)packed.len;
    do {
        stream->next_out = inflater->room;
        stream->avail_out = ROOM;
        if (!take_step(stream))
            return WS_INFLATE_MALFORMED;
        if (!buf_add(plain, inflater->room, ROOM - stream->avail_out))
            return WS_INFLATE_TOO_BIG;
    } while (stream->avail_in > 0 || stream->avail_out == 0);
    return WS_INFLATED;
}

enum ws_inflated ws_inflate(struct ws_inflater *inflater, struct slice packed, struct buf *plain)
{
    enum ws_inflated result;

    inflateReset(&inflater->stream);
    result = feed(inflater, packed, plain);
    if (result == WS_INFLATED) /* what every sender leaves out */
        result = feed(inflater, SLICE_LITERAL("\x00\x00\xff\xff"), plain);
    return result;
}

size_t ws_inflate_packed_max(size_t plain_bytes)
{
    return plain_bytes + plain_bytes / 8 + plain_bytes / 64 + 16;
}
