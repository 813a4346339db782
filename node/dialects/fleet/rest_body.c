/* SPDX-License-Identifier: MIT */
/*
 * What a body must be before anybody reads it: JSON where it says so, and then none that would change the prototypes of
 * objects in who reads it carelessly.
 */
#include <string.h>

#include "rest_inner.h"

/* Has it a member "__proto__", or a "constructor" with a "prototype" in it? */
static bool is_poisoned(struct json value)
{
    bool is_constructor[JSON_DEPTH_MAX + 2] = { false };
    struct json_walk walk;
    enum json_step step;

    json_walk_init(&walk, value);
    while ((step = json_walk_next(&walk)) != JSON_STEP_END) {
        /* what opens is counted in the depth already */
        unsigned within = step == JSON_STEP_OPENS ? walk.depth - 1 : walk.depth;

        if (step == JSON_STEP_CLOSES)
            continue;
        if (json_text_is(walk.name, "__proto__") ||
            (is_constructor[within] && json_text_is(walk.name, "prototype")))
            return true;
        if (step == JSON_STEP_OPENS)
            is_constructor[walk.depth] =
                walk.value.type == JSON_OBJECT && json_text_is(walk.name, "constructor");
    }
    return false;
}

static bool is_media(struct slice type, const char *wanted)
{
    const char *semicolon = memchr(type.data, ';', type.len);

    if (semicolon != NULL)
        type.len = (size_t)(semicolon - type.data);
    type = slice_trim(type);
    return type.len == strlen(wanted) && strncasecmp(type.data, wanted, type.len) == 0;
}

static bool refuse(struct rest_call *call, enum rest_cause cause)
{
    rest_refuse(call, cause);
    return false;
}

static bool refuse_and_close(struct rest_call *call, enum rest_cause cause)
{
    rest_refuse_and_close(call, cause);
    return false;
}

static bool judge_json(struct rest_call *call, struct slice body)
{
    if (body.len == 0)
        return refuse(call, REST_VALIDATION);
    if (!json_parse(body, &call->body) || is_poisoned(call->body))
        return refuse_and_close(call, REST_VALIDATION);
    return true;
}

static bool judge_refused(struct rest_call *call)
{
    if (call->refused == 413)
        return refuse_and_close(call, REST_PAYLOAD_TOO_LARGE);
    return refuse_and_close(call, call->refused == 408 ? REST_BODY_TIMEOUT : REST_VALIDATION);
}

bool rest_body_judge(struct rest_call *call)
{
    struct slice type = http_header(call->request, "content-type");
    struct slice body = http_body(call->request);

    if (call->refused != 0)
        return judge_refused(call);
    if (call->route->method == HTTP_GET)
        return true;
    if (type.data == NULL)
        return body.len == 0 || refuse(call, REST_UNSUPPORTED_TYPE);
    if (is_media(type, "application/json"))
        return judge_json(call, body);
    return is_media(type, "text/plain") || refuse(call, REST_UNSUPPORTED_TYPE);
}
