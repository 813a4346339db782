/* SPDX-License-Identifier: MIT */
/* What Architus' web client and its back ends say, and what they are told. */
#include "architus_wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "entity.h"
#include "guild_wire.h"
#include "log_wire.h"
#include "support.h"

enum { TEXT_MAX = 1 << 20 };

static struct json json_of_text(const char *text)
{
    struct json value;

    if (!json_parse(slice_of(text), &value))
        fail_msg("no JSON: %s", text);
    return value;
}

static void expect_text(const char *name, const struct buf *got, const char *want)
{
    if (!slice_is(got->len > 0 ? buf_slice(got) : SLICE_LITERAL(""), want))
        fail_msg("%s: wanted\n%s\ngot\n%.*s", name, want, (int)got->len, got->data);
}

/* ---- requests ---------------------------------------------------------------------------------------- */

#define IDS_WRONG   "ids: must be an array that is not empty"
#define QUERY_WRONG "query: must be a string of 1 to 32 characters"
#define CHARS_32    "äääääääääääääääääääääääääääääääää" /* 33 */

static const struct {
    const char *name, *argument;
    enum ask_kind kind;
    const char *wrong;
    const char *want; /* number type guild token query limit ids… bad */
} asks[] = {
    { "ids",
      "{\"type\":\"member\",\"guildId\":\"607637793107345431\",\"_id\":5,\"ids\":["
      "\"214037134477230080\","
      "\"109462069484486656\"]}",
      ASK_IDS, NULL,
      "5 member 607637793107345431 - - 0 [214037134477230080 109462069484486656 ] 0" },
    { "numbers keep all digits",
      "{\"type\":\"user\",\"guildId\":607637793107345431,\"_id\":7,\"ids\":[18446744073709551615]}",
      ASK_IDS, NULL, "7 user 607637793107345431 - - 0 [18446744073709551615 ] 0" },
    { "no guild", "{\"type\":\"user\",\"guildId\":null,\"_id\":7,\"ids\":[\"1234567\"]}", ASK_IDS,
      NULL, "7 user - - - 0 [1234567 ] 0" },
    { "bad ids are counted",
      "{\"type\":\"user\",\"_id\":7,\"ids\":[\"1234567\",\"x\",\"123456\",1.5,null,{},[],\"-"
      "1234567\","
      "\"123456789012345678901\"]}",
      ASK_IDS, NULL, "7 user - - - 0 [1234567 ] 8" },
    { "each id once",
      "{\"type\":\"user\",\"_id\":7,\"ids\":[\"2234567\",1234567,\"x\",2234567,\"1234567\",\"x\"]}",
      ASK_IDS, NULL, "7 user - - - 0 [2234567 1234567 ] 2" },
    { "escapes", "{\"t\\u0079pe\":\"us\\u0065r\",\"_id\":7,\"ids\":[\"123456\\u0037\"]}", ASK_IDS,
      NULL, "7 user - - - 0 [1234567 ] 0" },
    { "a token", "{\"type\":\"guild\",\"_id\":3,\"token\":\"a.b.c\"}", ASK_ALL, NULL,
      "3 guild - a.b.c - 0 [] 0" },
    { "all", "{\"type\":\"guild\",\"_id\":3}", ASK_ALL, NULL, "3 guild - - - 0 [] 0" },
    { "a search",
      "{\"type\":\"member\",\"guildId\":\"6076\",\"query\":\"joh\",\"limit\":100,\"_id\":11}",
      ASK_SEARCH, NULL, "11 member 6076 - joh 100 [] 0" },
    { "a search without a limit",
      "{\"type\":\"member\",\"guildId\":\"6076\",\"query\":\"J\",\"_id\":11}", ASK_SEARCH, NULL,
      "11 member 6076 - J 25 [] 0" },
    { "no object", "[]", ASK_ALL, "the argument must be an object", "- - - - - 0 [] 0" },
    { "no number", "{\"type\":\"guild\"}", ASK_ALL, "_id: must be a whole number",
      "- - - - - 0 [] 0" },
    { "a number with a fraction", "{\"type\":\"guild\",\"_id\":1.5}", ASK_ALL,
      "_id: must be a whole number", "- - - - - 0 [] 0" },
    { "a number as text", "{\"type\":\"guild\",\"_id\":\"3\"}", ASK_ALL,
      "_id: must be a whole number", "- - - - - 0 [] 0" },
    { "no type", "{\"_id\":3}", ASK_ALL, "type: must be a string", "3 - - - - 0 [] 0" },
    { "another type of type", "{\"_id\":3,\"type\":7}", ASK_ALL, "type: must be a string",
      "3 - - - - 0 [] 0" },
    { "no guild's id", "{\"_id\":3,\"type\":\"role\",\"guildId\":\"x\"}", ASK_ALL,
      "guildId: must be an id", "3 role - - - 0 [] 0" },
    { "no token", "{\"_id\":3,\"type\":\"role\",\"token\":7}", ASK_ALL, "token: must be a string",
      "3 role - - - 0 [] 0" },
    { "ids are missing", "{\"_id\":3,\"type\":\"role\"}", ASK_IDS, IDS_WRONG,
      "3 role - - - 0 [] 0" },
    { "ids are empty", "{\"_id\":3,\"type\":\"role\",\"ids\":[]}", ASK_IDS, IDS_WRONG,
      "3 role - - - 0 [] 0" },
    { "ids are none", "{\"_id\":3,\"type\":\"role\",\"ids\":\"1234567\"}", ASK_IDS, IDS_WRONG,
      "3 role - - - 0 [] 0" },
    { "no query", "{\"_id\":3,\"type\":\"member\"}", ASK_SEARCH, QUERY_WRONG,
      "3 member - - - 0 [] 0" },
    { "an empty query", "{\"_id\":3,\"type\":\"member\",\"query\":\"\"}", ASK_SEARCH, QUERY_WRONG,
      "3 member - - - 0 [] 0" },
    { "too long a query", "{\"_id\":3,\"type\":\"member\",\"query\":\"" CHARS_32 "\"}", ASK_SEARCH,
      QUERY_WRONG, NULL },
    { "no results wanted", "{\"_id\":3,\"type\":\"member\",\"query\":\"x\",\"limit\":0}",
      ASK_SEARCH, "limit: must be a number from 1 to 100", "3 member - - x 0 [] 0" },
    { "too many wanted", "{\"_id\":3,\"type\":\"member\",\"query\":\"x\",\"limit\":101}",
      ASK_SEARCH, "limit: must be a number from 1 to 100", "3 member - - x 0 [] 0" },
};

