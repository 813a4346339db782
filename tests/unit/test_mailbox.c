/* SPDX-License-Identifier: MIT */
/* The mailbox dialect over stores and clients that answer when the test says so. */
#include "store/jobs.h"

union op_done {
    job_polled_fn *polled;
    job_enqueued_fn *enqueued;
    job_found_fn *found;
    job_page_fn *page;
};

#include "dialect_rig.h"

#include <inttypes.h>

#include "mailbox.h"
#include "mailbox_room.h"

/* ---- the store of jobs ----------------------------------------------------------------------- */

static const char *const *payloads; /* of the answer that is being given */

void job_poll(struct store *store, const struct job_id *id, const struct job_poll *poll,
              job_polled_fn *done, void *ctx, struct store_op **slot)
{
    char ack[32] = "";

    (void)store;
    if (poll->is_safe)
        snprintf(ack, sizeof ack, " ack=%" PRIu64, poll->ack);
    note("poll %.*s/%.*s by %.*s ttl=%u%s", (int)id->realm.len, id->realm.data, (int)id->job.len,
         id->job.data, (int)poll->universe.len, poll->universe.data, poll->ttl_ms, ack);
    op_add("poll", (union op_done){ .polled = done }, ctx, slot);
}

struct slice job_payload(const struct job_taken *taken, size_t index)
{
    assert_true(index < taken->count);
    return slice_of(payloads[index]);
}

/* Answers the oldest poll: so many of these payloads. */
static void answer_poll(enum result result, size_t count, ...)
{
    struct store_op *op = rig_op("poll");
    struct job_taken taken = { .cursor = 77, .count = count };
    const char *items[8];
    va_list args;

    va_start(args, count);
    for (size_t i = 0; i < count; i++)
        items[i] = va_arg(args, const char *);
    va_end(args);
    payloads = items;
    op->done.polled(result, &taken, op->ctx);
    free(op);
}

void job_enqueue(struct store *store, const struct job_id *id, const struct job_command *command,
                 job_enqueued_fn *done, void *ctx, struct store_op **slot)
{
    (void)store;
    note("enqueue %.*s scope=%.*s %.*s ttl=%u cap=%u%s%.*s%s", (int)id->job.len, id->job.data,
         (int)command->scope.len, command->scope.len > 0 ? command->scope.data : "",
         (int)command->payload.len, command->payload.data, command->ttl_ms, command->cap,
         command->once.data != NULL ? " once=" : "", (int)command->once.len,
         command->once.data != NULL ? command->once.data : "",
         command->is_live_only ? " live only" : "");
    op_add("enqueue", (union op_done){ .enqueued = done }, ctx, slot);
}

static void answer_enqueue(enum result result, bool is_live)
{
    struct store_op *op = rig_op("enqueue");

    op->done.enqueued(result, is_live, op->ctx);
    free(op);
}

void job_find(struct store *store, const struct job_id *id, job_found_fn *done, void *ctx,
              struct store_op **slot)
{
    (void)store;
    note("find %.*s", (int)id->job.len, id->job.data);
    op_add("find", (union op_done){ .found = done }, ctx, slot);
}

static void answer_find(enum result result, const char *universe)
{
    struct store_op *op = rig_op("find");
    struct job job = { .last_seen_ms = 5, .waiting = 2, .universe = slice_of(universe) };

    op->done.found(result, &job, op->ctx);
    free(op);
}

void job_list(struct store *store, struct slice realm, struct slice universe, struct slice cursor,
              job_page_fn *done, void *ctx, struct store_op **slot)
{
    (void)store;
    (void)realm;
    note("list %.*s from %.*s", (int)universe.len, universe.data, (int)cursor.len, cursor.data);
    op_add("list", (union op_done){ .page = done }, ctx, slot);
}

struct slice job_page_item(const struct job_page *page, size_t index)
{
    assert_true(index < page->count);
    return slice_of(payloads[index]);
}

