/* SPDX-License-Identifier: MIT */
#include "store_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/claims.h"
#include "store/members.h"

/*
 * Who serves which relay channel, on a real Redis. Leases run out by Redis' clock: a test lets one run
 * out by setting its end into the past.
 */

/* ---- one operation, waited for ----------------------------------------------------------------- */

struct answer {
    bool is_there;
    enum result result;
    uint64_t version;
    char text[4096]; /* of whom or what it tells */
};

static bool is_there(void *ctx)
{
    return ((struct answer *)ctx)->is_there;
}

static void wait_for(struct answer *answer)
{
    support_wait(&loop, is_there, answer, SUPPORT_WAIT_MS, "an answer");
}

static void answer_with(struct answer *answer, enum result result, struct slice text)
{
    assert_false(answer->is_there);
    answer->is_there = true;
    answer->result = result;
    snprintf(answer->text, sizeof answer->text, "%.*s", (int)text.len,
             text.len > 0 ? text.data : "");
}

static void on_claim(enum result result, const struct claim *claim, void *ctx)
{
    struct answer *answer = ctx;

    answer_with(answer, result, claim->rest);
    answer->version = claim->version;
}

static struct claim_id id_of(const char *bot)
{
    return (struct claim_id){ SLICE_LITERAL("r"), slice_of(bot) };
}

/* `channels` are one word each; "" is the rest. */
static struct answer take(const char *bot, const char *channels)
{
    struct answer answer = { 0 };
    struct slice list[16];
    struct claim_id id = id_of(bot);
    size_t count = 0;

    while (*channels != '\0') {
        size_t len = strcspn(channels, " ");

        list[count++] = (struct slice){ channels, len };
        channels += len + (channels[len] == ' ');
    }
    claim_take(store, &id, list, count, on_claim, &answer, NULL);
    wait_for(&answer);
    return answer;
}

static struct answer renew(const char *bot)
{
    struct answer answer = { 0 };
    struct claim_id id = id_of(bot);

    claim_renew(store, &id, on_claim, &answer, NULL);
    wait_for(&answer);
    return answer;
}

static struct answer release(const char *bot)
{
    struct answer answer = { 0 };
    struct claim_id id = id_of(bot);

    claim_release(store, &id, on_claim, &answer, NULL);
    wait_for(&answer);
    return answer;
}

static void on_server(enum result result, struct slice bot, void *ctx)
{
    answer_with(ctx, result, bot);
}

static struct answer touch(const char *channel, uint32_t keep_ms)
{
    struct answer answer = { 0 };

    claim_touch(store, SLICE_LITERAL("r"), slice_of(channel), keep_ms, on_server, &answer, NULL);
    wait_for(&answer);
    return answer;
}

/* As "c1 c2 | c3": the rest, then what others have claimed. */
static void on_view(enum result result, const struct claim_view *view, void *ctx)
{
    struct answer *answer = ctx;
    struct buf text;

    buf_init(&text, sizeof answer->text);
    for (size_t i = 0; i < view->channel_count; i++) {
        assert_true(view->channels[i].ends_ms > store_now_ms(store));
        buf_printf(&text, "%.*s ", (int)view->channels[i].id.len, view->channels[i].id.data);
    }
    buf_add_text(&text, "|");
    for (size_t i = 0; i < view->taken_count; i++)
        buf_printf(&text, " %.*s", (int)view->taken[i].len, view->taken[i].data);
    answer_with(answer, result, buf_slice(&text));
    answer->version = view->version;
    buf_fini(&text);
}

static struct answer view(const char *bot)
{
    struct answer answer = { 0 };
    struct claim_id id = id_of(bot);

    claim_view(store, &id, on_view, &answer, NULL);
    wait_for(&answer);
    return answer;
}

static void end_lease(const char *bot)
{
    char command[128];

    snprintf(command, sizeof command, "ZADD sb:{relay:r:all}:bots XX 1 %s", bot);
    free(support_redis_command(redis, command));
}

