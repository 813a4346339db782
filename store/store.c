/* SPDX-License-Identifier: MIT */
/*
 * The store itself: the command link and what hangs on its state. Whatever ends without a reply
 * (refused, waited in vain, lost with the link) goes to `ending` and is told to its owner on the
 * loop's way to its next wait: so never within the call that caused it. Only store_close() does not
 * wait for that.
 */
#include "store/store.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/inside.h"
#include "store/scripts.h"

enum {
    MINUTE_MS = 60 * 1000,
    REPEATS_MAX = 8,
    PENDING_BYTES = 64 * 1024 * 1024,
};

static struct store_op *op_of(struct list *node)
{
    return LIST_ENTRY(node, struct store_op, node);
}

/* ---- operations that end without a reply ---------------------------------------------------------- */

static void end_later(struct store *store, struct store_op *op, enum result result)
{
    op->ending = result;
    list_append(&store->ending, &op->node);
}

/* Whatever was written, even in part, may have happened. */
static void lose_flight(struct store *store)
{
    struct list lost;

    list_init(&lost);
    pipeline_break(&store->pipeline, &lost);
    while (!list_is_empty(&lost)) {
        struct store_op *op = op_of(lost.next);

        list_remove(&op->node);
        end_later(store, op, RESULT_UNCERTAIN);
    }
}

static void end_first(struct store *store)
{
    struct store_op *op = op_of(store->ending.next);

    list_remove(&op->node);
    op_finish(store, op, op->ending, NULL);
}

/* Those that are there now: what their owners start and is refused again ends on the next turn. */
static void end_present(struct store *store)
{
    struct list *last = store->ending.prev;
    bool is_last = list_is_empty(&store->ending);

    while (!is_last && !list_is_empty(&store->ending)) {
        is_last = store->ending.next == last;
        end_first(store);
    }
}

/* ---- deadlines --------------------------------------------------------------------------------------- */

static void on_deadline(uv_timer_t *timer);

/* When the oldest operation has waited too long: for its reply, or for a link. A link that has been down
 * for longer than that is not waited for any more. */
static int64_t first_deadline_ms(const struct store *store)
{
    const struct store_op *op = pipeline_first(&store->pipeline);
    int64_t started_ms = op->started_us / 1000;

    if (!store->is_up)
        return store->since_ms + store->wait_ms;
    return (started_ms > store->since_ms ? started_ms : store->since_ms) + store->timeout_ms;
}

void store_watch_deadline(struct store *store)
{
    int64_t left_ms;

    if (store->is_closed || uv_is_active((uv_handle_t *)&store->deadline))
        return;
    if (!list_is_empty(&store->ending))
        left_ms =
            1; /* the loop must not wait until they have ended; 0 would be due in the same turn */
    else if (pipeline_first(&store->pipeline) != NULL)
        left_ms = first_deadline_ms(store) - clock_ms();
    else
        return;
    uv_timer_start(&store->deadline, on_deadline, left_ms > 0 ? (uint64_t)left_ms : 0, 0);
}

static void rewatch_deadline(struct store *store)
{
    if (!store->is_closed)
        uv_timer_stop(&store->deadline);
    store_watch_deadline(store);
}

static void on_deadline(uv_timer_t *timer)
{
    struct store *store = timer->data;
    struct store_op *op;

    while ((op = pipeline_first(&store->pipeline)) != NULL &&
           first_deadline_ms(store) <= clock_ms()) {
        if (store->is_up) {
            link_break(store->link, "no answer in time");
            break;
        }
        pipeline_remove(&store->pipeline, op);
        end_later(store, op, RESULT_UNAVAILABLE);
    }
    rewatch_deadline(store);
}

/* ---- the command link ----------------------------------------------------------------------------------- */

static void set_up(struct store *store, bool is_up)
{
    if (store->is_up == is_up)
        return;
    store->is_up = is_up;
    store->since_ms = clock_ms();
    if (is_up)
        store->stats.connects++;
    else
        store->stats.disconnects++;
    rewatch_deadline(store);
    if (store->on_state != NULL)
        store->on_state(is_up, store->ctx);
}

