/* SPDX-License-Identifier: MIT */
#include "relay_rig.h"

#define BAD_KEY     "{\"message\":\"Invalid or missing API key.\",\"code\":401}"
#define BAD_MESSAGE "{\"message\":\"Malformed message.\",\"code\":400}"
#define INTERNAL    "{\"message\":\"Internal error.\",\"code\":500}"
#define MOD_WELCOME "{\"status\":\"connected\",\"type\":\"mod\"}"
#define BOT_WELCOME "{\"status\":\"connected\",\"type\":\"bot\"}"

#define MOD_HANDSHAKE  "{\"type\":\"mod\",\"data\":{\"server_id\":\"s\",\"channel_id\":\"c\"}}"
#define BOT_HANDSHAKE  "{\"type\":\"bot\",\"data\":{\"bot_id\":\"b\"}}"
#define BOT_WITH(list) "{\"type\":\"bot\",\"data\":{\"bot_id\":\"b\",\"channels\":[" list "]}}"

#define FROM_MOD(id)                                                                               \
    "{\"msg_id\":\"" id "\",\"id\":\"s\",\"destination\":{\"channel_id\":\"c\"},"                  \
    "\"author\":{\"id\":\"a\"},\"content\":\"x\"}"
#define FROM_BOT(id, channel)                                                                      \
    "{\"msg_id\":\"" id "\",\"id\":\"" channel "\",\"author\":{\"id\":\"a\"},\"content\":\"x\"}"
#define ACK(number, status, side, id)                                                              \
    number " < {\"status\":\"" status "\",\"type\":\"" side "\",\"msg_id\":\"" id "\"}"

enum { HANDSHAKE_MS = 60000, JOIN_MS = 5000, ASK_MS = 1000, MOD_RENEW_MS = 60000 };

/* ---- the door ---------------------------------------------------------------------------------- */

static const struct {
    const char *name, *query, *header;
    enum auth_answer answer;
    const char *want[2];
} doors[] = {
    { "a key in the query", "k", NULL, AUTH_OK, { "check k", "upgrade" } },
    { "a key in the header", NULL, "k", AUTH_OK, { "check k", "upgrade" } },
    { "the query wins", "q", "h", AUTH_OK, { "check q", "upgrade" } },
    { "an empty query wins too", "", "h", AUTH_OK, { "401 " BAD_KEY } },
    { "no key", NULL, NULL, AUTH_OK, { "401 " BAD_KEY } },
    { "an empty header", NULL, "", AUTH_OK, { "401 " BAD_KEY } },
    { "a wrong key", "k", NULL, AUTH_REFUSED, { "check k", "401 " BAD_KEY } },
    { "too many failures",
      "k",
      NULL,
      AUTH_THROTTLED,
      { "check k", "429 {\"message\":\"Too many failed attempts.\",\"code\":429} 7" } },
    { "nobody can be asked",
      "k",
      NULL,
      AUTH_UNKNOWN,
      { "check k", "503 {\"message\":\"Try again later.\",\"code\":503} Retry-After" } },
};

static void end_upgrade(struct http_request *request)
{
    if (request->ops != NULL)
        request->ops->on_close(NULL, WS_ENDED_BROKEN, CLOSE_PEER_GONE, request->conn);
}

static void a_key_opens_the_door(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof doors / sizeof doors[0]; i++) {
        struct http_request request = { .query = doors[i].query, .header = doors[i].header };

        print_message("%s\n", doors[i].name);
        outcome.answer = doors[i].answer;
        outcome.retry_after_s = 7;
        rig_request(&request);
        rig_expect(doors[i].want[0], doors[i].want[1]);
        end_upgrade(&request);
        assert_int_equal(rig.identity.refs, 0);
    }
}

static void a_key_may_take_time_to_check(void **state)
{
    struct http_request request = { .query = "k" };
    struct auth_outcome good = { .answer = AUTH_OK, .identity = &rig.identity };

    (void)state;
    outcome.answer = AUTH_PENDING;
    rig_request(&request);
    rig_expect("check k");
    *check_slot = NULL;
    on_checked(&good, check_ctx);
    rig_expect("upgrade");
    end_upgrade(&request);
}

static void who_waits_may_go_away(void **state)
{
    struct http_request request = { .query = "k" };

    (void)state;
    outcome.answer = AUTH_PENDING;
    rig_request(&request);
    request.on_gone(request.gone_ctx);
    rig_expect("check k");
}