/* ---- claims ------------------------------------------------------------------------------------ */

static const struct {
    const char *name, *first, *second;
    enum result want;
} overlaps[] = {
    { "the rest twice", "", "", RESULT_CONFLICT },
    { "a set beside the rest", "", "a b", RESULT_OK },
    { "the rest beside a set", "a b", "", RESULT_OK },
    { "sets apart", "a b", "c d", RESULT_OK },
    { "the same set", "a b", "a b", RESULT_CONFLICT },
    { "the same, the other way round", "a b", "b a", RESULT_CONFLICT },
    { "one in common, the last", "a b c", "d e c", RESULT_CONFLICT },
    { "a part", "a b c", "b", RESULT_CONFLICT },
    { "the whole and more", "b", "a b c", RESULT_CONFLICT },
    { "case matters", "a", "A", RESULT_OK },
    { "a channel by the name of the rest", "*", "", RESULT_OK },
    { "a channel that looks like a field", "a", "=a", RESULT_OK },
    { "a prefix is another channel", "chan", "channel", RESULT_OK },
};

static void claims_must_not_overlap(void **state)
{
    for (size_t i = 0; i < sizeof overlaps / sizeof overlaps[0]; i++) {
        struct answer second;

        flush(state);
        assert_int_equal(take("n1/1", overlaps[i].first).result, RESULT_OK);
        second = take("n2/2", overlaps[i].second);
        if (second.result != overlaps[i].want)
            fail_msg("%s: %s", overlaps[i].name, result_name(second.result));
    }
}

static void a_refused_claim_leaves_nothing(void **state)
{
    (void)state;
    take("n1/1", "a");
    assert_int_equal(take("n2/2", "x y a").result, RESULT_CONFLICT);
    assert_int_equal(take("n3/3", "x y").result, RESULT_OK);
    assert_int_equal(renew("n2/2").result, RESULT_NOT_FOUND);
}

static void taking_is_repeatable(void **state)
{
    (void)state;
    assert_int_equal(take("n1/1", "a b").result, RESULT_OK);
    assert_int_equal(take("n1/1", "a b").result, RESULT_OK);
    assert_int_equal(take("n2/2", "").result, RESULT_OK);
    assert_int_equal(take("n2/2", "").result, RESULT_OK);
}

static void a_released_claim_is_free_at_once(void **state)
{
    struct answer released;

    (void)state;
    take("n1/1", "a b");
    take("n2/2", "");
    released = release("n1/1");
    assert_int_equal(released.result, RESULT_OK);
    assert_string_equal(released.text, "n2/2"); /* who has a and b now */
    assert_string_equal(release("n1/1").text, "n2/2");
    assert_int_equal(take("n3/3", "b").result, RESULT_OK);
    assert_string_equal(release("n2/2").text, "");
    assert_int_equal(take("n4/4", "").result, RESULT_OK);
}

static void a_released_claim_is_the_releasers_own(void **state)
{
    (void)state;
    take("n1/1", "a");
    release("n2/2");
    assert_int_equal(take("n3/3", "a").result, RESULT_CONFLICT);
}

static void a_lease_that_has_run_out_binds_nobody(void **state)
{
    (void)state;
    take("n1/1", "a b");
    take("n2/2", "");
    end_lease("n1/1");
    assert_string_equal(touch("a", 1000).text, "n2/2");
    assert_int_equal(take("n3/3", "b c").result, RESULT_OK);
    assert_int_equal(renew("n1/1").result, RESULT_NOT_FOUND);
    assert_int_equal(take("n1/1", "a b").result, RESULT_CONFLICT);
    assert_int_equal(take("n1/1", "a").result, RESULT_OK);
}

static void a_late_renewal_counts_while_nobody_has_come(void **state)
{
    (void)state;
    take("n1/1", "a");
    end_lease("n1/1");
    assert_int_equal(renew("n1/1").result, RESULT_OK);
    assert_int_equal(take("n2/2", "a").result, RESULT_CONFLICT);
}

