/* SPDX-License-Identifier: MIT */
/*
 * Shards and Discord are asked side by side. Discord's answer is looked at when all shards have had their say:
 * what none of them named has no Architus. When one failed, that would be a guess: the list is not whole then.
 */
#include "guild_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fan.h"
#include "guild_wire.h"
#include "store/kept.h"

enum { KEY_SIZE = 2 * KEY_ID_MAX + 8, LIST_MAX = 16 * 1024 * 1024, ARGS_MAX = 16384, ID_SIZE = 24 };

/* A guild that has been named. */
struct named {
    UT_hash_handle hh;
    char id[ID_SIZE];
};

struct guild_list;

struct shard_ask {
    struct guild_list *list;
    struct backend_call *call;
    size_t number;
};

struct guild_list {
    struct flight flight;
    struct jwt *identity;
    char *realm;
    struct fan fan; /* one for each shard */
    struct shard_ask *shards;
    struct discord_call *discord;
    struct backend_call *discord_guilds; /* the back end asks Discord */
    struct store_op *keeping;
    struct buf data;       /* all that was told */
    struct buf of_discord; /* its answer, until all shards are done */
    struct named *named;
    bool has_shards, has_discord;
    struct guild_news failed; /* the first that did; its status is 200 until then */
};

static void guild_list_destroy(struct flight *flight)
{
    struct guild_list *list = LIST_ENTRY(flight, struct guild_list, flight);
    struct named *named, *spare;

    for (size_t i = 0; i < list->fan.count; i++)
        backend_cancel(&list->shards[i].call);
    discord_cancel(&list->discord);
    backend_cancel(&list->discord_guilds);
    store_cancel(&list->keeping);
    HASH_ITER (hh, list->named, named, spare) {
        HASH_DEL(list->named, named);
        free(named);
    }
    jwt_unref(&list->identity);
    buf_fini(&list->data);
    buf_fini(&list->of_discord);
    free(list->shards);
    free(list->realm);
    free(list);
}

struct slice guild_list_data(struct flight *flight)
{
    return buf_slice(&LIST_ENTRY(flight, struct guild_list, flight)->data);
}

static void tell(struct guild_list *list, const struct guild_news *news)
{
    LIST_EACH (node, spare, &list->flight.waits) {
        struct flight_wait *wait = LIST_ENTRY(node, struct flight_wait, node);
        struct guild_wait *guild_wait = LIST_ENTRY(wait, struct guild_wait, wait);

        if (guild_wait->on_news != NULL)
            guild_wait->on_news(guild_wait, news);
    }
}

static void list_fail(struct guild_list *list, const struct guild_news *news)
{
    if (list->failed.status == 200)
        list->failed = *news;
    tell(list, news);
}

/* ---- putting it together --------------------------------------------------------------------------------- */

/* False: it was named before. */
static bool name_guild(struct guild_list *list, struct json guild)
{
    struct named *named;
    struct slice id;
    struct buf text;

    buf_init(&text, ID_SIZE);
    id = guild_id_of(guild, &text);
    named = NULL;
    if (id.data != NULL)
        HASH_FIND(hh, list->named, id.data, id.len, named);
    if (id.data == NULL || named != NULL) {
        buf_fini(&text);
        return false;
    }
    named = xcalloc(1, sizeof *named);
    memcpy(named->id, id.data, id.len);
    HASH_ADD_KEYPTR(hh, list->named, named->id, id.len, named);
    buf_fini(&text);
    return true;
}

static void add_guilds(struct guild_list *list, struct json guilds, enum guild_source source)
{
    struct guild_news news = { .what = GUILDS_COME };
    struct json guild;
    size_t start;

    if (list->data.len > 0)
        buf_add_byte(&list->data, ',');
    start = list->data.len;
    for (size_t offset = 0; json_next(guilds, &offset, &guild);) {
        if (guild.type != JSON_OBJECT || !name_guild(list, guild))
            continue;
        if (list->data.len > start)
            buf_add_byte(&list->data, ',');
        guild_write(&list->data, guild, source, identity_user(list->identity));
    }
    if (list->data.len == start) {
        list->data.len -= start > 0;
        return;
    }
    news.data = (struct slice){ list->data.data + start, list->data.len - start };
    tell(list, &news);
}

static void on_kept(enum result result, void *ctx)
{
    (void)result; /* it is asked for again, then */
    flight_land(&((struct guild_list *)ctx)->flight, 200);
}

static void list_keep(struct guild_list *list)
{
    struct buf text;

    buf_init(&text, LIST_MAX + 2);
    buf_add_byte(&text, '[');
    buf_add_slice(&text, buf_slice(&list->data));
    buf_add_byte(&text, ']');
    kept_put(list->flight.app->node->store, KEPT_GUILDS, slice_of(list->realm),
             identity_user(list->identity), buf_slice(&text), on_kept, list, &list->keeping);
    buf_fini(&text);
}

/* All have answered, or failed. */
static void list_end(struct guild_list *list)
{
    struct json guilds;

    if (list->failed.status == 200 && json_parse(buf_slice(&list->of_discord), &guilds))
        add_guilds(list, guilds, GUILD_OF_DISCORD);
    if (list->data.has_overflowed)
        list->failed.status = 502;
    if (list->failed.status == 200)
        list_keep(list);
    else
        flight_land(&list->flight, list->failed.status);
}

static void list_go_on(struct guild_list *list)
{
    if (list->has_shards && list->has_discord)
        list_end(list);
}

/* ---- shards ------------------------------------------------------------------------------------------------- */

