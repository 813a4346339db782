/* SPDX-License-Identifier: MIT */
/* What back ends say over HTTP and on lists: first it is stored, then it is announced, then they are told. */
#include "architus_rig.h"

#define G      "607637793107345431"
#define EVENTS "/api/v1/guilds/{}/events"
#define POOLS  "/api/v1/guilds/{}/pools/{}"
#define RIGHTS "/api/v1/guilds/{}/permissions"
#define ADD                                                                                        \
    "\"pool\":{\"type\":\"member\",\"op\":\"add\",\"id\":\"1111111\",\"entity\":{\"id\":"          \
    "\"1111111\"}}"
#define CHANGE "[\"log_pool\",{\"id\":\"8\",\"guild_id\":\"" G "\"," ADD "}]"

static struct http_request request(const char *body)
{
    return (struct http_request){
        .name = "r", .token = "good", .guild = G, .type = "member", .body = body
    };
}

/* ---- events --------------------------------------------------------------------------------------------- */

static void settings_are_not_announced_to_all(void **state)
{
    struct http_request r = request(
        "{\"id\":\"8\",\"pool\":{\"type\":\"settingValue\",\"op\":\"update\",\"id\":\"1111111\","
        "\"entity\":{\"id\":\"1111111\",\"secret\":1}}}");

    (void)state;
    rig_http(&r, HTTP_POST, EVENTS);
    rig_expect("change " G "/settingValue {\"id\":\"1111111\",\"secret\":1}");
    rig_done("change", RESULT_OK);
    rig_expect("emit to guild_" G " once 8: [\"log_pool\",{\"id\":\"8\",\"guild_id\":\"" G
               "\",\"pool\":{\"type\":\"settingValue\",\"op\":\"update\",\"id\":\"1111111\"}}]");
    rig_emitted(RESULT_OK, 1);
    rig_expect("r: 202 {\"results\":[{\"id\":\"8\",\"delivery\":\"live\"}]}");
}

static void ids_that_a_browser_rounds_become_texts(void **state)
{
    struct http_request events =
        request("{\"id\":8,\"action_number\":24,\"data\":{\"a\":[214037134477230080,1.5]}}");
    struct http_request pool = request("[{\"id\":214037134477230080,\"at\":9007199254740991}]");

    (void)state;
    rig_http(&events, HTTP_POST, EVENTS);
    rig_expect("emit to guild_" G "_logs once 8: [\"log_pool\",{\"id\":\"8\",\"guild_id\":\"" G
               "\",\"action_number\":24,\"data\":{\"a\":[\"214037134477230080\",1.5]}}]");
    rig_emitted(RESULT_OK, 0);
    rig_http(&pool, HTTP_PUT, POOLS);
    assert_non_null(strstr(rig.notes.data, "change " G "/member {\"id\":\"214037134477230080\","
                                           "\"at\":9007199254740991}"));
    rig_done("change", RESULT_OK);
    buf_clear(&rig.notes);
}

static void a_change_is_stored_then_announced(void **state)
{
    struct http_request r = request("{\"id\":\"8\",\"action_number\":24,\"data\":{}," ADD "}");

    (void)state;
    rig_http(&r, HTTP_POST, EVENTS);
    rig_expect("change " G "/member {\"id\":\"1111111\"}");
    rig_done("change", RESULT_OK);
    rig_expect("emit to guild_" G " once 8: " CHANGE);
    rig_emitted(RESULT_OK, 1);
    rig_expect("emit to guild_" G "_logs once 8: [\"log_pool\",{\"id\":\"8\",\"guild_id\":\"" G
               "\",\"action_number\":24,\"data\":{}," ADD "}]");
    rig_nodes(); /* who was changed may watch something */
    rig_expect("to n1: check " G, "to n2: check " G);
    rig_emitted(RESULT_OK, 0);
    rig_expect("r: 202 {\"results\":[{\"id\":\"8\",\"delivery\":\"live\"}]}");
}

static void what_is_repeated_is_looked_at_again(void **state)
{
    struct http_request r = request("{\"id\":\"8\"," ADD "}"), again = r;

    (void)state;
    rig_http(&r, HTTP_POST, EVENTS);
    rig_done("change", RESULT_OK);
    rig_emitted(RESULT_UNCERTAIN, 0);
    rig_http(&again, HTTP_POST, EVENTS);
    rig_done("change", RESULT_OK);
    buf_clear(&rig.notes);
    rig_emitted_before();
    rig_expect("r: 202 {\"results\":[{\"id\":\"8\",\"delivery\":\"queued\"}]}");
    rig_nodes();
    rig_expect("to n1: check " G, "to n2: check " G);
}

