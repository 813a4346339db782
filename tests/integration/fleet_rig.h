/* SPDX-License-Identifier: MIT */
#ifndef SB_TESTS_FLEET_RIG_H
#define SB_TESTS_FLEET_RIG_H

#include "store/fleet.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "store_fixture.h"

/*
 * A fleet on a real Redis, as its nodes see it: games (instances) that know what they applied last, commands, readings, and
 * the events as short texts. Every operation is waited for.
 */
#define REALM     SLICE_LITERAL("test")
#define NODE      SLICE_LITERAL("node-1")
#define OTHER     SLICE_LITERAL("node-2")
#define FLEET_KEY "sb:{fleet:test:all}:"

enum { ROOMS_MAX = 16, TAGS_MAX = 8, NO_LIMIT = -1, LOST_MAX = 64 };

struct game_room {
    char base[32];
    uint32_t connections;
    bool is_fleets;
};

struct game {
    char id[FLEET_ID_LEN + 1], uid[32];
    struct slice owner;
    uint32_t seq, base_seq;
    uint64_t poll, version, join;
    bool is_applied, creates;
    enum fleet_status status;
    int max_rooms, max_connections;
    struct game_room rooms[ROOMS_MAX], last[ROOMS_MAX];
    size_t room_count, last_count;
    uint8_t tags[TAGS_MAX][FLEET_TAG_LEN];
    size_t tag_count;
    const char *types;
};

/* What an operation came to. */
struct outcome {
    struct store_op *slot;
    bool has_come;
    enum result result;
    uint64_t version, join, command, epoch;
    char orphan[32], rival[96], instance[32], owner[32], url[64];
    enum fleet_refusal refusal;
    size_t lost_count, dead_count;
    uint64_t lost[LOST_MAX];
    char requester[32], dead[32];
};

static inline bool rig_has_come(void *ctx)
{
    return ((struct outcome *)ctx)->has_come;
}

static inline enum result rig_wait(struct outcome *outcome)
{
    support_wait(&loop, rig_has_come, outcome, SUPPORT_WAIT_MS, "the operation ends");
    assert_null(outcome->slot);
    return outcome->result;
}

static inline void rig_on_done(enum result result, void *ctx)
{
    struct outcome *outcome = ctx;

    outcome->result = result;
    outcome->has_come = true;
}

static inline void rig_copy(char *to, size_t size, struct slice from)
{
    snprintf(to, size, "%.*s", (int)from.len, from.len > 0 ? from.data : "");
}

static inline void rig_note_lost(struct outcome *outcome, const struct fleet_removed *removed)
{
    outcome->lost_count = removed->lost_count;
    for (size_t i = 0; i < removed->lost_count && i < LOST_MAX; i++) {
        outcome->lost[i] = removed->lost[i].command;
        rig_copy(outcome->requester, sizeof outcome->requester, removed->lost[i].requester);
    }
}

/* The events' bounds must be known before anything is told. */
static inline int rig_start(void **state)
{
    static const struct channel_bounds bounds = {
        .live_bound = 100000, .ttl_ms = 600000, .keep_ms = 600000, .keep_count = 100000
    };
    int failed = start(state);

    free(support_redis_command(redis, "CONFIG SET appendonly no")); /* nothing is killed here */
    channel_set_bounds(store, CHANNEL_FLEET, &bounds);
    return failed;
}

/* ---- nodes ------------------------------------------------------------------------------------- */

static inline void rig_on_beat(enum result result, const struct fleet_beat *beat, void *ctx)
{
    struct outcome *outcome = ctx;

    outcome->epoch = beat->epoch;
    outcome->dead_count = beat->dead_count;
    if (beat->dead_count > 0)
        rig_copy(outcome->dead, sizeof outcome->dead, beat->dead[0]);
    rig_on_done(result, ctx);
}

static inline struct outcome rig_beat(struct slice node, uint32_t ttl_ms)
{
    struct outcome outcome = { 0 };

    fleet_beat(store, REALM, node, ttl_ms, rig_on_beat, &outcome, &outcome.slot);
    assert_int_equal(rig_wait(&outcome), RESULT_OK);
    return outcome;
}