static void a_key_that_ends_before_the_upgrade_closes_at_once(void **state)
{
    struct http_request request = { .query = "k" };
    struct ws ws = { .number = 1 };

    (void)state;
    rig_request(&request);
    rig.held->on_end(rig.held);
    request.ops->on_open(&ws, request.conn);
    rig_expect("check k", "upgrade", "1 close key_revoked");
    request.ops->on_close(&ws, WS_ENDED_IN_ORDER, CLOSE_KEY_REVOKED, request.conn);
}

static void options_set_the_bounds(void **state)
{
    struct ws *ws;

    (void)state;
    relay_dialect.configure(rig.dialect);
    rig_expect("bounds 4 cap=8 live=1000 ttl=5000 grace=10000",
               "bounds 3 cap=8 live=1000 ttl=5000 grace=10000");
    ws = rig_open(1);
    assert_int_equal(ws->ops->message_max_bytes, 4096);
    rig_gone(&ws, WS_ENDED_BROKEN);
}

/* ---- the handshake ----------------------------------------------------------------------------- */

static void a_bad_handshake_is_answered_and_ends(void **state)
{
    struct ws *ws = rig_open(1);

    (void)state;
    rig_say(ws, "{\"type\":\"cat\",\"data\":{}}");
    rig_expect("1 < {\"message\":\"Unknown handshake.\",\"code\":400}", "1 close disconnecting");
    rig_say(ws, MOD_HANDSHAKE); /* too late */
    rig_gone(&ws, WS_ENDED_IN_ORDER);
    rig_expect(NULL);
}

static void a_binary_handshake_is_none(void **state)
{
    struct ws *ws = rig_open(1);

    (void)state;
    rig_say_as(ws, MOD_HANDSHAKE, WS_BINARY);
    rig_expect("1 < {\"message\":\"Malformed handshake.\",\"code\":400}", "1 close disconnecting");
    rig_gone(&ws, WS_ENDED_IN_ORDER);
}

static void a_handshake_has_its_time(void **state)
{
    struct ws *ws = rig_open(1);

    (void)state;
    rig_late(HANDSHAKE_MS);
    rig_expect("1 close handshake_late");
    assert_int_equal(rig.node.metrics.limits[LIMIT_HANDSHAKE_TIME], 1);
    rig_gone(&ws, WS_ENDED_IN_ORDER);
}

/* ---- mods -------------------------------------------------------------------------------------- */

static struct ws *open_mod(uint64_t number)
{
    struct ws *ws = rig_open(number);

    rig_say(ws, MOD_HANDSHAKE);
    rig_member(RESULT_OK, "");
    rig_server(RESULT_OK, "");
    rig_listening("c");
    assert_int_equal(rig.node.metrics.relay_mods, 1);
    buf_clear(&rig.notes);
    return ws;
}

static void a_mod_is_welcomed_when_its_channel_is_listened_to(void **state)
{
    struct ws *ws = rig_open(1);

    (void)state;
    rig_say(ws, MOD_HANDSHAKE);
    rig_expect("join c/s me/1", "touch c 125000");
    assert_true(ws->is_paused);
    rig_server(RESULT_OK, "");
    rig_expect(NULL);
    rig_member(RESULT_OK, "");
    rig_expect("listen m:c");
    rig_listening("c");
    rig_expect("1 < " MOD_WELCOME);
    assert_false(ws->is_paused);
    rig_gone(&ws, WS_ENDED_IN_ORDER);
    rig_expect("leave m:c in order", "part me/1");
}

static void a_mod_waits_until_its_bot_listens(void **state)
{
    struct ws *ws = rig_open(1);

    (void)state;
    rig_say(ws, MOD_HANDSHAKE);
    rig_member(RESULT_OK, "");
    rig_server(RESULT_OK, "other/9");
    rig_expect("join c/s me/1", "touch c 125000", "other ! relay-serve 9 me/1 c");
    rig_hear("relay-served", "2");
    rig_hear("relay-served", "nonsense");
    rig_expect(NULL);
    rig_hear("relay-served", "1");
    rig_expect("listen m:c");
    rig_hear("relay-served", "1"); /* twice is no harm */
    rig_listening("c");
    rig_expect("1 < " MOD_WELCOME);
    rig_gone(&ws, WS_ENDED_BROKEN);
    rig_expect("leave m:c broken", "part me/1 for a while");
}

