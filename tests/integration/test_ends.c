/* SPDX-License-Identifier: MIT */
/* Ends of sessions, each told once: leases run out by Redis' clock, so the tests turn due times back. */
#include "rig.h"

#include <stdio.h>

#include "store/ends.h"

enum { CLAIM_MS = 15000, ENDS_MAX = 16 };

#define NAME "/chat\tAbC"

/* As "delivery reason about|" each. */
struct claim {
    struct answer answer;
    char text[4096];
    size_t count;
    int64_t ended_ms; /* of the last */
    bool is_more;
    uint64_t given_up;
};

static void on_claimed(enum result result, const struct ends_claimed *claimed, void *ctx)
{
    struct claim *claim = ctx;

    claim->count = claimed->count;
    claim->is_more = claimed->is_more;
    claim->given_up = claimed->given_up;
    for (size_t i = 0; i < claimed->count; i++) {
        const struct end *end = &claimed->ends[i];
        size_t at = strlen(claim->text);

        claim->ended_ms = end->ended_ms;
        snprintf(claim->text + at, sizeof claim->text - at, "%.*s %.*s %.*s|",
                 (int)end->delivery.len, end->delivery.data, (int)end->reason.len, end->reason.data,
                 (int)end->about.len, end->about.data);
    }
    on_answered(result, &claim->answer);
}

static struct claim claim_some(struct rig *rig, uint32_t most)
{
    struct claim claim = { .count = 0 };

    const struct end_claim wanted = { most, CLAIM_MS, ENDS_LEASE_MIN_MS };

    ends_claim(rig->store, ends_shard(SLICE_LITERAL(NAME)), &wanted, on_claimed, &claim,
               &claim.answer.slot);
    assert_int_equal(rig_wait(rig, &claim.answer), RESULT_OK);
    return claim;
}

static void expect_claim(struct rig *rig, const char *wanted)
{
    struct claim claim = claim_some(rig, ENDS_MAX);

    assert_string_equal(claim.text, wanted);
}

static int64_t ended_ms; /* of what ends */

static int begin_test(void **state)
{
    rig_start(state);
    ended_ms = store_now_ms(((struct rig *)*state)->store) - 1234;
    return 0;
}

static struct end_session session_of(const char *owner)
{
    return (struct end_session){ SLICE_LITERAL(NAME), slice_of(owner) };
}

static void begin(struct rig *rig, const char *owner, const char *delivery, const char *about)
{
    struct answer answer = { .slot = NULL };
    struct end_session session = session_of(owner);
    const struct end_begin it = { slice_of(delivery), slice_of(about), ENDS_LEASE_MIN_MS };

    ends_begin(rig->store, &session, &it, on_answered, &answer, &answer.slot);
    assert_int_equal(rig_wait(rig, &answer), RESULT_OK);
}

static enum result end(struct rig *rig, const char *owner, const char *reason, uint32_t grace_ms)
{
    struct answer answer = { .slot = NULL };
    struct end_session session = session_of(owner);

    ends_set(rig->store, &session, slice_of(reason), ended_ms, grace_ms, on_answered, &answer,
             &answer.slot);
    return rig_wait(rig, &answer);
}

static enum result forget(struct rig *rig, const char *owner)
{
    struct answer answer = { .slot = NULL };
    struct end_session session = session_of(owner);

    ends_forget(rig->store, &session, on_answered, &answer, &answer.slot);
    return rig_wait(rig, &answer);
}

static void settle(struct rig *rig, const char *delivery)
{
    struct answer answer = { .slot = NULL };

    ends_settle(rig->store, ends_shard(SLICE_LITERAL(NAME)), slice_of(delivery), on_answered,
                &answer, &answer.slot);
    assert_int_equal(rig_wait(rig, &answer), RESULT_OK);
}

struct renewal {
    struct answer answer;
    char lost[256];
};