static void on_shard(int status, struct json resp, void *ctx)
{
    struct shard_ask *shard = ctx;
    struct guild_list *list = shard->list;
    struct guild_news failed = { .what = GUILDS_SHARD_FAILED, .shard = shard->number };

    failed.status = status == 200 && resp.type != JSON_ARRAY ? 502 : status;
    if (failed.status == 200)
        add_guilds(list, resp, GUILD_OF_SHARD);
    else
        list_fail(list, &failed);
    fan_answered(&list->fan);
}

static void start_shard(struct fan *fan, size_t index)
{
    struct guild_list *list = LIST_ENTRY(fan, struct guild_list, fan);
    struct shard_ask *shard = &list->shards[index];
    struct backend_question question = { .method = "users_guilds", .shard = (int64_t)index };
    struct buf args;

    *shard = (struct shard_ask){ .list = list, .number = index };
    buf_init(&args, ARGS_MAX);
    json_quote(&args, identity_user(list->identity));
    question.args = buf_slice(&args);
    backend_ask(list->flight.app->backend, &question, on_shard, shard, &shard->call);
    buf_fini(&args);
}

static void on_all_shards(struct fan *fan)
{
    struct guild_list *list = LIST_ENTRY(fan, struct guild_list, fan);

    list->has_shards = true;
    list_go_on(list);
}

/* ---- Discord -------------------------------------------------------------------------------------------------- */

static void discord_answered(struct guild_list *list, int status, struct slice body)
{
    struct guild_news failed = { .what = GUILDS_DISCORD_FAILED, .status = status };
    struct json guilds;

    if (status == 200 && (!json_parse(body, &guilds) || guilds.type != JSON_ARRAY))
        failed.status = 502;
    if (failed.status == 200)
        buf_add_slice(&list->of_discord, body);
    else
        list_fail(list, &failed);
    list->has_discord = true;
    list_go_on(list);
}

static void on_discord(int status, struct slice body, void *ctx)
{
    discord_answered(ctx, status, body);
}

static void on_discord_guilds(int status, struct json resp, void *ctx)
{
    discord_answered(ctx, status, resp.raw);
}

static struct json access_token_of(const struct jwt *identity)
{
    struct json_member member = { .name = "access_token" };
    struct json claims;

    if (json_parse(identity->claims, &claims) && json_members(claims, &member, 1))
        return member.value;
    return (struct json){ .type = JSON_ABSENT };
}

static void ask_backend_for_discord(struct guild_list *list, struct json token)
{
    struct backend_question question = { .method = "discord_guilds", .shard = BACKEND_ANY_SHARD };
    struct buf args, kwargs;

    buf_init(&args, ARGS_MAX);
    buf_init(&kwargs, ARGS_MAX);
    json_quote(&args, identity_user(list->identity));
    buf_add_byte(&kwargs, '{');
    if (token.type == JSON_STRING) {
        buf_add_text(&kwargs, "\"access_token\":");
        buf_add_slice(&kwargs, token.raw);
    }
    buf_add_byte(&kwargs, '}');
    question.args = buf_slice(&args);
    question.kwargs = buf_slice(&kwargs);
    backend_ask(list->flight.app->backend, &question, on_discord_guilds, list,
                &list->discord_guilds);
    buf_fini(&args);
    buf_fini(&kwargs);
}

static void ask_discord(struct guild_list *list)
{
    struct architus *app = list->flight.app;
    struct json token = access_token_of(list->identity);
    struct guild_news failed = { .what = GUILDS_DISCORD_FAILED, .status = 503 };
    struct buf text;

    if (app->node->config->discord_api == NULL) {
        ask_backend_for_discord(list, token);
        return;
    }
    buf_init(&text, ARGS_MAX);
    if (!json_text(token, &text) ||
        !discord_ask(app->discord, buf_slice(&text), on_discord, list, &list->discord)) {
        list_fail(list, &failed);
        list->has_discord = true; /* the shards go on */
    }
    buf_fini(&text);
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

static struct flight *guild_list_begin(struct architus *app, const char *key, struct slice realm,
                                       struct jwt *identity)
{
    struct guild_list *list = xcalloc(1, sizeof *list);
    uint32_t shards = app->node->config->shards;

    list->identity = jwt_ref(identity);
    list->realm = slice_dup(realm);
    list->failed.status = 200;
    list->shards = xcalloc(shards, sizeof *list->shards);
    buf_init(&list->data, LIST_MAX);
    buf_init(&list->of_discord, LIST_MAX);
    flight_begin(&list->flight, app, key, guild_list_destroy);
    list->fan = (struct fan){ .count = shards, .start = start_shard, .done = on_all_shards };
    ask_discord(list);
    fan_begin(&list->fan);
    return &list->flight;
}

void guild_list_ask(struct architus *app, struct slice realm, struct jwt *identity,
                    struct guild_wait *wait,
                    void (*on_news)(struct guild_wait *wait, const struct guild_news *news),
                    void (*on_landed)(struct flight_wait *wait, struct flight *flight))
{
    struct slice user = identity_user(identity);
    struct guild_news so_far = { .what = GUILDS_COME };
    struct guild_list *list;
    struct flight *flight;
    char key[KEY_SIZE];

    snprintf(key, sizeof key, "guilds/%.*s/%.*s", (int)realm.len, realm.data, (int)user.len,
             user.data);
    flight = flight_find(app, key);
    if (flight == NULL)
        flight = guild_list_begin(app, key, realm, identity);
    flight_join(flight, &wait->wait, on_landed);
    wait->on_news = on_news;
    if (on_news == NULL)
        return;
    list = LIST_ENTRY(flight, struct guild_list, flight);
    so_far.data = buf_slice(&list->data);
    if (list->failed.status != 200)
        on_news(wait, &list->failed);
    if (so_far.data.len > 0)
        on_news(wait, &so_far);
}