/* A server that comes back goes on where it was, whatever other mods have settled since. */
static void a_mod_goes_on_at_its_own_mark(void **state)
{
    struct ws *ws = rig_open(1);

    (void)state;
    rig_say(ws, MOD_HANDSHAKE);
    rig_member_at(RESULT_OK, "other/5", 7);
    rig_server(RESULT_OK, "");
    rig_expect("join c/s me/1", "touch c 125000", "other ! relay-replace 5", "listen m:c after 7");
    rig_listening("c");
    rig_expect("mark s 7", "1 < " MOD_WELCOME);
    rig_gone(&ws, WS_ENDED_BROKEN);
    rig_expect("leave m:c broken", "part me/1 for a while");
}

static void a_mod_does_not_wait_for_ever(void **state)
{
    struct ws *ws = rig_open(1);

    (void)state;
    rig_say(ws, MOD_HANDSHAKE);
    rig_member(RESULT_OK, "");
    rig_server(RESULT_OK, "dead/9");
    buf_clear(&rig.notes);
    rig_late(ASK_MS);
    rig_expect("listen m:c");
    rig_gone(&ws, WS_ENDED_BROKEN);
}

static void a_bot_that_makes_no_sense_is_not_asked(void **state)
{
    struct ws *ws = rig_open(1);

    (void)state;
    rig_say(ws, MOD_HANDSHAKE);
    rig_member(RESULT_OK, "");
    rig_server(RESULT_OK, "nonsense");
    rig_expect("join c/s me/1", "touch c 125000", "listen m:c");
    rig_gone(&ws, WS_ENDED_BROKEN);
}

static void a_mod_replaces_its_older_connection(void **state)
{
    struct ws *ws = rig_open(1);

    (void)state;
    rig_say(ws, MOD_HANDSHAKE);
    rig_member(RESULT_OK, "other/5");
    rig_server(RESULT_OK, "");
    rig_expect("join c/s me/1", "touch c 125000", "other ! relay-replace 5", "listen m:c");
    rig_gone(&ws, WS_ENDED_BROKEN);
}

static void a_replaced_mod_goes(void **state)
{
    struct ws *ws = open_mod(1);

    (void)state;
    rig_hear("relay-replace", "2");
    rig_expect(NULL);
    rig_hear("relay-replace", "1");
    rig_expect("leave m:c broken", "part me/1 for a while", "1 close replaced");
    rig_hear("relay-replace", "1");
    rig_gone(&ws, WS_ENDED_IN_ORDER);
    rig_expect(NULL);
}

static void a_mod_keeps_its_place_and_channel_up(void **state)
{
    struct ws *ws = open_mod(1);

    (void)state;
    rig_late(MOD_RENEW_MS);
    rig_expect("stay me/1", "touch c 125000");
    rig_stayed(RESULT_OK);
    rig_late(MOD_RENEW_MS);
    rig_expect("stay me/1", "touch c 125000");
    rig_stayed(RESULT_UNAVAILABLE);
    rig_late(MOD_RENEW_MS);
    rig_expect("stay me/1", "touch c 125000");
    rig_stayed(RESULT_CONFLICT); /* the notice did not arrive */
    rig_expect("leave m:c broken", "part me/1 for a while", "1 close replaced");
    rig_gone(&ws, WS_ENDED_IN_ORDER);
}

static void without_a_store_no_mod_is_welcomed(void **state)
{
    struct ws *ws = rig_open(1);

    (void)state;
    rig_say(ws, MOD_HANDSHAKE);
    buf_clear(&rig.notes);
    rig_member(RESULT_UNAVAILABLE, "");
    rig_expect("1 < " INTERNAL, "part me/1 for a while", "1 close disconnecting");
    rig_gone(&ws, WS_ENDED_IN_ORDER);
    ws = rig_open(2);
    rig_say(ws, MOD_HANDSHAKE);
    buf_clear(&rig.notes);
    rig_server(RESULT_UNCERTAIN, "");
    rig_expect("2 < " INTERNAL, "part me/2 for a while", "2 close disconnecting");
    rig_gone(&ws, WS_ENDED_IN_ORDER);
}

static void a_mod_may_go_at_every_step(void **state)
{
    (void)state;
    for (int steps = 0; steps < 5; steps++) {
        struct ws *ws = rig_open(1);

        if (steps > 0)
            rig_say(ws, MOD_HANDSHAKE);
        if (steps > 1)
            rig_member(RESULT_OK, "");
        if (steps > 2)
            rig_server(RESULT_OK, "other/9");
        if (steps > 3)
            rig_hear("relay-served", "1");
        rig_gone(&ws, WS_ENDED_BROKEN);
        assert_int_equal(rig_ops_waiting(), 0);
    }
}