static void answer_list(enum result result, const char *next, size_t count, ...)
{
    struct store_op *op = rig_op("list");
    struct job_page page = { .next = slice_of(next), .count = count };
    const char *items[8];
    va_list args;

    va_start(args, count);
    for (size_t i = 0; i < count; i++)
        items[i] = va_arg(args, const char *);
    va_end(args);
    payloads = items;
    op->done.page(result, &page, op->ctx);
    free(op);
}

/* ---- topics ---------------------------------------------------------------------------------- */

static struct topic {
    topic_fn *on_news;
    void *ctx;
    bool is_subscribed;
} topic;

void channel_topic_key(const struct channel_id *id, struct key *key)
{
    key->len = (size_t)snprintf(key->text, sizeof key->text, "%s:%.*s", channel_kind_name(id->kind),
                                (int)id->id.len, id->id.data);
}

struct topic *topic_subscribe(struct store *store, enum topic_kind kind, const char *key,
                              topic_fn *on_news, void *ctx)
{
    (void)store;
    assert_int_equal(kind, TOPIC_CHANNEL);
    assert_false(topic.is_subscribed);
    note("subscribe %s", key);
    topic = (struct topic){ on_news, ctx, true };
    return &topic;
}

void topic_unsubscribe(struct topic **gone)
{
    assert_true(topic.is_subscribed);
    note("unsubscribe");
    topic.is_subscribed = false;
    *gone = NULL;
}

static void bring(enum topic_news news)
{
    assert_true(topic.is_subscribed);
    topic.on_news(&topic, news, SLICE_LITERAL(""), topic.ctx);
}

/* ---- requests -------------------------------------------------------------------------------- */

#define IDENTITY "x-universe-id: u1\nx-api-key: k\nx-job-id: j\n"

static char universe[] = "u1";

static struct http_request *poll_with(const char *name, const char *headers, const char *query)
{
    struct http_request template = { .name = name, .headers = headers, .query = query };

    return rig_request(&template, poll_handle);
}

static struct http_request *poll_job(const char *name)
{
    return poll_with(name, IDENTITY, NULL);
}

/* A poll that has found nothing and is held, for 5 s. */
static struct http_request *hold_poll(const char *name)
{
    struct http_request *request = poll_with(name, IDENTITY, "wait=5");

    rig_expect("poll default/j by u1 ttl=5000");
    answer_poll(RESULT_OK, 0);
    return request;
}

static struct http_request *enqueue(const char *headers, const char *body)
{
    struct http_request template = { .name = "e", .headers = headers, .body = body };

    return rig_request(&template, enqueue_handle);
}

static int open_rig(void **state)
{
    (void)state;
    rig.config = (struct config){ .job_ttl_ms = 5000, .mailbox_cap = 100, .max_ttl_ms = 86400000 };
    rig_open(&mailbox_dialect);
    rig.identity.kind = CREDENTIAL_UNIVERSE;
    rig.identity.subject = universe;
    rig_expect("bounds mailbox offline=100 live=100 ttl=86400000 grace=0");
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    assert_false(topic.is_subscribed);
    assert_int_equal(rig.node.metrics.mailbox_held_polls, 0);
    rig_pass(100); /* the watch ends with the last held poll */
    rig_close(&mailbox_dialect);
    return 0;
}

/* ---- polls ----------------------------------------------------------------------------------- */

