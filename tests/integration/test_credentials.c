/* SPDX-License-Identifier: MIT */
#include "rig.h"

#include <stdio.h>

#include "store/credential_record.h"
#include "store/credentials.h"

static struct slice text(const char *chars)
{
    return slice_of(chars);
}

static struct credential credential_of(enum credential_kind kind, const char *secret,
                                       const char *subject, const char *realm)
{
    struct credential credential = {
        .kind = kind,
        .subject = text(subject),
        .realm = text(realm),
    };

    credential_digest(text(secret), &credential.digest);
    return credential;
}

/* ---- one operation, waited for --------------------------------------------------------------------- */

struct reply {
    bool is_there;
    enum result result;
    bool is_subject_known;
    char subject[128], realm[128], universe[128];
    int64_t expires_ms;
    size_t count;
    char list[4096];
    struct store_op *slot;
};

static bool is_there(void *ctx)
{
    struct reply *answer = ctx;

    return answer->is_there;
}

static void wait_for(struct rig *rig, struct reply *answer)
{
    support_wait(&rig->loop, is_there, answer, SUPPORT_WAIT_MS, "an answer");
    assert_null(answer->slot);
}

static void take(struct reply *answer, enum result result)
{
    assert_false(answer->is_there);
    assert_null(answer->slot);
    answer->is_there = true;
    answer->result = result;
}

static void on_done(enum result result, void *ctx)
{
    take(ctx, result);
}

static void copy(char out[128], struct slice slice)
{
    snprintf(out, 128, "%.*s", (int)slice.len, slice.data != NULL ? slice.data : "");
}

static void on_found(enum result result, const struct credential_found *found, void *ctx)
{
    struct reply *answer = ctx;

    take(answer, result);
    answer->is_subject_known = found->is_subject_known;
    if (result != RESULT_OK)
        return;
    copy(answer->subject, found->credential->subject);
    copy(answer->realm, found->credential->realm);
    copy(answer->universe, found->credential->universe);
    answer->expires_ms = found->credential->expires_ms;
}

static void on_listed(enum result result, const struct credential *credentials, size_t count,
                      void *ctx)
{
    struct reply *answer = ctx;
    size_t len = 0;

    take(answer, result);
    answer->count = count;
    for (size_t i = 0; i < count && len < sizeof answer->list; i++)
        len += (size_t)snprintf(answer->list + len, sizeof answer->list - len, "%.*s/%.*s ",
                                (int)credentials[i].realm.len, credentials[i].realm.data,
                                (int)credentials[i].subject.len, credentials[i].subject.data);
}

static void on_revoked(enum result result, size_t revoked, void *ctx)
{
    struct reply *answer = ctx;

    take(answer, result);
    answer->count = revoked;
}

static enum result add(struct rig *rig, struct credential credential)
{
    struct reply answer = { .is_there = false };

    credential_add(rig->store, &credential, on_done, &answer, &answer.slot);
    assert_non_null(answer.slot);
    wait_for(rig, &answer);
    return answer.result;
}

static struct reply find(struct rig *rig, enum credential_kind kind, const char *secret,
                         const char *subject)
{
    struct reply answer = { .is_there = false };
    struct credential_digest digest;

    credential_digest(text(secret), &digest);
    credential_find(rig->store, kind, &digest, text(subject), on_found, &answer, &answer.slot);
    wait_for(rig, &answer);
    return answer;
}

static struct reply list(struct rig *rig, enum credential_kind kind)
{
    struct reply answer = { .is_there = false };

    credential_list(rig->store, kind, on_listed, &answer, &answer.slot);
    wait_for(rig, &answer);
    return answer;
}

static struct reply revoke_all(struct rig *rig, enum credential_kind kind, const char *subject,
                               const char *realm, const char *fingerprint)
{
    struct reply answer = { .is_there = false };

    credential_revoke(rig->store, kind, text(subject), text(realm), fingerprint, on_revoked,
                      &answer, &answer.slot);
    wait_for(rig, &answer);
    return answer;
}

static long long redis_number(struct rig *rig, const char *command)
{
    char *reply = support_redis_command(rig->redis, command);
    long long number = strtoll(reply, NULL, 10);

    free(reply);
    return number;
}