static void a_step_that_hangs_ends_the_connection(void **state)
{
    struct ws *ws = rig_open(1);

    (void)state;
    rig_say(ws, MOD_HANDSHAKE);
    rig_member(RESULT_OK, "");
    rig_server(RESULT_OK, "");
    buf_clear(&rig.notes);
    rig_late(JOIN_MS);
    rig_expect("1 < " INTERNAL, "leave m:c broken", "part me/1 for a while",
               "1 close disconnecting");
    rig_gone(&ws, WS_ENDED_IN_ORDER);
}

static void who_only_answers_our_close_may_come_back(void **state)
{
    static const enum close_reason ours[] = { CLOSE_GOING_AWAY, CLOSE_TOO_BIG, CLOSE_SLOW_READER };

    (void)state;
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        struct ws *ws = open_mod(1);

        rig_ended(&ws, WS_ENDED_IN_ORDER, ours[i]);
        rig_expect("leave m:c broken", "part me/1 for a while");
    }
}

static void a_revoked_key_ends_its_connections(void **state)
{
    struct ws *ws = open_mod(1);

    (void)state;
    rig.held->on_end(rig.held);
    rig_expect("leave m:c in order", "part me/1", "1 close key_revoked");
    rig_gone(&ws, WS_ENDED_IN_ORDER);
}

/* ---- messages ---------------------------------------------------------------------------------- */

static void every_message_is_acknowledged_in_its_place(void **state)
{
    struct ws *ws = open_mod(1);

    (void)state;
    rig_say(ws, FROM_MOD("1"));
    rig_say(ws, "nonsense");
    rig_say(ws, FROM_MOD("2"));
    rig_say(ws, FROM_MOD("3"));
    rig_say_as(ws, FROM_MOD("4"), WS_BINARY);
    rig_expect("append b:r/c", "append b:r/c", "append b:r/c");
    rig_appended_after(1, RESULT_OK, 0);
    rig_expect(NULL);
    rig_appended(RESULT_OK, 1);
    rig_expect(ACK("1", "completed", "mod", "1"), "1 < " BAD_MESSAGE,
               ACK("1", "queued", "mod", "2"));
    rig_appended(RESULT_UNAVAILABLE, 0);
    rig_expect(ACK("1", "failed", "mod", "3"), "1 < " BAD_MESSAGE);
    assert_int_equal(rig.node.metrics.relay_messages[0][0], 1);
    assert_int_equal(rig.node.metrics.relay_messages[0][1], 1);
    assert_int_equal(rig.node.metrics.relay_messages[0][2], 1);
    assert_int_equal(rig.node.metrics.relay_malformed, 2);
    rig_gone(&ws, WS_ENDED_IN_ORDER);
}

static void what_may_not_have_been_stored_has_failed(void **state)
{
    struct ws *ws = open_mod(1);

    (void)state;
    rig_say(ws, FROM_MOD("1"));
    rig_appended(RESULT_UNCERTAIN, 0);
    rig_expect("append b:r/c", ACK("1", "failed", "mod", "1"));
    rig_gone(&ws, WS_ENDED_IN_ORDER);
}

static void a_sender_may_go_before_its_acknowledgements(void **state)
{
    struct ws *ws = open_mod(1);

    (void)state;
    for (int i = 0; i < 3; i++)
        rig_say(ws, FROM_MOD("1"));
    rig_gone(&ws, WS_ENDED_BROKEN);
    assert_int_equal(rig_ops_waiting(), 0);
}

static void too_many_messages_at_a_time_pause_the_sender(void **state)
{
    struct ws *ws = open_mod(1);

    (void)state;
    for (int i = 0; i < 1024; i++) {
        assert_false(ws->is_paused);
        rig_say(ws, FROM_MOD("1"));
    }
    assert_true(ws->is_paused);
    for (int i = 0; i < 512; i++) {
        assert_true(ws->is_paused);
        rig_appended(RESULT_OK, 1);
    }
    assert_false(ws->is_paused);
    rig_gone(&ws, WS_ENDED_IN_ORDER);
}