/* A Redis with nothing in it but two nodes that live. */
static inline int rig_flush(void **state)
{
    flush(state);
    rig_beat(NODE, 600000);
    rig_beat(OTHER, 600000);
    return 0;
}

/* ---- games ------------------------------------------------------------------------------------- */

static inline void rig_tag(uint8_t tag[FLEET_TAG_LEN], const char *name)
{
    memset(tag, 0, FLEET_TAG_LEN);
    snprintf((char *)tag, FLEET_TAG_LEN, "%s", name);
}

static inline struct game rig_game(unsigned number)
{
    struct game game = { .owner = NODE,
                         .creates = true,
                         .max_rooms = NO_LIMIT,
                         .max_connections = NO_LIMIT,
                         .tag_count = 1,
                         .types = "[\"match\"]" };

    snprintf(game.id, sizeof game.id, "%016x", number);
    snprintf(game.uid, sizeof game.uid, "p_%u", number);
    rig_tag(game.tags[0], "match");
    return game;
}

/* "x" or "x!" (made by a command), with connections behind a colon: "x!:3" */
static inline void rig_add(struct game *game, const char *text)
{
    struct game_room *room = &game->rooms[game->room_count++];
    size_t len = strcspn(text, "!:");

    assert_true(game->room_count <= ROOMS_MAX);
    *room = (struct game_room){ .is_fleets = text[len] == '!' };
    snprintf(room->base, sizeof room->base, "%.*s", (int)len, text);
    if (strchr(text, ':') != NULL)
        room->connections = (uint32_t)atoi(strchr(text, ':') + 1);
}

static inline void rig_drop(struct game *game, size_t at)
{
    memmove(&game->rooms[at], &game->rooms[at + 1],
            (game->room_count - at - 1) * sizeof game->rooms[0]);
    game->room_count--;
}

/* The agent's connection ended, and it comes back as somebody new. */
static inline struct game rig_reborn(const struct game *game, unsigned number)
{
    struct game reborn = *game;

    snprintf(reborn.id, sizeof reborn.id, "%016x", number);
    reborn.seq = reborn.base_seq = 0;
    reborn.poll = reborn.version = reborn.join = 0;
    reborn.is_applied = false;
    reborn.last_count = 0;
    return reborn;
}

static inline uint64_t rig_hash(const char *text)
{
    uint64_t hash = 14695981039346656037u;

    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    return hash;
}

/* Everything that fleet_apply() is given, and where it lies. */
struct rig_state {
    struct fleet_state state;
    struct fleet_room added[ROOMS_MAX], changed[ROOMS_MAX];
    struct slice removed[ROOMS_MAX];
    struct fleet_room_now rooms[ROOMS_MAX];
    char tails[ROOMS_MAX][160], record[2048], digest[FLEET_HASH_LEN + 1], document[256];
};

static inline void rig_tail(char tail[160], const struct game *game, const struct game_room *room)
{
    snprintf(
        tail, 160,
        "\"type\":\"match\",\"connections\":%u,\"instanceId\":\"%s\",\"endpointUrl\":\"wss://%s\","
        "\"local\":%s}",
        room->connections, game->id, game->uid, room->is_fleets ? "false" : "true");
}

/* As multisets: first what is the same, then what has another origin. */
static inline void rig_compare(struct rig_state *made, const struct game *game)
{
    bool was[ROOMS_MAX] = { false }, is[ROOMS_MAX] = { false };

    for (int any_origin = 0; any_origin < 2; any_origin++)
        for (size_t i = 0; i < game->room_count; i++)
            for (size_t k = 0; k < game->last_count && !is[i]; k++) {
                const struct game_room *now = &game->rooms[i], *then = &game->last[k];
                bool is_same = now->is_fleets == then->is_fleets;

                if (was[k] || strcmp(now->base, then->base) != 0 || (!is_same && !any_origin))
                    continue;
                was[k] = is[i] = true;
                if (!is_same)
                    made->changed[made->state.changed_count++] =
                        (struct fleet_room){ .base = slice_of(now->base),
                                             .is_fleets = now->is_fleets };
            }
    for (size_t i = 0; i < game->room_count; i++)
        if (!is[i])
            made->added[made->state.added_count++] =
                (struct fleet_room){ .base = slice_of(game->rooms[i].base),
                                     .is_fleets = game->rooms[i].is_fleets,
                                     .tail = slice_of(made->tails[i]) };
    for (size_t k = 0; k < game->last_count; k++)
        if (!was[k])
            made->removed[made->state.removed_count++] = slice_of(game->last[k].base);
}