static void add_word(struct buf *out, struct slice word)
{
    buf_printf(out, " %.*s", word.len > 0 ? (int)word.len : 1, word.len > 0 ? word.data : "-");
}

static void describe(struct buf *out, const struct ask *ask)
{
    if (ask->has_number)
        buf_printf(out, "%" PRId64, ask->number);
    else
        buf_add_byte(out, '-');
    add_word(out, ask->type);
    add_word(out, ask->guild);
    add_word(out, ask->token);
    add_word(out, ask->query);
    buf_printf(out, " %u [", ask->limit);
    for (size_t i = 0; i < ask->id_count; i++)
        buf_printf(out, "%.*s ", (int)ask->ids[i].len, ask->ids[i].data);
    buf_printf(out, "] %zu", ask->bad_ids);
}

static void parses_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
        struct ask ask = { 0 };
        struct buf text;
        const char *wrong = ask_parse(json_of_text(asks[i].argument), asks[i].kind, &ask);

        if ((wrong == NULL) != (asks[i].wrong == NULL) ||
            (wrong != NULL && strcmp(wrong, asks[i].wrong) != 0))
            fail_msg("%s: %s", asks[i].name, wrong != NULL ? wrong : "good");
        buf_init(&text, TEXT_MAX);
        describe(&text, &ask);
        if (asks[i].want != NULL)
            expect_text(asks[i].name, &text, asks[i].want);
        buf_fini(&text);
        ask_fini(&ask);
    }
}

static void a_thousand_ids_and_one_more(void **state)
{
    (void)state;
    for (size_t count = ASK_IDS_MAX; count <= ASK_IDS_MAX + 1; count++) {
        struct ask ask = { 0 };
        const char *wrong;
        struct buf text;

        buf_init(&text, TEXT_MAX);
        buf_add_text(&text, "{\"_id\":3,\"type\":\"user\",\"ids\":[1234567");
        for (size_t i = 1; i < count; i++)
            buf_printf(&text, ",%zu", 1234567 + i);
        buf_add_text(&text, "]}");
        buf_add_byte(&text, '\0');
        wrong = ask_parse(json_of_text(text.data), ASK_IDS, &ask);
        if (count == ASK_IDS_MAX)
            assert_null(wrong);
        else
            assert_string_equal(wrong, "ids: must be at most 1000");
        assert_int_equal(ask.id_count, count == ASK_IDS_MAX ? count : 0);
        ask_fini(&ask);
        buf_fini(&text);
    }
}

