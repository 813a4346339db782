/* SPDX-License-Identifier: MIT */
/* What becomes of clients' events, over a store and a back end that answer when the test says so. */
#include "architus_rig.h"

#define G                "607637793107345431"
#define ME               "214037134477230080"
#define ASK              "[\"pool_request\",{\"type\":\"customEmoji\",\"guildId\":\"" G "\",\"_id\":5,\"ids\":"
#define ALL              "[\"pool_all_request\",{\"type\":\"member\",\"guildId\":\"" G "\",\"_id\":9}]"
#define A                "\"1111111\""
#define B                "\"2222222\""
#define EA               "{\"id\":\"1111111\"}"
#define EB               "{\"id\":\"2222222\"}"
#define GET              "get " G "/customEmoji for " ME
#define JOINED(name, id) name " joins " name "_auth", name " joins user_" id

/* pool_response to request 5 */
#define ANSWER(number, finished, absent, data)                                                     \
    "s < [\"pool_response\",{\"_id\":" number ",\"finished\":" finished                            \
    ",\"nonexistant\":[" absent "],\"data\":[" data "]}]"
#define ERROR(message, human, details, context, code, number)                                      \
    "s < [\"error\",{\"message\":\"" message "\",\"human\":" human ",\"details\":" details         \
    ",\"context\":[" context "],\"code\":" code ",\"_id\":" number "}]"
#define NOT_LOGGED_IN(number)                                                                      \
    ERROR("not authenticated", "\"There was an error authenticating your request.\"",              \
          "\"session did not contain jwt\"", "", "401", number)
#define ENDED(number)                                                                              \
    ERROR("not authenticated", "\"There was an error authenticating your request.\"",              \
          "\"the login has ended\"", "", "401", number)
#define STRANGER(number)                                                                           \
    ERROR("not a member", "\"Unable to verify membership of the server.\"", "null", "", "401",     \
          number)
#define FAILED(context, code)                                                                      \
    ERROR("guild " G " returned error fetching entities of type customEmoji",                      \
          "\"An error occured fetching customEmoji.\"", "null", context, code, "5")
#define ALL_FAILED(context, code)                                                                  \
    ERROR("shard returned error", "\"There was an error fetching some data from the api.\"",       \
          "null", context, code, "9")

static struct sio_socket *arrive(void)
{
    struct sio_socket *socket = rig_arrive(0, "s", &my_login, false);

    rig_expect(JOINED("s", ME));
    return socket;
}

/* ---- pool_request -------------------------------------------------------------------------------------- */

static void what_is_there_comes_at_once(void **state)
{
    struct sio_socket *socket = arrive();

    (void)state;
    rig_say_at(socket, ASK "[" A "," B ",\"3333333\"]}]", 8);
    rig_expect(GET " 1111111 2222222 3333333");
    rig_pool(EA, "absent", "{\"id\":\"3333333\"}");
    rig_expect(ANSWER("5", "true", B, EA ",{\"id\":\"3333333\"}"),
               "s ack 8 [{\"_id\":5,\"finished\":true,\"nonexistant\":[" B "],\"data\":[" EA
               ",{\"id\":\"3333333\"}]}]");
    rig_leave(socket, true);
}

static void the_rest_is_asked_for_and_kept(void **state)
{
    struct sio_socket *socket = arrive();

    (void)state;
    rig_say(socket, ASK "[" A "," B ",\"3333333\",\"4444444\"]}]");
    rig_expect(GET " 1111111 2222222 3333333 4444444");
    rig_pool(EA, "missing", "missing", "missing");
    rig_expect(ANSWER("5", "false", "", EA),
               "ask \"pool_request\",\"args\":[\"" ME "\",\"" G "\",\"customEmoji\",[" B
               ",\"3333333\",\"4444444\"]],\"kwargs\":{\"fetch\":true}");
    rig_back("{\"sc\":200,\"resp\":{\"data\":[" EB
             ",{\"id\":\"9999999\"}],\"nonexistant\":[\"3333333\",\"x\"]}}");
    rig_expect("fill " G "/customEmoji " EB, "  not 3333333");
    rig_done("fill", RESULT_CONFLICT); /* somebody knows better: this answer is good all the same */
    rig_expect(ANSWER("5", "true", "\"3333333\"", EB));
    rig_leave(socket, true);
}

static void an_entity_without_an_id_means_that_there_is_none(void **state)
{
    struct sio_socket *socket = arrive();

    (void)state;
    rig_say(socket, ASK "[" A "]}]");
    rig_pool("missing");
    rig_back("{\"sc\":200,\"resp\":{\"data\":[{}]}}");
    rig_done("fill", RESULT_OK);
    rig_expect(GET " 1111111",
               "ask \"pool_request\",\"args\":[\"" ME "\",\"" G "\",\"customEmoji\",[" A
               "]],\"kwargs\":{\"fetch\":true}",
               "fill " G "/customEmoji", "  not 1111111", ANSWER("5", "true", A, ""));
    rig_leave(socket, true);
}

static const struct {
    const char *name, *data;
    const char *entities, *absent;
} unclear[] = {
    { "one of two", "{}", "", "" },
    { "both", "{},{}", "", A "," B },
    { "the other one", EA ",{}", EA, B },
    { "more than there are", "{},{},{}", "", A "," B },
};

static void an_entity_without_an_id_rules_out_no_more_than_one(void **state)
{
    struct sio_socket *socket = arrive();

    (void)state;
    for (size_t i = 0; i < sizeof unclear / sizeof unclear[0]; i++) {
        char text[512];

        rig_say(socket, ASK "[" A "," B "]}]");
        rig_pool("missing", "missing");
        snprintf(text, sizeof text, "{\"sc\":200,\"resp\":{\"data\":[%s]}}", unclear[i].data);
        rig_back(text);
        if (rig.op_count > 0) {
            buf_clear(&rig.notes);
            rig_done("fill", RESULT_OK);
        }
        snprintf(text, sizeof text, ANSWER("5", "true", "%s", "%s"), unclear[i].absent,
                 unclear[i].entities);
        buf_add_byte(&rig.notes, '\0');
        if (strstr(rig.notes.data, text) == NULL)
            fail_msg("%s: %s", unclear[i].name, rig.notes.data);
        buf_clear(&rig.notes);
    }
    rig_leave(socket, true);
}