static void events_keep_their_order(void **state)
{
    struct http_request r =
        request("[{\"id\":\"8\"," ADD "},{\"id\":\"9\",\"action_number\":1,\"private\":true}]");

    (void)state;
    rig_http(&r, HTTP_POST, EVENTS);
    rig_expect("change " G "/member {\"id\":\"1111111\"}");
    rig_done("change", RESULT_OK);
    rig_emitted(RESULT_OK, 0);
    rig_expect("emit to guild_" G " once 8: " CHANGE,
               "emit to guild_" G "_plogs once 9: [\"log_pool\",{\"id\":\"9\",\"guild_id\":\"" G
               "\",\"private\":true,\"action_number\":1}]");
    rig_emitted(RESULT_OK, 2);
    rig_expect(
        "r: 202 {\"results\":[{\"id\":\"8\",\"delivery\":\"queued\"},{\"id\":\"9\",\"delivery\":"
        "\"live\"}]}");
}

static void an_id_is_made_where_there_is_none(void **state)
{
    struct http_request r = request("{\"action_number\":1}");

    (void)state;
    rig_http(&r, HTTP_POST, EVENTS);
    buf_clear(&rig.notes);
    rig_emitted(RESULT_OK, 0);
    /* (1800000000000 - 1420070400000) << 22 | 0xa1 << 12 */
    rig_expect("r: 202 {\"results\":[{\"id\":\"1593540240999059456\",\"delivery\":\"queued\"}]}");
}

static void users_are_kept_guilds_only_announced(void **state)
{
    struct http_request r = request(
        "[{\"id\":\"8\",\"pool\":{\"type\":\"user\",\"op\":\"remove\",\"id\":\"1111111\"}},"
        "{\"id\":\"9\",\"pool\":{\"type\":\"guild\",\"op\":\"remove\",\"id\":\"1111111\"}}]");

    (void)state;
    rig_http(&r, HTTP_POST, EVENTS);
    rig_expect("keep no user 1111111 ");
    rig_done("keep", RESULT_OK);
    rig_emitted(RESULT_OK, 0);
    rig_emitted(RESULT_OK, 0);
    buf_clear(&rig.notes);
}

static const struct {
    const char *name;
    enum result result;
    const char *want;
} store_failures[] = {
    { "full", RESULT_REFUSED, "r: 413 The pool is full." },
    { "away", RESULT_UNAVAILABLE, "r: 503 The store is unavailable." },
    { "silent", RESULT_UNCERTAIN, "r: 503 The store did not answer: it may have happened." },
};

static void what_fails_is_not_announced(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof store_failures / sizeof store_failures[0]; i++) {
        struct http_request r = request("{\"id\":\"8\"," ADD "}");

        rig_http(&r, HTTP_POST, EVENTS);
        buf_clear(&rig.notes);
        rig_done("change", store_failures[i].result);
        rig_expect(store_failures[i].want);
    }
    assert_int_equal(rig.node.metrics.limits[LIMIT_POOL], 1);
}

static void announcing_may_fail(void **state)
{
    struct http_request r = request("{\"id\":\"8\",\"action_number\":1}");

    (void)state;
    rig_http(&r, HTTP_POST, EVENTS);
    buf_clear(&rig.notes);
    rig_emitted(RESULT_UNAVAILABLE, 0);
    rig_expect("r: 503 The store is unavailable.");
}

static void the_back_end_may_go(void **state)
{
    struct http_request r = request("{\"id\":\"8\"," ADD "}"),
                        s = request("[{\"id\":\"1111111\"}]");

    (void)state;
    rig_http(&r, HTTP_POST, EVENTS);
    rig_http_gone(&r);
    s.full = "1";
    rig_http(&s, HTTP_PUT, POOLS);
    rig_http_gone(&s);
    rig_expect("change " G "/member {\"id\":\"1111111\"}", "cancel change",
               "stage " G "/member {\"id\":\"1111111\"}", "cancel stage");
}

