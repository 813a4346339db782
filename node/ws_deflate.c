/* SPDX-License-Identifier: MIT */
/*
 * The frame that was compressed last is kept, with its compressed twin: a fan-out sends the same
 * frame many times in a row.
 *
 * lws' own implementation is bypassed both ways. Its compressor works per connection, sends in
 * fragments of its buffer, and mixes up a ping that comes in between with them; its decompressor loses
 * what does not fit its buffer at a message's end, or aborts.
 */
#include "ws_deflate.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "base/mem.h"
#include "frame.h"
#include "ws_frame.h"

enum {
    SMALL = 64,       /* bytes that are not worth compressing                     */
    WINDOW_BITS = 15, /* one compressor for all: it may have the whole window     */
    MEMORY_LEVEL = 8,
    TAIL = 4, /* 00 00 FF FF: not sent (RFC 7692, 7.2.1)                  */
};

struct ws_deflate {
    z_stream stream;
    struct frame *plain, *packed; /* packed is NULL: it would not be smaller */
};

struct ws_deflate *ws_deflate_create(void)
{
    struct ws_deflate *deflate = xcalloc(1, sizeof *deflate);

    if (deflateInit2(&deflate->stream, Z_BEST_SPEED, Z_DEFLATED, -WINDOW_BITS, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        abort(); /* out of memory */
    return deflate;
}

static void forget(struct ws_deflate *deflate)
{
    frame_unref(&deflate->plain);
    frame_unref(&deflate->packed);
}

void ws_deflate_destroy(struct ws_deflate **deflate)
{
    if (*deflate == NULL)
        return;
    forget(*deflate);
    deflateEnd(&(*deflate)->stream);
    free(*deflate);
    *deflate = NULL;
}

/* ---- negotiation --------------------------------------------------------------------------------- */

/* Zero from anything else means that lws goes on as if there were no extension. */
static int on_extension(struct lws_context *context, const struct lws_extension *extension,
                        struct lws *wsi, enum lws_extension_callback_reasons reason, void *user,
                        void *in, size_t len)
{
    static const struct lws_ext_options answered[] = {
        { "server_no_context_takeover", EXTARG_NONE },
        { "client_no_context_takeover", EXTARG_NONE },
        { NULL, EXTARG_NONE },
    };

    (void)context, (void)extension, (void)wsi, (void)user, (void)len;
    if (reason == LWS_EXT_CB_CONSTRUCT)
        *(const struct lws_ext_options **)in = answered;
    return 0;
}

const struct lws_extension ws_deflate_extensions[] = {
    { .name = "permessage-deflate", .callback = on_extension },
    { .name = NULL },
};

/* Cuts the next item off a list, trimmed. */
static struct slice next_item(struct slice *list, char separator)
{
    const char *end = memchr(list->data, separator, list->len);
    struct slice item = { list->data, end == NULL ? list->len : (size_t)(end - list->data) };
    size_t used = end == NULL ? item.len : item.len + 1;

    *list = (struct slice){ list->data + used, list->len - used };
    return slice_trim(item);
}

static bool is_name(struct slice item, const char *name)
{
    return item.len == strlen(name) && strncasecmp(item.data, name, item.len) == 0;
}

/* What the client merely allows or asks of itself may be ignored; a window for us may not. */
static bool is_acceptable(struct slice offer)
{
    if (!is_name(next_item(&offer, ';'), "permessage-deflate"))
        return false;
    while (offer.len > 0) {
        struct slice parameter = next_item(&offer, ';');
        struct slice name = next_item(&parameter, '=');

        if (!is_name(name, "client_max_window_bits") &&
            !is_name(name, "client_no_context_takeover") &&
            !is_name(name, "server_no_context_takeover"))
            return false;
    }
    return true;
}

bool ws_deflate_is_offered(struct slice extensions)
{
    while (extensions.len > 0)
        if (is_acceptable(next_item(&extensions, ',')))
            return true;
    return false;
}

/* ---- sending ------------------------------------------------------------------------------------- */

/* The compressed twin, or NULL when it would not be smaller. */
static struct frame *pack(z_stream *stream, const struct frame *plain)
{
    struct frame *packed;

    if (plain->len < SMALL)
        return NULL;
    packed = frame_create(plain->len);
    deflateReset(stream);
    stream->next_in = plain->data;
    stream->avail_in = plain->len;
    stream->next_out = packed->data;
    stream->avail_out = packed->len;
    if (deflate(stream, Z_SYNC_FLUSH) != Z_OK || stream->avail_out == 0)
        frame_unref(&packed);
    else
        packed->len -= stream->avail_out + TAIL;
    return packed;
}

static struct frame *packed_of(struct ws_deflate *deflate, struct frame *plain)
{
    if (deflate->plain != plain) {
        forget(deflate);
        deflate->plain = frame_ref(plain);
        deflate->packed = pack(&deflate->stream, plain);
    }
    return deflate->packed;
}

bool ws_deflate_write(struct ws_deflate *deflate, struct lws *wsi, struct frame *frame,
                      unsigned first_byte)
{
    struct frame *packed = packed_of(deflate, frame);

    if (packed == NULL)
        return ws_frame_write(wsi, frame->data, frame->len, first_byte);
    return ws_frame_write(wsi, packed->data, packed->len, first_byte | WS_COMPRESSED);
}
