/* SPDX-License-Identifier: MIT */
/*
 * Whose is a request? Paths are compared segment by segment, as they were sent: another case, a slash too many or one
 * behind the path is another path, and is nowhere. So is another method.
 */
#include <string.h>

#include "http_url.h"
#include "rest_inner.h"

enum { PARAM_UNITS_MAX = 100 };

static const struct rest_route routes[] = {
    { HTTP_GET, "events", events_open, REST_STREAMED },
    { HTTP_GET, "instances", rest_get_instances, REST_PLAIN },
    { HTTP_GET, "instances/{}", rest_get_instance, REST_PLAIN },
    { HTTP_POST, "instances/{}/drain", rest_drain_instance, REST_AUDITED },
    { HTTP_GET, "instances/{}/rooms", rest_get_instance_rooms, REST_PLAIN },
    { HTTP_POST, "instances/{}/undrain", rest_undrain_instance, REST_AUDITED },
    { HTTP_GET, "rooms", rest_get_rooms, REST_PLAIN },
    { HTTP_POST, "rooms", rest_create_room, REST_AUDITED },
    { HTTP_GET, "rooms/{}", rest_get_room, REST_RAW },
    { HTTP_DELETE, "rooms/{}", rest_delete_room, REST_RAW | REST_AUDITED },
    { HTTP_PUT, "rooms/{}/metadata", rest_describe_room, REST_RAW | REST_AUDITED },
    { HTTP_GET, "stats", rest_get_stats, REST_PLAIN },
    { HTTP_POST, "tokens", rest_make_token, REST_AUDITED },
};

/* ---- segments --------------------------------------------------------------------------------------- */

/* Up to the next slash; `rest`: behind it, data NULL when there is none. */
static struct slice segment_next(struct slice *rest)
{
    const char *slash = rest->len > 0 ? memchr(rest->data, '/', rest->len) : NULL;
    struct slice segment = *rest;

    if (slash == NULL) {
        *rest = (struct slice){ NULL, 0 };
        return segment;
    }
    segment.len = (size_t)(slash - segment.data);
    *rest = (struct slice){ slash + 1, rest->len - segment.len - 1 };
    return segment;
}

static bool path_matches(struct slice path, struct slice template, struct slice *param_out)
{
    *param_out = (struct slice){ NULL, 0 };
    while (path.data != NULL && template.data != NULL) {
        struct slice have = segment_next(&path), want = segment_next(&template);

        if (slice_is(want, "{}"))
            *param_out = have;
        else if (!slice_equals(have, want))
            return false;
    }
    return path.data == NULL && template.data == NULL;
}

static enum http_method served_as(const struct http_request *request)
{
    enum http_method method = http_request_method(request);

    return method == HTTP_HEAD ? HTTP_GET : method;
}

/* ---- parameters --------------------------------------------------------------------------------------- */

/* Its length is that of what it stands for, whichever of both is taken. */
static bool param_take(struct rest_call *call, struct slice sent)
{
    struct slice decoded;
    char *room = buf_reserve(&call->text, sent.len + 1);

    if (room == NULL || !url_decode(sent, URL_PLUS_IS_PLUS, room, &decoded.len))
        return false;
    call->text.len += decoded.len;
    decoded.data = room;
    call->param = (call->route->traits & REST_RAW) != 0 ? sent : decoded;
    return fleet_units(decoded) <= PARAM_UNITS_MAX;
}

static bool path_is_decodable(struct rest_call *call, struct slice path)
{
    char *room = buf_reserve(&call->text, path.len + 1);
    size_t len;

    return room != NULL && url_decode(path, URL_PLUS_IS_PLUS, room, &len) &&
           utf8_is_valid((struct slice){ room, len });
}

enum rest_found rest_route_find(struct rest_call *call)
{
    struct slice path = http_path(call->request), param;
    size_t prefix = sizeof "/v1/" - 1;

    if (!path_is_decodable(call, path))
        return REST_BROKEN_ESCAPE;
    if (path.len < prefix || path.data[prefix - 1] != '/')
        return REST_NOWHERE;
    path = (struct slice){ path.data + prefix, path.len - prefix };
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (routes[i].method != served_as(call->request) ||
            !path_matches(path, slice_of(routes[i].path), &param))
            continue;
        call->route = &routes[i];
        if (param.data != NULL && !param_take(call, param)) {
            call->route = NULL;
            return REST_NOWHERE;
        }
        return REST_FOUND;
    }
    return REST_NOWHERE;
}
