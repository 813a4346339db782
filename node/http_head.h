/* SPDX-License-Identifier: MIT */
#ifndef SB_HTTP_HEAD_H
#define SB_HTTP_HEAD_H

#include "http.h"

/*
 * The head of a request (RFC 9112, sections 2 to 6), read line by line as the bytes come. What it
 * finds are places in the bytes, not pointers, so that the bytes may move between two calls.
 *
 * Strict where two readers could understand a message differently: lines end in CRLF, no blank stands
 * before a colon, nothing is folded, a length is given once.
 */
struct http_span {
    uint32_t at, len;
};

/* Why a request is refused before anybody handles it. The connection ends with the answer. */
enum http_fault {
    HTTP_FAULT_REQUEST_LINE,
    HTTP_FAULT_TARGET,
    HTTP_FAULT_VERSION,
    HTTP_FAULT_LINE_END,
    HTTP_FAULT_FIELD_NAME,
    HTTP_FAULT_FIELD_VALUE,
    HTTP_FAULT_HOST,
    HTTP_FAULT_LENGTH,
    HTTP_FAULT_FRAMING,
    HTTP_FAULT_ENCODING,
    HTTP_FAULT_EXPECT,
    HTTP_FAULT_HEAD_SIZE,
    HTTP_FAULT_CHUNK,
    HTTP_FAULT_BODY_SIZE,
    HTTP_FAULT_TIMEOUT,
    HTTP_FAULT_CONNECTIONS,
};
int http_fault_status(enum http_fault fault);
const char *http_fault_text(enum http_fault fault);

struct http_head {
    uint32_t line;     /* where the first unfinished line starts                     */
    uint32_t searched; /* no line feed between `line` and here                       */
    uint32_t len;      /* DONE: of the whole head, with the empty line at its end     */
    struct http_span method_name, target, path, query; /* query: without '?'; may be empty */
    uint32_t fields; /* where the header lines start                          */
    uint64_t content_length;
    enum http_method method;
    uint8_t minor; /* HTTP/1.<minor>                                        */
    bool has_host, has_length, is_chunked, expects_continue;
    bool says_close, says_keep_alive, says_upgrade; /* in Connection                  */
    bool asks_websocket;                            /* in Upgrade                     */
    enum http_fault fault;                          /* FAULT: why */
};

enum http_parse {
    HTTP_PARSE_MORE, /* fine so far                                                  */
    HTTP_PARSE_DONE,
    HTTP_PARSE_FAULT, /* `fault` says why; there is no going on                       */
};

/* Zero-initialise `head`. Each call gets everything since the request's first byte. */
enum http_parse http_head_parse(struct http_head *head, const char *data, size_t len,
                                size_t max_bytes);

static inline struct slice http_slice(const char *data, struct http_span span)
{
    return (struct slice){ data + span.at, span.len };
}

/* Steps through the headers of a head that is DONE, in order; *offset starts at 0. Values are
 * trimmed. */
bool http_head_next(const struct http_head *head, const char *data, size_t *offset,
                    struct slice *name_out, struct slice *value_out);

/* The first header of this name (lower case); data is NULL when there is none. */
struct slice http_head_find(const struct http_head *head, const char *data, const char *name);

bool http_head_keeps_alive(const struct http_head *head);

/* Is `token` (lower case) in a comma-separated list, in whatever case? */
bool http_list_has(struct slice list, const char *token);

/* A token of RFC 7230: not empty, no blanks, none of ()<>@,;:\"/[]?={} */
bool http_is_token(struct slice text);

/* Without regard to case; `lower` is lower case. */
bool http_is_word(struct slice text, const char *lower);

#endif
