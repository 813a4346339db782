/* SPDX-License-Identifier: MIT */
/*
 * Documents of instances and rooms, written piece by piece: what fits into the first piece goes out whole, with its
 * length; anything longer is streamed, a piece whenever the kernel has taken the one before. The instances are held as
 * they were when the page was made: an answer is of one version, however long it takes.
 *
 *     page = {"status":"OK","data": … }        … = one document, or [ document , document ]
 */
#include <stdlib.h>

#include "base/mem.h"
#include "http_stream.h"
#include "rest_inner.h"

enum {
    PIECE_BYTES = 64 * 1024,
    PIECE_STEPS = 4096,             /* rooms looked at in one turn, whether they are shown or not */
    DOCUMENT_MAX = 8 * 1024 * 1024, /* an instance's head, a room */
};

struct page_item {
    struct model_instance *instance; /* a reference */
    int64_t synced_ms;
    size_t first, end; /* rooms that are shown */
};

struct rest_page {
    enum rest_page_of of;
    struct page_item *items;
    size_t count, count_max;
    struct rest_filter *filter;
    size_t item, room;                /* what is next          */
    bool has_head, has_any, has_room; /* … and what was before */
    bool is_whole;
    struct buf out;
    struct http_stream *stream;
};

/* ---- making -------------------------------------------------------------------------------------------- */

struct rest_page *rest_page_create(enum rest_page_of of, size_t count_max)
{
    struct rest_page *page = xcalloc(1, sizeof *page);

    page->of = of;
    page->count_max = count_max;
    page->items = xcalloc(count_max + 1, sizeof *page->items);
    buf_init(&page->out, PIECE_BYTES + DOCUMENT_MAX);
    return page;
}

static void page_destroy(struct rest_page *page)
{
    for (size_t i = 0; i < page->count; i++)
        model_instance_unref(&page->items[i].instance);
    free(page->items);
    rest_filter_destroy(&page->filter);
    buf_fini(&page->out);
    free(page);
}

void rest_page_add(struct rest_page *page, struct model_instance *instance, size_t room)
{
    struct page_item *item = &page->items[page->count];
    size_t rooms = instance->instance->room_count;

    if (page->count == page->count_max ||
        (page->filter != NULL && !rest_filter_takes(page->filter, instance)))
        return;
    page->count++;
    item->instance = model_instance_ref(instance);
    item->synced_ms = instance->synced_ms;
    item->first = room == SIZE_MAX ? 0 : room;
    item->end = room == SIZE_MAX ? rooms : room + 1;
}

void rest_page_filter(struct rest_page *page, struct rest_filter *filter)
{
    page->filter = filter;
}

/* ---- writing ------------------------------------------------------------------------------------------- */

static bool shows_instances(const struct rest_page *page)
{
    return page->of == REST_INSTANCES || page->of == REST_INSTANCE;
}

static bool is_list(const struct rest_page *page)
{
    return page->of == REST_INSTANCES || page->of == REST_ROOMS;
}

/* Between two documents of the same list. */
static void write_comma(struct rest_page *page, bool *has_one)
{
    if (*has_one)
        buf_add_byte(&page->out, ',');
    *has_one = true;
}

static void write_head(struct rest_page *page, const struct page_item *item)
{
    page->has_head = true;
    page->room = item->first;
    if (!shows_instances(page))
        return;
    page->has_room = false;
    write_comma(page, &page->has_any);
    fleet_instance_head(&page->out, item->instance->instance, slice_of(item->instance->id));
}

static void write_room(struct rest_page *page, const struct page_item *item)
{
    const struct model_instance *instance = item->instance;
    size_t room = page->room++;
    struct buf name;

    if (page->filter != NULL && !rest_filter_takes_room(page->filter, instance, room))
        return;
    write_comma(page, shows_instances(page) ? &page->has_room : &page->has_any);
    buf_init(&name, SIZE_MAX); /* bounded by the record it is of */
    fleet_room_name(&name, instance->instance, room, model_room_is_renamed(instance, room));
    buf_add_text(&page->out, "{\"id\":");
    json_quote(&page->out, buf_slice(&name));
    buf_add_byte(&page->out, ',');
    fleet_room_tail(&page->out, instance->instance, slice_of(instance->id), room,
                    model_room_metadata(instance, room));
    buf_fini(&name);
}

static void write_rest(struct rest_page *page, const struct page_item *item)
{
    page->has_head = false;
    page->item++;
    if (shows_instances(page))
        fleet_instance_rest(&page->out, item->instance->instance, item->synced_ms);
}

static void write_end(struct rest_page *page)
{
    page->is_whole = true;
    buf_add_text(&page->out, is_list(page) ? "]}" : "}");
}

static void write_step(struct rest_page *page)
{
    const struct page_item *item = &page->items[page->item];

    if (page->item == page->count)
        write_end(page);
    else if (!page->has_head)
        write_head(page, item);
    else if (page->room < item->end)
        write_room(page, item);
    else
        write_rest(page, item);
}

static void write_piece(struct rest_page *page)
{
    for (size_t steps = 0; steps < PIECE_STEPS && page->out.len < PIECE_BYTES && !page->is_whole;
         steps++)
        write_step(page);
}

/* ---- sending -------------------------------------------------------------------------------------------- */

static void on_gone(void *ctx)
{
    page_destroy(ctx);
}

static void on_ready(void *ctx)
{
    struct rest_page *page = ctx;

    write_piece(page);
    if (!http_stream_write(page->stream, buf_slice(&page->out)))
        http_stream_cut(&page->stream); /* a piece too large to wait: never, for nothing waits */
    buf_clear(&page->out);
    if (page->stream != NULL && !page->is_whole) {
        http_stream_ask(page->stream);
        return;
    }
    http_stream_end(&page->stream);
    page_destroy(page);
}

static const struct http_stream_ops page_ops = { .on_ready = on_ready, .on_gone = on_gone };

static void send_whole(struct rest_page *page, struct rest_call *call, const char *headers)
{
    rest_reply_raw(call, &(struct http_reply){ .status = 200,
                                               .type = REST_JSON_TYPE,
                                               .body = buf_slice(&page->out),
                                               .headers = headers });
    page_destroy(page);
}

static void send_streamed(struct rest_page *page, struct rest_call *call, const char *headers)
{
    const struct http_stream_head head = {
        .status = 200, .type = REST_JSON_TYPE, .headers = headers, .pending_max = PIECE_BYTES
    };

    page->stream = rest_stream(call, &head, &page_ops, page);
    if (page->stream == NULL)
        page_destroy(page);
    else
        http_stream_ask(page->stream);
}

void rest_page_send(struct rest_page *page, struct rest_call *call, const char *hash)
{
    char headers[REST_ETAG_SIZE] = "";

    if (hash != NULL)
        rest_etag_write(hash, headers);
    buf_add_text(&page->out, "{\"status\":\"OK\",\"data\":");
    if (is_list(page))
        buf_add_byte(&page->out, '[');
    write_piece(page);
    if (page->is_whole)
        send_whole(page, call, headers);
    else
        send_streamed(page, call, headers);
}
