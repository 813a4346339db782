/* SPDX-License-Identifier: MIT */
#ifndef SB_ENGINE_DOOR_H
#define SB_ENGINE_DOOR_H

#include "engine_inner.h"

/* What the files of the door share: engine_door.c, engine_cors.c, engine_visitor.c. */

/* ---- engine_cors.c ------------------------------------------------------------------------------------- */

bool engine_has_cors(const struct engine *engine); /* --origins says something */
bool engine_is_welcome(const struct engine *engine, struct slice origin);
bool engine_is_printable(struct slice text); /* no control bytes but tabs */

/* Header lines of an answer: begun with those of CORS, NUL-terminated at the end. */
void engine_headers_init(struct buf *headers, const struct engine *engine,
                         const struct http_request *request);
const char *engine_headers_end(struct buf *headers);
void engine_add_preflight(const struct http_request *request, struct buf *out);

/* ---- engine_visitor.c ---------------------------------------------------------------------------------- */

struct slice engine_error_body(enum engine_error error); /* {"code":1,"message":"…"} */

/* A poll that came by HTTP. */
struct visitor {
    struct poll poll;
    struct engine *engine;
    struct http_request *request;
};

/* It waits from now on: for the answer, or that its client goes away. Either frees it. */
struct visitor *visitor_create(struct engine *engine, struct http_request *request);

/* Its request is answered by somebody else. Accepts NULL, leaves NULL. */
void visitor_forget(struct visitor **visitor);

#endif