/* It may have been any of them. */
static void an_entity_that_is_too_large_rules_out_none(void **state)
{
    struct sio_socket *socket = arrive();
    struct buf text;

    (void)state;
    buf_init(&text, NOTES_MAX);
    buf_add_text(&text, "{\"sc\":200,\"resp\":{\"data\":[{},{\"id\":\"1111111\",\"x\":\"");
    for (size_t i = 0; i < POOL_ENTITY_MAX; i++)
        buf_add_byte(&text, 'x');
    buf_add_text(&text, "\"}]}}");
    buf_add_byte(&text, '\0');
    rig_say(socket, ASK "[" A "]}]");
    rig_pool("missing");
    buf_clear(&rig.notes);
    rig_back(text.data);
    rig_expect(ANSWER("5", "true", "", ""));
    buf_fini(&text);
    rig_leave(socket, true);
}

static const struct {
    const char *name, *answer; /* NULL: none came */
    const char *context, *code;
} failures[] = {
    { "an exception", "{\"sc\":500,\"resp\":{\"message\":\"'boom'\"}}", "{\"message\":\"'boom'\"}",
      "500" },
    { "no sense", "7", "", "502" },
    { "no data", "{\"sc\":200,\"resp\":{}}", "", "502" },
    { "no status", "{\"resp\":{\"data\":[]}}", "", "502" },
    { "no answer", NULL, "", "504" },
};

static void a_failure_ends_with_what_there_is(void **state)
{
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        struct sio_socket *socket;
        char error[1024];

        if (i > 0)
            rig_start(state);
        socket = arrive();
        rig_say(socket, ASK "[" A "," B "]}]");
        rig_pool(EA, "missing");
        buf_clear(&rig.notes);
        if (failures[i].answer != NULL)
            rig_back(failures[i].answer);
        else
            rig_back_fails(RESULT_UNCERTAIN);
        snprintf(error, sizeof error, FAILED("%s", "%s"), failures[i].context, failures[i].code);
        rig_expect(error, ANSWER("5", "true", "", ""));
        rig_leave(socket, true);
        rig_stop(state);
    }
    rig_start(state);
}

static void equal_requests_are_one_question(void **state)
{
    struct sio_socket *first = arrive(), *second = rig_arrive(1, "t", &your_login, false);

    (void)state;
    rig_expect(JOINED("t", "109462069484486656"));
    rig_say(first, ASK "[" A "]}]");
    rig_say(second, ASK "[" A "," B "]}]");
    rig_pool("missing");
    rig_pool("missing", "missing");
    rig_expect(GET " 1111111", "get " G "/customEmoji for 109462069484486656 1111111 2222222",
               "ask \"pool_request\",\"args\":[\"" ME "\",\"" G "\",\"customEmoji\",[" A
               "]],\"kwargs\":{\"fetch\":true}",
               "ask \"pool_request\",\"args\":[\"109462069484486656\",\"" G "\",\"customEmoji\",[" B
               "]],\"kwargs\":{\"fetch\":true}");
    rig_leave(first, false); /* the question goes on for the other */
    rig_back("{\"sc\":200,\"resp\":{\"data\":[" EA "]}}");
    rig_done("fill", RESULT_OK);
    rig_expect("fill " G "/customEmoji " EA);
    rig_back("{\"sc\":200,\"resp\":{\"data\":[" EB "]}}");
    rig_done("fill", RESULT_OK);
    rig_expect(
        "fill " G "/customEmoji " EB,
        "t < [\"pool_response\",{\"_id\":5,\"finished\":true,\"nonexistant\":[],\"data\":[" EA
        "," EB "]}]");
    rig_leave(second, true);
}

static void users_are_kept_one_by_one(void **state)
{
    struct sio_socket *socket = arrive();

    (void)state;
    rig_say(socket,
            "[\"pool_request\",{\"type\":\"user\",\"_id\":5,\"ids\":[" A "," B ",\"3333333\"]}]");
    rig_expect("kept user 1111111?", "kept user 2222222?", "kept user 3333333?");
    rig_kept(EA);
    rig_kept("");
    rig_kept(NULL);
    rig_expect(ANSWER("5", "false", "", EA),
               "ask \"pool_request\",\"args\":[\"" ME
               "\",null,\"user\",[\"3333333\"]],\"kwargs\":{\"fetch\":true}");
    rig_back("{\"sc\":200,\"resp\":{\"data\":[{\"id\":\"3333333\"}]}}");
    rig_expect("keep user 3333333 {\"id\":\"3333333\"}");
    rig_done("keep", RESULT_OK);
    rig_expect(ANSWER("5", "true", B, "{\"id\":\"3333333\"}"));
    rig_leave(socket, true);
}

/* ---- who may ------------------------------------------------------------------------------------------- */

static void nobody_may_nothing(void **state)
{
    struct sio_socket *socket = rig_arrive(0, "s", NULL, false);

    (void)state;
    rig_say(socket, ASK "[" A "]}]");
    rig_expect(NOT_LOGGED_IN("5"), ANSWER("5", "true", "", ""));
    rig_say_at(socket, ALL, 3);
    rig_expect(
        NOT_LOGGED_IN("9"),
        "s ack 3 [{\"message\":\"not authenticated\",\"human\":\"There was an error authenticating "
        "your request.\",\"details\":\"session did not contain jwt\",\"context\":[],\"code\":401,"
        "\"_id\":9}]");
    rig_say(socket, "[\"spectate\",\"" G "\"]");
    rig_expect(NOT_LOGGED_IN("0"));
    rig_leave(socket, true);
}

static void a_token_in_the_request_is_for_that_alone(void **state)
{
    struct sio_socket *socket = rig_arrive(0, "s", NULL, false);

    (void)state;
    rig_say(socket, "[\"pool_request\",{\"type\":\"role\",\"guildId\":\"" G
                    "\",\"_id\":5,\"token\":\"me\",\"ids\":[" A "]}]");
    rig_expect("get " G "/role for " ME " 1111111");
    rig_pool(EA);
    rig_expect(ANSWER("5", "true", "", EA));
    rig_say(socket, ASK "[" A "]}]");
    rig_expect(NOT_LOGGED_IN("5"), ANSWER("5", "true", "", ""));
    rig_leave(socket, true);
}

static void a_login_that_is_over_is_none(void **state)
{
    struct sio_socket *socket = arrive();

    (void)state;
    my_login.expires_ms = rig.now_ms - 1;
    rig_say(socket, ASK "[" A "]}]");
    rig_expect(NOT_LOGGED_IN("5"), ANSWER("5", "true", "", ""));
    rig_leave(socket, true);
}