static void a_lease_ends_within_ten_seconds(void **state)
{
    char *ends;

    (void)state;
    take("n1/1", "");
    ends = support_redis_command(redis, "ZSCORE sb:{relay:r:all}:bots n1/1");
    assert_in_range(strtoull(ends, NULL, 10), store_now_ms(store) + 5000,
                    store_now_ms(store) + 10000);
    free(ends);
}

static void taking_tells_who_had_the_channels(void **state)
{
    (void)state;
    assert_string_equal(take("n1/1", "").text, "");
    assert_string_equal(take("n2/2", "a").text, "n1/1");
    end_lease("n1/1");
    assert_string_equal(take("n3/3", "b").text, "");
}

static void realms_do_not_meet(void **state)
{
    struct claim_id other = { SLICE_LITERAL("other"), SLICE_LITERAL("n2/2") };
    struct answer answer = { 0 };

    (void)state;
    take("n1/1", "");
    claim_take(store, &other, NULL, 0, on_claim, &answer, NULL);
    wait_for(&answer);
    assert_int_equal(answer.result, RESULT_OK);
}

static void a_thousand_channels_are_claimed_at_once(void **state)
{
    static char names[CLAIM_CHANNELS_MAX][KEY_ID_MAX + 1];
    struct slice channels[CLAIM_CHANNELS_MAX];
    struct claim_id id = id_of("n1/1");
    struct answer answer = { 0 };

    (void)state;
    for (size_t i = 0; i < CLAIM_CHANNELS_MAX; i++) {
        memset(names[i], 'x', KEY_ID_MAX);
        names[i][snprintf(names[i], sizeof names[i], "%zu", i)] = 'x';
        channels[i] = (struct slice){ names[i], KEY_ID_MAX };
    }
    claim_take(store, &id, channels, CLAIM_CHANNELS_MAX, on_claim, &answer, NULL);
    wait_for(&answer);
    assert_int_equal(answer.result, RESULT_OK);
    assert_int_equal(take("n2/2", names[999]).result, RESULT_CONFLICT);
    release("n1/1");
    assert_int_equal(take("n2/2", names[999]).result, RESULT_OK);
}

/* ---- channels ---------------------------------------------------------------------------------- */

static void a_channel_is_served_by_its_own_bot_or_that_of_the_rest(void **state)
{
    (void)state;
    assert_string_equal(touch("a", 1000).text, "");
    take("n1/1", "a");
    assert_string_equal(touch("a", 1000).text, "n1/1");
    assert_string_equal(touch("b", 1000).text, "");
    take("n2/2", "");
    assert_string_equal(touch("a", 1000).text, "n1/1");
    assert_string_equal(touch("b", 1000).text, "n2/2");
    release("n1/1");
    assert_string_equal(touch("a", 1000).text, "n2/2");
}

static void the_rest_is_what_others_have_not_claimed(void **state)
{
    (void)state;
    assert_string_equal(view("n1/1").text, "|");
    touch("a", 60000);
    touch("b", 60000);
    touch("c d", 60000);
    take("n1/1", "");
    take("n2/2", "b x");
    assert_string_equal(view("n1/1").text, "a c d | b x");
    end_lease("n2/2");
    assert_string_equal(view("n1/1").text, "a b c d |");
}

static void a_channel_is_forgotten_when_no_mod_is_seen(void **state)
{
    (void)state;
    touch("a", 60000);
    touch("b", 60000);
    free(support_redis_command(redis, "ZADD sb:{relay:r:all}:channels XX 1 a"));
    assert_string_equal(view("n1/1").text, "b |");
    touch("b", 1000); /* never shorter than it was */
    free(support_redis_command(redis, "PERSIST sb:{relay:r:all}:channels"));
    assert_string_equal(view("n1/1").text, "b |");
}

