/* SPDX-License-Identifier: MIT */
/*
 * PUT, PATCH and DELETE /api/v1/guilds/{}/pools/{}: a back end says what is in a pool. What does not fit into
 * one script is written in several; with full=1 they come into force together.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "staging.h"
#include "visitor.h"

struct fill {
    struct visitor visitor;
    struct pool_id pool;
    struct entities entities;
    struct slice *removed;
    size_t removed_count;
    struct buf body; /* what the entities point to */
    struct buf text; /* what `removed` points to */
    struct staging staging;
    struct store_op *op;
    size_t next; /* of the entities */
    size_t next_removed;
    int completeness; /* after the last step */
};

static void fill_destroy(struct visitor *visitor)
{
    struct fill *fill = LIST_ENTRY(visitor, struct fill, visitor);

    store_cancel(&fill->op);
    staging_cancel(&fill->staging);
    visitor_fini(visitor);
    entities_fini(&fill->entities);
    buf_fini(&fill->body);
    buf_fini(&fill->text);
    free(fill->removed);
    free(fill);
}

static void fill_end(struct fill *fill, enum result result)
{
    bool are_members = fill->pool.type == POOL_MEMBER;

    if (result != RESULT_OK) {
        visitor_fail(&fill->visitor, result);
        return;
    }
    if (are_members) /* who has gone or lost a role may watch something */
        herald_check_guild(fill->visitor.app->herald, fill->pool.guild);
    visitor_accept(&fill->visitor);
}

/* The pool in the path. False: it has been answered. */
static bool find_pool(struct fill *fill)
{
    struct slice guild;

    if (!visitor_guild(&fill->visitor, &guild))
        return false;
    fill->pool.realm = visitor_realm(&fill->visitor);
    fill->pool.guild = guild;
    if (pool_type_find(http_param(fill->visitor.request, 1), &fill->pool.type))
        return true;
    visitor_refuse(&fill->visitor, 404, "There is no such pool.");
    return false;
}

/* ---- changes, step by step --------------------------------------------------------------------------------- */

static void change_next(struct fill *fill);