static void delete_record(struct rig *rig, enum credential_kind kind, const char *secret)
{
    struct credential_digest digest;
    struct key key;
    char command[KEY_MAX + 16];

    credential_digest(text(secret), &digest);
    credential_key(kind, &digest, &key);
    snprintf(command, sizeof command, "DEL '%s'", key.text);
    rig_command(rig, command);
}

static int flush(void **state)
{
    rig_command(*state, "FLUSHALL");
    return 0;
}

/* ---- adding and finding ------------------------------------------------------------------------------ */

static void test_found_again(void **state)
{
    struct rig *rig = *state;
    struct credential credential = credential_of(CREDENTIAL_SERVER, "s3cret", "backend", "r1");
    struct reply answer;

    credential.universe = text("42");
    credential.expires_ms = store_now_ms(rig->store) + 60000;
    assert_int_equal(add(rig, credential), RESULT_OK);
    answer = find(rig, CREDENTIAL_SERVER, "s3cret", NULL);
    assert_int_equal(answer.result, RESULT_OK);
    assert_string_equal(answer.subject, "backend");
    assert_string_equal(answer.realm, "r1");
    assert_string_equal(answer.universe, "42");
    assert_int_equal(answer.expires_ms, credential.expires_ms);
    assert_int_equal(find(rig, CREDENTIAL_SERVER, "s3cret!", NULL).result, RESULT_NOT_FOUND);
    assert_int_equal(find(rig, CREDENTIAL_PLAYER, "s3cret", NULL).result, RESULT_NOT_FOUND);
}

static void test_repeat_and_conflict(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(add(rig, credential_of(CREDENTIAL_RELAY, "k", "a", "r")), RESULT_OK);
    assert_int_equal(add(rig, credential_of(CREDENTIAL_RELAY, "k", "a", "r")), RESULT_OK);
    assert_int_equal(add(rig, credential_of(CREDENTIAL_RELAY, "k", "b", "r")), RESULT_CONFLICT);
    assert_int_equal(add(rig, credential_of(CREDENTIAL_RELAY, "k", "a", "s")), RESULT_CONFLICT);
    assert_string_equal(find(rig, CREDENTIAL_RELAY, "k", NULL).subject, "a");
    assert_int_equal(list(rig, CREDENTIAL_RELAY).count, 1);
    /* what the conflict left in b's index means nothing */
    assert_false(find(rig, CREDENTIAL_RELAY, "other", "b").is_subject_known);
}

static void test_is_the_subject_known(void **state)
{
    struct rig *rig = *state;
    struct reply answer;

    assert_int_equal(add(rig, credential_of(CREDENTIAL_UNIVERSE, "k1", "42", "r")), RESULT_OK);
    assert_int_equal(add(rig, credential_of(CREDENTIAL_UNIVERSE, "k2", "42", "r")), RESULT_OK);
    assert_int_equal(find(rig, CREDENTIAL_UNIVERSE, "k2", "42").result, RESULT_OK);

    answer = find(rig, CREDENTIAL_UNIVERSE, "wrong", "42");
    assert_int_equal(answer.result, RESULT_NOT_FOUND);
    assert_true(answer.is_subject_known);

    answer = find(rig, CREDENTIAL_UNIVERSE, "k1", "43"); /* a good key of another universe */
    assert_int_equal(answer.result, RESULT_NOT_FOUND);
    assert_false(answer.is_subject_known);

    delete_record(rig, CREDENTIAL_UNIVERSE, "k1"); /* by hand: the indexes do not know */
    assert_true(find(rig, CREDENTIAL_UNIVERSE, "wrong", "42").is_subject_known);
    delete_record(rig, CREDENTIAL_UNIVERSE, "k2");
    assert_false(find(rig, CREDENTIAL_UNIVERSE, "wrong", "42").is_subject_known);
}

static bool has_expired(void *ctx)
{
    return find(ctx, CREDENTIAL_PLAYER, "t", NULL).result == RESULT_NOT_FOUND;
}

static void test_expires(void **state)
{
    struct rig *rig = *state;
    struct credential credential = credential_of(CREDENTIAL_PLAYER, "t", "7", "r");

    credential.expires_ms = store_now_ms(rig->store) + 300;
    assert_int_equal(add(rig, credential), RESULT_OK);
    assert_int_equal(find(rig, CREDENTIAL_PLAYER, "t", NULL).result, RESULT_OK);
    support_wait(&rig->loop, has_expired, rig, SUPPORT_WAIT_MS, "the credential expires");
    assert_int_equal(list(rig, CREDENTIAL_PLAYER).count, 0);
}

