/* SPDX-License-Identifier: MIT */
/* Pools on a real Redis: who may see what, reading in every way, changes, fills, replacements. */
#include "store/pools.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "store/fold.h"
#include "store_fixture.h"

enum { MAX = 100000, LINES_MAX = 16 * 1024 * 1024 };

/* One operation and its end: an answer is kept as text, "access rights state next item item …". */
struct outcome {
    struct store_op *slot;
    bool has_come;
    enum result result;
    enum pool_access access;
    enum pool_state state;
    uint32_t rights;
    uint64_t changes;
    char next[64];
    struct buf items; /* one line each: the entity, "absent", "missing" */
    size_t count;
};

static bool has_come(void *ctx)
{
    return ((struct outcome *)ctx)->has_come;
}

static enum result wait_for(struct outcome *outcome)
{
    support_wait(&loop, has_come, outcome, SUPPORT_WAIT_MS, "the operation ends");
    assert_null(outcome->slot);
    return outcome->result;
}

static void on_done(enum result result, void *ctx)
{
    struct outcome *outcome = ctx;

    outcome->result = result;
    outcome->has_come = true;
}

static void on_staged(enum result result, uint64_t changes, void *ctx)
{
    ((struct outcome *)ctx)->changes = changes;
    on_done(result, ctx);
}

static void on_answer(enum result result, const struct pool_answer *answer, void *ctx)
{
    struct outcome *outcome = ctx;

    outcome->access = answer->access;
    outcome->state = answer->state;
    outcome->rights = answer->rights;
    outcome->changes = answer->changes;
    outcome->count = answer->count;
    snprintf(outcome->next, sizeof outcome->next, "%.*s", (int)answer->next.len, answer->next.data);
    buf_init(&outcome->items, LINES_MAX);
    for (size_t i = 0; i < answer->count; i++) {
        struct slice entity;
        enum pool_item item = pool_answer_item(answer, i, &entity);

        if (item == POOL_FOUND)
            buf_add_slice(&outcome->items, entity);
        else
            buf_add_text(&outcome->items, item == POOL_ABSENT ? "absent" : "missing");
        buf_add_byte(&outcome->items, '\n');
    }
    on_done(result, ctx);
}

/* ---- what the tests say ------------------------------------------------------------------------ */

#define GUILD  SLICE_LITERAL("607637793107345431")
#define USER   "214037134477230080"
#define ROLE   "711543547145097377"
#define REALM  SLICE_LITERAL("test")
#define MEMBER "{\"id\":\"" USER "\",\"name\":\"johnyburd\",\"roles\":[\"" ROLE "\",\"9\"]}"

static struct pool_id pool_of(enum pool_type type)
{
    return (struct pool_id){ REALM, GUILD, type };
}

static struct pool_asker asker = { { USER, sizeof USER - 1 }, 0, POOL_RIGHTS_ALL };

/* "id=json" */
static struct pool_entity entity_of(const char *text)
{
    const char *equals = strchr(text, '=');

    return (struct pool_entity){ { text, (size_t)(equals - text) }, slice_of(equals + 1), { 0 } };
}

static enum result change(enum pool_type type, const char *put, const char *removed)
{
    struct pool_id id = pool_of(type);
    struct pool_entity entity = put != NULL ? entity_of(put) : (struct pool_entity){ 0 };
    struct slice gone = slice_of(removed);
    struct pool_change change = { &entity, put != NULL, &gone, removed != NULL, POOL_AS_BEFORE };
    struct outcome outcome = { 0 };

    pool_change(store, &id, &change, MAX, on_done, &outcome, &outcome.slot);
    return wait_for(&outcome);
}

static void complete(enum pool_type type)
{
    struct pool_id id = pool_of(type);
    struct pool_change change = { .completeness = POOL_NOW_COMPLETE };
    struct outcome outcome = { 0 };

    pool_change(store, &id, &change, MAX, on_done, &outcome, &outcome.slot);
    assert_int_equal(wait_for(&outcome), RESULT_OK);
}

