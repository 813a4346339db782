/* SPDX-License-Identifier: MIT */
/*
 * Guilds, as the one who asks sees them: owner, permissions and administrator are the user's own. So all of them
 * come from the user's list of guilds, a single one too; and one that is not in the list does not exist for
 * the user.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "guild_list.h"
#include "guild_wire.h"
#include "request.h"
#include "store/kept.h"

enum { ID_MAX = 64 };

struct guilds {
    struct guild_wait wait;
    struct request *request;
    bool has_told; /* the client of a failure */
};

static void guilds_release(struct request *request)
{
    struct guilds *guilds = request->own;

    if (guilds == NULL)
        return;
    flight_leave(&guilds->wait.wait);
    free(guilds);
    request->own = NULL;
}

static struct guilds *guilds_of(struct request *request)
{
    struct guilds *guilds = request->own;

    if (guilds == NULL) {
        guilds = request->own = xcalloc(1, sizeof *guilds);
        guilds->request = request;
    }
    return guilds;
}

static void look_up(struct request *request, kept_fn *on_kept)
{
    guilds_of(request);
    kept_get(request->session->app->node->store, KEPT_GUILDS, sio_realm(request->session->socket),
             request_user(request), on_kept, request, &request->reading);
}

/* ---- all ------------------------------------------------------------------------------------------------ */

/* `text` is a JSON array. */
static void add_all(struct request *request, struct slice text)
{
    struct json guilds, guild;

    if (!json_parse(text, &guilds))
        return;
    for (size_t offset = 0; json_next(guilds, &offset, &guild);)
        request_add(request, guild.raw);
}

static void tell_failure(struct request *request, const struct guild_news *news)
{
    char message[64];
    bool is_shard = news->what == GUILDS_SHARD_FAILED;
    struct error_answer error = {
        .message = "discord returned error fetching guilds",
        .human = "There was a problem connecting to discord. Some servers may be unavailable.",
        .code = news->status,
        .has_number = true,
        .number = request->ask.number,
    };

    if (is_shard) {
        snprintf(message, sizeof message, "shard %zu returned error fetching guilds", news->shard);
        error.message = message;
        error.human = "An error occured. Some servers may be temporarily unavailable.";
    }
    session_fail(request->session, &error);
}

static void on_news(struct guild_wait *wait, const struct guild_news *news)
{
    struct guilds *guilds = LIST_ENTRY(wait, struct guilds, wait);
    struct request *request = guilds->request;

    if (news->what == GUILDS_COME) {
        request_add(request, news->data);
        request_flush(request);
    } else if (!request->has_failed) {
        tell_failure(request, news);
        guilds->has_told = true;
    }
}

static void on_all_landed(struct flight_wait *wait, struct flight *flight)
{
    struct guild_wait *guild_wait = LIST_ENTRY(wait, struct guild_wait, wait);
    struct guilds *guilds = LIST_ENTRY(guild_wait, struct guilds, wait);
    struct request *request = guilds->request;

    if (flight->status == 200) {
        request_finish(request);
        return;
    }
    request->has_failed = request->has_failed || guilds->has_told;
    request_fail(request, flight->status, (struct slice){ NULL, 0 });
}

static void on_all_kept(enum result result, struct slice text, void *ctx)
{
    struct request *request = ctx;
    struct guilds *guilds = request->own;

    if (result == RESULT_OK) {
        add_all(request, text);
        request_finish(request);
    } else {
        guild_list_ask(request->session->app, sio_realm(request->session->socket),
                       request->identity, &guilds->wait, on_news, on_all_landed);
    }
}

static void all_begin(struct request *request)
{
    request->is_too_much = false; /* it may have been tried before */
    look_up(request, on_all_kept);
}

const struct request_kind ask_guild_all_kind = {
    .begin = all_begin,
    .release = guilds_release,
    .is_whole = true,
};

/* ---- by their ids ----------------------------------------------------------------------------------------- */

/* An id that is asked for, with its guild. */
struct pick {
    UT_hash_handle hh;
    struct slice guild; /* nothing: none yet */
};

/* The first of an id counts. */
static void pick_guild(struct pick *picks, struct json guild)
{
    struct pick *pick = NULL;
    struct slice id;
    struct buf text;

    buf_init(&text, ID_MAX);
    id = guild_id_of(guild, &text);
    if (id.data != NULL)
        HASH_FIND(hh, picks, id.data, id.len, pick);
    if (pick != NULL && pick->guild.data == NULL)
        pick->guild = guild.raw;
    buf_fini(&text);
}

/* Goes through the list once, however many are asked for; they are answered in the order in which they were. */
static void pick_all(struct request *request, struct slice text, bool is_whole)
{
    const struct ask *ask = &request->ask;
    struct pick *picks = NULL, *all;
    struct json guilds, guild;

    if (!json_parse(text, &guilds))
        return;
    all = xcalloc(ask->id_count + 1, sizeof *all);
    for (size_t i = 0; i < ask->id_count; i++)
        HASH_ADD_KEYPTR(hh, picks, ask->ids[i].data, ask->ids[i].len, &all[i]);
    for (size_t offset = 0; json_next(guilds, &offset, &guild);)
        pick_guild(picks, guild);
    HASH_CLEAR(hh, picks);
    for (size_t i = 0; i < ask->id_count; i++)
        if (all[i].guild.data != NULL)
            request_add(request, all[i].guild);
        else if (is_whole)
            request_add_absent(request, ask->ids[i]);
    free(all);
}

static void on_ids_landed(struct flight_wait *wait, struct flight *flight)
{
    struct guild_wait *guild_wait = LIST_ENTRY(wait, struct guild_wait, wait);
    struct request *request = LIST_ENTRY(guild_wait, struct guilds, wait)->request;
    struct buf text;

    buf_init(&text, 32 * 1024 * 1024);
    buf_add_byte(&text, '[');
    buf_add_slice(&text, guild_list_data(flight));
    buf_add_byte(&text, ']');
    pick_all(request, buf_slice(&text), flight->status == 200);
    buf_fini(&text);
    if (flight->status == 200)
        request_finish(request);
    else
        request_fail(request, flight->status, (struct slice){ NULL, 0 });
}

static void on_ids_kept(enum result result, struct slice text, void *ctx)
{
    struct request *request = ctx;
    struct guilds *guilds = request->own;

    if (result == RESULT_OK) {
        pick_all(request, text, true);
        request_finish(request);
    } else {
        guild_list_ask(request->session->app, sio_realm(request->session->socket),
                       request->identity, &guilds->wait, NULL, on_ids_landed);
    }
}

static void ids_begin(struct request *request)
{
    look_up(request, on_ids_kept);
}

const struct request_kind ask_guild_ids_kind = { .begin = ids_begin, .release = guilds_release };
