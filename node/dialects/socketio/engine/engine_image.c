/* SPDX-License-Identifier: MIT */
/*
 * A connection on its way to another node:
 *
 *     sid, version, address, time of the open, the handshake's five texts,
 *     heartbeat, what waits (count, then kind and bytes each), the upper layer's image
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine_inner.h"

enum {
    WAITING_MAX = 1 << 20, /* frames                      */
    LENGTH_MAX = 10,       /* bytes of a slice's length   */
};

static void pack_handshake(const struct engine_handshake *handshake, struct buf *image)
{
    pack_number(image, handshake->version);
    pack_slice(image,
               (struct slice){ (const char *)handshake->peer.ip, sizeof handshake->peer.ip });
    pack_number(image, (uint64_t)handshake->opened_ms);
    pack_slice(image, slice_of(handshake->query));
    pack_slice(image, slice_of(handshake->origin));
    pack_slice(image, slice_of(handshake->cookie));
    pack_slice(image, slice_of(handshake->authorization));
    pack_slice(image, slice_of(handshake->user_agent));
}

static void pack_waiting(struct engine_conn *conn, struct buf *image)
{
    struct ws_item item;

    pack_number(image, conn->queue != NULL ? conn->queue->count : 0);
    while (engine_conn_take_waiting(conn, &item)) {
        pack_number(image, item.kind);
        pack_slice(image, frame_slice(item.frame));
        frame_unref(&item.frame);
    }
}

/* The upper layer is asked last, and for what has room behind the rest. */
bool engine_image_pack(struct engine_conn *conn, struct buf *image)
{
    struct buf upper;
    bool fits;

    pack_slice(image, (struct slice){ conn->sid, ENGINE_ID_LEN });
    pack_handshake(conn->handshake, image);
    engine_beat_pack(conn, image);
    pack_waiting(conn, image);
    if (image->has_overflowed || image->max - image->len < LENGTH_MAX)
        return false;
    buf_init(&upper, image->max - image->len - LENGTH_MAX);
    conn->engine->ops->pack(conn->upper, &upper);
    fits = !upper.has_overflowed;
    pack_slice(image, buf_slice(&upper));
    buf_fini(&upper);
    return fits;
}

/* ---- on the new node ---------------------------------------------------------------------------------------- */

static struct engine_handshake *unpack_handshake(struct unpack *image)
{
    struct engine_handshake fixed = { .version = (enum engine_version)unpack_number(image) };
    struct slice ip = unpack_slice(image);
    struct handshake_texts texts;

    fixed.opened_ms = (int64_t)unpack_number(image);
    texts.query = unpack_slice(image);
    texts.origin = unpack_slice(image);
    texts.cookie = unpack_slice(image);
    texts.authorization = unpack_slice(image);
    texts.user_agent = unpack_slice(image);
    if (image->is_broken || ip.len != sizeof fixed.peer.ip ||
        (fixed.version != ENGINE_3 && fixed.version != ENGINE_4))
        return NULL;
    memcpy(fixed.peer.ip, ip.data, ip.len);
    return engine_handshake_create(&fixed, &texts);
}

static bool unpack_waiting(struct engine_conn *conn, struct unpack *image)
{
    uint64_t count = unpack_number_max(image, WAITING_MAX);

    while (count-- > 0 && !image->is_broken) {
        enum ws_kind kind = (enum ws_kind)unpack_number_max(image, WS_BINARY);
        struct slice bytes = unpack_slice(image);
        struct frame *frame;

        if (bytes.len == 0 && kind == WS_TEXT) /* not even a type */
            return false;
        frame = frame_of(bytes);
        engine_conn_put_waiting(conn, frame, kind);
        frame_unref(&frame);
    }
    return !image->is_broken;
}

/* A connection without an upper layer ends without a word. */
static bool unpack_upper(struct engine_conn *conn, struct unpack *image)
{
    struct slice upper = unpack_slice(image);

    if (!unpack_is_done(image))
        return false;
    conn->upper = conn->engine->ops->unpack(conn, upper, conn->engine->ctx);
    conn->has_upper = conn->upper != NULL;
    return conn->has_upper;
}

struct engine_conn *engine_image_unpack(struct engine *engine, struct slice bytes)
{
    struct unpack image;
    struct engine_handshake *handshake;
    struct engine_conn *conn;
    struct slice sid;

    unpack_init(&image, bytes);
    sid = unpack_slice(&image);
    if (!engine_is_sid(sid) || engine_has(engine, sid))
        return NULL;
    handshake = unpack_handshake(&image);
    if (handshake == NULL)
        return NULL;
    conn = engine_conn_create(engine, handshake, sid.data);
    engine_beat_unpack(conn, &image);
    if (!unpack_waiting(conn, &image) || !unpack_upper(conn, &image)) {
        engine_conn_enter(conn, CONN_OVER);
        return NULL;
    }
    engine->node->metrics.engine_moves[1]++;
    return conn;
}