static enum result fill(enum pool_type type, const char *put, const char *absent, uint64_t changes)
{
    struct pool_id id = pool_of(type);
    struct pool_entity entity = put != NULL ? entity_of(put) : (struct pool_entity){ 0 };
    struct slice gone = slice_of(absent);
    struct pool_change change = { &entity, put != NULL, &gone, absent != NULL, POOL_AS_BEFORE };
    struct outcome outcome = { 0 };

    pool_fill(store, &id, &change, changes, MAX, on_done, &outcome, &outcome.slot);
    return wait_for(&outcome);
}

static struct outcome look(void)
{
    struct pool_id id = pool_of(POOL_CHANNEL);
    struct outcome outcome = { 0 };

    pool_look(store, &id, &asker, on_answer, &outcome, &outcome.slot);
    assert_int_equal(wait_for(&outcome), RESULT_OK);
    assert_int_equal(outcome.count, 0);
    buf_fini(&outcome.items);
    return outcome;
}

static struct outcome get(enum pool_type type, const struct slice *ids, size_t count)
{
    struct pool_id id = pool_of(type);
    struct outcome outcome = { 0 };

    pool_get(store, &id, &asker, ids, count, on_answer, &outcome, &outcome.slot);
    assert_int_equal(wait_for(&outcome), RESULT_OK);
    return outcome;
}

static void expect_one(enum pool_type type, const char *id, const char *wanted)
{
    struct slice ids[] = { slice_of(id) };
    struct outcome outcome = get(type, ids, 1);

    assert_int_equal(outcome.access, POOL_ALLOWED);
    if (outcome.items.len != strlen(wanted) + 1 ||
        memcmp(outcome.items.data, wanted, strlen(wanted)) != 0)
        fail_msg("%s: wanted %s, got %.*s", id, wanted, (int)outcome.items.len, outcome.items.data);
    buf_fini(&outcome.items);
}

static void grant(const char *const *pairs)
{
    struct pool_grant grants[8];
    struct outcome outcome = { 0 };
    size_t count = 0;

    for (; pairs[2 * count] != NULL; count++)
        grants[count] =
            (struct pool_grant){ slice_of(pairs[2 * count]), slice_of(pairs[2 * count + 1]) };
    pool_set_rights(store, REALM, GUILD, grants, count, on_done, &outcome, &outcome.slot);
    assert_int_equal(wait_for(&outcome), RESULT_OK);
}

static void know(enum pool_standing standing)
{
    struct outcome outcome = { 0 };

    pool_know(store, REALM, GUILD, asker.user, standing, on_done, &outcome, &outcome.slot);
    assert_int_equal(wait_for(&outcome), RESULT_OK);
}

/* ---- rights ------------------------------------------------------------------------------------ */

enum known { SAID_NOTHING, SAID_STRANGER, SAID_MEMBER, SAID_ADMINISTRATOR };

