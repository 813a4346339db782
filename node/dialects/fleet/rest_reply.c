/* SPDX-License-Identifier: MIT */
/*
 * Answers: {"status":"OK","data":…} or {"status":"rejected","cause":"…"}, and what is common to them: headers for other
 * origins, and a line of audit for what changes something.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "http_stream.h"
#include "rest_inner.h"

enum { DATE_SIZE = 64, AUDIT_MAX = 2048 };

static const struct cause {
    int status;
    const char *name;
    const char *headers;
} causes[REST_CAUSES] = {
    [REST_VALIDATION] = { 400, "VALIDATION", NULL },
    [REST_UNAUTHORIZED] = { 401, "UNAUTHORIZED", NULL },
    [REST_NOT_FOUND] = { 404, "NOT_FOUND", NULL },
    [REST_INSTANCE_NOT_FOUND] = { 404, "INSTANCE_NOT_FOUND", NULL },
    [REST_ROOM_NOT_FOUND] = { 404, "ROOM_NOT_FOUND", NULL },
    [REST_REGISTRATION_NOT_FOUND] = { 404, "REGISTRATION_NOT_FOUND", NULL },
    [REST_NO_CANDIDATE] = { 409, "NO_CANDIDATE", NULL },
    [REST_ROOM_EXISTS] = { 409, "ROOM_EXISTS", NULL },
    [REST_INSTANCE_DRAINING] = { 409, "INSTANCE_DRAINING", NULL },
    [REST_EVENTS_TRIMMED] = { 409, "EVENTS_TRIMMED", NULL },
    [REST_BODY_TIMEOUT] = { 408, "TIMEOUT", NULL },
    [REST_PAYLOAD_TOO_LARGE] = { 413, "PAYLOAD_TOO_LARGE", NULL },
    [REST_UNSUPPORTED_TYPE] = { 415, "VALIDATION", NULL },
    [REST_INSTANCE_BUSY] = { 429, "INSTANCE_BUSY", NULL },
    [REST_AUTH_THROTTLED] = { 429, "AUTH_THROTTLED", NULL },
    [REST_SSE_LIMIT] = { 429, "SSE_LIMIT", NULL },
    [REST_COMMAND_FAILED] = { 502, "COMMAND_FAILED", NULL },
    [REST_INSTANCE_DISCONNECTED] = { 502, "INSTANCE_DISCONNECTED", NULL },
    [REST_UNAVAILABLE] = { 503, "UNAVAILABLE", "Retry-After: 1\r\n" },
    [REST_COMMAND_TIMEOUT] = { 504, "COMMAND_TIMEOUT", NULL },
};

static const struct {
    enum rest_cause cause;
    enum limit_kind limit;
} limits[] = {
    { REST_INSTANCE_BUSY, LIMIT_FLEET_COMMANDS },
    { REST_AUTH_THROTTLED, LIMIT_FLEET_LOGINS },
    { REST_SSE_LIMIT, LIMIT_FLEET_STREAMS },
};

enum rest_cause rest_cause_of(enum fleet_answer answer)
{
    static const enum rest_cause answers[FLEET_ANSWERS] = {
        [FLEET_ANSWER_ROOM_EXISTS] = REST_ROOM_EXISTS,
        [FLEET_ANSWER_NO_CANDIDATE] = REST_NO_CANDIDATE,
        [FLEET_ANSWER_UNKNOWN_INSTANCE] = REST_INSTANCE_NOT_FOUND,
        [FLEET_ANSWER_DRAINING] = REST_INSTANCE_DRAINING,
        [FLEET_ANSWER_BUSY] = REST_INSTANCE_BUSY,
        [FLEET_ANSWER_FAILED] = REST_COMMAND_FAILED,
        [FLEET_ANSWER_DISCONNECTED] = REST_INSTANCE_DISCONNECTED,
        [FLEET_ANSWER_TIMEOUT] = REST_COMMAND_TIMEOUT,
        [FLEET_ANSWER_UNAVAILABLE] = REST_UNAVAILABLE,
    };

    assert(answer != FLEET_ANSWER_OK);
    return answers[answer];
}

const char *rest_method_name(const struct rest_call *call)
{
    static const char *const names[] = {
        [HTTP_GET] = "GET",       [HTTP_POST] = "POST", [HTTP_PUT] = "PUT",
        [HTTP_DELETE] = "DELETE", [HTTP_HEAD] = "HEAD", [HTTP_OTHER] = NULL,
    };
    const char *name = names[http_request_method(call->request)];

    return name != NULL ? name : "other";
}

/* ---- around each answer ------------------------------------------------------------------------------- */

