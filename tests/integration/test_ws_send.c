/* SPDX-License-Identifier: MIT */
/* Sending to clients that read at once, later, slowly, or never; over TCP with small buffers. */
#include "ws_rig.h"

enum {
    SMALL_BUFFER = 4096,
    LARGE = 500000, /* goes out in some hundred parts, and is more than may wait */
};

static void close_soon(struct config *config)
{
    config->write_timeout_ms = 200;
}

static enum ws_sent send_large(struct pair *pair, size_t len)
{
    struct frame *frame = frame_create(len);
    enum ws_sent sent;

    memset(frame->data, 'x', len);
    sent = ws_send(pair->ws, frame, WS_BINARY);
    frame_unref(&frame);
    return sent;
}

/* The socket is full, and a part of a frame waits. */
static struct pair *open_full(struct rig *rig, const struct ws_ops *ops)
{
    struct pair *pair = pair_open(rig, ops, SMALL_BUFFER);

    pair->reads_itself = true;
    for (int i = 0; i < 1000; i++)
        if (send_large(pair, 60000) == WS_QUEUED)
            break;
    assert_true(ws_pending_bytes(pair->ws) >= 60000);
    assert_int_equal(ws_pending_bytes(pair->ws), rig->node.metrics.ws_pending_bytes);
    return pair;
}

/* One large frame, which is beyond the bound, but the queue is empty: a part of it waits. */
static struct pair *open_in_parts(struct rig *rig)
{
    struct pair *pair = pair_open(rig, &pair_ops, SMALL_BUFFER);

    pair->reads_itself = true;
    assert_int_equal(WS_QUEUED, send_large(pair, LARGE));
    return pair;
}

static void written_at_once(void **state)
{
    struct rig rig;
    struct pair *pair;

    (void)state;
    rig_start(&rig, NULL);
    pair = pair_open(&rig, &pair_ops, 0);
    assert_int_equal(WS_WRITTEN, send_text(pair, "hello"));
    assert_int_equal(0, ws_pending_bytes(pair->ws));
    pair_wait(pair, "written", "open\n", "text hello\n");
    ws_answer(pair->ws, SLICE_LITERAL("answer"));
    pair_wait(pair, "answered", "open\ndrain\n", "text hello\ntext answer\n");
    pair_end(&pair);
    rig_stop(&rig);
}

/* The first of a turn goes out at once, the others together at its end; then on_drain comes. */
static void burst(void **state)
{
    struct rig rig;
    struct pair *pair;

    (void)state;
    rig_start(&rig, NULL);
    pair = pair_open(&rig, &pair_ops, 0);
    assert_int_equal(WS_WRITTEN, send_text(pair, ""));
    assert_int_equal(WS_QUEUED, send_large(pair, 125));
    assert_int_equal(WS_QUEUED, send_large(pair, 126));
    assert_int_equal(WS_QUEUED, send_large(pair, 32768));
    assert_int_not_equal(0, ws_pending_bytes(pair->ws));
    pair_wait(pair, "lengths", "open\ndrain\n",
              "text\nbinary 125 bytes\nbinary 126 bytes\nbinary 32768 bytes\n");
    assert_int_equal(0, ws_pending_bytes(pair->ws));
    assert_int_equal(WS_WRITTEN, send_large(pair, 65535));
    assert_int_equal(WS_QUEUED, send_text(pair, "last words"));
    ws_close(pair->ws, CLOSE_NORMAL);
    pair_wait(pair, "the end", "open\ndrain\ndrain\n",
              "text\nbinary 125 bytes\nbinary 126 bytes\nbinary 32768 bytes\n"
              "binary 65535 bytes\ntext last words\nclose 1000\n");
    pair_end(&pair);
    rig_stop(&rig);
}

/* What is written is counted as written only when the kernel has all of it. */
static void part_of_a_frame(void **state)
{
    struct rig rig;
    struct pair *pair;

    (void)state;
    rig_start(&rig, NULL);
    pair = open_in_parts(&rig);
    assert_true(ws_pending_bytes(pair->ws) >= LARGE);
    turns(&rig, 50);
    pair_wait(pair, "not drained", "open\n", NULL);
    assert_int_equal(WS_FULL, send_text(pair, "not behind so much"));
    pair->reads_itself = false;
    pair_wait(pair, "drained", "open\ndrain\n", "binary 500000 bytes\n");
    assert_int_equal(WS_WRITTEN, send_text(pair, "next"));
    pair_end(&pair);
    rig_stop(&rig);
}