static void test_checks_come_in_order(void **state)
{
    static const struct {
        const char *name, *headers, *query;
        enum auth_answer answer;
        const char *want;
    } rows[] = {
        { "nothing", "", NULL, AUTH_OK, "401 error Missing identity headers." },
        { "no universe", "x-api-key: k\nx-job-id: j\n", NULL, AUTH_OK,
          "401 error Missing identity headers." },
        { "no key, and a bad job", "x-universe-id: u1\nx-job-id: \x01\n", NULL, AUTH_OK,
          "401 error Missing identity headers." },
        { "a blank job", "x-universe-id: u1\nx-api-key: k\nx-job-id:  \n", NULL, AUTH_OK,
          "401 error Missing identity headers." },
        { "a bad job, and a wrong key", "x-universe-id: u1\nx-api-key: k\nx-job-id: a\x01\n", NULL,
          AUTH_REFUSED, "400 error Invalid job id." },
        { "a wrong key, and a bad wait", IDENTITY, "wait=x", AUTH_REFUSED,
          "403 error Invalid credentials." },
        { "a universe that cannot be one", "x-universe-id: \x01\nx-api-key: k\nx-job-id: j\n", NULL,
          AUTH_OK, "403 error Invalid credentials." },
        { "throttled", IDENTITY, NULL, AUTH_THROTTLED,
          "429 application/json {\"error\":\"Too many failed attempts.\"} after 7" },
        { "nobody knows", IDENTITY, NULL, AUTH_UNKNOWN,
          "503 error Authentication is unavailable." },
        { "a bad wait, and a bad ack", IDENTITY "x-ack: x\n", "wait=26", AUTH_OK,
          "400 error Invalid wait." },
        { "no wait at all", IDENTITY, "wait=", AUTH_OK, "400 error Invalid wait." },
        { "a wait that is broken", IDENTITY, "wait=%zz", AUTH_OK, "400 error Invalid wait." },
        { "a bad ack", IDENTITY "x-ack: -1\n", "wait=25", AUTH_OK, "400 error Invalid cursor." },
        { "an empty ack", IDENTITY "x-ack:\n", NULL, AUTH_OK, "400 error Invalid cursor." },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char want[256];

        rig_auth(rows[i].answer);
        poll_with(rows[i].name, rows[i].headers, rows[i].query);
        snprintf(want, sizeof want, "%s: %s", rows[i].name, rows[i].want);
        rig_expect(want);
    }
}

static void test_a_poll(void **state)
{
    (void)state;
    poll_job("a");
    rig_expect("poll default/j by u1 ttl=5000");
    answer_poll(RESULT_OK, 2, "{\"n\": 1}", "2");
    rig_expect("a: 200 application/json [{\"n\": 1},2]");
    poll_job("b");
    answer_poll(RESULT_OK, 0);
    rig_expect("poll default/j by u1 ttl=5000", "b: 200 application/json []");
    assert_int_equal(rig.node.metrics.mailbox_polls, 2);
    assert_int_equal(rig.node.metrics.mailbox_commands_taken, 2);
}

static void test_what_the_store_says(void **state)
{
    static const struct {
        enum result result;
        const char *want;
    } rows[] = {
        { RESULT_CONFLICT, "p: 409 error Job belongs to another universe." },
        { RESULT_INVALID, "p: 400 error Invalid cursor." },
        { RESULT_UNAVAILABLE, "p: 503 error The store is unavailable." },
        { RESULT_UNCERTAIN, "p: 503 error The store did not answer: it may have happened." },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        poll_with("p", IDENTITY, "wait=5");
        answer_poll(rows[i].result, 0);
        rig_expect("poll default/j by u1 ttl=5000", rows[i].want);
    }
}

static void test_a_safe_poll(void **state)
{
    (void)state;
    poll_with("a", IDENTITY "x-ack: 012\n", NULL);
    rig_expect("poll default/j by u1 ttl=5000 ack=12");
    answer_poll(RESULT_OK, 1, "1");
    rig_expect("a: 200 application/json [1] x-cursor: 77");
}

static void test_clients_that_go(void **state)
{
    struct http_request *request;

    (void)state;
    rig_auth(AUTH_PENDING);
    rig_gone(poll_job("a"));
    assert_null(rig.check);
    request = poll_job("b");
    rig_auth(AUTH_OK);
    rig_expect("poll default/j by u1 ttl=5000");
    rig_gone(request);
    rig_expect("cancel poll");
    rig_gone(hold_poll("c"));
    rig_expect("subscribe mailbox:j", "unsubscribe");
}

/* ---- held polls ------------------------------------------------------------------------------ */

