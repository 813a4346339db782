/* SPDX-License-Identifier: MIT */
#ifndef SB_HTTP_CHUNKS_H
#define SB_HTTP_CHUNKS_H

#include "http_head.h"

/* A chunked body (RFC 9112, section 7.1), decoded as it comes. Extensions and trailers are read over. */
enum http_chunk_state {
    CHUNK_SIZE_FIRST,
    CHUNK_SIZE,
    CHUNK_EXTENSION,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_TRAILER_FIRST,
    CHUNK_TRAILER,
    CHUNK_TRAILER_LF,
    CHUNK_END_LF,
    CHUNK_DONE,
};

struct http_chunks {
    enum http_chunk_state state;
    uint32_t line_bytes; /* of the size line, or of all trailers */
    uint64_t left;       /* of this chunk                        */
};

enum { HTTP_CHUNK_LINE_MAX = 4096, HTTP_CHUNK_DIGITS_MAX = 15 };

/*
 * Zero-initialise `chunks`. Reads from `data`, *used_out bytes of it, and appends what they carry to
 * `body`, which may be the memory in front of `data`: *body_len grows up to `max_bytes`.
 */
enum http_parse http_chunks_decode(struct http_chunks *chunks, const char *data, size_t len,
                                   size_t *used_out, char *body, size_t *body_len, size_t max_bytes,
                                   enum http_fault *fault_out);

#endif