/* They come behind what waits, however much that is, and before the close frame. */
static void last_words_pass_the_bound(void **state)
{
    struct frame *frame = frame_of(SLICE_LITERAL("last words"));
    struct rig rig;
    struct pair *pair;

    (void)state;
    rig_start(&rig, NULL);
    pair = open_in_parts(&rig);
    assert_int_equal(WS_FULL, send_text(pair, "too much"));
    ws_send_last(pair->ws, frame, WS_TEXT);
    ws_close(pair->ws, CLOSE_NORMAL);
    ws_send_last(pair->ws, frame, WS_TEXT); /* too late */
    pair->reads_itself = false;
    pair_wait(pair, "the end", "open\ndrain\n",
              "binary 500000 bytes\ntext last words\nclose 1000\n");
    frame_unref(&frame);
    pair_end(&pair);
    rig_stop(&rig);
}

static void bound_and_order(void **state)
{
    struct buf want;
    struct rig rig;
    struct pair *pair;
    char text[32];
    int count = 0;

    (void)state;
    rig_start(&rig, NULL);
    rig.config.ws_pending_max = 200000;
    pair = open_full(&rig, &pair_ops);
    buf_init(&want, 1 << 20);
    for (uint64_t i = 0; i < rig.node.metrics.ws_messages_out; i++)
        buf_add_text(&want, "binary 60000 bytes\n");
    while (snprintf(text, sizeof text, "number %d", count), send_text(pair, text) == WS_QUEUED) {
        buf_printf(&want, "text %s\n", text);
        count++;
    }
    assert_true(count > 1000);
    assert_true(ws_pending_bytes(pair->ws) <= 200000);
    assert_int_equal(1, rig.node.metrics.limits[LIMIT_WS_PENDING]);
    buf_add_byte(&want, '\0');
    while (!ws_client_has(&pair->client, want.data)) {
        ws_client_read(&pair->client, 777);
        turns(&rig, 1);
        if (pair->client.lines.len >= want.len)
            fail_msg("the order is wrong");
    }
    pair_wait(pair, "drained", "open\ndrain\n", NULL);
    buf_fini(&want);
    pair_end(&pair);
    rig_stop(&rig);
}

struct late_sender {
    uv_prepare_t prepare;
    uv_timer_t guard;
    struct pair *pair;
    bool is_armed, is_late;
};

static void on_before_poll(uv_prepare_t *prepare)
{
    struct late_sender *sender = prepare->data;

    if (!sender->is_armed)
        return;
    sender->is_armed = false;
    assert_int_equal(WS_WRITTEN, send_text(sender->pair, "first"));
    assert_int_equal(WS_QUEUED, send_text(sender->pair, "second"));
}

static void on_guard(uv_timer_t *guard)
{
    struct late_sender *sender = guard->data;

    sender->is_late = true;
}

/* As the store does, which ends operations right before the loop waits: what was started first is
 * called last, so behind the host. */
static void sender_start(struct late_sender *sender, struct rig *rig)
{
    struct why why = { "" };

    ws_host_destroy(&rig->host);
    while (uv_run(&rig->loop, UV_RUN_NOWAIT) != 0)
        ;
    uv_prepare_init(&rig->loop, &sender->prepare);
    uv_timer_init(&rig->loop, &sender->guard);
    sender->prepare.data = sender->guard.data = sender;
    uv_prepare_start(&sender->prepare, on_before_poll);
    rig->host = ws_host_create(&rig->node, &why);
}

static void burst_behind_the_end_of_a_turn(void **state)
{
    struct late_sender sender = { .is_armed = false };
    struct rig rig;

    (void)state;
    rig_start(&rig, NULL);
    sender_start(&sender, &rig);
    sender.pair = pair_open(&rig, &pair_ops, 0);
    turns(&rig, 10);
    sender.is_armed = true;
    uv_timer_start(&sender.guard, on_guard, 1000, 0);
    uv_run(&rig.loop, UV_RUN_ONCE);
    assert_false(sender.is_armed);
    assert_false(sender.is_late); /* it did not wait with the second one in hand */
    pair_wait(sender.pair, "both", "open\ndrain\n", "text first\ntext second\n");
    uv_close((uv_handle_t *)&sender.prepare, NULL);
    uv_close((uv_handle_t *)&sender.guard, NULL);
    pair_end(&sender.pair);
    rig_stop(&rig);
}

static void answers_pass_the_bound(void **state)
{
    static char answer[1000];
    struct rig rig;
    struct pair *pair;
    size_t most = 0;

    (void)state;
    rig_start(&rig, NULL);
    pair = open_full(&rig, &pair_ops);
    while (send_large(pair, 900) == WS_QUEUED)
        ;
    memset(answer, 'a', sizeof answer);
    while (rig.node.metrics.limits[LIMIT_WS_PENDING] == 1) {
        ws_answer(pair->ws, (struct slice){ answer, sizeof answer });
        assert_int_equal(0, pair->closed);
        most = ws_pending_bytes(pair->ws) > most ? ws_pending_bytes(pair->ws) : most;
    }
    assert_in_range(most, 64 * 1024 + 60000, 128 * 1024);
    pair_wait(pair, "slow", "open\nclose broken slow_reader\n", NULL);
    pair_end(&pair);
    rig_stop(&rig);
}

