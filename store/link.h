/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_LINK_H
#define SB_STORE_LINK_H

#include <hiredis/hiredis.h>
#include <uv.h>

#include "base/buf.h"
#include "store/url.h"

/*
 * One connection to one Redis server that is made anew for ever, with back-off and jitter: bytes
 * out, whole replies in. It knows nothing of what they mean.
 *
 *     idle → resolving → connecting → hello → ready;  every state → idle, closed
 *
 * The callbacks run on the loop thread, and may call anything here, link_destroy() included.
 */
struct link;

struct link_ops {
    void (*on_open)(void *ctx); /* connected: say hello, and then link_set_ready() */
    void (*on_reply)(const redisReply *reply, void *ctx);
    void (*on_writable)(void *ctx); /* after a link_send() that was not taken whole */
    /* It was open and is no longer. It is being connected anew. */
    void (*on_broken)(const char *reason, void *ctx);
};

/* `name` and `url` are borrowed as long as the link lives. `limit_ms` bounds the time from the start
 * of an attempt to link_set_ready(). The first attempt begins on the loop's next turn. */
struct link *link_create(uv_loop_t *loop, const char *name, const struct url *url,
                         uint32_t limit_ms, const struct link_ops *ops, void *ctx);

/* From the next attempt to connect on. */
void link_set_limit(struct link *link, uint32_t limit_ms);

/* No callback runs after this; the memory goes when the loop has closed the handles. */
void link_destroy(struct link **link);

/* The hello has been answered well. When it stays ready for a second the back-off begins anew. */
void link_set_ready(struct link *link);
bool link_is_ready(const struct link *link);

/* Breaks an open connection; on_broken runs before this returns. No-op when there is none. */
void link_break(struct link *link, const char *reason);

/* The same for what a person has to mend: logged as an error, but once as long as it stays so. */
void link_refuse(struct link *link, const char *reason);

/* Where small commands are put; link_flush() sends them. Empty again after every break. */
struct buf *link_out(struct link *link);
void link_flush(struct link *link);

/* Hands bytes straight to the kernel (link_out() must be empty) and returns how many it took; when
 * not all, on_writable follows. */
size_t link_send(struct link *link, struct slice bytes);

/* clock_ms() of the last byte that came. */
int64_t link_heard_ms(const struct link *link);

#endif