static void on_renewed(enum result result, const struct slice *lost, size_t count, void *ctx)
{
    struct renewal *renewal = ctx;

    for (size_t i = 0; i < count; i++) {
        size_t at = strlen(renewal->lost);

        snprintf(renewal->lost + at, sizeof renewal->lost - at, "%.*s|", (int)lost[i].len,
                 lost[i].data);
    }
    on_answered(result, &renewal->answer);
}

static void expect_renewal(struct rig *rig, const char *owner, const char *lost)
{
    struct renewal renewal = { .lost = "" };
    struct end_session session = session_of(owner);

    ends_renew(rig->store, ends_shard(session.name), ENDS_LEASE_MIN_MS, &session, 1, on_renewed,
               &renewal, &renewal.answer.slot);
    assert_int_equal(rig_wait(rig, &renewal.answer), RESULT_OK);
    assert_string_equal(renewal.lost, lost);
}

/* ---- time --------------------------------------------------------------------------------------------- */

static void key_of(char out[64], const char *part)
{
    snprintf(out, 64, "sb:{ends:all:%u}:%s", ends_shard(SLICE_LITERAL(NAME)), part);
}

/* Everything in the shard came due so long ago. */
static void set_due(struct rig *rig, int64_t ago_ms)
{
    char key[64], command[512], *members, *rest;

    key_of(key, "due");
    snprintf(command, sizeof command, "zrange %s 0 -1", key);
    members = support_redis_command(rig->redis, command);
    for (char *name = strtok_r(members, "\n", &rest); name != NULL;
         name = strtok_r(NULL, "\n", &rest)) {
        snprintf(command, sizeof command, "zadd %s %lld '%s'", key,
                 (long long)(store_now_ms(rig->store) - ago_ms), name);
        rig_command(rig, command);
    }
    free(members);
}

static void expect_left(struct rig *rig, const char *count)
{
    char key[64], command[96];

    key_of(key, "due");
    snprintf(command, sizeof command, "zcard %s", key);
    rig_expect(rig, command, count);
    key_of(key, "sessions");
    snprintf(command, sizeof command, "hlen %s", key);
    rig_expect(rig, command, count);
}

/* Somebody looked just now, and nobody has to be patient. */
static void set_swept(struct rig *rig)
{
    char key[64], command[160];

    key_of(key, "sweep");
    snprintf(command, sizeof command, "set %s \"%lld 0\"", key,
             (long long)store_now_ms(rig->store));
    rig_command(rig, command);
}

/* ---- tests --------------------------------------------------------------------------------------------- */

static void an_end_is_told_once(void **state)
{
    struct rig *rig = *state;
    struct claim claim;

    begin(rig, "n1.1", "d1", "{\"a\":\n1}");
    expect_claim(rig, "");
    assert_int_equal(end(rig, "n1.1", "ping timeout", 0), RESULT_OK);
    claim = claim_some(rig, ENDS_MAX);
    assert_string_equal(claim.text, "d1 ping timeout {\"a\":\n1}|");
    assert_int_equal(claim.ended_ms, ended_ms);
    expect_claim(rig, ""); /* it is claimed */
    settle(rig, "d1");
    settle(rig, "d1");
    expect_left(rig, "0");
}

static void what_was_claimed_and_not_settled_comes_again(void **state)
{
    struct rig *rig = *state;

    begin(rig, "n1.1", "d1", "a");
    end(rig, "n1.1", "transport close", 0);
    expect_claim(rig, "d1 transport close a|");
    set_due(rig, 1);
    expect_claim(rig, "d1 transport close a|");
    set_due(rig, 1);
    settle(rig, "d1");
    expect_claim(rig, "");
}

static void a_resume_within_the_grace_cancels(void **state)
{
    struct rig *rig = *state;

    begin(rig, "n1.1", "d1", "a");
    end(rig, "n1.1", "transport close", 60000);
    expect_claim(rig, "");
    begin(rig, "n2.1", "d2", "b");
    set_swept(rig);
    expect_claim(rig, "");
    end(rig, "n2.1", "ping timeout", 0);
    expect_claim(rig, "d1 ping timeout a|"); /* of its begin */
}

