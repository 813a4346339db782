/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a request: read whole, and cut in two at a place that the first byte chooses, they must
 * come to the same end; what is found must lie within them.
 */
#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "http_chunks.h"
#include "http_head.h"
#include "http_url.h"

enum { HEAD_MAX = 2048, BODY_MAX = 1024 };

static void check_span(struct http_span span, const struct http_head *head)
{
    assert(span.at <= head->len && span.len <= head->len - span.at);
}

static void check_query(struct slice query)
{
    struct slice value = url_query_find(query, "a");
    char *out = xmalloc(value.len + 1);
    size_t len;

    if (url_decode(value, URL_PLUS_IS_BLANK, out, &len))
        assert(len <= value.len && (url_is_encoded(value, URL_PLUS_IS_BLANK) || len == value.len));
    free(out);
}

static void check_head(const struct http_head *head, const char *data)
{
    struct slice name, value, found;
    char lower[64];
    size_t offset = 0;

    check_span(head->method_name, head);
    check_span(head->target, head);
    check_span(head->path, head);
    check_span(head->query, head);
    assert(data[head->path.at] == '/' || data[head->path.at] == '*');
    check_query(http_slice(data, head->query));
    while (http_head_next(head, data, &offset, &name, &value)) {
        assert(name.len > 0 && name.data >= data && value.data + value.len <= data + head->len);
        if (name.len >= sizeof lower)
            continue;
        for (size_t i = 0; i < name.len; i++)
            lower[i] = (char)tolower((unsigned char)name.data[i]);
        lower[name.len] = '\0';
        found = http_head_find(head, data, lower);
        assert(found.data != NULL && found.data <= value.data);
    }
    assert(head->fields + offset == head->len - 2);
}

static enum http_parse read_chunks(char *data, size_t len, size_t cut, size_t *body_len)
{
    struct http_chunks chunks = { .left = 0 };
    enum http_fault fault;
    size_t used;
    enum http_parse parse =
        http_chunks_decode(&chunks, data, cut, &used, data, body_len, BODY_MAX, &fault);

    if (parse == HTTP_PARSE_MORE) {
        assert(used == cut);
        parse = http_chunks_decode(&chunks, data + cut, len - cut, &used, data, body_len, BODY_MAX,
                                   &fault);
    }
    assert(*body_len <= BODY_MAX && *body_len <= len);
    return parse;
}

static void check_chunks(const char *data, size_t len, size_t cut)
{
    char *whole = memcpy(xmalloc(len + 1), data, len), *split = memcpy(xmalloc(len + 1), data, len);
    size_t whole_len = 0, split_len = 0;
    enum http_parse parse = read_chunks(whole, len, len, &whole_len);

    assert(parse == read_chunks(split, len, cut, &split_len));
    if (parse == HTTP_PARSE_DONE)
        assert(whole_len == split_len && memcmp(whole, split, whole_len) == 0);
    free(whole);
    free(split);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct http_head whole = { .len = 0 }, split = { .len = 0 };
    enum http_parse parse, first;
    size_t len = size > 0 ? size - 1 : 0, cut = size > 0 ? bytes[0] * len / 255 : 0;
    char *data = xmalloc(len + 1);

    if (len > 0)
        memcpy(data, bytes + 1, len);
    parse = http_head_parse(&whole, data, len, HEAD_MAX);
    first = http_head_parse(&split, data, cut, HEAD_MAX);
    if (first == HTTP_PARSE_MORE)
        first = http_head_parse(&split, data, len, HEAD_MAX);
    assert(first == parse && (parse != HTTP_PARSE_FAULT || split.fault == whole.fault));
    if (parse == HTTP_PARSE_DONE) {
        assert(whole.len == split.len && whole.len <= HEAD_MAX);
        check_head(&whole, data);
        check_chunks(data + whole.len, len - whole.len, cut < len - whole.len ? cut : 0);
    } else {
        check_chunks(data, len, cut);
    }
    free(data);
    return 0;
}
