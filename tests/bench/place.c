/* SPDX-License-Identifier: MIT
 *
 * What a placement costs by itself: fleet_place() against a Redis, 64 at a time, without agents or HTTP.
 *
 *   place URL INSTANCES BATCH BATCHES TAG…
 *
 * INSTANCES have a type of five, a tag that half of them have (1), and one that each hundredth has (2); rooms are
 * wanted of type 0 with the TAGs. BATCH rooms are placed, which is timed, and then let go, BATCHES times. The result
 * is one JSON object on standard output.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/fleet.h"

enum { AT_ONCE = 64, TYPES = 5, HALF = 1, HUNDREDTH = 2, TAGS_OF_ONE = 3, BATCH_MAX = 20000 };
enum { RECORD_LEN = 1500, LIFE_MS = 3600 * 1000, LEVELS = 10 };

static const struct slice realm = { "bench", 5 }, node = { "bench-node", 10 };

struct slot {
    struct store_op *op;
    size_t number;
};
typedef void start_fn(struct slot *slot);

static struct {
    uv_loop_t loop;
    struct store *store;
    struct slot slots[AT_ONCE];
    start_fn *start; /* of the work under way */
    size_t next, count, resting;
} bench;

static struct {
    char instance[FLEET_ID_LEN];
    uint64_t command; /* 0: it was refused */
} placed[BATCH_MAX];

static struct {
    uint8_t tags[TAGS_OF_ONE][FLEET_TAG_LEN];
    size_t tag_count;
    uint64_t placed, refused, failed, us;
} result;

static uint32_t random_word(void)
{
    static uint64_t x = 88172645463325252ull;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (uint32_t)(x >> 16);
}

/* ---- one piece of work: `count` operations, AT_ONCE at a time ---------------------------------------- */

static void go_on(struct slot *slot)
{
    if (bench.next == bench.count) {
        bench.resting++;
        return;
    }
    slot->number = bench.next++;
    bench.start(slot);
}

static void do_all(start_fn *start, size_t count)
{
    bench.start = start;
    bench.count = count;
    bench.next = bench.resting = 0;
    for (size_t i = 0; i < AT_ONCE; i++)
        go_on(&bench.slots[i]);
    while (bench.resting < AT_ONCE)
        uv_run(&bench.loop, UV_RUN_ONCE);
}

static void on_done(enum result outcome, void *ctx)
{
    if (outcome != RESULT_OK)
        result.failed++;
    go_on(ctx);
}

/* ---- the fleet ------------------------------------------------------------------------------------------ */

static void make_tag(uint8_t kind, size_t value, uint8_t out[FLEET_TAG_LEN])
{
    memset(out, kind, FLEET_TAG_LEN);
    out[1] = (uint8_t)value;
}

static size_t tags_of(size_t number, uint8_t out[TAGS_OF_ONE][FLEET_TAG_LEN])
{
    size_t count = 0;

    make_tag(0, number % TYPES, out[count++]);
    if (number / TYPES % 2 == 0)
        make_tag(HALF, 0, out[count++]);
    if (number % 100 == 0)
        make_tag(HUNDREDTH, 0, out[count++]);
    return count;
}

static void on_applied(enum result outcome, const struct fleet_applied *applied, void *ctx)
{
    (void)applied;
    on_done(outcome, ctx);
}

static void join(struct slot *slot)
{
    static const char record[RECORD_LEN] = "a record of the length that one of twenty rooms has";
    uint8_t tags[TAGS_OF_ONE][FLEET_TAG_LEN];
    char id[FLEET_ID_LEN + 1], uid[32], uid_json[40];
    struct fleet_state state = { .owner = node, .seq = 1, .poll = 1, .creates = true };

    sprintf(id, "%016zx", slot->number);
    sprintf(uid, "p_%024zx", slot->number);
    sprintf(uid_json, "%s", uid);
    state.id = slice_of(id);
    state.digest = slice_of(id);
    state.uid = slice_of(uid);
    state.uid_json = slice_of(uid_json);
    state.record = (struct slice){ record, sizeof record };
    state.status = FLEET_ACTIVE;
    state.connections = slot->number / TYPES % LEVELS;
    state.tags = (const uint8_t(*)[FLEET_TAG_LEN])tags;
    state.tag_count = tags_of(slot->number, tags);
    state.types = slice_of("[\"match\"]");
    state.document = slice_of("{\"rooms\":[");
    state.rest = slice_of("]}");
    fleet_apply(bench.store, realm, &state, on_applied, slot, &slot->op);
}

