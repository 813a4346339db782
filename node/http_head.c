/* SPDX-License-Identifier: MIT */
/*
 *     head         = *empty request-line *field empty
 *     request-line = method SP target SP "HTTP/" DIGIT "." DIGIT CRLF
 *     field        = name ":" value CRLF      name: token; value: no controls but tabs
 *     empty        = CRLF
 *
 * A line is read when its line feed is there; until then nothing but the search for it moves on, so a
 * head that comes byte by byte costs no more than one that comes whole.
 */
#include "http_head.h"

#include <string.h>

static const struct {
    int status;
    const char *text;
} faults[] = {
    [HTTP_FAULT_REQUEST_LINE] = { 400, "Malformed request line." },
    [HTTP_FAULT_TARGET] = { 400, "Malformed request target." },
    [HTTP_FAULT_VERSION] = { 505, "HTTP version not supported." },
    [HTTP_FAULT_LINE_END] = { 400, "Lines must end in CRLF." },
    [HTTP_FAULT_FIELD_NAME] = { 400, "Malformed header name." },
    [HTTP_FAULT_FIELD_VALUE] = { 400, "Malformed header value." },
    [HTTP_FAULT_HOST] = { 400, "Exactly one valid Host header is required." },
    [HTTP_FAULT_LENGTH] = { 400, "Invalid Content-Length." },
    [HTTP_FAULT_FRAMING] = { 400, "Ambiguous body length." },
    [HTTP_FAULT_ENCODING] = { 501, "Transfer-Encoding not supported." },
    [HTTP_FAULT_EXPECT] = { 417, "Expectation not supported." },
    [HTTP_FAULT_HEAD_SIZE] = { 431, "Request header too large." },
    [HTTP_FAULT_CHUNK] = { 400, "Malformed chunk." },
    [HTTP_FAULT_BODY_SIZE] = { 413, "Request body too large." },
    [HTTP_FAULT_TIMEOUT] = { 408, "Request timed out." },
    [HTTP_FAULT_CONNECTIONS] = { 503, "Too many connections." },
};

int http_fault_status(enum http_fault fault)
{
    return faults[fault].status;
}

const char *http_fault_text(enum http_fault fault)
{
    return faults[fault].text;
}

static bool fail(struct http_head *head, enum http_fault fault)
{
    head->fault = fault;
    return false;
}

/* ---- characters -------------------------------------------------------------------------------- */

enum {
    TOKEN = 1,  /* RFC 9110, section 5.6.2                            */
    VALUE = 2,  /* a header's value: no controls but tabs             */
    TARGET = 4, /* visible ASCII, but no fragment                     */
    HOST = 8,   /* RFC 3986, sections 3.2.2 and 3.2.3; no user's name */
    ALL = TOKEN | VALUE | TARGET | HOST
};

/* clang-format off */
static const uint8_t classes[256] = {
    ['\t'] = VALUE,                    [' '] = VALUE,
    ['!'] = ALL,                       ['"'] = VALUE | TARGET,
    ['#'] = TOKEN | VALUE,             ['$' ... '\''] = ALL,
    ['(' ... ')'] = ALL & ~TOKEN,      ['*' ... '+'] = ALL,
    [','] = ALL & ~TOKEN,              ['-' ... '.'] = ALL,
    ['/'] = VALUE | TARGET,            ['0' ... '9'] = ALL,
    [':' ... ';'] = ALL & ~TOKEN,      ['<'] = VALUE | TARGET,
    ['='] = ALL & ~TOKEN,              ['>' ... '@'] = VALUE | TARGET,
    ['A' ... 'Z'] = ALL,               ['['] = ALL & ~TOKEN,
    ['\\'] = VALUE | TARGET,           [']'] = ALL & ~TOKEN,
    ['^'] = TOKEN | VALUE | TARGET,    ['_'] = ALL,
    ['`'] = TOKEN | VALUE | TARGET,    ['a' ... 'z'] = ALL,
    ['{'] = VALUE | TARGET,            ['|'] = TOKEN | VALUE | TARGET,
    ['}'] = VALUE | TARGET,            ['~'] = ALL,
    [0x80 ... 0xff] = VALUE,
};
/* clang-format on */

static bool is_all(struct slice text, uint8_t class)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((classes[(unsigned char)text.data[i]] & class) == 0)
            return false;
    }
    return true;
}

bool http_is_token(struct slice text)
{
    return text.len > 0 && is_all(text, TOKEN);
}

static char lower_of(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool is_same(const char *data, const char *lower, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (lower_of(data[i]) != lower[i])
            return false;
    }
    return true;
}

bool http_is_word(struct slice text, const char *lower)
{
    return text.len == strlen(lower) && is_same(text.data, lower, text.len);
}

bool http_list_has(struct slice list, const char *token)
{
    while (list.len > 0) {
        const char *comma = memchr(list.data, ',', list.len);
        size_t len = comma != NULL ? (size_t)(comma - list.data) : list.len;

        if (http_is_word(slice_trim((struct slice){ list.data, len }), token))
            return true;
        len += comma != NULL;
        list = (struct slice){ list.data + len, list.len - len };
    }
    return false;
}