static void large_messages_pause_the_sender_sooner(void **state)
{
    struct ws *ws = open_mod(1);
    struct buf text;

    (void)state;
    buf_init(&text, 4 << 20);
    buf_add_text(&text, "{\"msg_id\":\"1\",\"id\":\"s\",\"destination\":{\"channel_id\":\"c\"},"
                        "\"author\":{\"id\":\"a\"},\"content\":\"");
    memset(buf_reserve(&text, 2 << 20), 'x', 2 << 20);
    text.len += 2 << 20;
    buf_add(&text, "\"}", 3);
    for (int i = 0; i < 4; i++) {
        assert_false(ws->is_paused);
        rig_say(ws, text.data);
    }
    assert_true(ws->is_paused);
    rig_appended(RESULT_OK, 1);
    assert_true(ws->is_paused);
    rig_appended(RESULT_OK, 1);
    rig_appended(RESULT_OK, 1);
    assert_false(ws->is_paused);
    buf_fini(&text);
    rig_gone(&ws, WS_ENDED_IN_ORDER);
}

/* ---- bots -------------------------------------------------------------------------------------- */

static struct ws *open_bot(uint64_t number, const char *channels)
{
    struct ws *ws = rig_open(number);

    rig_say(ws, BOT_HANDSHAKE);
    rig_claim("take", RESULT_OK, 1, "");
    rig_view(RESULT_OK, 1, channels, "");
    for (const char *at = channels; *at != '\0'; at++)
        rig_listening((char[]){ *at, '\0' });
    assert_int_equal(rig.node.metrics.relay_bots, 1);
    buf_clear(&rig.notes);
    return ws;
}

static void drop_bot(struct ws **ws)
{
    rig_gone(ws, WS_ENDED_IN_ORDER);
    rig_claim("release", RESULT_OK, 0, "");
}

static void a_bot_is_welcomed_when_all_its_channels_are_listened_to(void **state)
{
    struct ws *ws = rig_open(1);

    (void)state;
    rig_say(ws, BOT_HANDSHAKE);
    rig_expect("take me/1 0");
    rig_claim("take", RESULT_OK, 1, "");
    rig_expect("view me/1");
    rig_view(RESULT_OK, 1, "ab", "c");
    rig_expect("listen b:a", "listen b:b");
    rig_listening("b");
    assert_int_equal(rig_offer("b", "early"), HUB_FULL); /* not before the welcome */
    rig_expect(NULL);
    rig_listening("a");
    rig_expect("1 < " BOT_WELCOME, "resume b");
    assert_int_equal(rig_offer("b", "early"), HUB_WRITTEN);
    rig_expect("1 < early");
    assert_int_equal(rig.node.metrics.relay_delivered[0], 1);
    rig_gone(&ws, WS_ENDED_IN_ORDER);
    rig_expect("leave b:a in order", "leave b:b in order", "release me/1");
    rig_claim("release", RESULT_OK, 2, "");
    rig_expect(NULL);
}

static void a_bot_without_channels_to_serve_is_welcomed_at_once(void **state)
{
    struct ws *ws = rig_open(1);

    (void)state;
    rig_say(ws, BOT_HANDSHAKE);
    rig_claim("take", RESULT_OK, 1, "");
    rig_view(RESULT_OK, 1, "", "");
    rig_expect("take me/1 0", "view me/1", "1 < " BOT_WELCOME);
    drop_bot(&ws);
}

static void a_second_bot_is_refused(void **state)
{
    struct ws *ws = rig_open(1);

    (void)state;
    rig_say(ws, BOT_HANDSHAKE);
    rig_claim("take", RESULT_CONFLICT, 0, "");
    rig_expect("take me/1 0", "1 < {\"message\":\"Bot already connected.\",\"code\":409}",
               "1 close disconnecting");
    rig_gone(&ws, WS_ENDED_IN_ORDER);
    rig_expect(NULL); /* it has nothing to give back */
}

static void a_claim_of_which_nothing_is_known_is_given_back(void **state)
{
    struct ws *ws = rig_open(1);

    (void)state;
    rig_say(ws, BOT_HANDSHAKE);
    rig_claim("take", RESULT_UNCERTAIN, 0, "");
    rig_expect("take me/1 0", "1 < " INTERNAL, "release me/1", "1 close disconnecting");
    rig_gone(&ws, WS_ENDED_IN_ORDER);
    rig_claim("release", RESULT_UNAVAILABLE, 0, "");
}