static const struct {
    const char *name, *argument, *nonce, *token;
} proofs[] = {
    { "a number", "2882343476", "2882343476", NULL },
    { "a text", "\"2882343476\"", "2882343476", NULL },
    { "an object", "{\"nonce\":2882343476}", "2882343476", NULL },
    { "a token", "{\"token\":\"a.b.c\"}", NULL, "a.b.c" },
    { "nothing", "null", NULL, NULL },
    { "an empty object", "{}", NULL, NULL },
    { "a word", "\"abc\"", NULL, NULL },
    { "a fraction", "1.5", NULL, NULL },
    { "below nothing", "-1", NULL, NULL },
    { "an empty token", "{\"token\":\"\"}", NULL, NULL },
    { "a list", "[2882343476]", NULL, NULL },
};

static bool is_text(struct slice slice, const char *want)
{
    return want != NULL ? slice_is(slice, want) : slice.len == 0;
}

static void parses_proofs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof proofs / sizeof proofs[0]; i++) {
        struct proof proof;
        bool is_good = proof_parse(json_of_text(proofs[i].argument), &proof);

        if (is_good != (proofs[i].nonce != NULL || proofs[i].token != NULL) ||
            !is_text(proof.nonce, proofs[i].nonce) || !is_text(proof.token, proofs[i].token))
            fail_msg("%s", proofs[i].name);
        buf_fini(&proof.text);
    }
}

static const struct {
    const char *name, *argument;
    bool is_good;
    const char *guild;
    bool has_logs;
} spectates[] = {
    { "the bare id", "\"607637793107345431\"", true, "607637793107345431", true },
    { "a number", "607637793107345431", true, "607637793107345431", true },
    { "an object", "{\"guild_id\":\"6076\"}", true, "6076", false },
    { "with logs", "{\"guild_id\":\"6076\",\"include_logs\":true}", true, "6076", true },
    { "their other name", "{\"guild_id\":\"6076\",\"non_pool\":true}", true, "6076", true },
    { "without", "{\"guildId\":6076,\"include_logs\":false}", true, "6076", false },
    { "nothing any more", "null", true, NULL, false },
    { "no id", "\"x\"", false, NULL, true },
    { "an empty object", "{}", false, NULL, false },
    { "a list", "[]", false, NULL, true },
};

static void parses_spectate(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof spectates / sizeof spectates[0]; i++) {
        struct spectate spectate;
        bool is_good = spectate_parse(json_of_text(spectates[i].argument), &spectate);

        if (is_good != spectates[i].is_good || !is_text(spectate.guild, spectates[i].guild) ||
            spectate.has_logs != spectates[i].has_logs)
            fail_msg("%s", spectates[i].name);
        buf_fini(&spectate.text);
    }
}

static const struct {
    const char *name, *argument;
    const char *wrong;
} mocks[] = {
    { "a message", "{\"action\":3001,\"guildId\":1234567,\"messageId\":2,\"content\":\"!set hi\"}",
      NULL },
    { "the old form", "{\"guild_id\":9999999,\"added_reactions\":[]}", NULL },
    { "a real guild", "{\"guildId\":607637793107345431}",
      "guildId: must be a number below 10000000" },
    { "a real guild beside one of the demo", "{\"guildId\":1,\"guild_id\":607637793107345431}",
      "guildId: must be a number below 10000000" },
    { "the same in both spellings", "{\"guildId\":1,\"guild_id\":1}", NULL },
    { "a guild as text", "{\"guildId\":\"1234567\"}", "guildId: must be a number below 10000000" },
    { "no guild", "{}", "guildId: must be a number below 10000000" },
    { "no text", "{\"guildId\":1,\"content\":{}}",
      "content: must be a string of at most 2000 characters" },
    { "no object", "7", "the argument must be an object" },
};

static void checks_mock_events(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mocks / sizeof mocks[0]; i++) {
        struct slice guild;
        const char *wrong = mock_check(json_of_text(mocks[i].argument), &guild);

        if ((wrong == NULL) != (mocks[i].wrong == NULL) ||
            (wrong != NULL && strcmp(wrong, mocks[i].wrong) != 0))
            fail_msg("%s: %s", mocks[i].name, wrong);
    }
}