/* Whole, for it says what was done to which room; what could be taken for something else in the line is escaped. */
static void add_path(struct buf *out, struct slice path)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%/";

    for (size_t i = 0; i < path.len; i++) {
        if (memchr(plain, path.data[i], sizeof plain - 1) != NULL)
            buf_add_byte(out, path.data[i]);
        else
            buf_printf(out, "%%%02X", (unsigned char)path.data[i]);
    }
}

/* Each line of who has a key; strangers, who may ask as often as they like, write so many and no more. */
void rest_audit(const struct rest_call *call, int status)
{
    char address[PEER_TEXT_SIZE];
    struct buf line;

    if (call->route == NULL || (call->route->traits & REST_AUDITED) == 0)
        return;
    peer_format(http_peer(call->request), address);
    buf_init(&line, AUDIT_MAX);
    buf_printf(&line, "method=%s path=", rest_method_name(call));
    add_path(&line, http_path(call->request));
    buf_printf(&line, " key=%s%s ip=%s outcome=%d", call->is_known ? "key#" : "unknown",
               call->is_known ? call->fingerprint : "", address, status);
    if (call->is_known)
        log_info(NULL, "fleet.audit", "%.*s", (int)line.len, line.data);
    else
        log_peer(LOG_INFO, NULL, "fleet.audit", "%.*s", (int)line.len, line.data);
    buf_fini(&line);
}

void rest_date_add(const struct rest_call *call, struct buf *out)
{
    time_t now = (time_t)(store_now_ms(call->rest->fleet->node->store) / 1000);
    char text[DATE_SIZE];
    struct tm tm;

    if (gmtime_r(&now, &tm) != NULL &&
        strftime(text, sizeof text, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm) > 0)
        buf_add_text(out, text);
}

void rest_etag_write(const char *hash, char line[REST_ETAG_SIZE])
{
    snprintf(line, REST_ETAG_SIZE, "ETag: W/\"%s\"\r\n", hash);
}

static void make_headers(const struct rest_call *call, const char *further, struct buf *out)
{
    buf_init(out, SIZE_MAX); /* an origin, which is bounded by the request's head */
    rest_date_add(call, out);
    rest_cors_add(call, out);
    if (further != NULL)
        buf_add_text(out, further);
    buf_add_byte(out, '\0');
}

void rest_reply_raw(struct rest_call *call, const struct http_reply *reply)
{
    struct http_reply whole = *reply;
    struct buf headers;

    make_headers(call, reply->headers, &headers);
    whole.headers = headers.data;
    rest_audit(call, reply->status);
    http_reply(call->request, &whole);
    rest_call_free(&call); /* the body may be the call's */
    buf_fini(&headers);
}

struct http_stream *rest_stream(struct rest_call *call, const struct http_stream_head *head,
                                const struct http_stream_ops *ops, void *ctx)
{
    struct http_stream_head whole = *head;
    struct http_stream *stream;
    struct buf headers;

    make_headers(call, head->headers, &headers);
    whole.headers = headers.data;
    rest_audit(call, head->status);
    stream = http_stream_open(call->request, &whole, ops, ctx);
    rest_call_free(&call);
    buf_fini(&headers);
    return stream;
}

/* ---- envelopes ------------------------------------------------------------------------------------------- */

static void count_limit(const struct rest_call *call, enum rest_cause cause)
{
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        if (limits[i].cause == cause)
            call->rest->fleet->node->metrics.limits[limits[i].limit]++;
}

static void refuse(struct rest_call *call, enum rest_cause cause, bool closes)
{
    char body[64];
    int len = snprintf(body, sizeof body, "{\"status\":\"rejected\",\"cause\":\"%s\"}",
                       causes[cause].name);

    assert(len > 0 && (size_t)len < sizeof body);
    count_limit(call, cause);
    rest_reply_raw(call, &(struct http_reply){
                             .status = causes[cause].status,
                             .type = REST_JSON_TYPE,
                             .body = { body, (size_t)len },
                             .headers = causes[cause].headers,
                             .closes = closes,
                         });
}

void rest_refuse(struct rest_call *call, enum rest_cause cause)
{
    refuse(call, cause, false);
}

void rest_refuse_and_close(struct rest_call *call, enum rest_cause cause)
{
    refuse(call, cause, true);
}

void rest_fail(struct rest_call *call, enum result result)
{
    rest_refuse(call, result == RESULT_UNCERTAIN ? REST_COMMAND_TIMEOUT : REST_UNAVAILABLE);
}

void rest_reply(struct rest_call *call, int status, struct slice data)
{
    struct buf body;

    buf_init(&body, data.len + 64);
    buf_add_text(&body, "{\"status\":\"OK\"");
    if (data.data != NULL) {
        buf_add_text(&body, ",\"data\":");
        buf_add_slice(&body, data);
    }
    buf_add_byte(&body, '}');
    rest_reply_raw(call, &(struct http_reply){
                             .status = status, .type = REST_JSON_TYPE, .body = buf_slice(&body) });
    buf_fini(&body);
}