static void test_a_command_ends_the_wait(void **state)
{
    (void)state;
    hold_poll("a");
    rig_expect("subscribe mailbox:j");
    assert_int_equal(rig.node.metrics.mailbox_held_polls, 1);
    bring(TOPIC_UP);
    rig_expect("poll default/j by u1 ttl=5000"); /* what came before the subscription */
    answer_poll(RESULT_OK, 0);
    rig_expect_nothing();
    bring(TOPIC_MESSAGE);
    rig_expect("poll default/j by u1 ttl=5000");
    answer_poll(RESULT_OK, 1, "1");
    rig_expect("unsubscribe", "a: 200 application/json [1]");
}

static void test_a_ring_during_a_poll_is_not_lost(void **state)
{
    (void)state;
    hold_poll("a");
    bring(TOPIC_UP);
    rig_expect("subscribe mailbox:j", "poll default/j by u1 ttl=5000");
    bring(TOPIC_MESSAGE);
    rig_expect_nothing(); /* one at a time */
    answer_poll(RESULT_OK, 0);
    rig_expect("poll default/j by u1 ttl=5000");
    answer_poll(RESULT_OK, 1, "1");
    rig_expect("unsubscribe", "a: 200 application/json [1]");
}

static void test_the_wait_ends(void **state)
{
    (void)state;
    hold_poll("a");
    rig_expect("subscribe mailbox:j");
    rig_pass(2499);
    rig_expect_nothing();
    rig_pass(1); /* the heartbeat is kept alive */
    rig_expect("poll default/j by u1 ttl=5000");
    answer_poll(RESULT_OK, 0);
    rig_pass(2499);
    rig_expect_nothing();
    rig_pass(1);
    rig_expect("unsubscribe", "a: 200 application/json []");
}

static void test_what_is_being_taken_at_the_end_is_handed_out(void **state)
{
    (void)state;
    hold_poll("a");
    bring(TOPIC_UP);
    rig_expect("subscribe mailbox:j", "poll default/j by u1 ttl=5000");
    rig_pass(5000);
    rig_expect_nothing();
    answer_poll(RESULT_OK, 1, "1");
    rig_expect("unsubscribe", "a: 200 application/json [1]");
}

static void test_nothing_at_the_end_is_an_answer(void **state)
{
    (void)state;
    hold_poll("a");
    bring(TOPIC_UP);
    rig_expect("subscribe mailbox:j", "poll default/j by u1 ttl=5000");
    rig_pass(5000);
    answer_poll(RESULT_OK, 0);
    rig_expect("unsubscribe", "a: 200 application/json []");
}

static void test_polls_of_one_job_share_a_doorbell(void **state)
{
    (void)state;
    hold_poll("a");
    rig_expect("subscribe mailbox:j");
    hold_poll("b");
    rig_expect_nothing();
    bring(TOPIC_UP);
    rig_expect("poll default/j by u1 ttl=5000", "poll default/j by u1 ttl=5000");
    answer_poll(RESULT_OK, 1, "1");
    answer_poll(RESULT_OK, 0);
    rig_expect("a: 200 application/json [1]");
    hold_poll("c"); /* the bell may have rung between its poll and now */
    rig_expect("poll default/j by u1 ttl=5000");
    answer_poll(RESULT_OK, 0);
    bring(TOPIC_DOWN);
    rig_expect_nothing();
    bring(TOPIC_UP);
    rig_expect("poll default/j by u1 ttl=5000", "poll default/j by u1 ttl=5000");
    answer_poll(RESULT_OK, 1, "2");
    rig_expect("b: 200 application/json [2]");
    answer_poll(RESULT_OK, 1, "3");
    rig_expect("unsubscribe", "c: 200 application/json [3]");
}

static void test_a_revoked_credential_ends_the_wait(void **state)
{
    (void)state;
    hold_poll("a");
    rig_revoke();
    rig_expect("subscribe mailbox:j", "unsubscribe", "a: 403 error Invalid credentials.");
    hold_poll("b");
    bring(TOPIC_UP);
    rig_revoke();
    rig_expect("subscribe mailbox:j", "poll default/j by u1 ttl=5000", "unsubscribe", "cancel poll",
               "b: 403 error Invalid credentials.");
}