static const struct {
    const char *name;
    const char *grants[9];
    bool is_in_pool, is_complete;
    enum known said;
    uint32_t needs, limit;
    enum pool_access want;
    uint32_t rights;
} rights[] = {
    { "nobody knows", { NULL }, false, false, SAID_NOTHING, 0, POOL_RIGHTS_ALL, POOL_UNKNOWN, 0 },
    { "not in a complete pool",
      { NULL },
      false,
      true,
      SAID_NOTHING,
      0,
      POOL_RIGHTS_ALL,
      POOL_STRANGER,
      0 },
    { "a complete pool knows better",
      { NULL },
      false,
      true,
      SAID_MEMBER,
      0,
      POOL_RIGHTS_ALL,
      POOL_STRANGER,
      0 },
    { "said to be none",
      { NULL },
      false,
      false,
      SAID_STRANGER,
      0,
      POOL_RIGHTS_ALL,
      POOL_STRANGER,
      0 },
    { "said to be one",
      { NULL },
      false,
      false,
      SAID_MEMBER,
      0,
      POOL_RIGHTS_ALL,
      POOL_ALLOWED,
      0x112 },
    { "said to be administrator",
      { NULL },
      false,
      false,
      SAID_ADMINISTRATOR,
      0x400,
      POOL_RIGHTS_ALL,
      POOL_ALLOWED,
      POOL_RIGHTS_ALL },
    { "in the pool", { NULL }, true, false, SAID_NOTHING, 0, POOL_RIGHTS_ALL, POOL_ALLOWED, 0x112 },
    { "everybody's rights by default",
      { NULL },
      true,
      true,
      SAID_NOTHING,
      0x102,
      POOL_RIGHTS_ALL,
      POOL_ALLOWED,
      0x112 },
    { "a right is missing",
      { NULL },
      true,
      true,
      SAID_NOTHING,
      0x4,
      POOL_RIGHTS_ALL,
      POOL_LACKING,
      0x112 },
    { "everybody's rights as granted",
      { "@everyone", "0" },
      true,
      true,
      SAID_NOTHING,
      0x2,
      POOL_RIGHTS_ALL,
      POOL_LACKING,
      0 },
    { "the user's own",
      { USER, "4" },
      true,
      true,
      SAID_NOTHING,
      0x4,
      POOL_RIGHTS_ALL,
      POOL_ALLOWED,
      0x116 },
    { "a role's",
      { ROLE, "5", "9", "1024" },
      true,
      true,
      SAID_NOTHING,
      0x4,
      POOL_RIGHTS_ALL,
      POOL_ALLOWED,
      POOL_RIGHTS_ALL },
    { "two roles'",
      { ROLE, "4", "9", "1024" },
      true,
      true,
      SAID_NOTHING,
      0x404,
      POOL_RIGHTS_ALL,
      POOL_ALLOWED,
      0x516 },
    { "another's",
      { "711543547145097378", "4" },
      true,
      true,
      SAID_NOTHING,
      0x4,
      POOL_RIGHTS_ALL,
      POOL_LACKING,
      0x112 },
    { "the owner",
      { "owner", USER },
      false,
      true,
      SAID_NOTHING,
      0x7ff,
      POOL_RIGHTS_ALL,
      POOL_ALLOWED,
      POOL_RIGHTS_ALL },
    { "another owner",
      { "owner", "214037134477230081" },
      false,
      true,
      SAID_NOTHING,
      0,
      POOL_RIGHTS_ALL,
      POOL_STRANGER,
      0 },
    { "a login that may less",
      { "owner", USER },
      false,
      true,
      SAID_NOTHING,
      0x4,
      0x2,
      POOL_LACKING,
      0x2 },
    { "a login never gives more",
      { "@everyone", "2" },
      true,
      true,
      SAID_NOTHING,
      0x4,
      0x1,
      POOL_LACKING,
      0x2 },
    { "nonsense grants nothing",
      { USER, "many" },
      true,
      true,
      SAID_NOTHING,
      0x4,
      POOL_RIGHTS_ALL,
      POOL_LACKING,
      0x112 },
};

static void judges_rights(void **state)
{
    for (size_t i = 0; i < sizeof rights / sizeof rights[0]; i++) {
        struct outcome outcome;

        flush(state);
        grant(rights[i].grants);
        if (rights[i].is_in_pool)
            change(POOL_MEMBER, USER "=" MEMBER, NULL);
        if (rights[i].is_complete)
            complete(POOL_MEMBER);
        if (rights[i].said != SAID_NOTHING)
            know((enum pool_standing)(rights[i].said - 1));
        asker.needs = rights[i].needs;
        asker.limit = rights[i].limit;
        outcome = look();
        if (outcome.access != rights[i].want || outcome.rights != rights[i].rights)
            fail_msg("%s: access %d, rights 0x%x", rights[i].name, outcome.access, outcome.rights);
    }
    asker.needs = 0;
    asker.limit = POOL_RIGHTS_ALL;
}