/* ---- what is refused ---------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum http_method method;
    const char *path, *token, *guild, *type, *body;
    const char *want;
} refused[] = {
    { "no token", HTTP_POST, EVENTS, NULL, G, NULL, "{}", "r: 401 Missing credentials." },
    { "a wrong token", HTTP_POST, EVENTS, "bad", G, NULL, "{}", "r: 403 Invalid credentials." },
    { "no guild", HTTP_POST, EVENTS, "good", "x", NULL, "{}", "r: 400 Invalid guild id." },
    { "no JSON", HTTP_POST, EVENTS, "good", G, NULL, "{", "r: 400 The body is no JSON." },
    { "an empty event", HTTP_POST, EVENTS, "good", G, NULL, "{}",
      "r: 400 action_number or pool must be there" },
    { "one of many", HTTP_POST, EVENTS, "good", G, NULL, "[{\"action_number\":1},7]",
      "r: 400 an event must be an object" },
    { "no such pool", HTTP_PUT, POOLS, "good", G, "user", "[]", "r: 404 There is no such pool." },
    { "no entities", HTTP_PUT, POOLS, "good", G, "role", "{}",
      "r: 400 Entities must be an array of objects." },
    { "an entity without an id", HTTP_PUT, POOLS, "good", G, "role", "[{}]",
      "r: 400 An entity has no id." },
    { "no patch", HTTP_PATCH, POOLS, "good", G, "role", "[]",
      "r: 400 The body must be an object." },
    { "no ids", HTTP_PATCH, POOLS, "good", G, "role", "{\"remove\":[\"x\"]}",
      "r: 400 remove: must be an array of ids." },
    { "no rights", HTTP_PUT, RIGHTS, "good", G, NULL, "{\"1111111\":\"8\"}",
      "r: 400 Wanted: users or roles with bits, at most 5000." },
    { "rights of nobody", HTTP_PUT, RIGHTS, "good", G, NULL, "{\"x\":8}",
      "r: 400 Wanted: users or roles with bits, at most 5000." },
    { "no nonce", HTTP_POST, "/api/v1/nonces", "good", NULL, NULL, "{\"token\":\"t\"}",
      "r: 400 Wanted: a nonce (a number) and a token." },
    { "nobody to demote", HTTP_POST, "/api/v1/demote", "good", NULL, NULL, "{}",
      "r: 400 Wanted: a token or a user." },
    { "no object", HTTP_POST, "/api/v1/demote", "good", NULL, NULL, "[]",
      "r: 400 The body must be a JSON object." },
};

static void nonsense_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct http_request r = { .name = "r",
                                  .token = refused[i].token,
                                  .guild = refused[i].guild,
                                  .type = refused[i].type,
                                  .body = refused[i].body };

        rig_http(&r, refused[i].method, refused[i].path);
        rig_expect(refused[i].want);
    }
}

/* ---- pools ------------------------------------------------------------------------------------------------------ */

static void a_pool_is_replaced_at_once(void **state)
{
    struct http_request r = request("[{\"id\":\"1111111\"},{\"id\":\"2222222\"}]");

    (void)state;
    r.full = "1";
    rig_http(&r, HTTP_PUT, POOLS);
    rig_staged(RESULT_OK);
    rig_expect("stage " G "/member {\"id\":\"1111111\"} {\"id\":\"2222222\"}",
               "replace " G "/member by 2 if changed 99 times");
    rig_done("replace", RESULT_OK);
    rig_expect("r: 204");
    rig_nodes();
    rig_expect("to n1: check " G, "to n2: check " G);
}

static void a_pool_that_changes_meanwhile_is_not(void **state)
{
    struct http_request r = request("[]");

    (void)state;
    r.full = "1";
    r.type = "role";
    rig_http(&r, HTTP_PUT, POOLS);
    rig_done("replace", RESULT_CONFLICT);
    rig_expect("replace " G "/role by 0 if changed 0 times",
               "r: 409 The pool has changed meanwhile.");
}