/* ---- the request line --------------------------------------------------------------------------- */

static void read_method(struct http_head *head, struct slice name)
{
    static const char *const names[HTTP_OTHER] = {
        [HTTP_GET] = "GET",         [HTTP_POST] = "POST",     [HTTP_PUT] = "PUT",
        [HTTP_PATCH] = "PATCH",     [HTTP_DELETE] = "DELETE", [HTTP_HEAD] = "HEAD",
        [HTTP_OPTIONS] = "OPTIONS",
    };

    head->method = 0;
    while (head->method < HTTP_OTHER && !slice_is(name, names[head->method]))
        head->method++;
}

/* "*", "/path?query" or "http://host/path?query" (absolute-form, RFC 9112, section 3.2.2). */
static bool read_target(struct http_head *head, const char *data)
{
    struct http_span target = head->target;
    const char *text = data + target.at;
    uint32_t at = 0;

    if (target.len == 0 || !is_all(http_slice(data, target), TARGET))
        return fail(head, HTTP_FAULT_TARGET);
    if (target.len > 7 && is_same(text, "http://", 7))
        at = 7;
    else if (target.len > 8 && is_same(text, "https://", 8))
        at = 8;
    else if (text[0] != '/' && !(head->method == HTTP_OPTIONS && target.len == 1 && text[0] == '*'))
        return fail(head, HTTP_FAULT_TARGET);

    uint32_t authority = at;

    while (at > 0 && at < target.len && text[at] != '/' && text[at] != '?')
        at++;
    if (authority > 0 && at == authority)
        return fail(head, HTTP_FAULT_TARGET);

    const char *question = memchr(text + at, '?', target.len - at);
    uint32_t end = question != NULL ? (uint32_t)(question - text) : target.len;

    head->path = (struct http_span){ target.at + at, end - at };
    if (end == at) /* "http://host": the path is "/", and the scheme ends in one */
        head->path = (struct http_span){ target.at + authority - 1, 1 };
    end += question != NULL;
    head->query = (struct http_span){ target.at + end, target.len - end };
    return true;
}

static bool read_version(struct http_head *head, struct slice version)
{
    const char *text = version.data;

    if (version.len < 6 || memcmp(text, "HTTP/", 5) != 0 || text[5] < '0' || text[5] > '9')
        return fail(head, HTTP_FAULT_REQUEST_LINE);
    if (version.len != 8 || text[5] != '1' || text[6] != '.' || text[7] < '0' || text[7] > '9')
        return fail(head, HTTP_FAULT_VERSION);
    head->minor = (uint8_t)(text[7] - '0');
    return true;
}

static bool read_request_line(struct http_head *head, const char *data, struct slice line)
{
    const char *first = memchr(line.data, ' ', line.len);
    const char *last = memrchr(line.data, ' ', line.len);

    if (first == NULL || first == last ||
        memchr(first + 1, ' ', (size_t)(last - first - 1)) != NULL)
        return fail(head, HTTP_FAULT_REQUEST_LINE);

    struct slice method = { line.data, (size_t)(first - line.data) };
    struct slice version = { last + 1, (size_t)(line.data + line.len - last - 1) };

    if (method.len == 0 || !is_all(method, TOKEN))
        return fail(head, HTTP_FAULT_REQUEST_LINE);
    read_method(head, method);
    head->method_name = (struct http_span){ head->line, (uint32_t)method.len };
    head->target = (struct http_span){ (uint32_t)(first + 1 - data), (uint32_t)(last - first - 1) };
    return read_version(head, version) && read_target(head, data);
}

/* ---- the headers that decide how the message is read ---------------------------------------------- */

static bool read_host(struct http_head *head, struct slice value)
{
    if (head->has_host || !is_all(value, HOST))
        return fail(head, HTTP_FAULT_HOST);
    head->has_host = true;
    return true;
}

static bool read_content_length(struct http_head *head, struct slice value)
{
    if (head->has_length || !slice_to_u64(value, 0, UINT64_MAX, &head->content_length))
        return fail(head, HTTP_FAULT_LENGTH);
    head->has_length = true;
    return true;
}

static bool read_transfer_encoding(struct http_head *head, struct slice value)
{
    if (head->is_chunked)
        return fail(head, HTTP_FAULT_FRAMING);
    if (!http_is_word(value, "chunked"))
        return fail(head, HTTP_FAULT_ENCODING);
    head->is_chunked = true;
    return true;
}

static bool read_expect(struct http_head *head, struct slice value)
{
    if (!http_is_word(value, "100-continue"))
        return fail(head, HTTP_FAULT_EXPECT);
    head->expects_continue = head->minor > 0;
    return true;
}

static bool read_connection(struct http_head *head, struct slice value)
{
    head->says_close = head->says_close || http_list_has(value, "close");
    head->says_keep_alive = head->says_keep_alive || http_list_has(value, "keep-alive");
    head->says_upgrade = head->says_upgrade || http_list_has(value, "upgrade");
    return true;
}