static void strangers_are_told_so(void **state)
{
    struct sio_socket *socket = arrive();

    (void)state;
    rig_say(socket, ASK "[" A "]}]");
    rig_access(POOL_STRANGER, 0);
    rig_say(socket, ALL);
    rig_access(POOL_STRANGER, 0);
    rig_expect(GET " 1111111", STRANGER("5"), ANSWER("5", "true", "", ""),
               "page " G "/member for " ME " at 0", STRANGER("9"), ANSWER("9", "true", "", ""));
    rig_leave(socket, true);
}

static void whether_one_is_a_member_is_asked_once(void **state)
{
    struct sio_socket *first = arrive();

    (void)state;
    rig_say(first, ASK "[" A "]}]");
    rig_say(first, "[\"pool_search\",{\"type\":\"member\",\"guildId\":\"" G
                   "\",\"query\":\"J\",\"_id\":7}]");
    rig_access(POOL_UNKNOWN, 0);
    rig_access(POOL_UNKNOWN, 0);
    rig_expect(GET " 1111111", "find " G "/member for " ME " 25 like j",
               "ask \"is_member\",\"args\":[\"" ME "\",\"" G "\"],\"kwargs\":{}");
    rig_back("{\"sc\":200,\"resp\":{\"member\":true,\"admin\":false,\"permissions\":8}}");
    rig_expect(ME " is a member of " G);
    rig_done("know", RESULT_OK);
    rig_expect(GET " 1111111", "find " G "/member for " ME " 25 like j");
    rig_pool(EA);
    rig_access(POOL_UNKNOWN, 0); /* it was not kept: not asked again and again */
    rig_expect(ANSWER("5", "true", "", EA),
               ERROR("guild " G " returned error fetching entities of type member",
                     "\"An error occured fetching member.\"", "null", "", "503", "7"),
               ANSWER("7", "true", "", ""));
    rig_leave(first, true);
}

static const struct {
    const char *name, *items, *details, *number;
    bool is_finished;
} nonsense[] = {
    { "no number", "[\"pool_request\",{\"type\":\"role\",\"guildId\":\"6076\",\"ids\":[" A "]}]",
      "_id: must be a whole number", "0", false },
    { "no argument", "[\"pool_request\"]", "the argument must be an object", "0", false },
    { "no ids", "[\"pool_request\",{\"type\":\"role\",\"guildId\":\"6076\",\"_id\":5}]",
      "ids: must be an array that is not empty", "5", true },
    { "no such type",
      "[\"pool_request\",{\"type\":\"x\",\"guildId\":\"6076\",\"_id\":5,\"ids\":[" A "]}]",
      "type: is not known", "5", true },
    { "no guild", "[\"pool_request\",{\"type\":\"role\",\"_id\":5,\"ids\":[" A "]}]",
      "guildId: is missing", "5", true },
    { "all users", "[\"pool_all_request\",{\"type\":\"user\",\"_id\":5}]", "type: is not known",
      "5", false },
    { "a search for roles",
      "[\"pool_search\",{\"type\":\"role\",\"guildId\":\"6076\",\"query\":\"x\",\"_id\":5}]",
      "type: must be member", "5", true },
};

static void nonsense_is_refused(void **state)
{
    struct sio_socket *socket = arrive();

    (void)state;
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
        char error[1024];

        rig_say(socket, nonsense[i].items);
        snprintf(error, sizeof error, ERROR("Invalid Request", "null", "\"%s\"", "", "400", "%s"),
                 nonsense[i].details, nonsense[i].number);
        if (nonsense[i].is_finished)
            rig_expect(error, ANSWER("5", "true", "", ""));
        else
            rig_expect(error);
    }
    rig_leave(socket, true);
}

static void bad_ids_are_left_out(void **state)
{
    struct sio_socket *socket = arrive();

    (void)state;
    rig_say(socket, ASK "[" A ",\"x\"]}]");
    rig_expect(ERROR("Invalid Request", "null", "\"ids: some are no ids\"", "", "400", "5"),
               GET " 1111111");
    rig_pool(EA);
    rig_expect(ANSWER("5", "true", "", EA));
    rig_leave(socket, true);
}

static void there_are_limits(void **state)
{
    struct sio_socket *socket = arrive();

    (void)state;
    for (int i = 0; i < SESSION_REQUESTS_MAX; i++)
        rig_say(socket, ASK "[" A "]}]");
    buf_clear(&rig.notes);
    rig_say(socket, ASK "[" A "]}]");
    rig_expect(
        ERROR("too many requests in flight", "\"Please slow down.\"", "null", "", "429", "5"),
        ANSWER("5", "true", "", ""));
    for (int i = 0; i < SESSION_REQUESTS_MAX; i++)
        rig_pool(EA);
    for (int i = SESSION_REQUESTS_MAX; i < 100; i++) {
        rig_say(socket, ASK "[" A "]}]");
        rig_pool(EA);
    }
    buf_clear(&rig.notes);
    rig_say(socket, ASK "[" A "]}]");
    rig_expect(ERROR("too many requests", "\"Please slow down.\"", "null", "", "429", "5"),
               ANSWER("5", "true", "", ""));
    assert_int_equal(rig.node.metrics.limits[LIMIT_ARCHITUS_REQUESTS], 1);
    assert_int_equal(rig.node.metrics.limits[LIMIT_ARCHITUS_RATE], 1);
    rig_pass(50);
    rig_say(socket, ASK "[" A "]}]");
    rig_expect(GET " 1111111");
    rig_leave(socket, false);
    rig_expect("cancel pool");
}

static void say_a_thousand(struct sio_socket *socket)
{
    static char large[POOL_ENTITY_MAX + 1];
    const char *items[POOL_IDS_MAX + 1] = { NULL };
    struct buf text;

    memset(large, ' ', POOL_ENTITY_MAX);
    memcpy(large, EA, strlen(EA));
    buf_init(&text, NOTES_MAX);
    buf_add_text(&text, ASK "[1000000");
    for (size_t i = 1; i < POOL_IDS_MAX; i++)
        buf_printf(&text, ",%zu", 1000000 + i);
    buf_add_text(&text, "]}]");
    buf_add_byte(&text, '\0');
    for (size_t i = 0; i < POOL_IDS_MAX; i++)
        items[i] = large;
    rig_say(socket, text.data);
    buf_fini(&text);
    buf_clear(&rig.notes);
    rig_pool_answer((struct pool_answer){ .access = POOL_ALLOWED, .next = SLICE_LITERAL("0") },
                    items);
}