static void mock_texts_have_two_thousand_characters(void **state)
{
    (void)state;
    for (size_t count = 2000; count <= 2001; count++) {
        struct slice guild;
        struct buf text;

        buf_init(&text, TEXT_MAX);
        buf_add_text(&text, "{\"guildId\":1,\"content\":\"");
        for (size_t i = 0; i < count; i++)
            buf_add_text(&text, "ä");
        buf_add_text(&text, "\"}");
        buf_add_byte(&text, '\0');
        assert_int_equal(mock_check(json_of_text(text.data), &guild) == NULL, count == 2000);
        buf_fini(&text);
    }
}

/* ---- answers ------------------------------------------------------------------------------------------ */

static void writes_answers(void **state)
{
    const struct pool_response first = { 3, false, { 0 }, SLICE_LITERAL("{\"a\":1},{}") };
    const struct pool_response last = { 3, true, SLICE_LITERAL("\"1111111111111\""), { 0 } };
    const struct error_answer failed = {
        .message = "shard returned error",
        .human = "There was an error fetching some data from the api.",
        .context = SLICE_LITERAL("{\"message\":\"Unknown Guild\"}"),
        .code = 404,
        .has_number = true,
        .number = 9,
    };
    const struct error_answer unknown = { .message = "m", .details = "d", .code = 400 };
    struct buf text;

    (void)state;
    buf_init(&text, TEXT_MAX);
    pool_response_write(&text, &first);
    expect_text("the first", &text,
                "{\"_id\":3,\"finished\":false,\"nonexistant\":[],\"data\":[{\"a\":1},{}]}");
    buf_clear(&text);
    pool_response_write(&text, &last);
    expect_text("the last", &text,
                "{\"_id\":3,\"finished\":true,\"nonexistant\":[\"1111111111111\"],\"data\":[]}");
    buf_clear(&text);
    error_write(&text, &failed);
    expect_text(
        "an error", &text,
        "{\"message\":\"shard returned error\",\"human\":\"There was an error fetching some "
        "data from the api.\",\"details\":null,\"context\":[{\"message\":\"Unknown "
        "Guild\"}],\"code\":404,\"_id\":9}");
    buf_clear(&text);
    error_write(&text, &unknown);
    expect_text("an error of nobody's", &text,
                "{\"message\":\"m\",\"human\":null,\"details\":\"d\",\"context\":[],\"code\":400,"
                "\"_id\":0}");
    buf_clear(&text);
    event_write(&text, "pool_response", SLICE_LITERAL("{}"));
    expect_text("an event", &text, "[\"pool_response\",{}]");
    buf_fini(&text);
}

/* ---- entities ------------------------------------------------------------------------------------------- */

static void reads_entities(void **state)
{
    struct entities entities;
    struct json array = json_of_text(
        "[{\"id\":\"1234567\",\"name\":\"John Boy\",\"nick\":\"Jöhn\"},{\"name\":\"nobody\"},{},"
        "{\"id\":9007199254740993,\"name\":null},{\"id\":\"1234567\"}]");

    (void)state;
    assert_true(entities_parse(array, true, &entities));
    assert_int_equal(entities.count, 3);
    assert_int_equal(entities.without_id, 2);
    assert_int_equal(entities_count_ids(&entities), 2);
    assert_true(slice_is(entities.items[0].id, "1234567"));
    assert_true(slice_is(entities.items[0].texts, "0john boy\n1boy\n0john\n"));
    assert_true(slice_is(entities.items[1].id, "9007199254740993"));
    assert_true(slice_is(entities.items[1].texts, ""));
    assert_true(slice_is(entities.items[1].json, "{\"id\":9007199254740993,\"name\":null}"));
    entities_fini(&entities);
    assert_true(entities_parse(array, false, &entities));
    assert_true(slice_is(entities.items[0].texts, ""));
    entities_fini(&entities);
}

static void an_empty_id_is_none(void **state)
{
    struct entities entities;

    (void)state;
    assert_true(entities_parse(json_of_text("[{\"id\":\"\"}]"), true, &entities));
    assert_int_equal(entities.count, 0);
    assert_int_equal(entities.without_id, 1);
    entities_fini(&entities);
}

static void refuses_what_are_no_entities(void **state)
{
    static const char *const texts[] = { "{}", "[1]", "[{},[]]", "null", "\"x\"" };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct entities entities;

        if (entities_parse(json_of_text(texts[i]), true, &entities))
            fail_msg("%s", texts[i]);
        entities_fini(&entities);
    }
}