static void test_what_is_no_record(void **state)
{
    struct rig *rig = *state;
    struct credential_digest digest;
    struct key key;
    char command[KEY_MAX + 32];

    assert_int_equal(add(rig, credential_of(CREDENTIAL_RELAY, "k", "a", "r")), RESULT_OK);
    assert_int_equal(add(rig, credential_of(CREDENTIAL_RELAY, "good", "a", "r")), RESULT_OK);
    credential_digest(text("k"), &digest);
    credential_key(CREDENTIAL_RELAY, &digest, &key);
    snprintf(command, sizeof command, "SET '%s' rubbish", key.text);
    rig_command(rig, command);
    assert_int_equal(find(rig, CREDENTIAL_RELAY, "k", NULL).result, RESULT_NOT_FOUND);
    assert_int_equal(list(rig, CREDENTIAL_RELAY).count, 1);
    assert_int_equal(add(rig, credential_of(CREDENTIAL_RELAY, "k", "a", "r")), RESULT_CONFLICT);
    assert_int_equal(revoke_all(rig, CREDENTIAL_RELAY, "a", "r", NULL).count, 1);
    snprintf(command, sizeof command, "DEL '%s'", key.text);
    rig_command(rig, command);
    snprintf(command, sizeof command, "LPUSH '%s' x", key.text); /* not even a string */
    rig_command(rig, command);
    assert_int_equal(find(rig, CREDENTIAL_RELAY, "k", NULL).result, RESULT_UNCERTAIN);
}

/* ---- listing and revoking ------------------------------------------------------------------------------ */

static void test_list_is_ordered(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(list(rig, CREDENTIAL_RELAY).result, RESULT_OK);
    assert_int_equal(list(rig, CREDENTIAL_RELAY).count, 0);
    add(rig, credential_of(CREDENTIAL_RELAY, "1", "b", "r"));
    add(rig, credential_of(CREDENTIAL_RELAY, "2", "a", "s"));
    add(rig, credential_of(CREDENTIAL_RELAY, "3", "a", "r"));
    add(rig, credential_of(CREDENTIAL_RELAY, "4", "ab", "r"));
    add(rig, credential_of(CREDENTIAL_PLAYER, "5", "a", "r"));
    assert_string_equal(list(rig, CREDENTIAL_RELAY).list, "r/a s/a r/ab r/b ");
}

static void test_revoke_all_or_one(void **state)
{
    struct rig *rig = *state;
    struct credential third = credential_of(CREDENTIAL_RELAY, "3", "a", "r");
    char fingerprint[CREDENTIAL_FINGERPRINT_SIZE];

    add(rig, credential_of(CREDENTIAL_RELAY, "1", "a", "r"));
    add(rig, credential_of(CREDENTIAL_RELAY, "2", "a", "r"));
    add(rig, third);
    add(rig, credential_of(CREDENTIAL_RELAY, "4", "a", "s"));
    add(rig, credential_of(CREDENTIAL_RELAY, "5", "b", "r"));

    credential_fingerprint(&third.digest, fingerprint);
    assert_int_equal(revoke_all(rig, CREDENTIAL_RELAY, "a", "r", fingerprint).count, 1);
    assert_int_equal(find(rig, CREDENTIAL_RELAY, "3", NULL).result, RESULT_NOT_FOUND);
    assert_int_equal(find(rig, CREDENTIAL_RELAY, "2", NULL).result, RESULT_OK);
    assert_int_equal(revoke_all(rig, CREDENTIAL_RELAY, "a", "r", fingerprint).result,
                     RESULT_NOT_FOUND);

    assert_int_equal(revoke_all(rig, CREDENTIAL_RELAY, "a", "r", NULL).count, 2);
    assert_int_equal(find(rig, CREDENTIAL_RELAY, "1", NULL).result, RESULT_NOT_FOUND);
    assert_string_equal(list(rig, CREDENTIAL_RELAY).list, "s/a r/b ");
    assert_int_equal(revoke_all(rig, CREDENTIAL_RELAY, "nobody", "r", NULL).result,
                     RESULT_NOT_FOUND);
}