/* The largest answer that there is, but not two of them. */
static void what_waits_for_a_socket_has_a_bound(void **state)
{
    struct sio_socket *socket = arrive();
    struct session *session = session_find(rig.app, socket);

    (void)state;
    socket->is_full = true;
    say_a_thousand(socket);
    rig_expect_nothing();
    say_a_thousand(socket);
    rig_expect(ERROR("too many requests in flight", "\"Please slow down.\"",
                     "\"too much waits to be sent\"", "", "429", "5"));
    assert_in_range(session->gathered_bytes, 1000 * POOL_ENTITY_MAX, SESSION_BYTES_MAX + 2000);
    rig_drain(socket);
    assert_int_equal(session->gathered_bytes, 0);
    assert_int_equal(session->requests, 0);
    buf_clear(&rig.notes);
    rig_leave(socket, true);
}

/* ---- whole pools ----------------------------------------------------------------------------------------- */

static void pages_wait_for_the_socket(void **state)
{
    struct sio_socket *socket = arrive();
    static char large[20000];

    (void)state;
    memset(large, ' ', sizeof large - 1);
    memcpy(large, "{\"id\":\"1111111\"}", 16);
    rig_say(socket, ALL);
    rig_page(POOL_COMPLETE, "1:5", EA);
    rig_expect("page " G "/member for " ME " at 0", ANSWER("9", "false", "", EA),
               "page " G "/member for " ME " at 1:5");
    socket->is_full = true;
    rig_page(POOL_COMPLETE, "1:9", large);
    rig_expect_nothing();
    rig_drain(socket);
    assert_non_null(strstr(rig.notes.data, "page " G "/member for " ME " at 1:9"));
    buf_clear(&rig.notes);
    rig_drain(socket); /* while it reads it does not read again */
    rig_page(POOL_OLD, "0", EB);
    rig_expect(ANSWER("9", "true", "", EB));
    rig_leave(socket, true);
}

static void who_waits_may_move(void **state)
{
    struct sio_socket *socket = arrive();
    static char large[20000];

    (void)state;
    memset(large, ' ', sizeof large - 1);
    memcpy(large, EA, strlen(EA));
    rig_say(socket, ALL);
    socket->is_full = true;
    rig_page(POOL_COMPLETE, "1:5", large);
    rig_pass(300);
    assert_true(list_is_empty(&socket->tasks));
    assert_string_equal(socket->data,
                        "{\"watch\":null,\"asks\":[[\"pool_all_request\",{\"type\":\"member\","
                        "\"guildId\":\"" G "\",\"_id\":9}]]}");
    rig_leave(socket, true);
    buf_clear(&rig.notes);
    socket->is_full = false;
    rig_arrive(0, "s", &my_login, true);
    rig_expect(JOINED("s", ME), "page " G "/member for " ME " at 0");
    rig_page(POOL_COMPLETE, "0", EA);
    rig_expect(ANSWER("9", "true", "", EA));
    rig_leave(socket, true);
}

static void acknowledgements_move_too(void **state)
{
    struct sio_socket *socket = arrive();

    (void)state;
    rig_say_at(socket, ALL, 8);
    rig_pool_fails(RESULT_UNAVAILABLE); /* it is tried again */
    rig_say_at(socket, "[\"spectate\",\"" G "\"]", 9);
    buf_clear(&rig.notes);
    assert_string_equal(socket->data,
                        "{\"watch\":{\"guild\":\"" G "\",\"logs\":true,\"ack\":9},\"asks\":[["
                        "\"pool_all_request\",{\"type\":\"member\",\"guildId\":\"" G
                        "\",\"_id\":9},8]]}");
    rig_leave(socket, true);
    rig_arrive(0, "s", &my_login, true);
    buf_clear(&rig.notes);
    rig_access(POOL_ALLOWED, 0);
    rig_page(POOL_COMPLETE, "0", EA);
    rig_expect("s joins guild_" G, ANSWER("9", "true", "", EA),
               "s ack 8 [{\"_id\":9,\"finished\":true,\"nonexistant\":[],\"data\":[" EA "]}]");
    rig_done("join", RESULT_OK);
    rig_expect("s ack 9 [{\"guild_id\":\"" G "\",\"logs\":false}]");
    assert_string_equal(socket->data,
                        "{\"watch\":{\"guild\":\"" G "\",\"logs\":true},\"asks\":[]}");
    rig_leave(socket, true);
}

static void who_waits_goes_on_where_it_is(void **state)
{
    struct sio_socket *socket = arrive();
    static char large[20000];

    (void)state;
    memset(large, ' ', sizeof large - 1);
    memcpy(large, EA, strlen(EA));
    rig_say(socket, ALL);
    socket->is_full = true;
    rig_page(POOL_COMPLETE, "0", large);
    rig_pass(1000);
    socket->is_full = false;
    rig_pass(100);
    assert_non_null(strstr(rig.notes.data, "\"finished\":true"));
    buf_clear(&rig.notes);
    assert_null(socket->data);
    rig_leave(socket, true);
}

static void a_pool_that_is_not_complete_is_asked_for(void **state)
{
    struct sio_socket *first = arrive(), *second = rig_arrive(1, "t", &my_login, false);

    (void)state;
    rig_say(first, ALL);
    rig_say(second, ALL);
    buf_clear(&rig.notes);
    rig_page(POOL_PARTIAL, "0", EA);
    rig_page(POOL_PARTIAL, "0", EA);
    rig_expect("ask \"pool_all_request\",\"args\":[\"" G "\",\"member\"],\"kwargs\":{}");
    rig_back("{\"sc\":200,\"resp\":{\"data\":[" EA "," EB "]}}");
    rig_expect("stage " G "/member " EA " " EB);
    rig_staged(RESULT_OK);
    rig_expect("replace " G "/member by 2 if changed 7 times");
    rig_done("replace", RESULT_OK);
    rig_expect("page " G "/member for " ME " at 0", "page " G "/member for " ME " at 0");
    rig_page(POOL_COMPLETE, "0", EA);
    rig_page(POOL_COMPLETE, "0", EA);
    rig_expect(
        ANSWER("9", "true", "", EA),
        "t < [\"pool_response\",{\"_id\":9,\"finished\":true,\"nonexistant\":[],\"data\":[" EA
        "]}]");
    rig_leave(first, true);
    rig_leave(second, true);
}