static void large_changes_go_in_steps(void **state)
{
    struct http_request r = request(NULL);
    struct buf body;

    (void)state;
    buf_init(&body, NOTES_MAX);
    buf_add_text(&body, "{\"put\":[");
    for (int i = 0; i < 501; i++)
        buf_printf(&body, "%s{\"id\":%d}", i > 0 ? "," : "", 1111111 + i);
    buf_add_text(&body, "],\"remove\":[\"7777777\"],\"full\":true}");
    buf_add_byte(&body, '\0');
    r.body = body.data;
    r.type = "role";
    rig_http(&r, HTTP_PATCH, POOLS);
    rig_done("change", RESULT_OK);
    buf_clear(&rig.notes);
    rig_done("change", RESULT_OK);
    rig_expect("r: 204");
    buf_fini(&body);
}

static void a_pool_is_emptied(void **state)
{
    struct http_request r = request(NULL);

    (void)state;
    r.type = "role";
    rig_http(&r, HTTP_DELETE, POOLS);
    rig_done("replace", RESULT_OK);
    rig_expect("replace " G "/role by 0 if changed 0 times", "r: 204");
}

/* ---- people ------------------------------------------------------------------------------------------------------- */

static void rights_are_set_and_looked_at_again(void **state)
{
    struct http_request r = request("{\"owner\":\"1111111\",\"@everyone\":274,\"2222222\":1}");

    (void)state;
    rig_http(&r, HTTP_PUT, RIGHTS);
    rig_done("rights", RESULT_OK);
    rig_nodes();
    rig_expect("3 rights of " G, "r: 204", "to n1: check " G, "to n2: check " G);
}

static void nonces_are_kept(void **state)
{
    struct http_request r = request("{\"nonce\":2882343476,\"token\":\"a.b.c\"}");

    (void)state;
    rig_http(&r, HTTP_POST, "/api/v1/nonces");
    rig_done("keep", RESULT_OK);
    rig_expect("keep nonce 2882343476 a.b.c", "r: 204");
}

static void logins_are_ended_everywhere(void **state)
{
    struct http_request r = request("{\"user\":\"1111111\"}"), s = request("{\"token\":\"abc\"}");

    (void)state;
    rig_http(&r, HTTP_POST, "/api/v1/demote");
    rig_nodes();
    rig_http(&s, HTTP_POST, "/api/v1/demote");
    rig_nodes();
    rig_expect("to n1: user 1111111", "to n2: user 1111111", "r: 204",
               "to n1: token ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
               "to n2: token ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
               "r: 204");
}

static void a_login_that_goes_on_is_not_called_over(void **state)
{
    struct http_request r = request("{\"user\":\"1111111\"}"), s = request("{\"token\":\"abc\"}");

    (void)state;
    rig_http(&r, HTTP_POST, "/api/v1/demote");
    rig_no_nodes(RESULT_UNAVAILABLE);
    rig_http(&s, HTTP_POST, "/api/v1/demote");
    rig_no_nodes(RESULT_UNCERTAIN);
    assert_non_null(strstr(rig.notes.data, "r: 503"));
    assert_null(strstr(rig.notes.data, "204"));
    buf_clear(&rig.notes);
}

static void a_node_that_was_not_told_is_told_again(void **state)
{
    static const enum result results[][2] = {
        { RESULT_UNAVAILABLE, RESULT_OK },
        { RESULT_OK, RESULT_REFUSED },
        { RESULT_UNCERTAIN, RESULT_UNCERTAIN },
    };

    (void)state;
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
        struct http_request r = request("{\"user\":\"1111111\"}");

        rig_http(&r, HTTP_POST, "/api/v1/demote");
        rig_nodes_hear(results[i][0], results[i][1]);
        rig_expect("to n1: user 1111111", "to n2: user 1111111",
                   "r: 503 The store is unavailable.");
    }
}

static void whoever_goes_ends_the_login_all_the_same(void **state)
{
    struct http_request r = request("{\"user\":\"1111111\"}");

    (void)state;
    rig_http(&r, HTTP_POST, "/api/v1/demote");
    rig_http_gone(&r);
    rig_nodes();
    rig_expect("to n1: user 1111111", "to n2: user 1111111");
}

/* ---- lists ---------------------------------------------------------------------------------------------------------- */