static void the_version_shows_every_change(void **state)
{
    uint64_t version;

    (void)state;
    version = take("n1/1", "").version;
    assert_int_equal(renew("n1/1").version, version);
    touch("a", 60000);
    assert_int_equal(renew("n1/1").version, version + 1);
    touch("a", 60000);
    assert_int_equal(renew("n1/1").version, version + 1);
    take("n2/2", "a");
    assert_int_equal(renew("n1/1").version, version + 2);
    assert_int_equal(view("n1/1").version, version + 2);
    release("n2/2");
    assert_int_equal(renew("n1/1").version, version + 3);
    take("n3/3", "b");
    end_lease("n3/3");
    assert_int_equal(renew("n1/1").version, version + 5); /* which has ended it */
    assert_int_equal(renew("n1/1").version, version + 5);
}

static void nothing_outlives_its_bots(void **state)
{
    static const char *const keys[] = { "bots", "claims", "version", "channels" };

    (void)state;
    touch("a", 60000);
    take("n1/1", "a");
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char command[64];
        char *ttl;

        snprintf(command, sizeof command, "PTTL sb:{relay:r:all}:%s", keys[i]);
        ttl = support_redis_command(redis, command);
        assert_in_range(strtoull(ttl, NULL, 10), 1, 3600 * 1000);
        free(ttl);
    }
}

/* ---- mods' places ------------------------------------------------------------------------------ */

static struct member_id place_of(const char *connection)
{
    return (struct member_id){ SLICE_LITERAL("r"), SLICE_LITERAL("chan nel"), SLICE_LITERAL("s/1"),
                               slice_of(connection) };
}

static void on_member(enum result result, const struct member *member, void *ctx)
{
    struct answer *answer = ctx;

    answer_with(answer, result, member->former);
    answer->version = member->mark;
}

static struct answer join(const char *connection)
{
    struct answer answer = { 0 };
    struct member_id id = place_of(connection);

    member_take(store, &id, 60000, on_member, &answer, NULL);
    wait_for(&answer);
    assert_int_equal(answer.result, RESULT_OK);
    return answer;
}

static void on_done(enum result result, void *ctx)
{
    answer_with(ctx, result, (struct slice){ 0 });
}

static enum result stay(const char *connection)
{
    struct answer answer = { 0 };
    struct member_id id = place_of(connection);

    member_renew(store, &id, 60000, on_done, &answer, NULL);
    wait_for(&answer);
    return answer.result;
}

static void part_for(const char *connection, uint32_t grace_ms)
{
    struct answer answer = { 0 };
    struct member_id id = place_of(connection);

    member_release(store, &id, grace_ms, on_done, &answer, NULL);
    wait_for(&answer);
    assert_int_equal(answer.result, RESULT_OK);
}

static void part(const char *connection)
{
    part_for(connection, 0);
}

static void mark(const char *connection, uint64_t number)
{
    struct answer answer = { 0 };
    struct member_id id = place_of(connection);

    member_mark(store, &id, number, 60000, on_done, &answer, NULL);
    wait_for(&answer);
    assert_int_equal(answer.result, RESULT_OK);
}

static void the_newest_connection_has_the_place(void **state)
{
    (void)state;
    assert_string_equal(join("n1/1").text, "");
    assert_string_equal(join("n1/1").text, "");
    assert_string_equal(join("n2/2").text, "n1/1");
    assert_int_equal(stay("n1/1"), RESULT_CONFLICT);
    assert_int_equal(stay("n2/2"), RESULT_OK);
    part("n1/1"); /* not its own any more */
    assert_string_equal(join("n3/3").text, "n2/2");
    part("n3/3");
    assert_string_equal(join("n4/4").text, "");
}

static bool is_mark_gone(void *ctx)
{
    char *mark_text = support_redis_command(ctx, "GET 'sb:{mods:r:chan%20nel}:mark:s%2F1'");
    bool is_gone = mark_text[0] == '\0';

    free(mark_text);
    return is_gone;
}