static void a_bot_with_channels_has_the_bot_of_the_rest_yield(void **state)
{
    struct ws *ws = rig_open(1);

    (void)state;
    rig_say(ws, BOT_WITH("\"y\",\"x\",\"y\""));
    rig_expect("take me/1 2 x");
    rig_claim("take", RESULT_OK, 1, "other/9");
    rig_expect("other ! relay-serve 9 me/1");
    rig_hear("relay-served", "1");
    rig_expect("listen b:x", "listen b:y");
    rig_listening("x");
    rig_listening("y");
    rig_expect("1 < " BOT_WELCOME);
    rig_gone(&ws, WS_ENDED_IN_ORDER);
    rig_expect("leave b:x in order", "leave b:y in order", "release me/1");
    rig_claim("release", RESULT_OK, 2, "other/9");
    rig_expect("other ! relay-serve 9 me/1"); /* it is the rest again */
}

static void a_bot_speaks_to_its_own_channels(void **state)
{
    struct ws *ws = rig_open(1);

    (void)state;
    rig_say(ws, BOT_WITH("\"x\""));
    rig_claim("take", RESULT_OK, 1, "");
    rig_listening("x");
    buf_clear(&rig.notes);
    rig_say(ws, FROM_BOT("1", "y"));
    rig_say(ws, FROM_BOT("2", "x"));
    rig_appended(RESULT_OK, 0);
    rig_expect("1 < " BAD_MESSAGE, "append m:r/x", ACK("1", "queued", "bot", "2"));
    drop_bot(&ws);
    ws = open_bot(2, "");
    rig_say(ws, FROM_BOT("3", "y"));
    rig_appended(RESULT_OK, 2);
    rig_expect("append m:r/y", ACK("2", "completed", "bot", "3"));
    drop_bot(&ws);
}

static void a_channel_that_gets_a_mod_is_served(void **state)
{
    struct ws *ws = open_bot(1, "a");

    (void)state;
    rig_hear("relay-serve", "1 other/7 a");
    rig_expect("other ! relay-served 7"); /* it is already */
    rig_hear("relay-serve", "1 other/7 b c");
    rig_hear("relay-serve", "1 third/8 b c");
    rig_expect("listen b:b c");
    rig_listening("b c");
    rig_expect("other ! relay-served 7", "third ! relay-served 8");
    rig_hear("relay-serve", "5 other/7 d");
    rig_expect("other ! relay-served 7"); /* that bot has gone: do not wait */
    rig_hear("relay-serve", "nonsense");
    rig_hear("relay-serve", "1 nonsense d");
    rig_hear("relay-serve", "1 other/7 ");
    rig_expect(NULL);
    drop_bot(&ws);
}

static void who_asked_goes_on_when_the_bot_goes(void **state)
{
    struct ws *ws = open_bot(1, "");

    (void)state;
    rig_hear("relay-serve", "1 other/7 a");
    rig_hear("relay-serve", "1 other/8");
    buf_clear(&rig.notes);
    rig_gone(&ws, WS_ENDED_BROKEN);
    rig_expect("leave b:a broken", "other ! relay-served 7", "other ! relay-served 8",
               "release me/1");
    rig_claim("release", RESULT_OK, 0, "");
}

static void a_mod_may_come_before_the_bot_is_welcome(void **state)
{
    struct ws *ws = rig_open(1);

    (void)state;
    rig_say(ws, BOT_HANDSHAKE);
    rig_hear("relay-serve", "1 other/7 a");
    rig_hear("relay-serve", "1 other/8");
    rig_expect("take me/1 0", "listen b:a");
    rig_listening("a");
    rig_expect("other ! relay-served 7");
    rig_claim("take", RESULT_OK, 1, "");
    rig_view(RESULT_OK, 1, "a", "");
    rig_expect("view me/1", "other ! relay-served 8", "1 < " BOT_WELCOME);
    drop_bot(&ws);
}

static void the_rest_follows_the_claims_of_others(void **state)
{
    struct ws *ws = open_bot(1, "ab");

    (void)state;
    rig_hear("relay-serve", "1 other/7");
    rig_expect("view me/1");
    rig_hear("relay-serve", "1 third/8"); /* the look under way may be too early for this one */
    rig_view(RESULT_OK, 2, "a", "bx");
    rig_expect("leave b:b broken", "other ! relay-served 7", "view me/1");
    rig_view(RESULT_OK, 3, "ab", "x");
    rig_expect("listen b:b", "third ! relay-served 8");
    drop_bot(&ws);
}