static void it_is_never_finished_falsely(void **state)
{
    struct sio_socket *socket = arrive();

    (void)state;
    rig_say(socket, ALL);
    rig_page(POOL_PARTIAL, "0", EA);
    buf_clear(&rig.notes);
    rig_back("{\"sc\":404,\"resp\":{\"message\":\"Unknown Guild\"}}");
    rig_expect(ALL_FAILED("{\"message\":\"Unknown Guild\"}", "404"));
    assert_true(list_is_empty(&socket->tasks)); /* it may move meanwhile */
    rig_pass(9999);
    rig_expect_nothing();
    rig_pass(1);
    rig_expect("page " G "/member for " ME " at 0");
    rig_page(POOL_PARTIAL, "0", EA);
    rig_back_fails(RESULT_UNCERTAIN);
    rig_expect("ask \"pool_all_request\",\"args\":[\"" G
               "\",\"member\"],\"kwargs\":{}"); /* told once */
    rig_pass(10000);
    rig_expect("page " G "/member for " ME " at 0");
    rig_page(POOL_COMPLETE, "0", EB);
    rig_expect(ANSWER("9", "true", "", EB));
    rig_leave(socket, true);
}

static void an_old_pool_is_better_than_none(void **state)
{
    struct sio_socket *socket = arrive();

    (void)state;
    rig_say(socket, ALL);
    rig_page(POOL_OLD, "0", EA);
    buf_clear(&rig.notes);
    rig_back_fails(RESULT_UNAVAILABLE);
    rig_expect("page " G "/member for " ME " at 0");
    rig_page(POOL_OLD, "0", EA);
    rig_expect(ANSWER("9", "true", "", EA));
    rig_leave(socket, true);
}

static void another_server_begins_anew(void **state)
{
    struct sio_socket *socket = arrive();

    (void)state;
    rig_say(socket, ALL);
    rig_page(POOL_COMPLETE, "1:5", EA);
    buf_clear(&rig.notes);
    rig.stats.connects++; /* its cursor would leave some out */
    rig_page(POOL_COMPLETE, "0", EB);
    rig_expect("page " G "/member for " ME " at 0");
    rig_page(POOL_COMPLETE, "0", EA "," EB);
    rig_expect(ANSWER("9", "true", "", EA "," EB));
    rig_leave(socket, true);
}

static void pages_outlast_what_is_known_of_members(void **state)
{
    struct sio_socket *socket = arrive();

    (void)state;
    rig_say(socket, ALL);
    for (int i = 0; i < 3; i++) {
        buf_clear(&rig.notes);
        rig_access(POOL_UNKNOWN, 0);
        rig_expect("ask \"is_member\",\"args\":[\"" ME "\",\"" G "\"],\"kwargs\":{}");
        rig_back("{\"sc\":200,\"resp\":{\"member\":true,\"admin\":false}}");
        rig_done("know", RESULT_OK);
        buf_clear(&rig.notes);
        rig_page(POOL_COMPLETE, "1:5", EA);
        rig_expect(ANSWER("9", "false", "", EA), "page " G "/member for " ME " at 1:5");
    }
    rig_page(POOL_COMPLETE, "0", EB);
    rig_expect(ANSWER("9", "true", "", EB));
    rig_leave(socket, true);
}

static void redis_may_be_away(void **state)
{
    struct sio_socket *socket = arrive();

    (void)state;
    rig_say(socket, ALL);
    rig_pool_fails(RESULT_UNAVAILABLE);
    rig_expect("page " G "/member for " ME " at 0", ALL_FAILED("", "503"));
    rig_pass(10000);
    rig_expect("page " G "/member for " ME " at 0");
    rig_leave(socket, false);
    rig_expect("cancel pool");
}

/* ---- guilds ------------------------------------------------------------------------------------------------ */

#define GUILDS "[\"pool_all_request\",{\"type\":\"guild\",\"_id\":3}]"
#define ASK_DISCORD                                                                                \
    "ask \"discord_guilds\",\"args\":[\"" ME "\"],\"kwargs\":{\"access_token\":\"AT\"}"
#define ASK_SHARD "ask \"users_guilds\",\"args\":[\"" ME "\"],\"kwargs\":{}"
#define G1                                                                                         \
    "{\"id\":\"1111111\",\"features\":[],\"architus_admin\":false,\"owner\":false,\"has_"          \
    "architus\":true}"
#define G2                                                                                         \
    "{\"id\":\"2222222\",\"permissions\":8,\"features\":[],\"architus_admin\":false,\"owner\":"    \
    "false,"                                                                                       \
    "\"has_architus\":false}"

static void guilds_come_from_shards_and_discord(void **state)
{
    struct sio_socket *socket = arrive();

    (void)state;
    rig_say(socket, GUILDS);
    rig_kept(NULL);
    rig_expect("kept guilds " ME "?", ASK_DISCORD, ASK_SHARD);
    rig_back("{\"sc\":200,\"resp\":[" EA ",{\"id\":\"2222222\",\"permissions\":\"8\"}]}");
    rig_expect_nothing(); /* what Discord says waits for the shards */
    rig_back("{\"sc\":200,\"resp\":[" EA "]}");
    rig_expect(ANSWER("3", "false", "", G1), ANSWER("3", "false", "", G2),
               "keep guilds " ME " [" G1 "," G2 "]");
    rig_done("keep", RESULT_OK);
    rig_expect(ANSWER("3", "true", "", ""));
    rig_say(socket,
            "[\"pool_request\",{\"type\":\"guild\",\"_id\":5,\"ids\":[" B ",\"3333333\"]}]");
    rig_kept("[" G1 "," G2 "]");
    rig_expect("kept guilds " ME "?", ANSWER("5", "true", "\"3333333\"", G2));
    rig_leave(socket, true);
}

static void guilds_are_answered_as_they_were_asked_for(void **state)
{
    struct sio_socket *socket = arrive();

    (void)state;
    rig_say(socket, "[\"pool_request\",{\"type\":\"guild\",\"_id\":5,\"ids\":[\"4444444\"," B
                    ",\"3333333\"," A "," B "]}]");
    rig_kept("[{\"id\":1111111},{\"name\":\"x\"},7,{\"id\":\"9999999\"}," EB
             ",{\"id\":\"1111111\",\"n\":2}]");
    rig_expect("kept guilds " ME "?",
               ANSWER("5", "true", "\"4444444\",\"3333333\"", EB ",{\"id\":1111111}"));
    rig_say(socket, "[\"pool_request\",{\"type\":\"guild\",\"_id\":5,\"ids\":[\"x\"]}]");
    rig_kept("[" EB "]");
    rig_expect(ERROR("Invalid Request", "null", "\"ids: some are no ids\"", "", "400", "5"),
               "kept guilds " ME "?", ANSWER("5", "true", "", ""));
    rig_leave(socket, true);
}