static void counts_entities_that_are_too_large(void **state)
{
    struct entities entities;
    struct buf text;

    (void)state;
    buf_init(&text, TEXT_MAX);
    buf_add_text(&text, "[{\"id\":\"1234567\",\"x\":\"");
    for (size_t i = 0; i < POOL_ENTITY_MAX; i++)
        buf_add_byte(&text, 'x');
    buf_add_text(&text, "\"},{\"id\":\"7654321\"}]");
    buf_add_byte(&text, '\0');
    assert_true(entities_parse(json_of_text(text.data), false, &entities));
    assert_int_equal(entities.count, 1);
    assert_int_equal(entities.too_large, 1);
    entities_fini(&entities);
    buf_fini(&text);
}

/* ---- guilds --------------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *guild;
    enum guild_source source;
    const char *want; /* NULL: it has no id */
} guilds[] = {
    { "a shard's",
      "{\"id\":\"607637793107345431\",\"name\":\"g\",\"owner_id\":214037134477230080,"
      "\"permissions\":8,\"features\":[],\"has_architus\":true,\"architus_admin\":true}",
      GUILD_OF_SHARD,
      "{\"id\":\"607637793107345431\",\"name\":\"g\",\"owner_id\":\"214037134477230080\","
      "\"permissions\":8,\"features\":[],\"architus_admin\":true,\"owner\":true,\"has_architus\":"
      "true}" },
    { "of another owner",
      "{\"id\":607637793107345431,\"owner_id\":\"214037134477230081\",\"owner\":true}",
      GUILD_OF_SHARD,
      "{\"id\":\"607637793107345431\",\"owner_id\":\"214037134477230081\",\"features\":[],"
      "\"architus_admin\":false,\"owner\":false,\"has_architus\":true}" },
    { "Discord's",
      "{\"id\":\"607637793107345431\",\"name\":\"g\",\"icon\":null,\"owner\":true,"
      "\"permissions\":\"2251799813685247\",\"features\":[\"NEWS\"]}",
      GUILD_OF_DISCORD,
      "{\"id\":\"607637793107345431\",\"name\":\"g\",\"icon\":null,\"owner\":true,"
      "\"permissions\":2251799813685247,\"features\":[\"NEWS\"],\"architus_admin\":false,"
      "\"has_architus\":false}" },
    { "Discord's, with claims of its own",
      "{\"id\":\"607637793107345431\",\"has_architus\":true,\"architus_admin\":true}",
      GUILD_OF_DISCORD,
      "{\"id\":\"607637793107345431\",\"features\":[],\"architus_admin\":false,\"owner\":false,"
      "\"has_architus\":false}" },
    { "permissions that are no number", "{\"id\":\"7180\",\"permissions\":\"08\"}",
      GUILD_OF_DISCORD,
      "{\"id\":\"7180\",\"permissions\":\"08\",\"features\":[],\"architus_admin\":false,"
      "\"owner\":false,\"has_architus\":false}" },
    { "no permissions at all", "{\"id\":\"7180\",\"permissions\":\"0\"}", GUILD_OF_DISCORD,
      "{\"id\":\"7180\",\"permissions\":0,\"features\":[],\"architus_admin\":false,"
      "\"owner\":false,\"has_architus\":false}" },
    { "without an id", "{\"name\":\"g\"}", GUILD_OF_SHARD, NULL },
};

static void writes_guilds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof guilds / sizeof guilds[0]; i++) {
        struct buf text;
        bool has_id;

        buf_init(&text, TEXT_MAX);
        has_id = guild_write(&text, json_of_text(guilds[i].guild), guilds[i].source,
                             SLICE_LITERAL("214037134477230080"));
        assert_int_equal(has_id, guilds[i].want != NULL);
        expect_text(guilds[i].name, &text, has_id ? guilds[i].want : "");
        buf_fini(&text);
    }
}

/* ---- logs ------------------------------------------------------------------------------------------------- */

#define POOL_ADD                                                                                   \
    "\"pool\":{\"type\":\"autoResponse\",\"op\":\"add\",\"id\":\"7115\",\"entity\":{\"id\":"       \
    "\"7115\"}}"