static void on_beat(enum result outcome, const struct fleet_beat *beat, void *ctx)
{
    (void)beat;
    on_done(outcome, ctx);
}

static void live(struct slot *slot)
{
    fleet_beat(bench.store, realm, node, LIFE_MS, on_beat, slot, &slot->op);
}

/* ---- placing and letting go --------------------------------------------------------------------------------- */

static void on_placed(enum result outcome, const struct fleet_order *order, void *ctx)
{
    const struct slot *slot = ctx;

    placed[slot->number].command = 0;
    if (outcome == RESULT_OK) {
        placed[slot->number].command = order->command;
        memcpy(placed[slot->number].instance, order->instance.data, FLEET_ID_LEN);
        result.placed++;
    } else if (outcome == RESULT_REFUSED) {
        result.refused++;
    } else {
        result.failed++;
    }
    go_on(ctx);
}

static void place(struct slot *slot)
{
    struct fleet_place wanted = { .tags = (const uint8_t(*)[FLEET_TAG_LEN])result.tags,
                                  .tag_count = result.tag_count,
                                  .strategy = FLEET_LEAST_LOADED,
                                  .requester = node,
                                  .timeout_ms = LIFE_MS };
    char room[32];

    sprintf(room, "room-%zu", slot->number);
    wanted.room = slice_of(room);
    for (size_t i = 0; i < 4; i++)
        wanted.random[i] = random_word();
    fleet_place(bench.store, realm, &wanted, on_placed, slot, &slot->op);
}

static void let_go(struct slot *slot)
{
    const struct slice instance = { placed[slot->number].instance, FLEET_ID_LEN };

    if (placed[slot->number].command == 0)
        go_on(slot);
    else
        fleet_settle(bench.store, realm, instance, placed[slot->number].command, FLEET_DISCONNECTED,
                     1, on_done, slot, &slot->op);
}

static void measure(size_t batch, size_t batches)
{
    for (size_t i = 0; i < batches; i++) {
        uint64_t begun = uv_hrtime();

        do_all(place, batch);
        result.us += (uv_hrtime() - begun) / 1000;
        do_all(let_go, batch);
    }
}

/* ---- start ------------------------------------------------------------------------------------------------------ */

static void on_state(bool is_up, void *ctx)
{
    (void)is_up;
    (void)ctx;
}

static void want_tags(char **kinds, int count)
{
    make_tag(0, 0, result.tags[result.tag_count++]);
    for (int i = 0; i < count; i++)
        make_tag((uint8_t)atoi(kinds[i]), 0, result.tags[result.tag_count++]);
}

int main(int argc, char **argv)
{
    static const struct channel_bounds bounds = { .offline_cap = 1000,
                                                  .live_bound = 1000,
                                                  .ttl_ms = LIFE_MS,
                                                  .keep_ms = LIFE_MS,
                                                  .keep_count = 1000 };
    struct store_options options = { .timeout_ms = 20000, .wait_ms = 100, .pending_max = 2000 };
    struct why why = { "" };

    if (argc < 5 || argc > 5 + TAGS_OF_ONE - 1 || atoi(argv[3]) > BATCH_MAX) {
        fputs("usage: place URL INSTANCES BATCH BATCHES [TAG…]\n", stderr);
        return 2;
    }
    uv_loop_init(&bench.loop);
    options.url = argv[1];
    bench.store = store_open(&bench.loop, &options, on_state, NULL, &why);
    assert(bench.store != NULL);
    channel_set_bounds(bench.store, CHANNEL_FLEET, &bounds);
    while (!store_is_up(bench.store))
        uv_run(&bench.loop, UV_RUN_ONCE);
    want_tags(argv + 5, argc - 5);
    do_all(live, 1);
    do_all(join, (size_t)atoi(argv[2]));
    measure((size_t)atoi(argv[3]), (size_t)atoi(argv[4]));
    printf("{\"placed\":%llu,\"refused\":%llu,\"failed\":%llu,\"seconds\":%.3f}\n",
           (unsigned long long)result.placed, (unsigned long long)result.refused,
           (unsigned long long)result.failed, (double)result.us / 1e6);
    store_close(&bench.store);
    uv_run(&bench.loop, UV_RUN_DEFAULT);
    return 0;
}