static void never_reads(void **state)
{
    struct rig rig;
    struct pair *pair;

    (void)state;
    rig_start(&rig, close_soon);
    pair = open_full(&rig, &pair_ops);
    pair_wait(pair, "cut", "open\nclose broken slow_reader\n", NULL);
    assert_int_equal(1, rig.node.metrics.limits[LIMIT_WRITE_TIME]);
    assert_int_equal(1, rig.node.metrics.ws_closed[CLOSE_SLOW_READER]);
    ws_client_read(&pair->client, SIZE_MAX);
    assert_non_null(memmem(pair->client.lines.data, pair->client.lines.len, "reset\n", 6));
    pair_free(&pair);
    rig_stop(&rig);
}

/* One frame that takes several times --write-timeout, because the client is slow; but it reads. */
static void reads_slowly(void **state)
{
    struct rig rig;
    struct pair *pair;
    uint64_t start, read = 0;

    (void)state;
    rig_start(&rig, close_soon);
    pair = pair_open(&rig, &pair_ops, SMALL_BUFFER);
    pair->reads_itself = true;
    assert_int_equal(WS_QUEUED, send_large(pair, 20000000));
    for (start = uv_now(&rig.loop); uv_now(&rig.loop) < start + 1000;) {
        if (read < (uv_now(&rig.loop) - start) * 300) { /* 300 KB a second */
            ws_client_read(&pair->client, 5000);
            read += 5000;
        }
        turns(&rig, 1);
        assert_int_equal(0, pair->closed);
    }
    pair_wait(pair, "and stops", "open\nclose broken slow_reader\n", NULL);
    pair_free(&pair);
    rig_stop(&rig);
}

static void close_behind_the_queue(void **state)
{
    struct rig rig;
    struct pair *pair;
    size_t len;

    (void)state;
    rig_start(&rig, NULL);
    pair = open_full(&rig, &pair_ops);
    assert_int_equal(WS_QUEUED, send_text(pair, "last"));
    ws_close(pair->ws, CLOSE_KEY_REVOKED);
    assert_int_equal(WS_FULL, send_text(pair, "later"));
    ws_client_say(&pair->client, TEXT, "not read");
    turns(&rig, 20);
    assert_int_equal(0, pair->closed);
    pair->reads_itself = false;
    for (len = 0; len == 0 || pair->client.lines.data[len - 1] != '\n' ||
                  memmem(pair->client.lines.data, len, "close", 5) == NULL;
         len = pair->client.lines.len) {
        turns(&rig, 1);
        ws_client_read(&pair->client, SIZE_MAX);
    }
    assert_non_null(memmem(pair->client.lines.data, len,
                           "bytes\ntext last\nclose 1008 key revoked\n",
                           strlen("bytes\ntext last\nclose 1008 key revoked\n")));
    ws_client_say(&pair->client, CLOSE_, "\x03\xe8");
    pair_wait(pair, "answered", "open\ndrain\nclose in_order key_revoked\n", NULL);
    pair_free(&pair);
    rig_stop(&rig);
}

static void close_behind_a_stuck_queue(void **state)
{
    struct rig rig;
    struct pair *pair;

    (void)state;
    rig_start(&rig, close_soon);
    pair = open_full(&rig, &pair_ops);
    ws_close(pair->ws, CLOSE_KEY_REVOKED);
    pair_wait(pair, "cut", "open\nclose broken key_revoked\n", NULL);
    pair_free(&pair);
    rig_stop(&rig);
}

static void to_one_who_is_gone(void **state)
{
    struct rig rig;
    struct pair *pair;
    int i = 0;

    (void)state;
    rig_start(&rig, NULL);
    pair = pair_open(&rig, &pair_ops, 0);
    ws_client_reset(&pair->client);
    for (enum ws_sent sent = WS_WRITTEN; sent != WS_FULL; i++) {
        assert_true(i < 100);
        sent = send_text(pair, "anybody there?");
    }
    assert_int_equal(0, pair->closed); /* not inside of ws_send() */
    assert_int_equal(WS_FULL, send_text(pair, "really?"));
    pair_wait(pair, "gone", "open\nclose broken peer_gone\n", NULL);
    pair_free(&pair);
    rig_stop(&rig);
}