static void workers_are_asked_on_lists(void **state)
{
    struct sio_socket *socket;

    (void)state;
    rig.config.architus_hook = NULL;
    rig.config.shards = 3;
    socket = rig_arrive(0, "s", &my_login, false);
    rig_say(socket, "[\"pool_request\",{\"type\":\"role\",\"guildId\":\"" G
                    "\",\"_id\":5,\"ids\":[\"1111111\"]}]");
    buf_clear(&rig.notes);
    rig_pool("missing");
    rig_expect(
        "follow sb:{inbox:default:00000000a1}:rpc",
        "push 1: "
        "{\"id\":\"00000000a1-1\",\"method\":\"pool_request\",\"args\":[\"214037134477230080\",\"" G
        "\",\"role\",[\"1111111\"]],\"kwargs\":{\"fetch\":true},\"guild_id\":\"" G
        "\",\"shard\":1,\"deadline\":1800000005000,\"reply\":\"sb:{inbox:default:00000000a1}:"
        "rpc\"}");
    rig_done("push", RESULT_OK);
    rig.topic->on_news(rig.topic, TOPIC_MESSAGE, SLICE_LITERAL("expire"), rig.topic->ctx);
    rig_letter("{\"id\":\"another\",\"sc\":200,\"resp\":{}}");
    rig_pass(250); /* and without being told */
    rig_letter("{\"id\":\"00000000a1-1\",\"sc\":200,\"resp\":{\"data\":[{\"id\":\"1111111\"}]}}");
    rig_done("fill", RESULT_OK);
    rig_expect(
        "look into sb:{inbox:default:00000000a1}:rpc",
        "look into sb:{inbox:default:00000000a1}:rpc", "fill " G "/role {\"id\":\"1111111\"}",
        "s < [\"pool_response\",{\"_id\":5,\"finished\":true,\"nonexistant\":[],\"data\":[{\"id\":"
        "\"1111111\"}]}]");
    rig_leave(socket, true);
}

static void an_answer_on_a_list_has_the_bound_of_a_hooks(void **state)
{
    struct sio_socket *socket;
    struct buf letter;

    (void)state;
    rig.config.architus_hook = NULL;
    socket = rig_arrive(0, "s", NULL, false);
    buf_init(&letter, 2 * HOOK_ANSWER_MAX);
    for (size_t more = 0; more < 2; more++) {
        buf_clear(&letter);
        buf_printf(&letter, "{\"id\":\"00000000a1-%zu\",\"sc\":200,\"resp\":{\"content\":\"",
                   more + 1);
        while (letter.len < HOOK_ANSWER_MAX + more - 3)
            buf_add_byte(&letter, 'x');
        buf_add_text(&letter, "\"}}");
        assert_int_equal(letter.len, HOOK_ANSWER_MAX + more);
        buf_add_byte(&letter, '\0');
        rig_say(socket, "[\"mock_user_event\",{\"guildId\":1}]");
        rig_taken(RESULT_OK);
        rig_done("push", RESULT_OK);
        buf_clear(&rig.notes);
        rig_pass(250);
        rig_letter(letter.data);
        assert_non_null(strstr(rig.notes.data, more == 0
                                                   ? "s < [\"mock_bot_event\",{\"content\":\"xxx"
                                                   : "\"code\":502"));
        buf_clear(&rig.notes);
    }
    buf_fini(&letter);
    rig_leave(socket, true);
}

static void workers_may_be_silent_or_too_busy(void **state)
{
    struct sio_socket *socket;

    (void)state;
    rig.config.architus_hook = NULL;
    socket = rig_arrive(0, "s", &my_login, false);
    rig_say(socket, "[\"pool_request\",{\"type\":\"role\",\"guildId\":\"" G
                    "\",\"_id\":5,\"ids\":[\"1111111\"]}]");
    rig_pool("missing");
    rig_done("push", RESULT_OK);
    buf_clear(&rig.notes);
    rig_pass(250);
    while (rig.op_count > 0) {
        rig_letter(NULL);
        rig_pass(250);
        if (strstr(rig.notes.data, "\"code\":504") != NULL)
            break;
    }
    assert_non_null(strstr(rig.notes.data, "\"finished\":true"));
    rig_say(socket, "[\"pool_request\",{\"type\":\"role\",\"guildId\":\"" G
                    "\",\"_id\":5,\"ids\":[\"1111111\"]}]");
    rig_pool("missing");
    buf_clear(&rig.notes);
    rig_done("push", RESULT_REFUSED);
    assert_non_null(strstr(rig.notes.data, "\"code\":503"));
    buf_clear(&rig.notes);
    assert_int_equal(rig.node.metrics.limits[LIMIT_ARCHITUS_CALLS], 1);
    assert_int_equal(rig.node.metrics.architus_running, 0);
    rig_leave(socket, true);
}