static void a_shard_that_fails_leaves_the_list_open(void **state)
{
    struct sio_socket *socket = arrive();

    (void)state;
    rig_say(socket, GUILDS);
    rig_kept(NULL);
    buf_clear(&rig.notes);
    rig_back("{\"sc\":200,\"resp\":[" EA "]}");
    rig_back_fails(RESULT_UNCERTAIN);
    rig_expect(ERROR("shard 0 returned error fetching guilds",
                     "\"An error occured. Some servers may be temporarily unavailable.\"", "null",
                     "", "504", "3"));
    rig_pass(10000);
    rig_kept("[" G1 "]");
    rig_expect("kept guilds " ME "?", ANSWER("3", "true", "", G1));
    rig_leave(socket, true);
}

#define NO_DISCORD(name)                                                                           \
    name                                                                                           \
        " < [\"error\",{\"message\":\"discord returned error fetching guilds\",\"human\":\"There " \
        "was a problem connecting to discord. Some servers may be unavailable.\",\"details\":"     \
        "null,\"context\":[],\"code\":503,\"_id\":3}]"

/* Discord cannot be asked at all, which is known before anybody waits. */
static void whoever_comes_late_hears_of_a_failure_too(void **state)
{
    static char api[] = "http://discord";
    struct sio_socket *first = arrive(), *second = rig_arrive(1, "t", &my_login, false);

    (void)state;
    buf_clear(&rig.notes);
    rig.config.discord_api = api;
    rig_say(first, GUILDS);
    rig_kept(NULL);
    rig_expect("kept guilds " ME "?", ASK_SHARD, NO_DISCORD("s"));
    rig_say(second, GUILDS);
    rig_kept(NULL);
    rig_expect("kept guilds " ME "?", NO_DISCORD("t"));
    rig_back("{\"sc\":200,\"resp\":[" EA "]}");
    rig_expect(
        ANSWER("3", "false", "", G1),
        "t < [\"pool_response\",{\"_id\":3,\"finished\":false,\"nonexistant\":[],\"data\":[" G1
        "]}]");
    rig_leave(first, true);
    rig_leave(second, true);
}

/* ---- spectating ---------------------------------------------------------------------------------------------- */

static void watch(struct sio_socket *socket, uint32_t rights)
{
    rig_say(socket, "[\"spectate\",\"" G "\"]");
    rig_access(POOL_ALLOWED, rights);
    while (rig.op_count > 0)
        rig_done("join", RESULT_OK);
    buf_clear(&rig.notes);
}

static void spectators_join_what_they_may_hear(void **state)
{
    struct sio_socket *socket = arrive();

    (void)state;
    rig_say_at(socket, "[\"spectate\",\"" G "\"]", 4);
    rig_expect("look " G "/member for " ME);
    rig_access(POOL_ALLOWED, 0x6);
    rig_expect("s joins guild_" G, "s joins guild_" G "_logs", "s joins guild_" G "_plogs");
    rig_done("join", RESULT_OK);
    rig_done("join", RESULT_OK);
    rig_expect_nothing();
    rig_done("join", RESULT_OK);
    rig_expect("s ack 4 [{\"guild_id\":\"" G "\",\"logs\":true}]");
    rig_say_at(socket, "[\"spectate\",{\"guild_id\":\"6076\"}]", 5);
    rig_expect("s leaves guild_" G, "s leaves guild_" G "_logs", "s leaves guild_" G "_plogs",
               "look 6076/member for " ME);
    rig_access(POOL_ALLOWED, 0x6);
    rig_done("join", RESULT_OK);
    rig_expect("s joins guild_6076", "s ack 5 [{\"guild_id\":\"6076\",\"logs\":false}]");
    rig_say_at(socket, "[\"spectate\",null]", 6);
    rig_expect("s leaves guild_6076", "s ack 6 [{\"guild_id\":null,\"logs\":false}]");
    rig_leave(socket, true);
}

static void who_may_not_hear_logs_is_told(void **state)
{
    struct sio_socket *socket = arrive();

    (void)state;
    rig_say_at(socket, "[\"spectate\",\"" G "\"]", 4);
    rig_access(POOL_ALLOWED, 0);
    rig_done("join", RESULT_OK);
    rig_expect("look " G "/member for " ME, "s joins guild_" G,
               "s ack 4 [{\"guild_id\":\"" G "\",\"logs\":false}]");
    rig_leave(socket, true);
}

static void the_last_spectate_counts(void **state)
{
    struct sio_socket *socket = arrive();

    (void)state;
    rig_say(socket, "[\"spectate\",\"" G "\"]");
    rig_say(socket, "[\"spectate\",\"6076\"]");
    rig_expect("look " G "/member for " ME, "cancel pool", "look 6076/member for " ME);
    rig_access(POOL_STRANGER, 0);
    rig_expect(STRANGER("0"));
    rig_leave(socket, true);
}

static void rights_may_go_while_watching(void **state)
{
    struct sio_socket *socket = arrive();

    (void)state;
    watch(socket, 0x2);
    rig.on_word(SLICE_LITERAL("check 6076"), rig.word_ctx);
    rig_expect_nothing();
    rig.on_word(SLICE_LITERAL("check " G), rig.word_ctx);
    rig.on_word(SLICE_LITERAL("check " G), rig.word_ctx); /* while it looks */
    rig_expect("look " G "/member for " ME);
    rig_access(POOL_ALLOWED, 0x2);
    rig_expect("look " G "/member for " ME);
    rig_access(POOL_ALLOWED, 0);
    rig_expect("s leaves guild_" G "_logs");
    rig_pass(60000);
    rig_expect("look " G "/member for " ME);
    rig_pool_fails(RESULT_UNAVAILABLE); /* goes on until somebody can say */
    rig_expect_nothing();
    rig_pass(60000);
    rig_access(POOL_STRANGER, 0);
    rig_expect("look " G "/member for " ME, "s leaves guild_" G, STRANGER("0"));
    assert_null(socket->data);
    rig_leave(socket, true);
}