static const struct {
    const char *name, *event;
    const char *wrong;
    const char *log, *change; /* as they are announced; NULL: not */
} events[] = {
    { "an entry",
      "{\"id\":869315472384032768,\"guild_id\":1,\"discord_object\":711543547145097377,\"private\":"
      "false,"
      "\"reversible\":false,\"action_number\":10,\"agent_id\":null,\"subject_id\":"
      "711543547145097377,"
      "\"data\":{\"name\":\"general\"}}",
      NULL,
      "{\"id\":\"I\",\"guild_id\":\"G\",\"discord_object\":\"711543547145097377\",\"private\":"
      "false,"
      "\"reversible\":false,\"action_number\":10,\"agent_id\":null,\"subject_id\":"
      "\"711543547145097377\","
      "\"data\":{\"name\":\"general\"}}",
      NULL },
    { "a change", "{" POOL_ADD "}", NULL, NULL, "{\"id\":\"I\",\"guild_id\":\"G\"," POOL_ADD "}" },
    { "both", "{\"action_number\":-1,\"data\":null,\"ttl\":30," POOL_ADD "}", NULL,
      "{\"id\":\"I\",\"guild_id\":\"G\",\"action_number\":-1,\"data\":null," POOL_ADD "}",
      "{\"id\":\"I\",\"guild_id\":\"G\"," POOL_ADD "}" },
    { "a removal", "{\"pool\":{\"type\":\"member\",\"op\":\"remove\",\"id\":7115,\"entity\":{}}}",
      NULL, NULL,
      "{\"id\":\"I\",\"guild_id\":\"G\",\"pool\":{\"type\":\"member\",\"op\":\"remove\",\"id\":"
      "\"7115\"}}" },
    { "nothing in it", "{\"id\":\"1\"}", "action_number or pool must be there", NULL, NULL },
    { "no object", "[]", "an event must be an object", NULL, NULL },
    { "no id", "{\"id\":\"x\",\"action_number\":1}", "id: must be an id", NULL, NULL },
    { "no action", "{\"action_number\":\"x\"}", "action_number: must be a whole number", NULL,
      NULL },
    { "no time", "{\"action_number\":1,\"ttl\":-1}", "ttl: must be a whole number of seconds", NULL,
      NULL },
    { "no pool", "{\"pool\":7}", "pool: must be an object", NULL, NULL },
    { "no type", "{\"pool\":{\"type\":\"x\",\"op\":\"add\",\"id\":\"1\",\"entity\":{}}}",
      "pool.type: is not known", NULL, NULL },
    { "no op", "{\"pool\":{\"type\":\"role\",\"op\":\"x\",\"id\":\"1\",\"entity\":{}}}",
      "pool.op: must be add, update or remove", NULL, NULL },
    { "nobody", "{\"pool\":{\"type\":\"role\",\"op\":\"add\",\"entity\":{}}}",
      "pool.id: must be an id", NULL, NULL },
    { "no entity", "{\"pool\":{\"type\":\"role\",\"op\":\"update\",\"id\":\"1\"}}",
      "pool.entity: must be an object of at most 64 KiB", NULL, NULL },
};

static void passes_events_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        struct log_event event;
        struct buf text, log, change;
        const char *wrong;

        buf_init(&text, TEXT_MAX);
        buf_reserve(&text, 4096);
        buf_init(&log, TEXT_MAX);
        buf_init(&change, TEXT_MAX);
        wrong = log_event_parse(json_of_text(events[i].event), &text, &event);
        if ((wrong == NULL) != (events[i].wrong == NULL) ||
            (wrong != NULL && strcmp(wrong, events[i].wrong) != 0))
            fail_msg("%s: %s", events[i].name, wrong);
        if (wrong == NULL && event.has_action)
            log_event_write(&log, &event, SLICE_LITERAL("I"), SLICE_LITERAL("G"));
        if (wrong == NULL && event.change != LOG_NO_CHANGE)
            log_change_write(&change, &event, SLICE_LITERAL("I"), SLICE_LITERAL("G"));
        expect_text(events[i].name, &log, events[i].log != NULL ? events[i].log : "");
        expect_text(events[i].name, &change, events[i].change != NULL ? events[i].change : "");
        buf_fini(&text);
        buf_fini(&log);
        buf_fini(&change);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_requests),
        cmocka_unit_test(a_thousand_ids_and_one_more),
        cmocka_unit_test(parses_proofs),
        cmocka_unit_test(parses_spectate),
        cmocka_unit_test(checks_mock_events),
        cmocka_unit_test(mock_texts_have_two_thousand_characters),
        cmocka_unit_test(writes_answers),
        cmocka_unit_test(reads_entities),
        cmocka_unit_test(an_empty_id_is_none),
        cmocka_unit_test(refuses_what_are_no_entities),
        cmocka_unit_test(counts_entities_that_are_too_large),
        cmocka_unit_test(writes_guilds),
        cmocka_unit_test(passes_events_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