/* More than one page of the index, and more than the small form of a hash holds. */
static void test_many(void **state)
{
    enum { MANY = 700 };
    struct rig *rig = *state;
    char secret[32];

    for (int i = 0; i < MANY; i++) {
        snprintf(secret, sizeof secret, "secret %d", i);
        assert_int_equal(add(rig, credential_of(CREDENTIAL_AGENT, secret, "all", "r")), RESULT_OK);
    }
    assert_int_equal(list(rig, CREDENTIAL_AGENT).count, MANY);
    assert_true(find(rig, CREDENTIAL_AGENT, "wrong", "all").is_subject_known);
    assert_int_equal(revoke_all(rig, CREDENTIAL_AGENT, "all", "r", NULL).count, MANY);
    assert_int_equal(list(rig, CREDENTIAL_AGENT).count, 0);
    assert_false(find(rig, CREDENTIAL_AGENT, "wrong", "all").is_subject_known);
}

/* ---- the indexes ------------------------------------------------------------------------------------------ */

static const char subject_index[] = "'sb:{cred-subject:player:7}:digests'";
static const char kind_index[] = "'sb:{cred-kind:player:all}:digests'";

static long long index_len(struct rig *rig, const char *index)
{
    char command[128];

    snprintf(command, sizeof command, "HLEN %s", index);
    return redis_number(rig, command);
}

static void put_in_index(struct rig *rig, const char *index, const char *secret, int64_t added_ms,
                         int64_t expires_ms)
{
    struct credential_digest digest;
    char hex[DIGEST_HEX_SIZE], command[256];

    credential_digest(text(secret), &digest);
    digest_to_hex(&digest, hex);
    snprintf(command, sizeof command, "HSET %s %s '%lld %lld'", index, hex, (long long)added_ms,
             (long long)expires_ms);
    rig_command(rig, command);
}

static void test_stale_entries_go_when_they_are_old(void **state)
{
    struct rig *rig = *state;
    int64_t now = store_now_ms(rig->store);

    put_in_index(rig, kind_index, "old", now - 61000, 0);
    put_in_index(rig, kind_index, "young", now - 1000, 0); /* somebody may be about to store it */
    assert_int_equal(list(rig, CREDENTIAL_PLAYER).count, 0);
    list(rig,
         CREDENTIAL_PLAYER); /* what the first one dropped is gone when the second is answered */
    assert_int_equal(index_len(rig, kind_index), 1);
}

static void test_revoking_cleans_up(void **state)
{
    struct rig *rig = *state;
    int64_t now = store_now_ms(rig->store);

    add(rig, credential_of(CREDENTIAL_PLAYER, "t", "7", "r"));
    put_in_index(rig, kind_index, "t", now - 61000, 0);
    put_in_index(rig, subject_index, "t", now - 61000, 0);
    assert_int_equal(revoke_all(rig, CREDENTIAL_PLAYER, "7", "r", NULL).count, 1);
    find(rig, CREDENTIAL_PLAYER, "t", NULL);
    assert_int_equal(index_len(rig, subject_index), 0);
    assert_int_equal(index_len(rig, kind_index), 0);
}

static void test_expired_entries_do_not_pile_up(void **state)
{
    struct rig *rig = *state;
    int64_t now = store_now_ms(rig->store);
    char secret[32];

    for (int i = 0; i < 40; i++) {
        snprintf(secret, sizeof secret, "gone %d", i);
        put_in_index(rig, subject_index, secret, now - 200000, now - 100000);
    }
    for (int i = 0; i < 20; i++) {
        snprintf(secret, sizeof secret, "new %d", i);
        add(rig, credential_of(CREDENTIAL_PLAYER, secret, "7", "r"));
    }
    assert_in_range(index_len(rig, subject_index), 20, 25);
}

static void test_an_index_lives_as_long_as_its_last_entry(void **state)
{
    struct rig *rig = *state;
    struct credential credential = credential_of(CREDENTIAL_PLAYER, "1", "7", "r");
    char command[128];

    snprintf(command, sizeof command, "PTTL %s", subject_index);
    credential.expires_ms = store_now_ms(rig->store) + 100000;
    add(rig, credential);
    assert_in_range(redis_number(rig, command), 150000, 161000);
    credential_digest(text("2"), &credential.digest);
    credential.expires_ms -= 50000; /* sooner: the index stays for the first */
    add(rig, credential);
    assert_in_range(redis_number(rig, command), 150000, 161000);
    credential_digest(text("3"), &credential.digest);
    credential.expires_ms += 900000;
    add(rig, credential);
    assert_in_range(redis_number(rig, command), 1000000, 1011000);
    add(rig, credential_of(CREDENTIAL_PLAYER, "4", "7", "r"));
    assert_int_equal(redis_number(rig, command), -1);
    add(rig, credential);
    assert_int_equal(redis_number(rig, command), -1);
}

