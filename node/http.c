/* SPDX-License-Identifier: MIT */
/*
 * What a request tells its handler. Nothing is looked up before somebody asks; what has to be decoded is
 * written to memory that goes with the request.
 */
#include "http.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "http_inner.h"
#include "http_url.h"

struct http_scratch {
    struct http_scratch *next;
    char data[];
};

/* ---- its life ------------------------------------------------------------------------------------- */

struct http_request *http_request_take(struct http_conn *conn)
{
    struct http *http = conn->http;
    struct http_request *request = http->spare;

    if (request != NULL) {
        http->spare = request->next;
        http->spare_count--;
        memset(request, 0, offsetof(struct http_request, few));
    } else {
        request = xcalloc(1, sizeof *request);
    }
    request->conn = conn;
    return request;
}

void http_request_release(struct http_request **request_ref)
{
    struct http_request *request = *request_ref;

    if (request == NULL)
        return;
    *request_ref = NULL;
    buf_fini(&request->own);
    while (request->scratch != NULL) {
        struct http_scratch *scratch = request->scratch;

        request->scratch = scratch->next;
        free(scratch);
    }

    struct http *http = request->conn->http;

    if (http->spare_count >= HTTP_SPARE_REQUESTS) {
        free(request);
        return;
    }
    request->next = http->spare;
    http->spare = request;
    http->spare_count++;
}

char *http_request_room(struct http_request *request, size_t len)
{
    struct http_scratch *scratch = xmalloc(sizeof *scratch + len);

    scratch->next = request->scratch;
    request->scratch = scratch;
    return scratch->data;
}

/* ---- reading ------------------------------------------------------------------------------------------ */

enum http_method http_request_method(const struct http_request *request)
{
    return request->head.method;
}

struct slice http_path(const struct http_request *request)
{
    return http_slice(request->data, request->head.path);
}

struct slice http_query_raw(const struct http_request *request)
{
    return http_slice(request->data, request->head.query);
}

struct slice http_param(const struct http_request *request, size_t index)
{
    assert(index < request->param_count);
    return request->params[index];
}

struct slice http_body(const struct http_request *request)
{
    return (struct slice){ request->data + request->head.len, request->body_len };
}

const struct peer *http_peer(const struct http_request *request)
{
    return &request->peer;
}

struct slice http_header(const struct http_request *request, const char *name)
{
    return http_head_find(&request->head, request->data, name);
}

/* As it was sent. */
static struct slice find_query(const struct http_request *request, const char *name)
{
    return url_query_find(http_query_raw(request), name);
}

bool http_has_query(const struct http_request *request, const char *name)
{
    return find_query(request, name).data != NULL;
}

struct slice http_query(struct http_request *request, const char *name)
{
    struct slice value = find_query(request, name);
    size_t len;
    char *room;

    if (!url_is_encoded(value, URL_PLUS_IS_BLANK))
        return value;
    room = http_request_room(request, value.len);
    if (!url_decode(value, URL_PLUS_IS_BLANK, room, &len))
        return (struct slice){ NULL, 0 };
    return (struct slice){ room, len };
}

struct slice http_bearer(const struct http_request *request)
{
    struct slice value = http_header(request, "authorization");
    size_t scheme = sizeof "Bearer" - 1;

    if (value.len <= scheme || value.data[scheme] != ' ' ||
        !http_is_word((struct slice){ value.data, scheme }, "bearer"))
        return (struct slice){ NULL, 0 };
    return slice_trim((struct slice){ value.data + scheme, value.len - scheme });
}

/* "192.0.2.1", "192.0.2.1:5678", "2001:db8::1", "[2001:db8::1]:5678": some proxies add the port. */
static bool address_parse(struct slice text, struct peer *peer_out)
{
    char address[PEER_TEXT_SIZE];
    const char *end;

    if (text.len > 0 && text.data[0] == '[') {
        text = (struct slice){ text.data + 1, text.len - 1 };
        end = memchr(text.data, ']', text.len);
        text.len = end != NULL ? (size_t)(end - text.data) : 0;
    } else if (text.len > 0 && (end = memchr(text.data, ':', text.len)) != NULL &&
               end == memrchr(text.data, ':', text.len)) {
        text.len = (size_t)(end - text.data);
    }
    if (text.len == 0 || text.len >= sizeof address)
        return false;
    memcpy(address, text.data, text.len);
    address[text.len] = '\0';
    return peer_parse(peer_out, address);
}

struct peer http_request_peer(const struct http_request *request)
{
    struct peer peer = request->conn->peer;
    struct slice name, value, last = { NULL, 0 };
    const char *comma;

    if (!request->conn->http->node->config->trust_proxy)
        return peer;
    for (size_t offset = 0;
         http_head_next(&request->head, request->data, &offset, &name, &value);) {
        if (http_is_word(name, "x-forwarded-for"))
            last = value;
    }
    comma = last.len > 0 ? memrchr(last.data, ',', last.len) : NULL;
    if (comma != NULL)
        last = (struct slice){ comma + 1, (size_t)(last.data + last.len - comma - 1) };
    address_parse(slice_trim(last), &peer);
    return peer;
}

/* ---- waiting ------------------------------------------------------------------------------------------ */

void http_wait(struct http_request *request, http_gone_fn *on_gone, void *ctx)
{
    assert(on_gone != NULL && request->data != NULL);
    request->on_gone = on_gone;
    request->gone_ctx = ctx;
}

void *http_waiting(const struct http_request *request)
{
    return request->on_gone != NULL ? request->gone_ctx : NULL;
}

void http_request_forsake(struct http_request *request)
{
    http_gone_fn *on_gone = request->on_gone;

    request->on_gone = NULL;
    if (on_gone != NULL)
        on_gone(request->gone_ctx);
}

void http_cut(struct http_request *request)
{
    assert(request->conn->request == request);
    request->on_gone = NULL;
    http_conn_close(request->conn);
}