/* Lua writes such a number as 1.2345678901234e+15. */
static void roles_may_be_numbers(void **state)
{
    static const char *const grants[] = { "1234567890123456", "1024", NULL };

    (void)state;
    grant(grants);
    change(POOL_MEMBER, USER "={\"id\":\"" USER "\",\"roles\":[1234567890123456]}", NULL);
    assert_int_equal(look().rights, 0x400 | 0x112);
}

static void strangers_are_told_nothing(void **state)
{
    struct slice ids[] = { slice_of("711543547145097377") };
    struct outcome outcome;

    (void)state;
    change(POOL_CHANNEL, "711543547145097377={\"name\":\"general\"}", NULL);
    complete(POOL_MEMBER);
    outcome = get(POOL_CHANNEL, ids, 1);
    assert_int_equal(outcome.access, POOL_STRANGER);
    assert_int_equal(outcome.count, 0);
    buf_fini(&outcome.items);
}

/* ---- one by one --------------------------------------------------------------------------------- */

static void changes_are_seen(void **state)
{
    (void)state;
    know(POOL_IS_MEMBER);
    expect_one(POOL_EMOJI, "18446744073709551615", "missing");
    assert_int_equal(change(POOL_EMOJI, "18446744073709551615={\"n\":9007199254740993}", NULL),
                     RESULT_OK);
    expect_one(POOL_EMOJI, "18446744073709551615", "{\"n\":9007199254740993}");
    expect_one(POOL_EMOJI, "18446744073709551614", "missing");    /* the same number to a double */
    expect_one(POOL_RESPONSE, "18446744073709551615", "missing"); /* another pool */
    assert_int_equal(change(POOL_EMOJI, NULL, "18446744073709551615"), RESULT_OK);
    expect_one(POOL_EMOJI, "18446744073709551615", "missing");
    complete(POOL_EMOJI);
    expect_one(POOL_EMOJI, "18446744073709551615", "absent");
}

static void fills_are_kept_unless_something_changed(void **state)
{
    (void)state;
    know(POOL_IS_MEMBER);
    assert_int_equal(fill(POOL_EMOJI, "1111111={}", "2222222", 0), RESULT_OK);
    expect_one(POOL_EMOJI, "1111111", "{}");
    expect_one(POOL_EMOJI, "2222222", "absent");
    expect_one(POOL_EMOJI, "3333333", "missing");
    assert_int_equal(change(POOL_EMOJI, "2222222={\"new\":1}", NULL), RESULT_OK);
    expect_one(POOL_EMOJI, "2222222", "{\"new\":1}");
    assert_int_equal(fill(POOL_EMOJI, "2222222={\"old\":1}", NULL, 0), RESULT_CONFLICT);
    expect_one(POOL_EMOJI, "2222222", "{\"new\":1}");
    assert_int_equal(fill(POOL_EMOJI, "4444444={}", NULL, 1), RESULT_OK);
    expect_one(POOL_EMOJI, "4444444", "{}");
}

static void pass_time_of(const char *key, const char *id)
{
    char command[256];

    snprintf(command, sizeof command, "ZADD sb:{guild:test:607637793107345431}:%s 1000 %s", key,
             id);
    free(support_redis_command(redis, command));
}

static void fills_grow_old(void **state)
{
    (void)state;
    know(POOL_IS_MEMBER);
    fill(POOL_EMOJI, "1111111={}", "2222222", 0);
    pass_time_of("f:customEmoji", "1111111");
    pass_time_of("x:customEmoji", "2222222");
    expect_one(POOL_EMOJI, "1111111", "missing");
    expect_one(POOL_EMOJI, "2222222", "missing");
    fill(POOL_MEMBER, USER "=" MEMBER, NULL, 0);
    know(POOL_IS_STRANGER);
    assert_int_equal(look().access, POOL_ALLOWED);
    pass_time_of("f:member", USER);
    assert_int_equal(look().access, POOL_STRANGER);
}