static void a_resume_after_the_telling_began_is_another_session(void **state)
{
    struct rig *rig = *state;

    begin(rig, "n1.1", "d1", "a");
    end(rig, "n1.1", "transport close", 0);
    expect_claim(rig, "d1 transport close a|");
    begin(rig, "n2.1", "d2", "b");
    expect_left(rig, "2");
    settle(rig, "d1");
    expect_renewal(rig, "n2.1", "");
    end(rig, "n2.1", "transport close", 0);
    expect_claim(rig, "d2 transport close b|");
}

static void a_former_owner_has_no_say(void **state)
{
    struct rig *rig = *state;

    begin(rig, "n1.1", "d1", "a");
    begin(rig, "n2.1", "d1", "a");
    expect_renewal(rig, "n1.1", "n1.1|");
    assert_int_equal(end(rig, "n1.1", "ping timeout", 0), RESULT_CONFLICT);
    assert_int_equal(forget(rig, "n1.1"), RESULT_CONFLICT);
    assert_int_equal(end(rig, "n2", "ping timeout", 0), RESULT_CONFLICT); /* a part of the word */
    expect_claim(rig, "");
    expect_renewal(rig, "n2.1", "");
}

static void an_owner_that_is_dead_has_ended(void **state)
{
    struct rig *rig = *state;
    struct claim claim;
    int64_t now_ms;

    begin(rig, "n1.1", "d1", "a");
    set_due(rig, 1000);
    set_swept(rig);
    now_ms = store_now_ms(rig->store);
    claim = claim_some(rig, ENDS_MAX);
    assert_string_equal(claim.text, "d1 transport close a|");
    assert_in_range(claim.ended_ms, now_ms - ENDS_LEASE_MIN_MS - 2000, now_ms - ENDS_LEASE_MIN_MS);
    expect_renewal(rig, "n1.1", "n1.1|"); /* it was only away: it hears of it */
    assert_int_equal(end(rig, "n1.1", "ping timeout", 0), RESULT_CONFLICT);
    settle(rig, "d1");
    expect_left(rig, "0");
}

static void a_renewal_pushes_the_end_ahead(void **state)
{
    struct rig *rig = *state;

    begin(rig, "n1.1", "d1", "a");
    set_due(rig, 1000);
    expect_renewal(rig, "n1.1", "");
    set_swept(rig);
    expect_claim(rig, "");
}

/* After a time in which nobody looked, a lease has to pass; what owners ended themselves is told at once. */
static void nobody_is_taken_for_dead_when_all_were_away(void **state)
{
    struct rig *rig = *state;
    char key[64], command[160];

    begin(rig, "n1.1", "d1", "a");
    set_due(rig, 100000);
    expect_claim(rig, ""); /* the first look ever */
    set_due(rig, 100000);
    expect_claim(rig, "");
    key_of(key, "sweep");
    snprintf(command, sizeof command, "set %s \"%lld 0\"", key,
             (long long)(store_now_ms(rig->store) - ENDS_QUIET_MS - 1000));
    rig_command(rig, command);
    set_due(rig, 100000);
    expect_claim(rig, "");
    assert_int_equal(end(rig, "n1.1", "ping timeout", 0), RESULT_OK);
    expect_claim(rig, "d1 ping timeout a|");
}

static void what_never_was_is_told_to_nobody(void **state)
{
    struct rig *rig = *state;

    begin(rig, "n1.1", "d1", "a");
    assert_int_equal(forget(rig, "n1.1"), RESULT_OK);
    assert_int_equal(forget(rig, "n1.1"), RESULT_CONFLICT);
    expect_left(rig, "0");
}