static void test_a_drain_ends_the_waits(void **state)
{
    (void)state;
    hold_poll("a");
    rig_expect("subscribe mailbox:j");
    hold_poll("b");
    bring(TOPIC_UP);
    answer_poll(RESULT_OK, 0);
    rig_expect("poll default/j by u1 ttl=5000", "poll default/j by u1 ttl=5000");
    rig.node.is_draining = true;
    rig_pass(100);
    rig_expect("a: 200 application/json []");
    answer_poll(RESULT_OK, 1, "1");
    rig_expect("unsubscribe", "b: 200 application/json [1]");
    poll_with("c", IDENTITY, "wait=5");
    answer_poll(RESULT_OK, 0);
    rig_expect("poll default/j by u1 ttl=5000", "c: 200 application/json []");
}

static void test_a_store_that_fails_ends_the_wait(void **state)
{
    (void)state;
    hold_poll("a");
    rig_pass(2500);
    answer_poll(RESULT_UNAVAILABLE, 0);
    rig_expect("subscribe mailbox:j", "poll default/j by u1 ttl=5000", "unsubscribe",
               "a: 503 error The store is unavailable.");
}

/* ---- enqueueing ------------------------------------------------------------------------------ */

#define BEARER "bearer: t\n"

/* A server token, bound to this universe or to none. */
static void be_server(char *bound)
{
    rig.identity.kind = CREDENTIAL_SERVER;
    rig.identity.universe = bound;
}

static void test_enqueue_checks(void **state)
{
    (void)state;
    enqueue("", "{}");
    rig_expect("e: 401 error Missing credentials.");
    enqueue("x-universe-id: u1\n", "{}");
    rig_expect("e: 401 error Missing credentials.");
    rig_auth(AUTH_REFUSED);
    enqueue(BEARER, "{}");
    rig_expect("e: 403 error Invalid credentials.");
    rig_auth(AUTH_OK);
    enqueue(BEARER, "{\"jobId\":\"j\"}");
    rig_expect("e: 400 error payload: is missing");
}

static void test_enqueue_to_one(void **state)
{
    (void)state;
    be_server(NULL);
    enqueue(BEARER, "{\"jobId\":\"j\",\"payload\": [1] ,\"id\":\"c\",\"ttl\":5}");
    rig_expect("enqueue j scope= [1] ttl=5000 cap=100 once=c");
    answer_enqueue(RESULT_OK, true);
    rig_expect("e: 202 json {\"results\":[{\"jobId\":\"j\",\"status\":\"live\"}]}");
    assert_int_equal(rig.node.metrics.mailbox_commands_enqueued[1], 1);
    be_server(universe);
    enqueue(BEARER, "{\"jobId\":\"j\",\"payload\":1}");
    answer_enqueue(RESULT_REFUSED, false);
    rig_expect("enqueue j scope=u1 1 ttl=60000 cap=100",
               "e: 403 error Job belongs to another universe.");
    rig.identity.kind = CREDENTIAL_UNIVERSE;
    enqueue("x-universe-id: u1\nx-api-key: k\n", "{\"jobId\":\"j\",\"payload\":1}");
    answer_enqueue(RESULT_OK, false);
    rig_expect("enqueue j scope=u1 1 ttl=60000 cap=100",
               "e: 202 json {\"results\":[{\"jobId\":\"j\",\"status\":\"queued\"}]}");
}

static void test_enqueue_to_several(void **state)
{
    (void)state;
    be_server(universe);
    enqueue(BEARER, "{\"jobIds\":[\"a\",\"b\",\"a\",\"c\"],\"payload\":1}");
    rig_expect("enqueue a scope=u1 1 ttl=60000 cap=100", "enqueue b scope=u1 1 ttl=60000 cap=100",
               "enqueue c scope=u1 1 ttl=60000 cap=100");
    answer_enqueue(RESULT_OK, true);
    answer_enqueue(RESULT_REFUSED, false);
    answer_enqueue(RESULT_OK, false);
    rig_expect("e: 202 json {\"results\":[{\"jobId\":\"a\",\"status\":\"live\"},{\"jobId\":\"b\","
               "\"status\":\"refused\"},{\"jobId\":\"c\",\"status\":\"queued\"}]}");
    enqueue(BEARER, "{\"jobIds\":[\"a\"],\"payload\":1}");
    answer_enqueue(RESULT_REFUSED, false);
    rig_expect("enqueue a scope=u1 1 ttl=60000 cap=100",
               "e: 202 json {\"results\":[{\"jobId\":\"a\",\"status\":\"refused\"}]}");
}

