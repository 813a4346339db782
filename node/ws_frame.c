/* SPDX-License-Identifier: MIT */
/*
 * Frames are put together here and not by lws, for three reasons: it has no public name for a close
 * frame, it cannot send a payload that is compressed already, and its way through the extensions
 * takes longer than the whole of ours.
 */
#include "ws_frame.h"

/* Returns the size: 2, 4 or 10. Frames of a server are not masked. */
static size_t put_header(unsigned char *data, size_t len, unsigned first_byte)
{
    size_t size = len < 126 ? 2 : len < 65536 ? 4 : WS_HEADER_MAX;
    unsigned char *header = data - size;

    header[0] = (unsigned char)first_byte;
    header[1] = size == 2 ? (unsigned char)len : size == 4 ? 126 : 127;
    for (size_t i = size - 1; i > 1; i--, len >>= 8)
        header[i] = (unsigned char)len;
    return size;
}

/* LWS_WRITE_HTTP: lws passes the bytes on as they are. */
bool ws_frame_write(struct lws *wsi, unsigned char *data, size_t len, unsigned first_byte)
{
    size_t header = put_header(data, len, first_byte);

    return lws_write(wsi, data - header, header + len, LWS_WRITE_HTTP) >= 0;
}

bool ws_frame_write_raw(struct lws *wsi, struct buf *frames)
{
    return lws_write(wsi, (unsigned char *)frames->data, frames->len, LWS_WRITE_HTTP) >= 0;
}

void ws_frame_add(struct buf *out, struct slice payload, unsigned first_byte)
{
    unsigned char header[WS_HEADER_MAX];
    size_t size = put_header(header + sizeof header, payload.len, first_byte);

    buf_add(out, header + sizeof header - size, size);
    buf_add_slice(out, payload);
}