static void advance_hello(struct store *store, enum hello_state state, const struct why *why)
{
    if (state == HELLO_FAILED) {
        link_refuse(store->link, why->text);
    } else if (state == HELLO_DONE) {
        link_set_ready(store->link);
        set_up(store, true);
    }
}

static void on_open(void *ctx)
{
    struct store *store = ctx;
    struct why why = { "" };

    advance_hello(store, hello_start(&store->hello, hello_commands, store, link_out(store->link)),
                  &why);
}

static void add_loads(struct store *store)
{
    static const struct verb load_verb = { .id = VERB_SCRIPT_LOAD,
                                           .judge = op_judge_string,
                                           .deliver = op_deliver_done };
    struct op_done nobody = { NULL, NULL };

    store->stats.script_loads++;
    log_warn(NULL, "redis.reload", "reason=\"the server lost its scripts\" scripts=%zu",
             lua_script_count);
    for (size_t i = 0; i < lua_script_count; i++) {
        struct slice text = { lua_scripts[i].text, lua_scripts[i].len };
        struct op_call call = {
            .verb = &load_verb,
            .args = &text,
            .arg_count = 1,
            .state = &nobody,
            .state_size = sizeof nobody,
        };
        struct store_op *op = op_create(store, &call);
        bool has_room = pipeline_add(&store->pipeline, op, &call);

        assert(has_room);
        (void)has_room;
    }
}

static bool is_script_lost(const struct store_op *op, const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOSCRIPT", 8) == 0 &&
           op_is_script(op) && op->repeats < REPEATS_MAX;
}

/* It was a primary once, and answers as long as one asks: another one is to be found. */
static void leave_replica(struct store *store)
{
    static const char reason[] = "it is a replica, not a primary";

    topics_break(store->topics, reason);
    link_break(store->link, reason);
}

static bool is_from_replica(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "READONLY", 8) == 0;
}

static void on_answer(struct store *store, const redisReply *reply)
{
    struct store_op *op = pipeline_first_in_flight(&store->pipeline);

    if (op == NULL) {
        link_break(store->link, "an answer that nobody asked for");
        return;
    }
    if (is_script_lost(op, reply)) {
        op->repeats++;
        pipeline_repeat(&store->pipeline);
    } else {
        pipeline_remove(&store->pipeline, op);
        op_finish(store, op, RESULT_OK, reply);
    }
    if (store->is_closed)
        return;
    if (is_from_replica(reply))
        leave_replica(store);
    else
        pipeline_reload(&store->pipeline, store, add_loads);
}

static void on_reply(const redisReply *reply, void *ctx)
{
    struct store *store = ctx;
    struct why why = { "" };

    if (link_is_ready(store->link))
        on_answer(store, reply);
    else
        advance_hello(store, hello_hear(&store->hello, store, link_out(store->link), reply, &why),
                      &why);
}

static void flush(struct store *store)
{
    link_flush(store->link);
    if (!store->is_closed && store->is_up)
        pipeline_advance(&store->pipeline,
                         link_send(store->link, pipeline_output(&store->pipeline)));
}

static void on_writable(void *ctx)
{
    flush(ctx);
}

static void on_broken(const char *reason, void *ctx)
{
    struct store *store = ctx;

    (void)reason;
    store->run_id[0] = '\0'; /* what waits may go to another one */
    lose_flight(store);
    set_up(store, false);
}

static const struct link_ops link_ops = {
    .on_open = on_open, .on_reply = on_reply, .on_writable = on_writable, .on_broken = on_broken
};

static void on_flush(uv_prepare_t *prepare)
{
    struct store *store = prepare->data;

    end_present(store);
    if (!store->is_closed)
        topics_flush(store->topics);
    if (!store->is_closed)
        flush(store);
    if (list_is_empty(&store->ending))
        store_watch_deadline(store);
    else
        rewatch_deadline(
            store); /* what was added meanwhile must not wait for the loop's next event */
}

