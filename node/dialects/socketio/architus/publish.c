/* SPDX-License-Identifier: MIT */
/*
 * POST /api/v1/guilds/{}/events: one event after the other, so that they arrive in their order. Each is first
 * stored (its change of a pool), then announced; whoever is not told that all is well repeats the whole, which
 * does no harm: changes are the same again, and an id is announced once.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "entity.h"
#include "log_wire.h"
#include "sio_emit.h"
#include "store/kept.h"
#include "visitor.h"

enum { ANSWER_MAX = LOG_EVENTS_MAX * 128, ENTRY_MAX = 4 * 1024 * 1024, ROOM_MAX = 64 };

/* What is done with an event, in this order; it skips what it does not need. */
enum step { STEP_STORE, STEP_ANNOUNCE, STEP_LOG, STEP_DONE };

struct publish {
    struct visitor visitor;
    struct slice guild;
    struct buf body; /* what the events point to … */
    struct buf text; /* … and what of them is decoded */
    struct log_event *events;
    size_t count, at;
    enum step step;
    char id[LOG_ID_SIZE]; /* of the event that it is at */
    bool is_live;
    struct store_op *op;
    struct buf results;
};

static void publish_destroy(struct visitor *visitor)
{
    struct publish *publish = LIST_ENTRY(visitor, struct publish, visitor);

    store_cancel(&publish->op);
    visitor_fini(visitor);
    buf_fini(&publish->body);
    buf_fini(&publish->text);
    buf_fini(&publish->results);
    free(publish->events);
    free(publish);
}

static void publish_go_on(struct publish *publish);

static void step_done(struct publish *publish, enum result result)
{
    if (result != RESULT_OK) {
        visitor_fail(&publish->visitor, result);
        return;
    }
    publish->step++;
    publish_go_on(publish);
}

/* ---- storing ------------------------------------------------------------------------------------------- */

static void on_stored(enum result result, void *ctx)
{
    step_done(ctx, result);
}

static void change_pool(struct publish *publish, const struct log_event *event)
{
    struct node *node = publish->visitor.app->node;
    struct pool_id pool = { visitor_realm(&publish->visitor), publish->guild, event->type };
    struct entities entities = { .count = 0 };
    struct pool_entity entity = { .id = event->entity_id, .json = event->entity.raw };
    struct pool_change change = { .entity_count = 0 };
    struct buf wrapped;

    buf_init(&wrapped, POOL_ENTITY_MAX + 2);
    if (event->change == LOG_PUT) {
        struct json array;

        buf_add_byte(&wrapped, '[');
        buf_add_slice(&wrapped, event->entity.raw);
        buf_add_byte(&wrapped, ']');
        if (json_parse_within(buf_slice(&wrapped), 1, &array) &&
            entities_parse(array, event->type == POOL_MEMBER, &entities) && entities.count == 1)
            entity.texts = entities.items[0].texts;
        change.entities = &entity;
        change.entity_count = 1;
    } else {
        change.removed = &event->entity_id;
        change.removed_count = 1;
    }
    pool_change(node->store, &pool, &change, node->config->pool_max, on_stored, publish,
                &publish->op);
    entities_fini(&entities);
    buf_fini(&wrapped);
}

/* Users are kept one by one; of guilds each viewer has a list of its own, which ages by itself. */
static bool store_event(struct publish *publish, const struct log_event *event)
{
    struct store *store = publish->visitor.app->node->store;

    if (event->is_kept) {
        change_pool(publish, event);
        return true;
    }
    if (!slice_is(event->type_name, "user"))
        return false;
    kept_put(store, event->change == LOG_PUT ? KEPT_USER : KEPT_NO_USER,
             visitor_realm(&publish->visitor), event->entity_id,
             event->change == LOG_PUT ? event->entity.raw : SLICE_LITERAL(""), on_stored, publish,
             &publish->op);
    return true;
}

/* ---- announcing ------------------------------------------------------------------------------------------ */

/* A member who was changed or has gone may not see any more what it watches. Whoever repeats an event does so because
 * the answer got lost, and what follows the announcement maybe with it. */
static void check_watchers(struct publish *publish, const struct channel_appended *emitted)
{
    const struct log_event *event = &publish->events[publish->at];

    if ((emitted->listeners > 0 || emitted->is_duplicate) && event->is_kept &&
        event->type == POOL_MEMBER)
        herald_check_guild(publish->visitor.app->herald, publish->guild);
}

static void on_emitted(enum result result, const struct channel_appended *emitted, void *ctx)
{
    struct publish *publish = ctx;

    if (result == RESULT_OK && emitted->listeners > 0)
        publish->is_live = true;
    if (result == RESULT_OK && publish->step == STEP_ANNOUNCE)
        check_watchers(publish, emitted);
    step_done(publish, result);
}

static void announce(struct publish *publish, const char *suffix,
                     void (*write)(struct buf *out, const struct log_event *event, struct slice id,
                                   struct slice guild))
{
    char name[ROOM_MAX];
    int len = snprintf(name, sizeof name, "guild_%.*s%s", (int)publish->guild.len,
                       publish->guild.data, suffix);
    struct slice room = { name, (size_t)len };
    struct sio_emit emit = {
        .to = { .realm = visitor_realm(&publish->visitor),
                .nsp = SLICE_LITERAL("/"),
                .rooms = &room,
                .room_count = 1 },
        .once = slice_of(publish->id),
    };
    struct buf items;
    struct why why;

