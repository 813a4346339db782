/* SPDX-License-Identifier: MIT */
/*
 * One question for all ids that nobody asks for yet:
 *
 *     asked → answered: each id is found, absent or neither → kept → everybody is told
 *
 * While it is asked its ids stand in the table; they are taken out before anybody is told.
 */
#include "fetch.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "entity.h"
#include "fan.h"
#include "store/kept.h"

enum { KEY_SIZE = 4 * KEY_ID_MAX + 8, ARGS_MAX = 64 * 1024, CONTEXT_MAX = 4096 };

struct fetch {
    struct architus *app;
    struct list node; /* app->fetches */
    struct fetch_id *ids;
    size_t count;
    bool is_user;
    struct pool_id pool;
    char *realm, *guild;
    uint64_t changes;
    int status;
    struct backend_call *call;
    struct buf text; /* the answer, which entities point to */
    struct slice context;
    struct entities entities;
    struct slice *absent;
    size_t absent_count;
    struct fan fan;
    struct store_op **keeping;
};

int fetch_status(const struct fetch *fetch)
{
    return fetch->status;
}

struct slice fetch_context(const struct fetch *fetch)
{
    return fetch->context;
}

/* ---- its end --------------------------------------------------------------------------------------- */

static void fetch_free(struct fetch *fetch)
{
    list_remove(&fetch->node);
    backend_cancel(&fetch->call);
    for (size_t i = 0; i < fetch->fan.count; i++)
        store_cancel(&fetch->keeping[i]);
    free(fetch->keeping);
    for (size_t i = 0; i < fetch->count; i++)
        free(fetch->ids[i].key);
    free(fetch->ids);
    free(fetch->absent);
    entities_fini(&fetch->entities);
    buf_fini(&fetch->text);
    free(fetch->realm);
    free(fetch->guild);
    free(fetch);
}

static void fetch_land(struct fetch *fetch)
{
    for (size_t i = 0; i < fetch->count; i++)
        HASH_DEL(fetch->app->fetching, &fetch->ids[i]);
    for (size_t i = 0; i < fetch->count; i++) {
        struct fetch_id *id = &fetch->ids[i];

        while (!list_is_empty(&id->waits)) {
            struct fetch_wait *wait = LIST_ENTRY(id->waits.next, struct fetch_wait, node);

            fetch_leave(wait);
            wait->on_fetched(wait, id);
        }
    }
    fetch_free(fetch);
}

void fetch_leave(struct fetch_wait *wait)
{
    if (!wait->is_waiting)
        return;
    wait->is_waiting = false;
    list_remove(&wait->node);
}

void fetches_end(struct architus *app)
{
    LIST_EACH (node, spare, &app->fetches) {
        struct fetch *fetch = LIST_ENTRY(node, struct fetch, node);

        for (size_t i = 0; i < fetch->count; i++)
            HASH_DEL(app->fetching, &fetch->ids[i]);
        fetch_free(fetch);
    }
}

/* ---- keeping what was said ----------------------------------------------------------------------------- */

static void on_kept(enum result result, void *ctx)
{
    struct fetch *fetch = ctx;

    if (result == RESULT_REFUSED) /* anything else: it is asked for again, then */
        fetch->app->node->metrics.limits[LIMIT_POOL]++;
    fan_answered(&fetch->fan);
}

static void keep_batch(struct fan *fan, size_t index)
{
    struct fetch *fetch = LIST_ENTRY(fan, struct fetch, fan);
    size_t from = index * POOL_ENTITIES_MAX, left = fetch->entities.count - from;
    struct pool_change fill = {
        .entities = fetch->entities.items + from,
        .entity_count = left < POOL_ENTITIES_MAX ? left : POOL_ENTITIES_MAX,
        .removed = fetch->absent,
        .removed_count = index == 0 ? fetch->absent_count : 0,
    };

    fetch->pool.realm = slice_of(fetch->realm);
    fetch->pool.guild = slice_of(fetch->guild);
    pool_fill(fetch->app->node->store, &fetch->pool, &fill, fetch->changes,
              fetch->app->node->config->pool_max, on_kept, fetch, &fetch->keeping[index]);
}