static inline void rig_describe(struct rig_state *made, const struct game *game)
{
    struct fleet_state *state = &made->state;
    size_t len = (size_t)snprintf(made->record, sizeof made->record, "%s %s %d %d %d %d %s",
                                  game->id, game->uid, game->status, game->creates, game->max_rooms,
                                  game->max_connections, game->types);

    for (size_t i = 0; i < game->room_count; i++) {
        const struct game_room *room = &game->rooms[i];

        len += (size_t)snprintf(made->record + len, sizeof made->record - len, " %s/%u/%d",
                                room->base, room->connections, room->is_fleets);
        made->rooms[i] =
            (struct fleet_room_now){ slice_of(room->base), room->connections, room->is_fleets };
        rig_tail(made->tails[i], game, room);
        state->connections += room->connections;
    }
    snprintf(made->digest, sizeof made->digest, "%016" PRIx64, rig_hash(made->record));
    snprintf(made->document, sizeof made->document,
             "{\"id\":\"%s\",\"processUid\":\"%s\",\"rooms\":[", game->id, game->uid);
}

static inline void rig_fill(struct rig_state *made, struct game *game)
{
    struct fleet_state *state = &made->state;

    memset(made, 0, sizeof *made);
    *state = (struct fleet_state){
        .id = slice_of(game->id),
        .owner = game->owner,
        .seq = game->seq + 1,
        .base_seq = game->base_seq,
        .poll = ++game->poll,
        .uid = slice_of(game->uid),
        .uid_json = slice_of(game->uid),
        .status = game->status,
        .creates = game->creates,
        .has_max_rooms = game->max_rooms != NO_LIMIT,
        .has_max_connections = game->max_connections != NO_LIMIT,
        .max_rooms = game->max_rooms,
        .max_connections = game->max_connections,
        .room_count = (uint32_t)game->room_count,
        .rooms = made->rooms,
        .endpoint_url = SLICE_LITERAL("\"wss://here\""),
        .tags = (const uint8_t(*)[FLEET_TAG_LEN])game->tags,
        .tag_count = game->tag_count,
        .types = slice_of(game->types),
        .added = made->added,
        .changed = made->changed,
        .removed = made->removed,
    };
    rig_describe(made, game);
    rig_compare(made, game);
    state->record = slice_of(made->record);
    state->digest = slice_of(made->digest);
    if (!game->is_applied)
        state->document = slice_of(made->document);
    state->rest = SLICE_LITERAL("]}");
}

static inline void rig_on_applied(enum result result, const struct fleet_applied *applied,
                                  void *ctx)
{
    struct outcome *outcome = ctx;

    outcome->version = applied->version;
    outcome->join = applied->join_number;
    rig_copy(outcome->orphan, sizeof outcome->orphan, applied->orphan);
    snprintf(outcome->rival, sizeof outcome->rival, "%.*s %.*s %.*s", (int)applied->rival_base.len,
             applied->rival_base.len > 0 ? applied->rival_base.data : "", (int)applied->rival.len,
             applied->rival.len > 0 ? applied->rival.data : "", (int)applied->renamed.len,
             applied->renamed.len > 0 ? applied->renamed.data : "");
    rig_note_lost(outcome, &applied->replaced);
    rig_on_done(result, ctx);
}