static bool read_upgrade(struct http_head *head, struct slice value)
{
    head->asks_websocket = head->asks_websocket || http_list_has(value, "websocket");
    return true;
}

static const struct {
    struct slice name;
    bool (*read)(struct http_head *head, struct slice value);
} fields[] = {
    { { "host", 4 }, read_host },
    { { "expect", 6 }, read_expect },
    { { "upgrade", 7 }, read_upgrade },
    { { "connection", 10 }, read_connection },
    { { "content-length", 14 }, read_content_length },
    { { "transfer-encoding", 17 }, read_transfer_encoding },
};

static bool read_field(struct http_head *head, struct slice line)
{
    const char *colon = memchr(line.data, ':', line.len);
    struct slice name = { line.data, colon != NULL ? (size_t)(colon - line.data) : 0 };

    if (name.len == 0 ||
        !is_all(name, TOKEN)) /* nor is it one when the line starts with a blank: a folded line */
        return fail(head, HTTP_FAULT_FIELD_NAME);

    struct slice value = slice_trim((struct slice){ colon + 1, line.len - name.len - 1 });

    if (!is_all(value, VALUE))
        return fail(head, HTTP_FAULT_FIELD_VALUE);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (name.len == fields[i].name.len && is_same(name.data, fields[i].name.data, name.len))
            return fields[i].read(head, value);
    }
    return true;
}

/* What only the whole head can tell. */
static bool check_head(struct http_head *head)
{
    if (!head->has_host && head->minor > 0)
        return fail(head, HTTP_FAULT_HOST);
    if (head->is_chunked && (head->has_length || head->minor == 0))
        return fail(head, HTTP_FAULT_FRAMING);
    return true;
}

/* ---- line by line --------------------------------------------------------------------------------- */

static bool read_line(struct http_head *head, const char *data, struct slice line, uint32_t next)
{
    if (line.len == 0 || line.data[line.len - 1] != '\r')
        return fail(head, HTTP_FAULT_LINE_END);
    line.len--;
    if (head->fields == 0) {
        if (line.len > 0) {
            head->fields = next;
            return read_request_line(head, data, line);
        }
    } else if (line.len > 0) {
        return read_field(head, line);
    } else {
        head->len = next;
        return check_head(head);
    }
    return true;
}

enum http_parse http_head_parse(struct http_head *head, const char *data, size_t len,
                                size_t max_bytes)
{
    /* What cannot be the start of a request (a TLS handshake, say) is not worth waiting for. */
    if (head->line == 0 && len > 0 && data[0] != '\r' &&
        !is_all((struct slice){ data, 1 }, TOKEN)) {
        fail(head, HTTP_FAULT_REQUEST_LINE);
        return HTTP_PARSE_FAULT;
    }
    while (head->len == 0) {
        size_t end = len < max_bytes ? len : max_bytes;
        const char *feed = NULL;

        if (head->searched < end) /* the bound may have been lowered meanwhile */
            feed = memchr(data + head->searched, '\n', end - head->searched);

        if (feed == NULL) {
            head->searched = (uint32_t)end;
            if (len < max_bytes)
                return HTTP_PARSE_MORE;
            fail(head, HTTP_FAULT_HEAD_SIZE);
            return HTTP_PARSE_FAULT;
        }

        uint32_t next = (uint32_t)(feed + 1 - data);

        if (!read_line(head, data, (struct slice){ data + head->line, next - 1 - head->line },
                       next))
            return HTTP_PARSE_FAULT;
        head->line = head->searched = next;
    }
    return HTTP_PARSE_DONE;
}

/* ---- afterwards ------------------------------------------------------------------------------------ */

bool http_head_next(const struct http_head *head, const char *data, size_t *offset,
                    struct slice *name_out, struct slice *value_out)
{
    const char *line = data + head->fields + *offset;
    const char *end = data + head->len - 2;

    if (line == end)
        return false;

    const char *feed = memchr(line, '\n', (size_t)(end - line));
    const char *colon = memchr(line, ':', (size_t)(feed - line));

    *name_out = (struct slice){ line, (size_t)(colon - line) };
    *value_out = slice_trim((struct slice){ colon + 1, (size_t)(feed - 1 - (colon + 1)) });
    *offset += (size_t)(feed + 1 - line);
    return true;
}

struct slice http_head_find(const struct http_head *head, const char *data, const char *name)
{
    const char *end = data + head->len - 2;
    size_t len = strlen(name);

    /* Each line has its CRLF, and the end has one more: looking at line[len] stays inside wherever
     * the line is long enough, which its line feed tells first. */
    for (const char *line = data + head->fields, *feed; line < end; line = feed + 1) {
        feed = memchr(line, '\n', (size_t)(end - line));
        if ((size_t)(feed - line) > len && line[len] == ':' && is_same(line, name, len))
            return slice_trim((struct slice){ line + len + 1, (size_t)(feed - line) - len - 2 });
    }
    return (struct slice){ NULL, 0 };
}

bool http_head_keeps_alive(const struct http_head *head)
{
    return !head->says_close && (head->minor > 0 || head->says_keep_alive);
}