static void keep_user(struct fan *fan, size_t index)
{
    struct fetch *fetch = LIST_ENTRY(fan, struct fetch, fan);
    struct store *store = fetch->app->node->store;
    struct slice realm = slice_of(fetch->realm);

    if (index < fetch->entities.count)
        kept_put(store, KEPT_USER, realm, fetch->entities.items[index].id,
                 fetch->entities.items[index].json, on_kept, fetch, &fetch->keeping[index]);
    else
        kept_put(store, KEPT_NO_USER, realm, fetch->absent[index - fetch->entities.count],
                 SLICE_LITERAL(""), on_kept, fetch, &fetch->keeping[index]);
}

static void on_all_kept(struct fan *fan)
{
    fetch_land(LIST_ENTRY(fan, struct fetch, fan));
}

static void fetch_keep(struct fetch *fetch)
{
    size_t count = fetch->is_user
                       ? fetch->entities.count + fetch->absent_count
                       : (fetch->entities.count + POOL_ENTITIES_MAX - 1) / POOL_ENTITIES_MAX;

    if (!fetch->is_user && count == 0 && fetch->absent_count > 0)
        count = 1;
    fetch->keeping = xcalloc(count + 1, sizeof(struct store_op *));
    fetch->fan = (struct fan){ .count = count,
                               .start = fetch->is_user ? keep_user : keep_batch,
                               .done = on_all_kept };
    fan_begin(&fetch->fan);
}

/* ---- what was said ------------------------------------------------------------------------------------- */

static struct fetch_id *find_id(struct architus *app, const char *prefix, struct slice id)
{
    struct fetch_id *found;
    char key[KEY_SIZE];
    int len = snprintf(key, sizeof key, "%s%.*s", prefix, (int)id.len, id.data);

    assert(len > 0 && (size_t)len < sizeof key);
    HASH_FIND(hh, app->fetching, key, (size_t)len, found);
    return found;
}

/* An id of this question's; NULL: nobody asked for that. */
static struct fetch_id *own_id(struct fetch *fetch, struct slice id)
{
    struct fetch_id *first = &fetch->ids[0], *found;
    char prefix[KEY_SIZE];

    snprintf(prefix, sizeof prefix, "%.*s", (int)(strlen(first->key) - first->id.len), first->key);
    found = find_id(fetch->app, prefix, id);
    return found != NULL && found->fetch == fetch ? found : NULL;
}

/* Those that nobody asked for are not kept. */
static void take_found(struct fetch *fetch)
{
    size_t kept = 0;

    for (size_t i = 0; i < fetch->entities.count; i++) {
        struct fetch_id *id = own_id(fetch, fetch->entities.items[i].id);

        if (id == NULL || id->outcome == FETCH_FOUND)
            continue;
        id->outcome = FETCH_FOUND;
        id->json = fetch->entities.items[i].json;
        fetch->entities.items[kept++] = fetch->entities.items[i];
    }
    fetch->entities.count = kept;
}

static void take_absent(struct fetch *fetch, struct json list)
{
    struct json item;
    struct buf text;

    buf_init(&text, KEY_ID_MAX);
    for (size_t offset = 0; json_next(list, &offset, &item);) {
        struct fetch_id *id;
        struct slice said;

        buf_clear(&text);
        said = wire_id(item, &text);
        id = said.data != NULL ? own_id(fetch, said) : NULL;
        if (id != NULL && id->outcome == FETCH_UNSURE)
            id->outcome = FETCH_ABSENT;
    }
    buf_fini(&text);
}

/* An entity without an id, {}, is how old back ends say that there is none. They do not say of what: it is clear when
 * that leaves no id over. An entity that was too large may have been any of them. */
static bool rules_out_the_rest(const struct fetch *fetch)
{
    size_t unsure = 0;

    for (size_t i = 0; i < fetch->count; i++)
        unsure += fetch->ids[i].outcome == FETCH_UNSURE;
    return fetch->entities.without_id >= unsure && fetch->entities.too_large == 0;
}

/* {"data":[…],"nonexistant":[…]} */
static bool fetch_read(struct fetch *fetch)
{
    struct json_member members[] = { { .name = "data" }, { .name = "nonexistant" } };
    bool are_members = !fetch->is_user && fetch->pool.type == POOL_MEMBER, is_ruled_out;
    struct json resp;

    if (!json_parse(buf_slice(&fetch->text), &resp) || !json_members(resp, members, 2) ||
        !entities_parse(members[0].value, are_members, &fetch->entities))
        return false;
    take_found(fetch);
    take_absent(fetch, members[1].value);
    is_ruled_out = rules_out_the_rest(fetch);
    fetch->absent = xcalloc(fetch->count, sizeof *fetch->absent);
    for (size_t i = 0; i < fetch->count; i++) {
        struct fetch_id *id = &fetch->ids[i];

        if (id->outcome == FETCH_UNSURE && is_ruled_out)
            id->outcome = FETCH_ABSENT;
        if (id->outcome == FETCH_ABSENT)
            fetch->absent[fetch->absent_count++] = id->id;
    }
    return true;
}