static void a_renewal_shows_what_nobody_has_told(void **state)
{
    struct ws *ws = open_bot(1, "a");

    (void)state;
    rig_late(CLAIM_RENEW_EVERY_MS);
    rig_claim("renew", RESULT_OK, 1, "");
    rig_expect("renew me/1");
    rig_late(CLAIM_RENEW_EVERY_MS);
    rig_claim("renew", RESULT_OK, 2, "");
    rig_expect("renew me/1", "view me/1");
    rig_view(RESULT_UNAVAILABLE, 0, "", "");
    rig_late(CLAIM_RENEW_EVERY_MS);
    rig_claim("renew", RESULT_OK, 2, "");
    rig_expect("renew me/1", "view me/1"); /* it still has to look */
    rig_view(RESULT_OK, 2, "ab", "");
    rig_expect("listen b:b");
    drop_bot(&ws);
}

static void a_channel_that_is_no_longer_listed_ends_with_its_time(void **state)
{
    struct ws *ws = open_bot(1, "ab");

    (void)state;
    rig_hear("relay-serve", "1 other/7");
    rig_view(RESULT_OK, 2, "", ""); /* Redis has lost the list, say */
    rig_expect("view me/1", "other ! relay-served 7");
    rig.now_ms += 1001;
    rig_late(CLAIM_RENEW_EVERY_MS);
    rig_claim("renew", RESULT_OK, 2, "");
    rig_view(RESULT_OK, 2, "b", "");
    rig_expect("renew me/1", "view me/1", "leave b:a in order");
    drop_bot(&ws);
}

static void a_lost_claim_is_taken_again(void **state)
{
    struct ws *ws = open_bot(1, "a");

    (void)state;
    rig_late(CLAIM_RENEW_EVERY_MS);
    rig_claim("renew", RESULT_UNAVAILABLE, 0, "");
    rig_late(CLAIM_RENEW_EVERY_MS);
    rig_claim("renew", RESULT_NOT_FOUND, 0, "");
    rig_claim("take", RESULT_OK, 7, "");
    rig_view(RESULT_OK, 7, "a", "");
    rig_expect("renew me/1", "renew me/1", "take me/1 0", "view me/1");
    drop_bot(&ws);
}

static void a_bot_whose_place_another_has_taken_goes(void **state)
{
    struct ws *ws = open_bot(1, "a");

    (void)state;
    rig_late(CLAIM_RENEW_EVERY_MS);
    rig_claim("renew", RESULT_NOT_FOUND, 0, "");
    rig_claim("take", RESULT_CONFLICT, 0, "");
    rig_expect("renew me/1", "take me/1 0", "leave b:a broken", "1 close normal");
    rig_gone(&ws, WS_ENDED_IN_ORDER);
}

static void a_bot_may_go_at_every_step(void **state)
{
    (void)state;
    for (int steps = 0; steps < 5; steps++) {
        struct ws *ws = rig_open(1);

        if (steps > 0)
            rig_say(ws, BOT_HANDSHAKE);
        if (steps > 1)
            rig_claim("take", RESULT_OK, 1, "");
        if (steps > 2)
            rig_view(RESULT_OK, 1, "ab", "");
        if (steps > 3)
            rig_listening("a");
        rig_gone(&ws, WS_ENDED_BROKEN);
        assert_int_equal(rig_ops_waiting(), steps > 0); /* what gives the claim back */
        if (steps > 0)
            rig_claim("release", RESULT_OK, 0, "");
    }
}

static void the_node_may_stop_before_a_claim_is_given_back(void **state)
{
    struct ws *ws = open_bot(1, "a");

    (void)state;
    rig_gone(&ws, WS_ENDED_BROKEN);
    assert_int_equal(rig_ops_waiting(), 1); /* the fixture closes the dialect */
}

/* ---- deliveries -------------------------------------------------------------------------------- */

static void a_slow_socket_delays_what_was_taken(void **state)
{
    struct ws *ws = open_mod(1);

    (void)state;
    ws->is_slow = true;
    assert_int_equal(rig_offer("c", "one"), HUB_TAKEN);
    assert_int_equal(rig_offer("c", "two"), HUB_TAKEN);
    rig_expect("1 < one", "1 < two");
    ws->ops->on_drain(ws, ws->conn);
    rig_expect("written c");
    ws->ops->on_drain(ws, ws->conn); /* of an acknowledgement, say */
    rig_expect(NULL);
    assert_int_equal(rig.node.metrics.relay_delivered[1], 2);
    rig_gone(&ws, WS_ENDED_IN_ORDER);
}