static inline struct outcome rig_send(const struct fleet_state *state)
{
    struct outcome outcome = { 0 };

    fleet_apply(store, REALM, state, rig_on_applied, &outcome, &outcome.slot);
    rig_wait(&outcome);
    return outcome;
}

static inline void rig_note(struct game *game, const struct outcome *outcome)
{
    if (outcome->result != RESULT_OK)
        return;
    game->base_seq = ++game->seq;
    game->is_applied = true;
    game->version = outcome->version;
    game->join = outcome->join;
    memcpy(game->last, game->rooms, sizeof game->last);
    game->last_count = game->room_count;
}

static inline struct outcome rig_apply_over(struct game *game, const struct fleet_leaving *replaced)
{
    struct rig_state made;
    struct outcome outcome;

    rig_fill(&made, game);
    made.state.replaced = replaced;
    outcome = rig_send(&made.state);
    rig_note(game, &outcome);
    return outcome;
}

static inline struct outcome rig_try_apply(struct game *game)
{
    return rig_apply_over(game, NULL);
}

static inline void rig_apply(struct game *game)
{
    struct outcome outcome = rig_try_apply(game);

    if (outcome.result != RESULT_OK)
        fail_msg("%s: %s", game->id, result_name(outcome.result));
}

static inline enum result rig_touch(struct game *game)
{
    struct outcome outcome = { 0 };

    fleet_touch(store, REALM, slice_of(game->id), game->owner, ++game->poll, rig_on_done, &outcome,
                &outcome.slot);
    return rig_wait(&outcome);
}

static inline enum result rig_stale(const struct game *game)
{
    char event[128];
    struct outcome outcome = { 0 };

    snprintf(event, sizeof event, "event: instance:stale\ndata: {\"id\":\"%.16s\"}\n\n", game->id);
    fleet_stale(store, REALM, slice_of(game->id), game->owner, slice_of(event), rig_on_done,
                &outcome, &outcome.slot);
    return rig_wait(&outcome);
}

static inline void rig_on_removed(enum result result, const struct fleet_removed *removed,
                                  void *ctx)
{
    rig_note_lost(ctx, removed);
    rig_on_done(result, ctx);
}

struct rig_leaving {
    struct fleet_leaving leaving;
    char event[128];
};

static inline void rig_make_leaving(struct rig_leaving *made, const struct game *game)
{
    snprintf(made->event, sizeof made->event, "event: instance:leave\ndata: {\"id\":\"%.16s\"}\n\n",
             game->id);
    made->leaving = (struct fleet_leaving){
        .id = slice_of(game->id),
        .owner = game->owner,
        .version = game->version,
        .event = slice_of(made->event),
    };
}

static inline struct outcome rig_remove(const struct fleet_leaving *leaving)
{
    struct outcome outcome = { 0 };

    fleet_remove(store, REALM, leaving, rig_on_removed, &outcome, &outcome.slot);
    rig_wait(&outcome);
    return outcome;
}

static inline struct outcome rig_leave(const struct game *game)
{
    struct rig_leaving made;

    rig_make_leaving(&made, game);
    return rig_remove(&made.leaving);
}

/* ---- commands ---------------------------------------------------------------------------------- */

static inline void rig_on_order(enum result result, const struct fleet_order *order, void *ctx)
{
    struct outcome *outcome = ctx;

    rig_copy(outcome->instance, sizeof outcome->instance, order->instance);
    rig_copy(outcome->owner, sizeof outcome->owner, order->owner);
    rig_copy(outcome->url, sizeof outcome->url, order->endpoint_url);
    outcome->command = order->command;
    outcome->refusal = order->refusal;
    rig_on_done(result, ctx);
}

static inline uint32_t rig_random(void)
{
    static uint64_t seed = 88172645463325252u;

    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 16);
}

static inline struct outcome rig_try_place(struct fleet_place *place)
{
    struct outcome outcome = { 0 };

    place->requester = OTHER;
    if (place->timeout_ms == 0)
        place->timeout_ms = 10000;
    for (size_t i = 0; i < 4; i++)
        place->random[i] = rig_random();
    fleet_place(store, REALM, place, rig_on_order, &outcome, &outcome.slot);
    rig_wait(&outcome);
    return outcome;
}