static void test_enqueue_says_when_the_store_failed(void **state)
{
    (void)state;
    be_server(NULL);
    enqueue(BEARER, "{\"jobIds\":[\"a\",\"b\",\"c\"],\"payload\":1}");
    answer_enqueue(RESULT_OK, true);
    answer_enqueue(RESULT_UNCERTAIN, false);
    answer_enqueue(RESULT_UNAVAILABLE, false);
    rig_expect("enqueue a scope= 1 ttl=60000 cap=100", "enqueue b scope= 1 ttl=60000 cap=100",
               "enqueue c scope= 1 ttl=60000 cap=100",
               "e: 503 error The store did not answer: it may have happened.");
}

static void test_enqueue_to_a_universe(void **state)
{
    (void)state;
    be_server(NULL);
    enqueue(BEARER, "{\"universe\":\"u2\",\"payload\":1}");
    rig_expect("list u2 from 0");
    answer_list(RESULT_OK, "9", 2, "b", "a");
    rig_expect("list u2 from 9");
    answer_list(RESULT_OK, "0", 2, "a", "dead");
    rig_expect("enqueue a scope=u2 1 ttl=60000 cap=100 live only",
               "enqueue b scope=u2 1 ttl=60000 cap=100 live only",
               "enqueue dead scope=u2 1 ttl=60000 cap=100 live only");
    answer_enqueue(RESULT_OK, true);
    answer_enqueue(RESULT_REFUSED, false);
    answer_enqueue(RESULT_NOT_FOUND, false);
    rig_expect("e: 202 json {\"results\":[{\"jobId\":\"a\",\"status\":\"live\"},{\"jobId\":\"b\","
               "\"status\":\"refused\"}]}");
    enqueue(BEARER, "{\"universe\":\"u2\",\"payload\":1}");
    answer_list(RESULT_OK, "0", 0);
    rig_expect("list u2 from 0", "e: 202 json {\"results\":[]}");
    enqueue(BEARER, "{\"universe\":\"u2\",\"payload\":1}");
    answer_list(RESULT_UNCERTAIN, "0", 0);
    rig_expect("list u2 from 0", "e: 503 error The store is unavailable.");
    be_server(universe);
    enqueue(BEARER, "{\"universe\":\"u2\",\"payload\":1}");
    rig_expect("e: 403 error Job belongs to another universe.");
}

static void test_enqueue_is_done_in_portions(void **state)
{
    struct http_request *request;
    struct buf body;

    (void)state;
    be_server(NULL);
    buf_init(&body, 4096);
    buf_add_text(&body, "{\"payload\":1,\"jobIds\":[\"0\"");
    for (int i = 1; i < 100; i++)
        buf_printf(&body, ",\"%d\"", i);
    buf_add(&body, "]}", 3);
    request = enqueue(BEARER, body.data);
    assert_int_equal(rig.op_count, 64);
    answer_enqueue(RESULT_OK, true);
    assert_int_equal(rig.op_count, 64);
    for (int i = 1; i < 90; i++)
        answer_enqueue(RESULT_OK, true);
    assert_int_equal(rig.op_count, 10);
    buf_clear(&rig.notes);
    rig_gone(request);
    assert_int_equal(rig.op_count, 0);
    buf_clear(&rig.notes);
    buf_fini(&body);
}

static void test_enqueuers_that_go(void **state)
{
    (void)state;
    be_server(NULL);
    rig_auth(AUTH_PENDING);
    rig_gone(enqueue(BEARER, "{}"));
    rig_auth(AUTH_OK);
    rig_gone(enqueue(BEARER, "{\"universe\":\"u2\",\"payload\":1}"));
    rig_expect("list u2 from 0", "cancel list");
}