static void a_mark_outlives_a_broken_connection_for_the_grace(void **state)
{
    (void)state;
    assert_int_equal(join("n1/1").version, 0);
    mark("n1/1", 1855728000000123);
    assert_int_equal(join("n2/2").version, 1855728000000123);
    part("n1/1"); /* not its own any more: the mark stays */
    assert_int_equal(join("n2/2").version, 1855728000000123);
    part_for("n2/2", 60000);
    assert_int_equal(join("n3/3").version, 1855728000000123);
    part_for("n3/3", 1);
    support_wait(&loop, is_mark_gone, redis, SUPPORT_WAIT_MS, "the grace is over");
    assert_int_equal(join("n4/4").version, 0);
    mark("n4/4", 5);
    part("n4/4");
    assert_int_equal(join("n5/5").version, 0);
}

static void a_place_that_was_lost_is_taken_again(void **state)
{
    (void)state;
    join("n1/1");
    flush(state);
    assert_int_equal(stay("n1/1"), RESULT_OK);
    assert_string_equal(join("n2/2").text, "n1/1");
}

/* ---- without Redis ----------------------------------------------------------------------------- */

static bool is_down(void *ctx)
{
    return !store_is_up(ctx);
}

static void without_redis_nothing_is_answered_falsely(void **state)
{
    (void)state;
    support_redis_kill(redis);
    support_wait(&loop, is_down, store, SUPPORT_WAIT_MS, "the store is down");
    assert_int_equal(take("n1/1", "a").result, RESULT_UNAVAILABLE);
    assert_int_equal(renew("n1/1").result, RESULT_UNAVAILABLE);
    assert_int_equal(release("n1/1").result, RESULT_UNAVAILABLE);
    assert_int_equal(touch("a", 1000).result, RESULT_UNAVAILABLE);
    assert_int_equal(view("n1/1").result, RESULT_UNAVAILABLE);
    assert_int_equal(stay("n1/1"), RESULT_UNAVAILABLE);
    support_redis_restart(redis);
    support_wait(&loop, fixture_is_up, store, SUPPORT_WAIT_MS, "the store is up again");
    assert_int_equal(take("n1/1", "a").result, RESULT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claims_must_not_overlap),
        cmocka_unit_test_setup(a_refused_claim_leaves_nothing, flush),
        cmocka_unit_test_setup(taking_is_repeatable, flush),
        cmocka_unit_test_setup(a_released_claim_is_free_at_once, flush),
        cmocka_unit_test_setup(a_released_claim_is_the_releasers_own, flush),
        cmocka_unit_test_setup(a_lease_that_has_run_out_binds_nobody, flush),
        cmocka_unit_test_setup(a_late_renewal_counts_while_nobody_has_come, flush),
        cmocka_unit_test_setup(a_lease_ends_within_ten_seconds, flush),
        cmocka_unit_test_setup(taking_tells_who_had_the_channels, flush),
        cmocka_unit_test_setup(realms_do_not_meet, flush),
        cmocka_unit_test_setup(a_thousand_channels_are_claimed_at_once, flush),
        cmocka_unit_test_setup(a_channel_is_served_by_its_own_bot_or_that_of_the_rest, flush),
        cmocka_unit_test_setup(the_rest_is_what_others_have_not_claimed, flush),
        cmocka_unit_test_setup(a_channel_is_forgotten_when_no_mod_is_seen, flush),
        cmocka_unit_test_setup(the_version_shows_every_change, flush),
        cmocka_unit_test_setup(nothing_outlives_its_bots, flush),
        cmocka_unit_test_setup(the_newest_connection_has_the_place, flush),
        cmocka_unit_test_setup(a_mark_outlives_a_broken_connection_for_the_grace, flush),
        cmocka_unit_test_setup(a_place_that_was_lost_is_taken_again, flush),
        cmocka_unit_test_setup(without_redis_nothing_is_answered_falsely, flush),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