static void a_full_socket_holds_up_all_channels(void **state)
{
    struct ws *ws = open_bot(1, "abc");

    (void)state;
    ws->is_slow = true;
    ws->room = 1;
    assert_int_equal(rig_offer("a", "one"), HUB_TAKEN);
    assert_int_equal(rig_offer("b", "two"), HUB_FULL);
    ws->room = -1;
    assert_int_equal(rig_offer("c", "three"), HUB_FULL); /* not past those who wait */
    assert_int_equal(rig_offer("a", "four"), HUB_FULL);
    rig_expect("1 < one");
    ws->ops->on_drain(ws, ws->conn);
    rig_expect("written a", "resume b", "resume c", "resume a");
    drop_bot(&ws);
}

static void thousands_of_channels_go_on_in_turn(void **state)
{
    struct ws *ws = open_bot(1, "");
    char text[32];

    (void)state;
    for (int i = 0; i < 3000; i++) {
        snprintf(text, sizeof text, "1 other/7 %d", i);
        rig_hear("relay-serve", text);
        snprintf(text, sizeof text, "%d", i);
        rig_listening(text);
    }
    ws->room = 0;
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof text, "%d", i);
        assert_int_equal(rig_offer(text, "x"), HUB_FULL);
    }
    buf_clear(&rig.notes);
    ws->ops->on_drain(ws, ws->conn);
    for (int i = 0; i < 32; i++) {
        snprintf(text, sizeof text, "resume %d\n", i);
        assert_memory_equal(rig.notes.data, text, strlen(text));
        buf_consume(&rig.notes, strlen(text));
    }
    rig_expect(NULL); /* the others have their turn a little later */
    rig_late(2);
    assert_memory_equal(rig.notes.data, "resume 32\n", 10);
    rig_offer("0", "x"); /* blocked again */
    buf_clear(&rig.notes);
    rig_late(2);
    rig_expect(NULL);
    drop_bot(&ws);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_start, rig_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_opens_the_door),
        TEST(a_key_may_take_time_to_check),
        TEST(who_waits_may_go_away),
        TEST(a_key_that_ends_before_the_upgrade_closes_at_once),
        TEST(options_set_the_bounds),
        TEST(a_bad_handshake_is_answered_and_ends),
        TEST(a_binary_handshake_is_none),
        TEST(a_handshake_has_its_time),
        TEST(a_mod_is_welcomed_when_its_channel_is_listened_to),
        TEST(a_mod_waits_until_its_bot_listens),
        TEST(a_mod_goes_on_at_its_own_mark),
        TEST(a_mod_does_not_wait_for_ever),
        TEST(a_bot_that_makes_no_sense_is_not_asked),
        TEST(a_mod_replaces_its_older_connection),
        TEST(a_replaced_mod_goes),
        TEST(a_mod_keeps_its_place_and_channel_up),
        TEST(without_a_store_no_mod_is_welcomed),
        TEST(a_mod_may_go_at_every_step),
        TEST(a_step_that_hangs_ends_the_connection),
        TEST(who_only_answers_our_close_may_come_back),
        TEST(a_revoked_key_ends_its_connections),
        TEST(every_message_is_acknowledged_in_its_place),
        TEST(what_may_not_have_been_stored_has_failed),
        TEST(a_sender_may_go_before_its_acknowledgements),
        TEST(too_many_messages_at_a_time_pause_the_sender),
        TEST(large_messages_pause_the_sender_sooner),
        TEST(a_bot_is_welcomed_when_all_its_channels_are_listened_to),
        TEST(a_bot_without_channels_to_serve_is_welcomed_at_once),
        TEST(a_second_bot_is_refused),
        TEST(a_claim_of_which_nothing_is_known_is_given_back),
        TEST(a_bot_with_channels_has_the_bot_of_the_rest_yield),
        TEST(a_bot_speaks_to_its_own_channels),
        TEST(a_channel_that_gets_a_mod_is_served),
        TEST(who_asked_goes_on_when_the_bot_goes),
        TEST(a_mod_may_come_before_the_bot_is_welcome),
        TEST(the_rest_follows_the_claims_of_others),
        TEST(a_renewal_shows_what_nobody_has_told),
        TEST(a_channel_that_is_no_longer_listed_ends_with_its_time),
        TEST(a_lost_claim_is_taken_again),
        TEST(a_bot_whose_place_another_has_taken_goes),
        TEST(a_bot_may_go_at_every_step),
        TEST(the_node_may_stop_before_a_claim_is_given_back),
        TEST(a_slow_socket_delays_what_was_taken),
        TEST(a_full_socket_holds_up_all_channels),
        TEST(thousands_of_channels_go_on_in_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