static void on_answered(int status, struct json resp, void *ctx)
{
    struct fetch *fetch = ctx;

    fetch->status = status;
    wire_add_exact(&fetch->text, resp);
    if (status == 200 && fetch_read(fetch)) {
        fetch_keep(fetch);
        return;
    }
    if (status == 200)
        fetch->status = 502;
    else if (resp.raw.len <= CONTEXT_MAX)
        fetch->context = buf_slice(&fetch->text);
    fetch_land(fetch);
}

/* ---- asking ---------------------------------------------------------------------------------------------- */

static void add_text(struct buf *args, struct slice text)
{
    if (args->len > 0)
        buf_add_byte(args, ',');
    if (text.data != NULL)
        json_quote(args, text);
    else
        buf_add_text(args, "null");
}

/* [user, guild or null, type, [ids]] */
static void fetch_ask(struct fetch *fetch, const struct fetch_question *question)
{
    struct backend_question ask = {
        .method = "pool_request",
        .guild = question->guild,
        .shard = BACKEND_ANY_SHARD,
        .kwargs = SLICE_LITERAL("{\"fetch\":true}"),
    };
    struct buf args;

    buf_init(&args, ARGS_MAX);
    add_text(&args, question->user);
    add_text(&args, question->guild);
    add_text(&args, question->type);
    buf_add_text(&args, ",[");
    for (size_t i = 0; i < fetch->count; i++) {
        if (i > 0)
            buf_add_byte(&args, ',');
        json_quote(&args, fetch->ids[i].id);
    }
    buf_add_byte(&args, ']');
    ask.args = buf_slice(&args);
    backend_ask(fetch->app->backend, &ask, on_answered, fetch, &fetch->call);
    buf_fini(&args);
}

static struct fetch *fetch_create(struct architus *app, const struct fetch_question *question,
                                  size_t max)
{
    struct fetch *fetch = xcalloc(1, sizeof *fetch);

    fetch->app = app;
    fetch->is_user = question->pool == NULL;
    if (question->pool != NULL)
        fetch->pool = *question->pool;
    fetch->realm = slice_dup(question->realm);
    fetch->guild = slice_dup(question->guild);
    fetch->changes = question->changes;
    fetch->ids = xcalloc(max, sizeof *fetch->ids);
    buf_init(&fetch->text, 2 * HOOK_ANSWER_MAX); /* quotes come in */
    list_append(&app->fetches, &fetch->node);
    return fetch;
}

static struct fetch_id *add_id(struct fetch *fetch, const char *prefix, struct slice id)
{
    struct fetch_id *added = &fetch->ids[fetch->count++];
    size_t len = strlen(prefix);

    added->fetch = fetch;
    list_init(&added->waits);
    added->key = xmalloc(len + id.len + 1);
    memcpy(added->key, prefix, len);
    memcpy(added->key + len, id.data, id.len);
    added->key[len + id.len] = '\0';
    added->id = (struct slice){ added->key + len, id.len };
    HASH_ADD_KEYPTR(hh, fetch->app->fetching, added->key, len + id.len, added);
    return added;
}

void fetch_ids(struct architus *app, const struct fetch_question *question,
               struct fetch_wait *const *waits, size_t count,
               void (*on_fetched)(struct fetch_wait *wait, const struct fetch_id *id))
{
    struct fetch *fetch = NULL;
    char prefix[KEY_SIZE];

    snprintf(prefix, sizeof prefix, "%.*s/%.*s/%.*s/", (int)question->realm.len,
             question->realm.data, (int)question->guild.len, question->guild.data,
             (int)question->type.len, question->type.data);
    for (size_t i = 0; i < count; i++) {
        struct fetch_id *id = find_id(app, prefix, waits[i]->id);

        if (id == NULL) {
            if (fetch == NULL)
                fetch = fetch_create(app, question, count);
            id = add_id(fetch, prefix, waits[i]->id);
        }
        waits[i]->on_fetched = on_fetched;
        waits[i]->is_waiting = true;
        list_append(&id->waits, &waits[i]->node);
    }
    if (fetch != NULL)
        fetch_ask(fetch, question);
}