static void what_could_not_be_told_for_a_day_is_given_up(void **state)
{
    struct rig *rig = *state;
    struct claim claim;

    begin(rig, "n1.1", "d1", "a");
    end(rig, "n1.1", "ping timeout", 0);
    expect_claim(rig, "d1 ping timeout a|");
    ended_ms -= ENDS_KEEP_MS;
    begin(rig, "n1.1", "d2", "a");
    end(rig, "n1.1", "ping timeout", 0);
    claim = claim_some(rig, ENDS_MAX);
    assert_int_equal(claim.count, 0);
    assert_int_equal(claim.given_up, 1);
    settle(rig, "d1");

    begin(rig, "n1.1", "d1", "a");
    set_due(rig, ENDS_KEEP_MS);
    set_swept(rig);
    claim = claim_some(rig, ENDS_MAX);
    assert_int_equal(claim.count, 0);
    assert_int_equal(claim.given_up, 1);
    expect_left(rig, "0");
}

/* Names of one shard: "/x\t<number>". */
static void many_are_claimed_by_two(void **state)
{
    struct rig *rig = *state;
    unsigned shard = ends_shard(SLICE_LITERAL(NAME));
    size_t begun = 0, told = 0;
    char seen[2000] = { 0 };

    for (unsigned i = 0; begun < 40; i++) {
        char name[32], delivery[16];
        struct end_session session = { .owner = SLICE_LITERAL("n1.1") };

        snprintf(name, sizeof name, "/x\t%u", i);
        snprintf(delivery, sizeof delivery, "%u", i);
        session.name = slice_of(name);
        if (ends_shard(session.name) != shard)
            continue;
        ends_begin(rig->store, &session,
                   &(struct end_begin){ slice_of(delivery), SLICE_LITERAL("a"), ENDS_LEASE_MIN_MS },
                   NULL, NULL, NULL);
        ends_set(rig->store, &session, SLICE_LITERAL("gone"), store_now_ms(rig->store), 0, NULL,
                 NULL, NULL);
        begun++;
    }
    while (told < begun) { /* both ask at the same time */
        struct claim claims[2] = { { .count = 0 }, { .count = 0 } };

        for (int i = 0; i < 2; i++)
            ends_claim(rig->store, shard, &(struct end_claim){ 7, CLAIM_MS, ENDS_LEASE_MIN_MS },
                       on_claimed, &claims[i], &claims[i].answer.slot);
        for (int i = 0; i < 2; i++) {
            char *rest;

            assert_int_equal(rig_wait(rig, &claims[i].answer), RESULT_OK);
            assert_int_equal(claims[i].is_more, claims[i].count == 7);
            for (char *at = strtok_r(claims[i].text, "|", &rest); at != NULL;
                 at = strtok_r(NULL, "|", &rest))
                assert_int_equal(seen[atoi(at)]++, 0);
            told += claims[i].count;
        }
        assert_true(claims[0].count > 0);
    }
    assert_int_equal(told, begun);
}

static void shards_share_the_names(void **state)
{
    unsigned counts[ENDS_SHARDS] = { 0 };

    (void)state;
    for (int i = 0; i < 16000; i++) {
        char name[32];

        snprintf(name, sizeof name, "/\t%d", i);
        counts[ends_shard(slice_of(name))]++;
    }
    for (int i = 0; i < ENDS_SHARDS; i++)
        assert_in_range(counts[i], 800, 1200);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_test, rig_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_end_is_told_once),
        TEST(what_was_claimed_and_not_settled_comes_again),
        TEST(a_resume_within_the_grace_cancels),
        TEST(a_resume_after_the_telling_began_is_another_session),
        TEST(a_former_owner_has_no_say),
        TEST(an_owner_that_is_dead_has_ended),
        TEST(a_renewal_pushes_the_end_ahead),
        TEST(nobody_is_taken_for_dead_when_all_were_away),
        TEST(what_never_was_is_told_to_nobody),
        TEST(what_could_not_be_told_for_a_day_is_given_up),
        TEST(many_are_claimed_by_two),
        cmocka_unit_test(shards_share_the_names),
    };

    return cmocka_run_group_tests_name("ends", tests, NULL, NULL);
}
