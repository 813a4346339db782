/* SPDX-License-Identifier: MIT */
/* Who is in a room, and how many: Redis knows both, and which nodes live. No node is asked. */
#include <inttypes.h>

#include "api_call.h"
#include "sio_channel.h"
#include "sio_name.h"
#include "store/nodes.h"
#include "store/rooms.h"

enum { LIMIT_DEFAULT = 100, PAGE_MAX = 64 * 1024 * 1024 };

/* Which room: `id` points to the channel's text. */
struct place {
    struct slice nsp, room;
    struct sio_channel channel;
    struct room_id id;
};

static bool find_place(struct api_call *call, struct place *place)
{
    struct slice nsp = http_query(call->request, "namespace");

    place->nsp = nsp.data != NULL ? nsp : SLICE_LITERAL("/");
    place->room = http_param(call->request, 0);
    if (!sio_namespace_is_valid(place->nsp) || !sio_room_name_is_valid(place->room) ||
        !sio_channel_of(&place->channel, api_call_realm(call), place->nsp, place->room))
        return false;
    place->id = (struct room_id){ place->channel.id.realm, place->channel.id.id };
    return true;
}

static const char place_error[] =
    "room, namespace: must be 1 to 128 bytes without control characters; a namespace begins with /";

static void write_place(struct buf *out, const struct place *place)
{
    buf_add_text(out, "{\"room\":");
    json_quote(out, place->room);
    buf_add_text(out, ",\"namespace\":");
    json_quote(out, place->nsp);
    buf_add_text(out, ",\"members\":");
}

/* ---- how many ---------------------------------------------------------------------------------------------- */

static void on_counted(enum result result, uint64_t members, void *ctx)
{
    struct api_call *call = ctx;
    struct place place;
    struct buf body;

    if (result != RESULT_OK || !find_place(call, &place)) {
        api_call_fail(call, result);
        return;
    }
    buf_init(&body, 4096);
    write_place(&body, &place);
    buf_printf(&body, "%" PRIu64 "}", members);
    api_call_reply(call, 200, buf_slice(&body));
    buf_fini(&body);
}

static void on_live_for_count(enum result result, const struct slice *ids, size_t count, void *ctx)
{
    struct api_call *call = ctx;
    const struct room_live live = { ids, count };
    struct place place;

    if (result == RESULT_OK && find_place(call, &place))
        room_count(call->api->node->store, &place.id, &live, on_counted, call, &call->op);
    else
        api_call_fail(call, result);
}

static void begin_count(struct api_call *call)
{
    struct place place;

    if (find_place(call, &place))
        nodes_list_live(call->api->node->store, on_live_for_count, call, &call->op);
    else
        api_call_refuse(call, 400, place_error);
}

/* ---- who ----------------------------------------------------------------------------------------------------- */

struct page {
    uint64_t cursor, limit;
};

static bool find_page(struct api_call *call, struct page *page)
{
    struct slice cursor = http_query(call->request, "cursor");
    struct slice limit = http_query(call->request, "limit");

    *page = (struct page){ 0, LIMIT_DEFAULT };
    return (!http_has_query(call->request, "cursor") ||
            slice_to_u64(cursor, 0, UINT64_MAX, &page->cursor)) &&
           (!http_has_query(call->request, "limit") ||
            slice_to_u64(limit, 1, ROOM_LIST_MAX, &page->limit));
}

static void write_page(struct buf *out, const struct room_page *page)
{
    buf_add_byte(out, '[');
    for (size_t i = 0; i < page->count; i++) {
        if (i > 0)
            buf_add_byte(out, ',');
        json_quote(out, page->sockets[i]);
    }
    if (page->next != 0)
        buf_printf(out, "],\"cursor\":\"%" PRIu64 "\"}", page->next);
    else
        buf_add_text(out, "],\"cursor\":null}");
}

static void on_listed(enum result result, const struct room_page *page, void *ctx)
{
    struct api_call *call = ctx;
    struct place place;
    struct buf body;

    if (result != RESULT_OK || !find_place(call, &place)) {
        api_call_fail(call, result);
        return;
    }
    buf_init(&body, PAGE_MAX);
    write_place(&body, &place);
    write_page(&body, page);
    api_call_reply(call, 200, buf_slice(&body));
    buf_fini(&body);
}

static void on_live_for_list(enum result result, const struct slice *ids, size_t count, void *ctx)
{
    struct api_call *call = ctx;
    const struct room_live live = { ids, count };
    struct place place;
    struct page page;

    if (result == RESULT_OK && find_place(call, &place) && find_page(call, &page))
        room_list(call->api->node->store, &place.id, &live, page.cursor, (uint32_t)page.limit,
                  on_listed, call, &call->op);
    else
        api_call_fail(call, result);
}

static void begin_list(struct api_call *call)
{
    struct place place;
    struct page page;

    if (!find_place(call, &place))
        api_call_refuse(call, 400, place_error);
    else if (!find_page(call, &page))
        api_call_refuse(call, 400, "cursor, limit: must be whole numbers; limit from 1 to 1000");
    else
        nodes_list_live(call->api->node->store, on_live_for_list, call, &call->op);
}

/* ---- routes ---------------------------------------------------------------------------------------------------- */

void api_count_handle(struct http_request *request, void *api)
{
    api_call_start(request, api, begin_count);
}

void api_members_handle(struct http_request *request, void *api)
{
    api_call_start(request, api, begin_list);
}