static void the_gateways_list_is_read(void **state)
{
    (void)state;
    rig_pass(2000);
    rig_expect_nothing();
    rig.has_tokens = true; /* from now on they are accepted */
    architus_app.configure(rig.app);
    rig_expect("follow sb:{rpc:default:gateway}:q");
    architus_app.configure(rig.app);
    rig_expect_nothing();
    rig_pass(2000);
    rig_letter("{\"id\":7,\"method\":\"register_nonce\",\"args\":[2882343476,\"a.b.c\"],\"reply\":"
               "\"sb:{inbox:x}:r\"}");
    rig_done("keep", RESULT_OK);
    rig_expect(
        "look into sb:{rpc:default:gateway}:q", "keep nonce 2882343476 a.b.c",
        "answer sb:{inbox:x}:r: {\"id\":7,\"sc\":200,\"resp\":{\"message\":\"registered\"}}");
    rig_pass(2000);
    rig_letter("{\"id\":8,\"method\":\"demote_connection\",\"args\":[\"abc\"],\"reply\":\"sb:{"
               "inbox:x}:r\"}");
    rig_nodes();
    rig_expect(
        "look into sb:{rpc:default:gateway}:q",
        "to n1: token ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "to n2: token ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "answer sb:{inbox:x}:r: {\"id\":8,\"sc\":200,\"resp\":{\"message\":\"demoted :)\"}}");
    rig_pass(2000);
    rig_letter("{\"id\":8,\"method\":\"demote_connection\",\"args\":[\"abc\"],\"reply\":\"sb:{"
               "inbox:x}:r\"}");
    rig_no_nodes(RESULT_UNAVAILABLE);
    rig_expect(
        "look into sb:{rpc:default:gateway}:q",
        "answer sb:{inbox:x}:r: {\"id\":8,\"sc\":503,\"resp\":{\"message\":\"unavailable\"}}");
    rig_pass(2000);
    rig_letter("{\"method\":\"register_nonce\",\"args\":[],\"reply\":\"sb:{inbox:x}:r\"}");
    rig_pass(2000);
    rig_letter("{\"id\":9,\"method\":\"_secret\",\"reply\":\"sb:{inbox:x}:r\"}");
    rig_pass(2000);
    rig_letter(
        "{\"id\":9,\"method\":\"x\",\"reply\":\"sb:{cred:x}:record\"}"); /* not a list of answers */
    rig_expect(
        "look into sb:{rpc:default:gateway}:q",
        "answer sb:{inbox:x}:r: {\"id\":null,\"sc\":400,\"resp\":{\"message\":\"invaild "
        "arguments\"}}",
        "look into sb:{rpc:default:gateway}:q",
        "answer sb:{inbox:x}:r: {\"id\":9,\"sc\":404,\"resp\":{\"message\":\"No such method\"}}",
        "look into sb:{rpc:default:gateway}:q");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_start, rig_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_change_is_stored_then_announced),
        TEST(settings_are_not_announced_to_all),
        TEST(ids_that_a_browser_rounds_become_texts),
        TEST(what_is_repeated_is_looked_at_again),
        TEST(events_keep_their_order),
        TEST(an_id_is_made_where_there_is_none),
        TEST(users_are_kept_guilds_only_announced),
        TEST(what_fails_is_not_announced),
        TEST(announcing_may_fail),
        TEST(the_back_end_may_go),
        TEST(nonsense_is_refused),
        TEST(a_pool_is_replaced_at_once),
        TEST(a_pool_that_changes_meanwhile_is_not),
        TEST(large_changes_go_in_steps),
        TEST(a_pool_is_emptied),
        TEST(rights_are_set_and_looked_at_again),
        TEST(nonces_are_kept),
        TEST(logins_are_ended_everywhere),
        TEST(a_login_that_goes_on_is_not_called_over),
        TEST(a_node_that_was_not_told_is_told_again),
        TEST(whoever_goes_ends_the_login_all_the_same),
        TEST(workers_are_asked_on_lists),
        TEST(an_answer_on_a_list_has_the_bound_of_a_hooks),
        TEST(workers_may_be_silent_or_too_busy),
        TEST(the_gateways_list_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