/* The same when nothing is read from it: only the failed write tells. */
static void to_one_who_is_gone_and_paused(void **state)
{
    struct rig rig;
    struct pair *pair;

    (void)state;
    rig_start(&rig, NULL);
    pair = pair_open(&rig, &pair_ops, 0);
    ws_pause(pair->ws);
    turns(&rig, 5);
    ws_client_reset(&pair->client);
    while (send_text(pair, "anybody there?") != WS_FULL)
        ;
    pair_wait(pair, "gone", "open\nclose broken peer_gone\n", NULL);
    pair_free(&pair);
    rig_stop(&rig);
}

static void gone_with_a_queue(void **state)
{
    struct rig rig;
    struct pair *pair;

    (void)state;
    rig_start(&rig, NULL);
    pair = open_full(&rig, &pair_ops);
    assert_int_equal(WS_QUEUED, send_text(pair, "a"));
    ws_client_reset(&pair->client);
    pair_wait(pair, "gone", "open\nclose broken peer_gone\n", NULL);
    pair_free(&pair);
    rig_stop(&rig);
}

/* A pong goes behind the frame that is being written, not into it. */
static void pong_and_partial(void **state)
{
    struct rig rig;
    struct pair *pair;

    (void)state;
    rig_start(&rig, NULL);
    pair = open_in_parts(&rig);
    ws_client_say(&pair->client, PING, "p");
    turns(&rig, 10);
    assert_int_equal(WS_FULL, send_text(pair, "no"));
    pair->reads_itself = false;
    pair_wait(pair, "both", "open\ndrain\n", "binary 500000 bytes\npong p\n");
    pair_end(&pair);
    rig_stop(&rig);
}

static void drained_and_close(struct ws *ws, void *conn)
{
    pair_on_drain(ws, conn);
    ws_close(ws, CLOSE_NORMAL);
}

static void drained_and_send(struct ws *ws, void *conn)
{
    struct pair *pair = conn;

    pair_on_drain(ws, conn);
    pair->ws = ws;
    if (pair->rig->node.metrics.ws_messages_out < 5)
        assert_int_equal(WS_QUEUED, send_large(pair, LARGE));
}

static void acts_when_drained(void **state)
{
    struct ws_ops sends = pair_ops, closes = pair_ops;
    struct rig rig;
    struct pair *pair;

    (void)state;
    rig_start(&rig, NULL);
    sends.on_drain = drained_and_send;
    pair = pair_open(&rig, &sends, SMALL_BUFFER);
    assert_int_equal(WS_QUEUED, send_large(pair, LARGE));
    pair_wait(pair, "five times", "open\ndrain\ndrain\ndrain\ndrain\ndrain\n", NULL);
    pair_end(&pair);
    closes.on_drain = drained_and_close;
    pair = pair_open(&rig, &closes, SMALL_BUFFER);
    assert_int_equal(WS_QUEUED, send_large(pair, LARGE));
    pair_wait(pair, "closes", "open\ndrain\n", "binary 500000 bytes\nclose 1000\n");
    pair_end(&pair);
    rig_stop(&rig);
}

/* The header is written in front of the same bytes for each. */
static void one_frame_for_many(void **state)
{
    struct frame *frame = frame_of(SLICE_LITERAL("for all"));
    struct pair *pairs[20];
    struct rig rig;

    (void)state;
    rig_start(&rig, NULL);
    for (int i = 0; i < 20; i++)
        pairs[i] = pair_open(&rig, &pair_ops, 0);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 20; i++)
            assert_int_equal(round == 0 ? WS_WRITTEN : WS_QUEUED,
                             ws_send(pairs[i]->ws, frame, i % 2 ? WS_BINARY : WS_TEXT));
    for (int i = 0; i < 20; i++) {
        pair_wait(pairs[i], "all", "open\ndrain\n",
                  i % 2 ? "binary for all\nbinary for all\n" : "text for all\ntext for all\n");
        pair_end(&pairs[i]);
    }
    assert_int_equal(1, frame->refs);
    frame_unref(&frame);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_at_once),
        cmocka_unit_test(burst),
        cmocka_unit_test(part_of_a_frame),
        cmocka_unit_test(last_words_pass_the_bound),
        cmocka_unit_test(bound_and_order),
        cmocka_unit_test(burst_behind_the_end_of_a_turn),
        cmocka_unit_test(answers_pass_the_bound),
        cmocka_unit_test(never_reads),
        cmocka_unit_test(reads_slowly),
        cmocka_unit_test(close_behind_the_queue),
        cmocka_unit_test(close_behind_a_stuck_queue),
        cmocka_unit_test(to_one_who_is_gone),
        cmocka_unit_test(to_one_who_is_gone_and_paused),
        cmocka_unit_test(gone_with_a_queue),
        cmocka_unit_test(pong_and_partial),
        cmocka_unit_test(acts_when_drained),
        cmocka_unit_test(one_frame_for_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