/* ---- cancelling, and a store that goes -------------------------------------------------------------------- */

/* Every operation is cancelled after so many turns of the loop: before it was sent, between two of
 * its steps, while a page is under way. What is left behind must not be touched again. */
static void test_cancel_at_each_step(void **state)
{
    struct rig *rig = *state;
    char secret[32];

    for (int i = 0; i < 5; i++) {
        snprintf(secret, sizeof secret, "s%d", i);
        add(rig, credential_of(CREDENTIAL_UNIVERSE, secret, "42", "r"));
    }
    for (int turns = 0; turns < 12; turns++) {
        struct credential credential = credential_of(CREDENTIAL_UNIVERSE, "new", "42", "r");
        struct reply *answers = xcalloc(4, sizeof *answers);

        credential_add(rig->store, &credential, on_done, &answers[0], &answers[0].slot);
        credential_find(rig->store, CREDENTIAL_UNIVERSE, &credential.digest, text("43"), on_found,
                        &answers[1], &answers[1].slot);
        credential_list(rig->store, CREDENTIAL_UNIVERSE, on_listed, &answers[2], &answers[2].slot);
        credential_revoke(rig->store, CREDENTIAL_UNIVERSE, text("42"), text("r"), "00000000",
                          on_revoked, &answers[3], &answers[3].slot);
        for (int i = 0; i < turns; i++)
            uv_run(&rig->loop, UV_RUN_NOWAIT);
        for (int i = 0; i < 4; i++) {
            assert_int_equal(answers[i].slot == NULL, answers[i].is_there);
            store_cancel(&answers[i].slot);
        }
        free(answers);
    }
    assert_int_equal(list(rig, CREDENTIAL_UNIVERSE).result, RESULT_OK);
}

static void test_redis_goes_at_each_step(void **state)
{
    struct rig *rig = *state;

    for (int i = 0; i < 3; i++)
        add(rig, credential_of(CREDENTIAL_UNIVERSE, i == 0 ? "a" : i == 1 ? "b" : "c", "42", "r"));
    for (int turns = 0; turns < 8; turns++) {
        struct credential credential = credential_of(CREDENTIAL_UNIVERSE, "new", "42", "r");
        struct reply answers[4] = { { .is_there = false } };

        credential_add(rig->store, &credential, on_done, &answers[0], &answers[0].slot);
        credential_find(rig->store, CREDENTIAL_UNIVERSE, &credential.digest, text("43"), on_found,
                        &answers[1], &answers[1].slot);
        credential_list(rig->store, CREDENTIAL_UNIVERSE, on_listed, &answers[2], &answers[2].slot);
        credential_revoke(rig->store, CREDENTIAL_UNIVERSE, text("42"), text("r"), "00000000",
                          on_revoked, &answers[3], &answers[3].slot);
        for (int i = 0; i < turns; i++)
            uv_run(&rig->loop, UV_RUN_NOWAIT);
        rig_command(rig, "CLIENT KILL TYPE normal");
        for (int i = 0; i < 4; i++)
            wait_for(rig, &answers[i]); /* with whatever result, but once */
    }
    rig_wait_up(rig);
    assert_int_equal(add(rig, credential_of(CREDENTIAL_UNIVERSE, "new", "42", "r")), RESULT_OK);
}

#define TEST(test) cmocka_unit_test_setup(test, flush)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_found_again),
        TEST(test_repeat_and_conflict),
        TEST(test_is_the_subject_known),
        TEST(test_expires),
        TEST(test_what_is_no_record),
        TEST(test_list_is_ordered),
        TEST(test_revoke_all_or_one),
        TEST(test_many),
        TEST(test_stale_entries_go_when_they_are_old),
        TEST(test_revoking_cleans_up),
        TEST(test_expired_entries_do_not_pile_up),
        TEST(test_an_index_lives_as_long_as_its_last_entry),
        TEST(test_cancel_at_each_step),
        TEST(test_redis_goes_at_each_step),
    };
    return cmocka_run_group_tests(tests, rig_start, rig_stop);
}
