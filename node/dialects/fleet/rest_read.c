/* SPDX-License-Identifier: MIT */
/* What there is. Each question brings this node's copy up to date first: an answer is never older than the question. */
#include <string.h>

#include "rest_inner.h"

/* ---- conditions ---------------------------------------------------------------------------------------- */

static bool list_has(struct slice list, struct slice wanted)
{
    while (list.len > 0) {
        const char *comma = memchr(list.data, ',', list.len);
        size_t len = comma != NULL ? (size_t)(comma - list.data) : list.len;

        if (slice_equals(slice_trim((struct slice){ list.data, len }), wanted))
            return true;
        len += comma != NULL;
        list = (struct slice){ list.data + len, list.len - len };
    }
    return false;
}

/* What stands in such a line. */
static struct slice tag_in(const char *line)
{
    size_t name = sizeof "ETag: " - 1;

    return (struct slice){ line + name, strlen(line) - name - (sizeof "\r\n" - 1) };
}

/* The caller has this already. True: it has been told so. */
static bool is_unchanged(struct rest_call *call, const char *hash)
{
    struct slice known = http_header(call->request, "if-none-match");
    char header[REST_ETAG_SIZE];

    if (known.data == NULL)
        return false;
    rest_etag_write(hash, header);
    if (!slice_is(known, "*") && !list_has(known, tag_in(header)))
        return false;
    rest_reply_raw(call, &(struct http_reply){ .status = 304, .headers = header });
    return true;
}

/* ---- the fleet ------------------------------------------------------------------------------------------ */

static void write_stats(struct buf *out, const struct model_view *view)
{
    buf_printf(out, "{\"instances\":%zu,\"rooms\":%llu,\"connections\":%llu,\"roomTypes\":[",
               view->instance_count, (unsigned long long)view->rooms,
               (unsigned long long)view->connections);
    for (size_t i = 0; i < view->type_count; i++) {
        if (i > 0)
            buf_add_byte(out, ',');
        json_quote(out, view->types[i]);
    }
    buf_printf(out, "],\"stateHash\":\"%s\"}", view->hash);
}

static void on_stats(enum result result, const struct model_view *view, void *ctx)
{
    struct rest_call *call = ctx;
    char header[REST_ETAG_SIZE];
    struct buf body;

    if (result != RESULT_OK) {
        rest_refuse(call, REST_UNAVAILABLE);
        return;
    }
    if (is_unchanged(call, view->hash))
        return;
    buf_init(&body, SIZE_MAX); /* bounded by what the copy holds */
    buf_add_text(&body, "{\"status\":\"OK\",\"data\":");
    write_stats(&body, view);
    buf_add_byte(&body, '}');
    rest_etag_write(view->hash, header);
    rest_reply_raw(call, &(struct http_reply){ .status = 200,
                                               .type = REST_JSON_TYPE,
                                               .body = buf_slice(&body),
                                               .headers = header });
    buf_fini(&body);
}

void rest_get_stats(struct rest_call *call)
{
    model_read(call->realm->model, false, on_stats, call, &call->reading);
}

/* ---- lists ---------------------------------------------------------------------------------------------- */

static void send_list(struct rest_call *call, const struct model_view *view, enum rest_page_of of,
                      struct rest_filter *filter)
{
    struct rest_page *page = rest_page_create(of, view->instance_count);

    rest_page_filter(page, filter);
    for (size_t i = 0; i < view->instance_count; i++)
        rest_page_add(page, view->instances[i], SIZE_MAX);
    rest_page_send(page, call, view->hash);
}

static void on_instances(enum result result, const struct model_view *view, void *ctx)
{
    struct rest_call *call = ctx;

    if (result != RESULT_OK)
        rest_refuse(call, REST_UNAVAILABLE);
    else if (!is_unchanged(call, view->hash))
        send_list(call, view, REST_INSTANCES, NULL);
}

void rest_get_instances(struct rest_call *call)
{
    model_read(call->realm->model, true, on_instances, call, &call->reading);
}

static void on_rooms(enum result result, const struct model_view *view, void *ctx)
{
    struct rest_call *call = ctx;

    if (result != RESULT_OK)
        rest_refuse(call, REST_UNAVAILABLE);
    else if (!is_unchanged(call, view->hash))
        send_list(call, view, REST_ROOMS, rest_filter_create(http_query_raw(call->request)));
}

void rest_get_rooms(struct rest_call *call)
{
    model_read(call->realm->model, false, on_rooms, call, &call->reading);
}

/* ---- one ------------------------------------------------------------------------------------------------- */

static void send_one(struct rest_call *call, enum rest_page_of of, struct model_instance *instance,
                     size_t room)
{
    struct rest_page *page = rest_page_create(of, 1);

    rest_page_add(page, instance, room);
    rest_page_send(page, call, NULL);
}

static void send_instance(struct rest_call *call, enum result result, enum rest_page_of of)
{
    struct model_instance *instance =
        result == RESULT_OK ? model_find(call->realm->model, call->param) : NULL;

    if (result != RESULT_OK)
        rest_refuse(call, REST_UNAVAILABLE);
    else if (instance == NULL)
        rest_refuse(call, REST_INSTANCE_NOT_FOUND);
    else
        send_one(call, of, instance, SIZE_MAX);
}

static void on_instance(enum result result, const struct model_view *view, void *ctx)
{
    (void)view;
    send_instance(ctx, result, REST_INSTANCE);
}

void rest_get_instance(struct rest_call *call)
{
    model_read(call->realm->model, true, on_instance, call, &call->reading);
}

static void on_instance_rooms(enum result result, const struct model_view *view, void *ctx)
{
    (void)view;
    send_instance(ctx, result, REST_ROOMS);
}

void rest_get_instance_rooms(struct rest_call *call)
{
    model_read(call->realm->model, false, on_instance_rooms, call, &call->reading);
}

static void on_room(enum result result, const struct model_view *view, void *ctx)
{
    struct rest_call *call = ctx;
    struct model_instance *instance;
    size_t room;

    (void)view;
    if (result != RESULT_OK) {
        rest_refuse(call, REST_UNAVAILABLE);
        return;
    }
    instance = model_find_room(call->realm->model, call->param, &room);
    if (instance == NULL)
        rest_refuse(call, REST_ROOM_NOT_FOUND);
    else
        send_one(call, REST_ROOM, instance, room);
}

void rest_get_room(struct rest_call *call)
{
    model_read(call->realm->model, false, on_room, call, &call->reading);
}