static void too_many_are_refused(void **state)
{
    struct pool_id id = pool_of(POOL_CHANNEL);
    struct pool_entity entities[] = { entity_of("1111111={}"), entity_of("2222222={}") };
    struct pool_change change = { .entities = entities, .entity_count = 2 };
    struct outcome outcome = { 0 }, again = { 0 };

    (void)state;
    pool_change(store, &id, &change, 1, on_done, &outcome, &outcome.slot);
    assert_int_equal(wait_for(&outcome), RESULT_REFUSED);
    know(POOL_IS_MEMBER);
    expect_one(POOL_CHANNEL, "1111111", "missing");
    pool_stage(store, &id, SLICE_LITERAL("s"), entities, 2, 1, on_staged, &again, &again.slot);
    assert_int_equal(wait_for(&again), RESULT_REFUSED);
}

/* ---- whole pools ---------------------------------------------------------------------------------- */

static enum result replace(enum pool_type type, const char *stage, size_t count, uint64_t changes)
{
    struct pool_id id = pool_of(type);
    struct pool_replacement replacement = { slice_of(stage), count, true, changes, 0 };
    struct outcome outcome = { 0 };

    pool_replace(store, &id, &replacement, on_done, &outcome, &outcome.slot);
    return wait_for(&outcome);
}

static uint64_t stage(enum pool_type type, const char *name, size_t from, size_t count)
{
    static struct {
        char id[24], json[96], folded[32];
    } texts[POOL_ENTITIES_MAX];
    struct pool_entity entities[POOL_ENTITIES_MAX];
    struct pool_id id = pool_of(type);
    struct outcome outcome = { 0 };

    for (size_t i = 0; i < count; i++) {
        size_t number = 9007199254740993 + from + i;

        snprintf(texts[i].id, sizeof texts[i].id, "%zu", number);
        snprintf(texts[i].json, sizeof texts[i].json, "{\"id\":\"%zu\",\"name\":\"m%zu\"}", number,
                 from + i);
        snprintf(texts[i].folded, sizeof texts[i].folded, "0m%zu\n", from + i);
        entities[i] = (struct pool_entity){ slice_of(texts[i].id), slice_of(texts[i].json),
                                            slice_of(texts[i].folded) };
    }
    pool_stage(store, &id, slice_of(name), entities, count, MAX, on_staged, &outcome,
               &outcome.slot);
    assert_int_equal(wait_for(&outcome), RESULT_OK);
    return outcome.changes;
}

static uint64_t stage_many(enum pool_type type, const char *name, size_t count)
{
    uint64_t changes = 0;

    for (size_t from = 0; from < count; from += POOL_ENTITIES_MAX) {
        size_t left = count - from;

        changes = stage(type, name, from, left < POOL_ENTITIES_MAX ? left : POOL_ENTITIES_MAX);
    }
    return changes;
}

static struct outcome page(enum pool_type type, const char *cursor)
{
    struct pool_id id = pool_of(type);
    struct outcome outcome = { 0 };

    pool_page(store, &id, &asker, slice_of(cursor), on_answer, &outcome, &outcome.slot);
    assert_int_equal(wait_for(&outcome), RESULT_OK);
    assert_int_equal(outcome.access, POOL_ALLOWED);
    return outcome;
}

static void pages_and_questions_agree(void **state)
{
    struct outcome outcome;

    (void)state;
    know(POOL_IS_MEMBER);
    fill(POOL_EMOJI, "1111111={}", NULL, 0);
    change(POOL_EMOJI, "2222222={}", NULL);
    complete(POOL_EMOJI); /* by somebody who has never heard of the first */
    pass_time_of("f:customEmoji", "1111111");
    expect_one(POOL_EMOJI, "1111111", "absent");
    outcome = page(POOL_EMOJI, "0");
    assert_int_equal(outcome.count, 1);
    buf_fini(&outcome.items);
}

