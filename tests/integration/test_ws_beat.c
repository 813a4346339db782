/* SPDX-License-Identifier: MIT */
/* Pings, pongs and silence, with short settings. */
#include "ws_rig.h"

static void beat_fast(struct config *config)
{
    config->ping_interval_ms = 20;
    config->silence_timeout_ms = 200;
}

/* Runs for `ms` and does `act` on the way, again and again. */
static void run_for(struct pair *pair, uint64_t ms, void (*act)(struct pair *pair))
{
    uint64_t end = uv_now(&pair->rig->loop) + ms;

    while (uv_now(&pair->rig->loop) < end && !pair->closed) {
        turns(pair->rig, 1);
        ws_client_read(&pair->client, SIZE_MAX);
        if (act != NULL)
            act(pair);
    }
}

static size_t count_lines(const struct buf *lines, const char *line)
{
    const char *at = lines->data, *end = at + lines->len;
    size_t count = 0;

    while (at != NULL && (at = memmem(at, (size_t)(end - at), line, strlen(line))) != NULL) {
        at += strlen(line);
        count++;
    }
    return count;
}

/* As many pongs as there were pings, with what a ping of ours carries. */
static void answer_pings(struct pair *pair)
{
    static const char pong[] = "\x8a\x81\0\0\0\0\0";

    for (size_t n = count_lines(&pair->client.lines, "ping"); n > 0; n--)
        ws_client_send(&pair->client, (struct slice){ pong, 7 });
    buf_clear(&pair->client.lines);
}

static void pings_are_answered(void **state)
{
    struct rig rig;
    struct pair *pair;

    (void)state;
    rig_start(&rig, beat_fast);
    pair = pair_open(&rig, &pair_ops, 0);
    run_for(pair, 600, answer_pings);
    assert_int_equal(0, pair->closed);
    pair_wait(pair, "nothing of it is told", "open\n", NULL);
    pair_end(&pair);
    rig_stop(&rig);
}

static void nothing_is_answered(void **state)
{
    struct rig rig;
    struct pair *pair;
    uint64_t start;

    (void)state;
    rig_start(&rig, beat_fast);
    pair = pair_open(&rig, &pair_ops, 0);
    start = uv_now(&rig.loop);
    while (count_lines(&pair->client.lines, "close 1001 no sign of life\n") == 0)
        run_for(pair, 1, NULL);
    assert_in_range(uv_now(&rig.loop) - start, 150, 3000);
    assert_in_range(count_lines(&pair->client.lines, "ping 1 bytes\n"), 2, 10);
    ws_client_say(&pair->client, CLOSE_, "\x03\xe9");
    pair_wait(pair, "silent", "open\nclose in_order silent\n", NULL);
    assert_int_equal(1, rig.node.metrics.ws_closed[CLOSE_SILENT]);
    pair_free(&pair);
    rig_stop(&rig);
}

static void talk(struct pair *pair)
{
    ws_client_say(&pair->client, TEXT, "a");
    buf_clear(&pair->lines);
}

static void messages_are_signs_of_life(void **state)
{
    struct rig rig;
    struct pair *pair;

    (void)state;
    rig_start(&rig, beat_fast);
    pair = pair_open(&rig, &pair_ops, 0);
    run_for(pair, 600, talk);
    assert_int_equal(0, pair->closed);
    assert_true(count_lines(&pair->client.lines, "ping") > 3); /* whatever else goes on */
    pair_end(&pair);
    rig_stop(&rig);
}

/* We do not listen, so silence says nothing; it counts from when we listen again. */
static void silence_while_paused(void **state)
{
    struct rig rig;
    struct pair *pair;

    (void)state;
    rig_start(&rig, beat_fast);
    pair = pair_open(&rig, &pair_ops, 0);
    ws_pause(pair->ws);
    run_for(pair, 500, NULL);
    pair_wait(pair, "still there", "open\n", NULL);
    ws_continue(pair->ws);
    run_for(pair, 100, NULL);
    pair_wait(pair, "has time", "open\n", NULL);
    ws_client_read(&pair->client, SIZE_MAX);
    while (count_lines(&pair->client.lines, "close 1001 no sign of life\n") == 0)
        run_for(pair, 1, NULL);
    pair_end(&pair);
    rig_stop(&rig);
}

/* Paused, we do not read; that the line is dead a ping finds out. */
static void dead_while_paused(void **state)
{
    struct rig rig;
    struct pair *pair;

    (void)state;
    rig_start(&rig, beat_fast);
    pair = pair_open(&rig, &pair_ops, 0);
    ws_pause(pair->ws);
    ws_client_reset(&pair->client);
    pair_wait(pair, "found out", "open\nclose broken peer_gone\n", NULL);
    pair_free(&pair);
    rig_stop(&rig);
}

static void own_durations(void **state)
{
    struct ws_ops ops = pair_ops;
    struct rig rig;
    struct pair *slow, *fast;

    (void)state;
    rig_start(&rig, NULL);
    ops.ping_every_ms = 30;
    ops.silence_ms = 100;
    slow = pair_open(&rig, &pair_ops, 0);
    fast = pair_open(&rig, &ops, 0);
    while (count_lines(&fast->client.lines, "close 1001 no sign of life\n") == 0)
        run_for(fast, 1, NULL);
    pair_wait(slow, "the other has its own", "open\n", "");
    pair_end(&slow);
    pair_end(&fast);
    rig_stop(&rig);
}

/* The other one's durations pass meanwhile. */
static void no_beat_at_all(void **state)
{
    struct ws_ops ops = pair_ops;
    struct rig rig;
    struct pair *quiet, *beating;

    (void)state;
    rig_start(&rig, beat_fast);
    ops.ping_every_ms = ops.silence_ms = WS_NEVER;
    quiet = pair_open(&rig, &ops, 0);
    beating = pair_open(&rig, &pair_ops, 0);
    pair_wait(beating, "silence", "open\nclose broken silent\n", NULL);
    pair_wait(quiet, "nothing at all", "open\n", "");
    ws_client_say(&quiet->client, TEXT, "a");
    pair_wait(quiet, "a message sets no deadline", "open\ntext a\n", "");
    pair_free(&beating);
    pair_end(&quiet);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pings_are_answered),
        cmocka_unit_test(nothing_is_answered),
        cmocka_unit_test(messages_are_signs_of_life),
        cmocka_unit_test(silence_while_paused),
        cmocka_unit_test(dead_while_paused),
        cmocka_unit_test(own_durations),
        cmocka_unit_test(no_beat_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