/* ---- looking --------------------------------------------------------------------------------- */

static void test_one_job(void **state)
{
    static const struct http_request good = { .name = "g", .headers = BEARER, .param = "j" };
    static const struct http_request bad = { .name = "b", .headers = BEARER, .param = "\x01" };
    static const struct http_request nobody = { .name = "n", .param = "j" };

    (void)state;
    be_server(NULL);
    rig_request(&nobody, job_handle);
    rig_expect("n: 401 error Missing credentials.");
    rig_request(&bad, job_handle);
    rig_expect("b: 400 error Invalid job id.");
    rig_request(&good, job_handle);
    answer_find(RESULT_OK, "u2");
    rig_expect("find j", "g: 200 json {\"jobId\":\"j\",\"universeId\":\"u2\",\"lastSeen\":5,"
                         "\"integrated\":true,\"waiting\":2}");
    rig_request(&good, job_handle);
    answer_find(RESULT_NOT_FOUND, NULL);
    rig_expect("find j", "g: 404 error No such job.");
    rig_request(&good, job_handle);
    answer_find(RESULT_UNCERTAIN, NULL);
    rig_expect("find j", "g: 503 error The store is unavailable.");
    be_server(universe);
    rig_request(&good, job_handle);
    answer_find(RESULT_OK, "u2");
    rig_expect("find j", "g: 403 error Job belongs to another universe.");
    rig_gone(rig_request(&good, job_handle));
    rig_expect("find j", "cancel find");
}

static void test_jobs_of_a_universe(void **state)
{
    static const struct http_request good = { .name = "g",
                                              .headers = BEARER,
                                              .query = "universe=u2" };
    static const struct http_request bad = { .name = "b", .headers = BEARER };

    (void)state;
    be_server(NULL);
    rig_request(&bad, jobs_handle);
    rig_expect("b: 400 error universe: must be 1 to 128 bytes without control characters");
    rig_request(&good, jobs_handle);
    answer_list(RESULT_OK, "0", 3, "b", "a", "c");
    rig_expect("list u2 from 0", "find a", "find b", "find c");
    answer_find(RESULT_OK, "u2");
    answer_find(RESULT_OK, "u1"); /* it has changed hands */
    answer_find(RESULT_NOT_FOUND, NULL);
    rig_expect("g: 200 json {\"jobs\":[{\"jobId\":\"a\",\"universeId\":\"u2\",\"lastSeen\":5,"
               "\"waiting\":2}]}");
    rig_request(&good, jobs_handle);
    answer_list(RESULT_OK, "0", 2, "a", "b");
    answer_find(RESULT_OK, "u2");
    answer_find(RESULT_UNAVAILABLE, NULL);
    rig_expect("list u2 from 0", "find a", "find b", "g: 503 error The store is unavailable.");
    be_server(universe);
    rig_request(&good, jobs_handle);
    rig_expect("g: 403 error Job belongs to another universe.");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_checks_come_in_order),
        TEST(test_a_poll),
        TEST(test_what_the_store_says),
        TEST(test_a_safe_poll),
        TEST(test_clients_that_go),
        TEST(test_a_command_ends_the_wait),
        TEST(test_a_ring_during_a_poll_is_not_lost),
        TEST(test_the_wait_ends),
        TEST(test_what_is_being_taken_at_the_end_is_handed_out),
        TEST(test_nothing_at_the_end_is_an_answer),
        TEST(test_polls_of_one_job_share_a_doorbell),
        TEST(test_a_revoked_credential_ends_the_wait),
        TEST(test_a_drain_ends_the_waits),
        TEST(test_a_store_that_fails_ends_the_wait),
        TEST(test_enqueue_checks),
        TEST(test_enqueue_to_one),
        TEST(test_enqueue_to_several),
        TEST(test_enqueue_says_when_the_store_failed),
        TEST(test_enqueue_to_a_universe),
        TEST(test_enqueue_is_done_in_portions),
        TEST(test_enqueuers_that_go),
        TEST(test_one_job),
        TEST(test_jobs_of_a_universe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