/* ---- open and close ------------------------------------------------------------------------------------------ */

static void on_minute(uv_timer_t *timer)
{
    struct store *store = timer->data;

    if (store->is_up)
        store_read_clock(store);
}

static void take_limits(struct store *store, const struct store_options *options)
{
    store->timeout_ms = options->timeout_ms;
    store->wait_ms = options->wait_ms;
    store->pending_max = options->pending_max;
    pipeline_set_max(&store->pipeline,
                     options->pending_bytes > 0 ? options->pending_bytes : PENDING_BYTES);
}

void store_set_limits(struct store *store, const struct store_options *options)
{
    take_limits(store, options);
    link_set_limit(store->link, store->timeout_ms);
    topics_set_limit(store->topics, store->timeout_ms);
    rewatch_deadline(store);
}

struct store *store_open(uv_loop_t *loop, const struct store_options *options,
                         store_state_fn *on_state, void *ctx, struct why *why)
{
    struct store *store;
    struct url url;

    if (!url_parse(&url, options->url, why))
        return NULL;
    store = xcalloc(1, sizeof *store);
    store->loop = loop;
    store->url = url;
    pipeline_init(&store->pipeline);
    store->since_ms = clock_ms();
    take_limits(store, options);
    store->on_state = on_state;
    store->ctx = ctx;
    snprintf(store->topic_prefix, sizeof store->topic_prefix, "__keyspace@%u__:", url.db);
    op_init_verbs(store->verbs);
    store->stats.verbs = store->verbs;
    store->stats.verb_count = VERB_COUNT;
    buf_init(&store->tail, CHANNEL_PAYLOAD_MAX + 16);
    list_init(&store->ending);
    list_init(&store->spare);
    uv_prepare_init(loop, &store->flusher);
    uv_timer_init(loop, &store->deadline);
    uv_timer_init(loop, &store->minute);
    store->flusher.data = store->deadline.data = store->minute.data = store;
    store->open_handles = 3;
    uv_prepare_start(&store->flusher, on_flush);
    uv_timer_start(&store->minute, on_minute, MINUTE_MS, MINUTE_MS);
    store->link = link_create(loop, "commands", &store->url, store->timeout_ms, &link_ops, store);
    store->topics = topics_create(store);
    return store;
}

static void on_closed(uv_handle_t *handle)
{
    struct store *store = handle->data;

    if (--store->open_handles > 0)
        return;
    while (!list_is_empty(&store->spare)) {
        struct store_op *op = op_of(store->spare.next);

        list_remove(&op->node);
        free(op);
    }
    pipeline_fini(&store->pipeline);
    buf_fini(&store->tail);
    url_fini(&store->url);
    free(store);
}

/* What owners start in answer ends as well: a store that is being closed is just a link that is
 * down for good. */
static void end_all(struct store *store)
{
    lose_flight(store);
    for (;;) {
        struct store_op *op = pipeline_first(&store->pipeline);

        if (op != NULL) {
            pipeline_remove(&store->pipeline, op);
            end_later(store, op, RESULT_UNAVAILABLE);
        } else if (!list_is_empty(&store->ending)) {
            end_first(store);
        } else {
            return;
        }
    }
}

void store_close(struct store **store)
{
    struct store *closing = *store;

    if (closing == NULL)
        return;
    *store = NULL;
    link_destroy(&closing->link);
    closing->is_up = false;
    end_all(closing);
    topics_destroy(&closing->topics);
    closing->is_closed = true;
    uv_close((uv_handle_t *)&closing->flusher, on_closed);
    uv_close((uv_handle_t *)&closing->deadline, on_closed);
    uv_close((uv_handle_t *)&closing->minute, on_closed);
}

/* ---- what there is to know -------------------------------------------------------------------------------------- */

bool store_is_up(const struct store *store)
{
    return store->is_up;
}

bool store_has_keyspace_events(const struct store *store)
{
    return store->has_keyspace_events;
}

const struct store_stats *store_stats(const struct store *store)
{
    return &store->stats;
}