/* Of type match, anywhere. */
static inline struct outcome rig_place(const char *room)
{
    uint8_t tag[1][FLEET_TAG_LEN];
    struct fleet_place place = { .room = slice_of(room),
                                 .tags = (const uint8_t(*)[FLEET_TAG_LEN])tag,
                                 .tag_count = 1 };

    rig_tag(tag[0], "match");
    return rig_try_place(&place);
}

static inline struct outcome rig_command(const struct game *game, enum fleet_op op)
{
    struct outcome outcome = { 0 };

    fleet_command(store, REALM, slice_of(game->id), op, OTHER, 10000, rig_on_order, &outcome,
                  &outcome.slot);
    rig_wait(&outcome);
    return outcome;
}

static inline enum result rig_settle(const struct game *game, uint64_t command,
                                     enum fleet_outcome how)
{
    struct outcome outcome = { 0 };

    fleet_settle(store, REALM, slice_of(game->id), command, how, game->poll, rig_on_done, &outcome,
                 &outcome.slot);
    return rig_wait(&outcome);
}

static inline enum result rig_put_metadata(const struct game *game, const char *base,
                                           const char *json)
{
    struct outcome outcome = { 0 };

    fleet_describe(store, REALM, slice_of(game->id), slice_of(base), slice_of(json), rig_on_done,
                   &outcome, &outcome.slot);
    return rig_wait(&outcome);
}

/* ---- readings: a line for each change, "<id>[ stale]: <record> <renamed> <metadata>" -------------- */

struct rig_reading {
    struct outcome outcome;
    uint64_t version, last;
    char hash[FLEET_HASH_LEN + 1];
    bool has_more, is_anew;
    size_t change_count, gone_count, synced_count;
    struct buf text;
};

static inline void rig_on_reading(enum result result, const struct fleet_reading *reading,
                                  void *ctx)
{
    struct rig_reading *read = ctx;

    read->version = reading->version;
    memcpy(read->hash, reading->hash, sizeof read->hash);
    read->has_more = reading->has_more;
    read->is_anew = reading->is_anew;
    read->change_count = reading->change_count;
    read->synced_count = reading->synced_count;
    buf_init(&read->text, 64 * 1024 * 1024);
    for (size_t i = 0; i < reading->change_count; i++) {
        const struct fleet_change *change = &reading->changes[i];

        assert_true(change->version > read->last);
        read->last = change->version;
        read->gone_count += change->is_gone;
        buf_add(&read->text, change->id.data + 12, 4);
        buf_add_text(&read->text, change->is_gone ? " gone" : change->is_stale ? " stale" : "");
        if (change->renamed.data != NULL)
            buf_printf(&read->text, " %.*s", (int)change->renamed.len, change->renamed.data);
        if (change->metadata.data != NULL)
            buf_printf(&read->text, " %.*s", (int)change->metadata.len, change->metadata.data);
        buf_add_text(&read->text, "; ");
    }
    buf_add_byte(&read->text, '\0');
    rig_on_done(result, &read->outcome);
}

/* The caller releases the text. */
static inline struct rig_reading rig_read(uint64_t after)
{
    struct rig_reading read = { .last = 0 };

    fleet_read(store, REALM, after, true, rig_on_reading, &read, &read.outcome.slot);
    assert_int_equal(rig_wait(&read.outcome), RESULT_OK);
    return read;
}

static inline uint64_t rig_expect_changes(uint64_t after, const char *wanted)
{
    struct rig_reading read = rig_read(after);

    if (strcmp(read.text.data, wanted) != 0)
        fail_msg("wanted %s, got %s", wanted, read.text.data);
    buf_fini(&read.text);
    return read.version;
}

static inline void rig_state_hash(char hash[FLEET_HASH_LEN + 1])
{
    struct rig_reading read = rig_read(0);

    memcpy(hash, read.hash, sizeof read.hash);
    buf_fini(&read.text);
}

/* ---- events: short, behind one another ------------------------------------------------------------- */