static void what_does_not_exist_is_forgotten(void **state)
{
    char *count, *life;

    (void)state;
    know(POOL_IS_MEMBER);
    fill(POOL_EMOJI, NULL, "1111111", 0);
    pass_time_of("x:customEmoji", "1111111");
    for (int i = 0; i < 150; i++) {
        char id[16];

        snprintf(id, sizeof id, "%d", 2000000 + i);
        pass_time_of("x:customEmoji", id);
    }
    fill(POOL_EMOJI, NULL, "3333333", 0);
    count = support_redis_command(redis, "ZCARD sb:{guild:test:607637793107345431}:x:customEmoji");
    life = support_redis_command(redis, "TTL sb:{guild:test:607637793107345431}:x:customEmoji");
    assert_int_equal(strtol(count, NULL, 10), 1);
    assert_in_range(strtol(life, NULL, 10), 50, 61);
    free(count);
    free(life);
}

/* Goes through all pages; marks what it meets. Returns how many there were. */
static size_t read_all(enum pool_type type, const char *cursor, bool *met, size_t met_max)
{
    char at[64];
    size_t pages = 0;

    snprintf(at, sizeof at, "%s", cursor);
    do {
        struct outcome outcome = page(type, at);

        assert_true(outcome.count < POOL_PAGE + 100);
        buf_add_byte(&outcome.items, '\0');
        for (char *line = strtok(outcome.items.data, "\n"); line != NULL; line = strtok(NULL, "\n"))
            if (strstr(line, "\"m") != NULL) {
                size_t number = strtoul(strstr(line, "\"m") + 2, NULL, 10);

                assert_true(number < met_max);
                met[number] = true;
            }
        strcpy(at, outcome.next);
        buf_fini(&outcome.items);
        pages++;
    } while (strcmp(at, "0") != 0);
    return pages;
}

enum { MANY = 10000 };

static void a_large_pool_is_replaced_and_read_in_pages(void **state)
{
    static bool met[MANY];
    struct outcome first;
    size_t pages;
    char *life;

    (void)state;
    know(POOL_IS_ADMINISTRATOR);
    assert_int_equal(change(POOL_CHANNEL, "1111111={\"name\":\"m0\"}", NULL), RESULT_OK);
    assert_int_equal(stage_many(POOL_CHANNEL, "s1", MANY), 1);
    first = page(POOL_CHANNEL, "0");
    assert_int_equal(first.state, POOL_PARTIAL);
    buf_fini(&first.items);
    expect_one(POOL_CHANNEL, "1111111", "{\"name\":\"m0\"}");
    assert_int_equal(replace(POOL_CHANNEL, "s1", MANY, 1), RESULT_OK);
    expect_one(POOL_CHANNEL, "1111111", "absent");
    expect_one(POOL_CHANNEL, "9007199254740993", "{\"id\":\"9007199254740993\",\"name\":\"m0\"}");
    memset(met, 0, sizeof met);
    pages = read_all(POOL_CHANNEL, "0", met, MANY);
    assert_in_range(pages, MANY / (POOL_PAGE + 100), MANY / POOL_PAGE + 1);
    for (size_t i = 0; i < MANY; i++)
        assert_true(met[i]);
    life = support_redis_command(redis, "PTTL sb:{guild:test:607637793107345431}:p:channel");
    assert_string_equal(life, "-1");
    free(life);
}

static void a_page_of_another_pool_begins_anew(void **state)
{
    static bool met[1200];
    struct outcome first;

    (void)state;
    know(POOL_IS_ADMINISTRATOR);
    stage_many(POOL_CHANNEL, "s1", 1200);
    assert_int_equal(replace(POOL_CHANNEL, "s1", 1200, 0), RESULT_OK);
    first = page(POOL_CHANNEL, "0");
    assert_string_not_equal(first.next, "0");
    buf_fini(&first.items);
    stage_many(POOL_CHANNEL, "s2", 1200);
    assert_int_equal(replace(POOL_CHANNEL, "s2", 1200, 1), RESULT_OK);
    memset(met, 0, sizeof met);
    read_all(POOL_CHANNEL, first.next, met, 1200);
    for (size_t i = 0; i < 1200; i++)
        assert_true(met[i]);
}