static void on_changed(enum result result, void *ctx)
{
    struct fill *fill = ctx;
    bool is_done = fill->next == fill->entities.count && fill->next_removed == fill->removed_count;

    if (result != RESULT_OK || is_done)
        fill_end(fill, result);
    else
        change_next(fill);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void change_next(struct fill *fill)
{
    struct node *node = fill->visitor.app->node;
    struct pool_change change = {
        .entities = fill->entities.items + fill->next,
        .entity_count = least(fill->entities.count - fill->next, POOL_ENTITIES_MAX),
        .removed = fill->removed + fill->next_removed,
        .removed_count = least(fill->removed_count - fill->next_removed, POOL_IDS_MAX),
    };

    fill->next += change.entity_count;
    fill->next_removed += change.removed_count;
    if (fill->next == fill->entities.count && fill->next_removed == fill->removed_count)
        change.completeness = fill->completeness;
    pool_change(node->store, &fill->pool, &change, node->config->pool_max, on_changed, fill,
                &fill->op);
}

/* The body as it will be handed out. */
static bool read_body(struct fill *fill, struct json *value_out)
{
    struct slice body = http_body(fill->visitor.request);

    if (!json_parse(body, value_out))
        return false;
    buf_init(&fill->body, 2 * body.len);
    wire_add_exact(&fill->body, *value_out);
    value_out->raw = buf_slice(&fill->body);
    return true;
}

/* ---- PUT ---------------------------------------------------------------------------------------------------- */

static void on_staged(struct staging *staging, enum result result)
{
    fill_end(LIST_ENTRY(staging, struct fill, staging), result);
}

static void replace(struct fill *fill)
{
    struct architus *app = fill->visitor.app;

    fill->staging.entities = &fill->entities;
    fill->staging.pool = fill->pool;
    fill->staging.max = app->node->config->pool_max;
    staging_begin(&fill->staging, app->node->store, app->node->id, app->stages++, on_staged);
}

static const char *read_entities(struct fill *fill, struct json array)
{
    if (!entities_parse(array, fill->pool.type == POOL_MEMBER, &fill->entities))
        return "Entities must be an array of objects.";
    if (fill->entities.without_id > 0)
        return "An entity has no id.";
    return fill->entities.too_large > 0 ? "An entity is larger than 64 KiB." : NULL;
}

static void put_begin(struct visitor *visitor)
{
    struct fill *fill = LIST_ENTRY(visitor, struct fill, visitor);
    const char *wrong = "The body is no JSON.";
    struct json array;

    if (!find_pool(fill))
        return;
    if (read_body(fill, &array))
        wrong = read_entities(fill, array);
    if (wrong != NULL)
        visitor_refuse(visitor, 400, wrong);
    else if (slice_is(http_query(visitor->request, "full"), "1"))
        replace(fill);
    else
        change_next(fill);
}

/* ---- PATCH -------------------------------------------------------------------------------------------------- */

static const char *read_removed(struct fill *fill, struct json ids)
{
    struct json item;
    size_t offset = 0, count = 0;

    if (ids.type == JSON_ABSENT || ids.type == JSON_NULL)
        return NULL;
    if (ids.type != JSON_ARRAY)
        return "remove: must be an array of ids.";
    while (json_next(ids, &offset, &item))
        count++;
    buf_init(&fill->text, ids.raw.len + 1);
    buf_reserve(&fill->text, ids.raw.len);
    fill->removed = xcalloc(count + 1, sizeof *fill->removed);
    for (offset = 0; json_next(ids, &offset, &item);) {
        struct slice id = wire_id(item, &fill->text);

        if (id.data == NULL)
            return "remove: must be an array of ids.";
        fill->removed[fill->removed_count++] = id;
    }
    return NULL;
}

static const char *read_patch(struct fill *fill, struct json patch)
{
    struct json_member members[] = { { .name = "put" }, { .name = "remove" }, { .name = "full" } };
    const char *wrong = NULL;

    if (!json_members(patch, members, 3))
        return "The body must be an object.";
    if (members[0].value.type != JSON_ABSENT && members[0].value.type != JSON_NULL)
        wrong = read_entities(fill, members[0].value);
    if (members[2].value.type == JSON_TRUE)
        fill->completeness = POOL_NOW_COMPLETE;
    else if (members[2].value.type == JSON_FALSE)
        fill->completeness = POOL_NOW_PARTIAL;
    return wrong != NULL ? wrong : read_removed(fill, members[1].value);
}

static void patch_begin(struct visitor *visitor)
{
    struct fill *fill = LIST_ENTRY(visitor, struct fill, visitor);
    const char *wrong = "The body is no JSON.";
    struct json patch;

    if (!find_pool(fill))
        return;
    if (read_body(fill, &patch))
        wrong = read_patch(fill, patch);
    if (wrong != NULL)
        visitor_refuse(visitor, 400, wrong);
    else
        change_next(fill);
}

/* ---- DELETE ------------------------------------------------------------------------------------------------- */

static void on_emptied(enum result result, void *ctx)
{
    fill_end(ctx, result);
}

static void delete_begin(struct visitor *visitor)
{
    static const struct pool_replacement nothing = { .count = 0 };
    struct fill *fill = LIST_ENTRY(visitor, struct fill, visitor);

    if (find_pool(fill))
        pool_replace(visitor->app->node->store, &fill->pool, &nothing, on_emptied, fill, &fill->op);
}

/* ---- */

static void receive(struct http_request *request, void *app, void (*begin)(struct visitor *visitor))
{
    struct fill *fill = xcalloc(1, sizeof *fill);

    fill->visitor.begin = begin;
    fill->visitor.destroy = fill_destroy;
    visitor_receive(&fill->visitor, request, app);
}

void fill_handle_put(struct http_request *request, void *app)
{
    receive(request, app, put_begin);
}

void fill_handle_patch(struct http_request *request, void *app)
{
    receive(request, app, patch_begin);
}

void fill_handle_delete(struct http_request *request, void *app)
{
    receive(request, app, delete_begin);
}