    buf_init(&items, ENTRY_MAX);
    buf_add_text(&items, "[\"log_pool\",");
    write(&items, &publish->events[publish->at], slice_of(publish->id), publish->guild);
    buf_add_byte(&items, ']');
    emit.items = buf_slice(&items);
    if (!items.has_overflowed && sio_emit_check(publish->visitor.app->sio, &emit, &why))
        sio_emit(publish->visitor.app->sio, &emit, on_emitted, publish, &publish->op);
    else
        visitor_refuse(&publish->visitor, 413, "An event is too large.");
    buf_fini(&items);
}

/* ---- one after the other -------------------------------------------------------------------------------------- */

/* Hoar frost: made like the original's, with a counter where that had its machine and its process. */
static void make_id(struct publish *publish, const struct log_event *event)
{
    static const int64_t epoch_ms = 1420070400000; /* 2015-01-01 UTC */
    struct architus *app = publish->visitor.app;
    uint64_t ms = (uint64_t)(store_now_ms(app->node->store) - epoch_ms);

    if (event->id.data != NULL)
        snprintf(publish->id, sizeof publish->id, "%.*s", (int)event->id.len, event->id.data);
    else
        snprintf(publish->id, sizeof publish->id, "%" PRIu64,
                 ms << 22 | (strtoul(app->node->id + 5, NULL, 16) & 0x3ff) << 12 |
                     (app->hoar_frosts++ & 0xfff));
}

static void end_event(struct publish *publish)
{
    buf_printf(&publish->results, "%s{\"id\":\"%s\",\"delivery\":\"%s\"}",
               publish->at > 0 ? "," : "", publish->id, publish->is_live ? "live" : "queued");
    publish->at++;
    publish->step = STEP_STORE;
    publish->is_live = false;
}

static void publish_answer(struct publish *publish)
{
    struct buf body;

    buf_init(&body, ANSWER_MAX + 32);
    buf_add_text(&body, "{\"results\":[");
    buf_add_slice(&body, buf_slice(&publish->results));
    buf_add_text(&body, "]}");
    http_reply_json(visitor_leave(&publish->visitor), 202, buf_slice(&body));
    buf_fini(&body);
}

/* True: something has begun that goes on by itself. */
static bool take_step(struct publish *publish)
{
    const struct log_event *event = &publish->events[publish->at];
    bool has_change = event->change != LOG_NO_CHANGE, has_action = event->has_action;

    switch (publish->step) { /* what is announced may be the end of the whole */
    case STEP_STORE:
        make_id(publish, event);
        return has_change && store_event(publish, event);
    case STEP_ANNOUNCE:
        if (has_change)
            announce(publish, "", log_change_write);
        return has_change;
    case STEP_LOG:
        if (has_action)
            announce(publish, event->is_private ? "_plogs" : "_logs", log_event_write);
        return has_action;
    case STEP_DONE:
        end_event(publish);
        return false;
    }
    return false;
}

static void publish_go_on(struct publish *publish)
{
    while (publish->at < publish->count) {
        bool is_new = publish->step == STEP_DONE;

        if (take_step(publish))
            return;
        if (!is_new)
            publish->step++;
    }
    publish_answer(publish);
}

/* ---- what is asked for ------------------------------------------------------------------------------------------ */

static const char *read_events(struct publish *publish)
{
    struct slice body = http_body(publish->visitor.request);
    struct json said, whole, item;
    size_t offset = 0;
    const char *wrong = NULL;

    buf_init(&publish->text, 2 * body.len + 1);
    buf_reserve(&publish->text, 2 * body.len);
    if (!json_parse(body, &said))
        return "The body is no JSON.";
    buf_init(&publish->body, 2 * body.len);
    wire_add_exact(&publish->body, said);
    whole = (struct json){ said.type, buf_slice(&publish->body) };
    publish->events = xcalloc(LOG_EVENTS_MAX, sizeof *publish->events);
    if (whole.type != JSON_ARRAY) {
        publish->count = 1;
        return log_event_parse(whole, &publish->text, &publish->events[0]);
    }
    while (wrong == NULL && json_next(whole, &offset, &item)) {
        if (publish->count == LOG_EVENTS_MAX)
            return "At most 1000 events.";
        wrong = log_event_parse(item, &publish->text, &publish->events[publish->count++]);
    }
    return wrong;
}

static void publish_begin(struct visitor *visitor)
{
    struct publish *publish = LIST_ENTRY(visitor, struct publish, visitor);
    const char *wrong;

    if (!visitor_guild(visitor, &publish->guild))
        return;
    wrong = read_events(publish);
    if (wrong != NULL)
        visitor_refuse(visitor, 400, wrong);
    else
        publish_go_on(publish);
}

void publish_handle_events(struct http_request *request, void *app)
{
    struct publish *publish = xcalloc(1, sizeof *publish);

    publish->visitor.begin = publish_begin;
    publish->visitor.destroy = publish_destroy;
    buf_init(&publish->results, ANSWER_MAX);
    visitor_receive(&publish->visitor, request, app);
}