static void a_spectator_comes_back(void **state)
{
    struct sio_socket *socket = arrive();

    (void)state;
    watch(socket, 0x2);
    rig_leave(socket, true);
    rig_arrive(0, "s", &my_login, true);
    rig_expect(JOINED("s", ME), "look " G "/member for " ME);
    rig_access(POOL_ALLOWED, 0x2); /* it is in its rooms already */
    rig_expect_nothing();
    rig_leave(socket, true);
}

static void logins_end(void **state)
{
    struct sio_socket *first = arrive(), *second = rig_arrive(1, "t", &your_login, false);

    (void)state;
    buf_clear(&rig.notes);
    watch(first, 0x2);
    rig.on_word(SLICE_LITERAL("user " ME), rig.word_ctx);
    rig_expect("s leaves guild_" G, "s leaves guild_" G "_logs", "s leaves s_auth",
               "s leaves user_" ME, "s is nobody");
    rig.on_word(SLICE_LITERAL("token x"), rig.word_ctx);
    rig.on_word(SLICE_LITERAL("nonsense"), rig.word_ctx);
    rig_expect_nothing();
    rig_leave(first, true);
    rig_leave(second, true);
}

static void what_a_login_has_asked_for_ends_with_it(void **state)
{
    struct sio_socket *socket = arrive();
    static char large[20000];

    (void)state;
    memset(large, ' ', sizeof large - 1);
    memcpy(large, EA, strlen(EA));
    rig_say(socket, ASK "[" A "]}]");
    rig_pool("missing");
    rig_say(socket, ALL);
    rig_page(POOL_PARTIAL, "0", EA);
    rig_back_fails(RESULT_UNAVAILABLE); /* the emoji … */
    rig_back_fails(RESULT_UNAVAILABLE); /* … and the pool, which is tried again */
    rig_say(socket, ASK "[" B "]}]");
    socket->is_full = true;
    rig_pool(large);
    rig_say(socket, ASK "[" A "," B "]}]");
    buf_clear(&rig.notes);
    rig.on_word(SLICE_LITERAL("user " ME), rig.word_ctx);
    rig_expect(ENDED("9"), ENDED("5"), ANSWER("5", "true", "", ""), "cancel pool", ENDED("5"),
               ANSWER("5", "true", "", ""), "s leaves s_auth", "s leaves user_" ME, "s is nobody");
    assert_null(socket->data);
    rig_pass(20000);
    rig_expect_nothing();
    rig_leave(socket, true);
}

static void who_watches_something_else_is_told(void **state)
{
    struct sio_socket *socket = arrive();

    (void)state;
    rig_say_at(socket, "[\"spectate\",\"" G "\"]", 4);
    rig_say_at(socket, "[\"spectate\",null]", 5);
    rig_expect("look " G "/member for " ME, "cancel pool", "s ack 4 [{\"error\":\"ended\"}]",
               "s ack 5 [{\"guild_id\":null,\"logs\":false}]");
    rig_leave(socket, true);
}

/* ---- elevation ------------------------------------------------------------------------------------------------- */

static void nonces_and_tokens_elevate(void **state)
{
    struct sio_socket *socket = rig_arrive(0, "s", NULL, false);

    (void)state;
    rig_say_at(socket, "[\"request_elevation\",2882343476]", 2);
    rig_expect("take nonce 2882343476");
    rig_kept("me");
    rig_expect("s is " ME, JOINED("s", ME), "s < [\"elevation_return\",{\"message\":\"success\"}]",
               "s ack 2 [{\"message\":\"success\"}]");
    rig_say(socket, "[\"request_elevation\",2882343476]");
    rig_kept(NULL);
    rig_expect("take nonce 2882343476",
               "s < [\"elevation_return\",{\"message\":\"Missing or invalid jwt\"}]");
    rig_say(socket, "[\"request_elevation\",{\"token\":\"you\"}]"); /* another user */
    rig_expect("s leaves s_auth", "s leaves user_" ME, "s is 109462069484486656",
               JOINED("s", "109462069484486656"),
               "s < [\"elevation_return\",{\"message\":\"success\"}]");
    rig_say(socket, "[\"request_elevation\",{\"token\":\"forged\"}]");
    rig_say(socket, "[\"request_elevation\"]");
    rig_expect("s < [\"elevation_return\",{\"message\":\"Missing or invalid jwt\"}]",
               "s < [\"elevation_return\",{\"message\":\"Missing or invalid jwt\"}]");
    rig_say(socket, "[\"request_elevation\",7]");
    rig_leave(socket, false);
    rig_expect("take nonce 7", "cancel kept");
}

/* By signalbox:renew, which is no event of this app's. */
static void a_renewed_token_elevates_too(void **state)
{
    struct sio_socket *socket = rig_arrive(0, "s", NULL, false);

    (void)state;
    socket->identity = &my_login;
    architus_app.on_renewed(socket, rig.app);
    rig_expect(JOINED("s", ME));
    rig_leave(socket, false);
    architus_app.on_renewed(socket, rig.app); /* of another namespace, as good as */
    rig_expect_nothing();
}

static void each_elevation_is_answered(void **state)
{
    struct sio_socket *socket = rig_arrive(0, "s", NULL, false);

    (void)state;
    rig_say_at(socket, "[\"request_elevation\",7]", 2);
    rig_say_at(socket, "[\"request_elevation\",7]", 3);
    rig_expect("take nonce 7", "take nonce 7");
    rig_kept("me");
    rig_expect("s is " ME, JOINED("s", ME), "s < [\"elevation_return\",{\"message\":\"success\"}]",
               "s ack 2 [{\"message\":\"success\"}]");
    rig_kept(NULL);
    rig_expect("s < [\"elevation_return\",{\"message\":\"Missing or invalid jwt\"}]",
               "s ack 3 [{\"message\":\"Missing or invalid jwt\"}]");
    rig_leave(socket, true);
}

/* Whoever guesses nonces is not heard any more; others are. */
static void guessed_nonces_are_counted(void **state)
{
    struct sio_socket *thief = rig_arrive(0, "t", NULL, false);
    struct sio_socket *socket = rig_arrive(1, "s", NULL, false);

    (void)state;
    thief->handshake.peer.ip[0] = 0x20;
    rig.config.auth_failures = (struct rate){ 2, 60000 };
    for (int i = 0; i < 2; i++) {
        rig_say(thief, "[\"request_elevation\",7]");
        rig_kept(NULL);
    }
    buf_clear(&rig.notes);
    rig_say(thief, "[\"request_elevation\",2882343476]");
    rig_expect("t < [\"elevation_return\",{\"message\":\"Missing or invalid jwt\"}]");
    assert_int_equal(rig.node.metrics.limits[LIMIT_TOKEN_FAILURES], 1);
    rig_say(socket, "[\"request_elevation\",2882343476]");
    rig_expect("take nonce 2882343476");
    rig_kept("me");
    assert_non_null(socket->identity);
    rig_leave(socket, false);
    rig_leave(thief, false);
    buf_clear(&rig.notes);
}

