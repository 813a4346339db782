/* SPDX-License-Identifier: MIT */
/* A whole pool from a back end: asked once for everybody who wants it, kept, then read from the store. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "request.h"
#include "staging.h"

enum { KEY_SIZE = 3 * KEY_ID_MAX + 8, ARGS_MAX = 512, CONTEXT_MAX = 4096 };

struct listing {
    struct flight flight;
    struct backend_call *call;
    struct buf text; /* the answer, which entities point to */
    struct slice context;
    struct entities entities;
    struct staging staging;
    uint64_t changes;
    enum pool_type type;
    char *realm, *guild;
};

static void listing_destroy(struct flight *flight)
{
    struct listing *listing = LIST_ENTRY(flight, struct listing, flight);

    backend_cancel(&listing->call);
    staging_cancel(&listing->staging);
    entities_fini(&listing->entities);
    buf_fini(&listing->text);
    free(listing->realm);
    free(listing->guild);
    free(listing);
}

struct slice listing_context(struct flight *flight)
{
    return LIST_ENTRY(flight, struct listing, flight)->context;
}

static void on_staged(struct staging *staging, enum result result)
{
    struct listing *listing = LIST_ENTRY(staging, struct listing, staging);

    if (result == RESULT_REFUSED)
        listing->flight.app->node->metrics.limits[LIMIT_POOL]++;
    if (result == RESULT_REFUSED)
        log_peer(LOG_WARN, NULL, "architus.pool_too_large", "guild=%s type=%s", listing->guild,
                 pool_type_name(listing->type));
    flight_land(&listing->flight, result == RESULT_OK ? 200 : 503);
}

static void listing_keep(struct listing *listing)
{
    struct node *node = listing->flight.app->node;

    listing->staging.entities = &listing->entities;
    listing->staging.pool =
        (struct pool_id){ slice_of(listing->realm), slice_of(listing->guild), listing->type };
    listing->staging.max = node->config->pool_max;
    listing->staging.has_seen = true;
    listing->staging.changes = listing->changes;
    listing->staging.good_for_ms = POOL_FILL_MS;
    staging_begin(&listing->staging, node->store, node->id, listing->flight.app->stages++,
                  on_staged);
}

/* An entity that cannot be kept would be taken for one that does not exist: then nothing is complete. */
static bool listing_read(struct listing *listing)
{
    struct json_member data = { .name = "data" };
    struct json resp;

    return json_parse(buf_slice(&listing->text), &resp) && json_members(resp, &data, 1) &&
           entities_parse(data.value, listing->type == POOL_MEMBER, &listing->entities) &&
           listing->entities.without_id == 0 && listing->entities.too_large == 0;
}

static void on_answered(int status, struct json resp, void *ctx)
{
    struct listing *listing = ctx;

    wire_add_exact(&listing->text, resp);
    if (status == 200 && listing_read(listing)) {
        listing_keep(listing);
        return;
    }
    if (status != 200 && resp.raw.len <= CONTEXT_MAX)
        listing->context = buf_slice(&listing->text);
    flight_land(&listing->flight, status != 200 ? status : 502);
}

static struct flight *listing_begin(struct architus *app, const char *key,
                                    const struct listing_question *question)
{
    struct listing *listing = xcalloc(1, sizeof *listing);
    struct backend_question ask = { .method = "pool_all_request",
                                    .guild = question->pool.guild,
                                    .shard = BACKEND_ANY_SHARD };
    struct buf args;

    listing->realm = slice_dup(question->pool.realm);
    listing->guild = slice_dup(question->pool.guild);
    listing->type = question->pool.type;
    listing->changes = question->changes;
    buf_init(&listing->text, 2 * HOOK_ANSWER_MAX); /* quotes come in */
    flight_begin(&listing->flight, app, key, listing_destroy);
    buf_init(&args, ARGS_MAX);
    json_quote(&args, question->pool.guild);
    buf_printf(&args, ",\"%s\"", pool_type_name(question->pool.type));
    ask.args = buf_slice(&args);
    backend_ask(app->backend, &ask, on_answered, listing, &listing->call);
    buf_fini(&args);
    return &listing->flight;
}

void listing_ask(struct architus *app, const struct listing_question *question,
                 struct flight_wait *wait,
                 void (*on_landed)(struct flight_wait *wait, struct flight *flight))
{
    const struct pool_id *pool = &question->pool;
    struct flight *flight;
    char key[KEY_SIZE];

    snprintf(key, sizeof key, "list/%.*s/%.*s/%s", (int)pool->realm.len, pool->realm.data,
             (int)pool->guild.len, pool->guild.data, pool_type_name(pool->type));
    flight = flight_find(app, key);
    if (flight == NULL)
        flight = listing_begin(app, key, question);
    flight_join(flight, wait, on_landed);
}