static void replacing_needs_an_unchanged_pool(void **state)
{
    (void)state;
    know(POOL_IS_MEMBER);
    assert_int_equal(stage(POOL_CHANNEL, "s1", 0, 2), 0);
    change(POOL_CHANNEL, "1111111={}", NULL);
    assert_int_equal(replace(POOL_CHANNEL, "s1", 2, 0), RESULT_CONFLICT);
    expect_one(POOL_CHANNEL, "1111111", "{}");
    assert_int_equal(replace(POOL_CHANNEL, "s1", 3, 1), RESULT_CONFLICT); /* some have gone */
    assert_int_equal(replace(POOL_CHANNEL, "s1", 2, 1), RESULT_OK);
    assert_int_equal(replace(POOL_CHANNEL, "s1", 2, 1), RESULT_CONFLICT); /* again */
    expect_one(POOL_CHANNEL, "1111111", "absent");
}

static void a_pool_that_was_asked_for_grows_old(void **state)
{
    struct pool_id id = pool_of(POOL_CHANNEL);
    struct pool_replacement replacement = { SLICE_LITERAL("s1"), 2, false, 0, 60000 };
    struct outcome outcome = { 0 }, read;

    (void)state;
    know(POOL_IS_MEMBER);
    stage(POOL_CHANNEL, "s1", 0, 2);
    pool_replace(store, &id, &replacement, on_done, &outcome, &outcome.slot);
    assert_int_equal(wait_for(&outcome), RESULT_OK);
    read = page(POOL_CHANNEL, "0");
    assert_int_equal(read.state, POOL_COMPLETE);
    buf_fini(&read.items);
    free(support_redis_command(redis,
                               "HSET sb:{guild:test:607637793107345431}:m channel.until 1000"));
    read = page(POOL_CHANNEL, "0");
    assert_int_equal(read.state, POOL_OLD);
    assert_int_equal(read.count, 2);
    buf_fini(&read.items);
    expect_one(POOL_CHANNEL, "9007199254740993", "missing");
}

static void nothing_takes_a_pools_place(void **state)
{
    struct pool_id id = pool_of(POOL_CHANNEL);
    struct pool_replacement nothing = { 0 };
    struct outcome outcome = { 0 };

    (void)state;
    know(POOL_IS_MEMBER);
    change(POOL_CHANNEL, "1111111={}", NULL);
    complete(POOL_CHANNEL);
    assert_int_equal(replace(POOL_CHANNEL, "never", 0, 2), RESULT_OK); /* complete and empty */
    expect_one(POOL_CHANNEL, "1111111", "absent");
    change(POOL_CHANNEL, "1111111={}", NULL);
    pool_replace(store, &id, &nothing, on_done, &outcome, &outcome.slot);
    assert_int_equal(wait_for(&outcome), RESULT_OK);
    expect_one(POOL_CHANNEL, "1111111", "missing");
}

/* ---- searching ------------------------------------------------------------------------------------- */

static void add_member(const char *id, const char *name, const char *nick)
{
    struct pool_id pool = pool_of(POOL_MEMBER);
    struct pool_entity entity = { .id = slice_of(id) };
    struct pool_change change = { .entities = &entity, .entity_count = 1 };
    struct outcome outcome = { 0 };
    struct buf json, texts;

    buf_init(&json, 4096);
    buf_init(&texts, 4096);
    buf_printf(&json, "%s", name);
    fold_name(&texts, slice_of(name));
    if (nick != NULL)
        fold_name(&texts, slice_of(nick));
    entity.json = buf_slice(&json);
    entity.texts = buf_slice(&texts);
    pool_change(store, &pool, &change, MAX, on_done, &outcome, &outcome.slot);
    assert_int_equal(wait_for(&outcome), RESULT_OK);
    buf_fini(&json);
    buf_fini(&texts);
}