struct rig_events {
    struct outcome outcome;
    uint64_t cursor;
    struct buf text;
};

/* "join 0001[x,y]", "leave 0001", "stale 0001", "+x@0001:3", "-x@0001:0", "sync 1/2/3" */
static inline void rig_shorten(struct buf *out, const char *kind, json_t *data)
{
    const char *id = json_string_value(json_object_get(data, "id"));
    bool is_room = strncmp(kind, "room:", 5) == 0;

    if (is_room)
        buf_printf(out, "%c%s@%s:%d", strcmp(kind, "room:create") == 0 ? '+' : '-', id,
                   json_string_value(json_object_get(data, "instanceId")) + 12,
                   (int)json_integer_value(json_object_get(data, "connections")));
    else if (strcmp(kind, "sync") == 0)
        buf_printf(out, "sync %d/%d/%d",
                   (int)json_integer_value(json_object_get(data, "instances")),
                   (int)json_integer_value(json_object_get(data, "rooms")),
                   (int)json_integer_value(json_object_get(data, "connections")));
    else
        buf_printf(out, "%s %s", strchr(kind, ':') + 1, id + 12);
    if (strcmp(kind, "instance:join") == 0) {
        json_t *room;
        size_t i;

        buf_add_byte(out, '[');
        json_array_foreach(json_object_get(data, "rooms"), i, room) buf_printf(
            out, "%s%s", i > 0 ? "," : "", json_string_value(json_object_get(room, "id")));
        buf_add_byte(out, ']');
    }
    if (json_object_get(data, "metadata") != NULL) {
        char *text = json_dumps(json_object_get(data, "metadata"), JSON_COMPACT);

        buf_add_text(out, text);
        free(text);
    }
    buf_add_text(out, "; ");
}

static inline void rig_read_entry(struct buf *out, struct slice entry)
{
    const char *at = entry.data, *end = entry.data + entry.len;

    while (at < end) {
        char kind[32];
        const char *line = memchr(at, '\n', (size_t)(end - at));
        const char *till = memchr(line + 1, '\n', (size_t)(end - line - 1));
        json_t *data = json_loadb(line + 7, (size_t)(till - line - 7), 0, NULL);

        assert_non_null(data);
        snprintf(kind, sizeof kind, "%.*s", (int)(line - at - 7), at + 7);
        rig_shorten(out, kind, data);
        json_decref(data);
        assert_int_equal(till[1], '\n');
        at = till + 2;
    }
}

static inline void rig_on_batch(enum result result, const struct channel_batch *batch, void *ctx)
{
    struct rig_events *events = ctx;

    for (size_t i = 0; i < batch->count; i++) {
        rig_read_entry(&events->text, batch->entries[i].payload);
        events->cursor = batch->entries[i].number;
    }
    rig_on_done(result, &events->outcome);
}

static uint64_t rig_cursor; /* up to here events were expected */

static inline int rig_flush_all(void **state)
{
    rig_cursor = 0;
    return rig_flush(state);
}

/* The caller releases the text. */
static inline struct rig_events rig_next_events(void)
{
    struct channel_id id = { CHANNEL_FLEET, REALM, SLICE_LITERAL("all") };
    struct rig_events events = { .cursor = rig_cursor };

    buf_init(&events.text, 1024 * 1024);
    channel_read(store, &id, rig_cursor, CHANNEL_READ_MAX, rig_on_batch, &events,
                 &events.outcome.slot);
    assert_int_equal(rig_wait(&events.outcome), RESULT_OK);
    rig_cursor = events.cursor;
    buf_add_byte(&events.text, '\0');
    return events;
}

static inline void rig_skip_events(void)
{
    struct rig_events events = rig_next_events();

    buf_fini(&events.text);
}

static inline void rig_expect_events(const char *wanted)
{
    struct rig_events events = rig_next_events();

    if (strcmp(events.text.data, wanted) != 0)
        fail_msg("wanted %s, got %s", wanted, events.text.data);
    buf_fini(&events.text);
}

#endif