/* ---- the demo --------------------------------------------------------------------------------------------------- */

#define MOCK "{\"action\":3001,\"guildId\":1234567,\"messageId\":2,\"content\":\"!hi\"}"

static void the_demo_is_open_to_all(void **state)
{
    struct sio_socket *socket = rig_arrive(0, "s", NULL, false);

    (void)state;
    rig_say(socket, "[\"mock_user_event\"," MOCK "]");
    rig_expect("take 1 of 20 for architus-mock-::");
    rig_taken(RESULT_OK);
    rig_expect("ask \"handle_mock_user_action\",\"args\":[],\"kwargs\":" MOCK);
    rig_back("{\"sc\":500,\"resp\":{\"guildId\":1234567,\"actions\":[]}}");
    rig_expect("s < [\"mock_bot_event\",{\"guildId\":1234567,\"actions\":[]}]");
    rig_say(socket, "[\"mock_user_event\"," MOCK "]");
    rig_taken(RESULT_REFUSED);
    rig_expect("take 1 of 20 for architus-mock-::",
               ERROR("too many requests", "\"Please slow down.\"", "null", "", "429", "0"));
    for (int i = 2; i < 5; i++)
        rig_say(socket, "[\"mock_user_event\"," MOCK "]");
    buf_clear(&rig.notes);
    rig_say(socket, "[\"mock_user_event\"," MOCK "]");
    rig_expect(ERROR("too many requests", "\"Please slow down.\"", "null", "", "429", "0"));
    rig_leave(socket, false);
    rig_expect("cancel rate", "cancel rate", "cancel rate");
}

static void a_refusal_is_an_acknowledgement_too(void **state)
{
    struct sio_socket *socket = rig_arrive(0, "s", NULL, false);
    static const struct {
        const char *items, *ack;
    } cases[] = {
        { "[\"mock_user_event\",{}]", "{\"message\":\"Invalid Request\"," },
        { "[\"spectate\"," G "]", "{\"error\":\"not authenticated\"}" },
    },
      late[] = {
          { "[\"mock_user_event\"," MOCK "]", "{\"message\":\"too many requests\"," },
          { "[\"request_elevation\",1]", "{\"message\":\"too many requests\"," },
          { "[\"spectate\"," G "]", "{\"error\":\"too many requests\"}" },
      };
    char want[256];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rig_say_at(socket, cases[i].items, 3);
        snprintf(want, sizeof want, "s ack 3 [%s", cases[i].ack);
        buf_add_byte(&rig.notes, '\0');
        assert_non_null(strstr(rig.notes.data, want));
        buf_clear(&rig.notes);
    }
    rig_say_at(socket, "[\"mock_user_event\"," MOCK "]", 4);
    rig_taken(RESULT_REFUSED);
    buf_add_byte(&rig.notes, '\0');
    assert_non_null(strstr(rig.notes.data, "s ack 4 [{\"message\":\"too many requests\","));
    rig_say_at(socket, "[\"mock_user_event\"," MOCK "]", 5);
    rig_taken(RESULT_OK);
    rig_back("nonsense");
    buf_add_byte(&rig.notes, '\0');
    buf_clear(&rig.notes);
    for (int i = 0; i < 100; i++)
        rig_say(socket, "[\"spectate\",null]");
    buf_clear(&rig.notes);
    for (size_t i = 0; i < sizeof late / sizeof late[0]; i++) {
        rig_say_at(socket, late[i].items, 6);
        snprintf(want, sizeof want, "s ack 6 [%s", late[i].ack);
        buf_add_byte(&rig.notes, '\0');
        assert_non_null(strstr(rig.notes.data, want));
        buf_clear(&rig.notes);
    }
    rig_leave(socket, false);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_start, rig_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_there_comes_at_once),
        TEST(the_rest_is_asked_for_and_kept),
        TEST(an_entity_without_an_id_means_that_there_is_none),
        TEST(an_entity_without_an_id_rules_out_no_more_than_one),
        TEST(an_entity_that_is_too_large_rules_out_none),
        TEST(a_failure_ends_with_what_there_is),
        TEST(equal_requests_are_one_question),
        TEST(users_are_kept_one_by_one),
        TEST(nobody_may_nothing),
        TEST(a_token_in_the_request_is_for_that_alone),
        TEST(a_login_that_is_over_is_none),
        TEST(strangers_are_told_so),
        TEST(whether_one_is_a_member_is_asked_once),
        TEST(nonsense_is_refused),
        TEST(bad_ids_are_left_out),
        TEST(there_are_limits),
        TEST(what_waits_for_a_socket_has_a_bound),
        TEST(pages_wait_for_the_socket),
        TEST(who_waits_may_move),
        TEST(acknowledgements_move_too),
        TEST(who_waits_goes_on_where_it_is),
        TEST(a_pool_that_is_not_complete_is_asked_for),
        TEST(it_is_never_finished_falsely),
        TEST(an_old_pool_is_better_than_none),
        TEST(another_server_begins_anew),
        TEST(pages_outlast_what_is_known_of_members),
        TEST(redis_may_be_away),
        TEST(guilds_come_from_shards_and_discord),
        TEST(guilds_are_answered_as_they_were_asked_for),
        TEST(a_shard_that_fails_leaves_the_list_open),
        TEST(whoever_comes_late_hears_of_a_failure_too),
        TEST(spectators_join_what_they_may_hear),
        TEST(who_may_not_hear_logs_is_told),
        TEST(the_last_spectate_counts),
        TEST(rights_may_go_while_watching),
        TEST(a_spectator_comes_back),
        TEST(logins_end),
        TEST(what_a_login_has_asked_for_ends_with_it),
        TEST(who_watches_something_else_is_told),
        TEST(nonces_and_tokens_elevate),
        TEST(a_renewed_token_elevates_too),
        TEST(each_elevation_is_answered),
        TEST(guessed_nonces_are_counted),
        TEST(the_demo_is_open_to_all),
        TEST(a_refusal_is_an_acknowledgement_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