static void expect_members(const char *query, size_t limit, const char *wanted)
{
    struct pool_id id = pool_of(POOL_MEMBER);
    struct outcome outcome = { 0 };
    struct buf folded;

    buf_init(&folded, FOLD_MAX);
    fold_text(&folded, slice_of(query));
    pool_find(store, &id, &asker, buf_slice(&folded), limit, on_answer, &outcome, &outcome.slot);
    assert_int_equal(wait_for(&outcome), RESULT_OK);
    if (!slice_is(outcome.items.len > 0 ? buf_slice(&outcome.items) : SLICE_LITERAL(""), wanted))
        fail_msg("%s: %.*s", query, (int)outcome.items.len, outcome.items.data);
    buf_fini(&outcome.items);
    buf_fini(&folded);
}

static void members_are_found(void **state)
{
    (void)state;
    know(POOL_IS_MEMBER);
    add_member("1111111", "Johnny Cash", NULL);
    add_member("2222222", "john", NULL);
    add_member("3333333", "Elton John", "Jöhn the Great");
    add_member("4444444", "Mary", "John Boy");
    add_member("5555555", "Jane Johnson", NULL);
    expect_members("JÖHN", 10, "john\nMary\nElton John\nJohnny Cash\nJane Johnson\n");
    expect_members("john", 2, "john\nMary\n");
    expect_members("john the g", 10, "Elton John\n");
    expect_members("great", 10, "Elton John\n");
    expect_members("x", 10, "");
    add_member("2222222", "Peter", NULL);
    expect_members("john", 2, "Mary\nElton John\n");
    expect_members("pet", 2, "Peter\n");
    change(POOL_MEMBER, NULL, "2222222");
    expect_members("pet", 2, "");
}

static void the_index_moves_with_its_pool(void **state)
{
    (void)state;
    know(POOL_IS_ADMINISTRATOR);
    add_member("1111111", "m1 old", NULL);
    stage_many(POOL_MEMBER, "s1", 3);
    expect_members("m2", 10, "");
    assert_int_equal(replace(POOL_MEMBER, "s1", 3, 1), RESULT_OK);
    grant((const char *const[]){ "owner", USER, NULL });
    expect_members("m2", 10, "{\"id\":\"9007199254740995\",\"name\":\"m2\"}\n");
    expect_members("old", 10, "");
    change(POOL_MEMBER, NULL, "9007199254740995");
    expect_members("m2", 10, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(judges_rights, flush),
        cmocka_unit_test_setup(roles_may_be_numbers, flush),
        cmocka_unit_test_setup(strangers_are_told_nothing, flush),
        cmocka_unit_test_setup(changes_are_seen, flush),
        cmocka_unit_test_setup(fills_are_kept_unless_something_changed, flush),
        cmocka_unit_test_setup(fills_grow_old, flush),
        cmocka_unit_test_setup(pages_and_questions_agree, flush),
        cmocka_unit_test_setup(what_does_not_exist_is_forgotten, flush),
        cmocka_unit_test_setup(too_many_are_refused, flush),
        cmocka_unit_test_setup(a_large_pool_is_replaced_and_read_in_pages, flush),
        cmocka_unit_test_setup(a_page_of_another_pool_begins_anew, flush),
        cmocka_unit_test_setup(replacing_needs_an_unchanged_pool, flush),
        cmocka_unit_test_setup(a_pool_that_was_asked_for_grows_old, flush),
        cmocka_unit_test_setup(nothing_takes_a_pools_place, flush),
        cmocka_unit_test_setup(members_are_found, flush),
        cmocka_unit_test_setup(the_index_moves_with_its_pool, flush),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
