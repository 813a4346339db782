/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "push_wire.h"

enum { MAX_TTL_MS = 86400000 };

/* "player | frame | id | ttl" or "wrong: …" for each message, in lines. */
static void describe(const struct push_batch *batch, struct buf *out)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct push_message *message = &batch->messages[i];
        size_t start;

        if (i > 0)
            buf_add_byte(out, '\n');
        if (message->wrong != NULL) {
            buf_printf(out, "wrong: %.*s", (int)strcspn(message->wrong, ":"), message->wrong);
            continue;
        }
        buf_add_slice(out, message->player);
        buf_add_text(out, " | ");
        start = out->len;
        push_frame_write(out, message);
        assert_true(out->len - start <= push_frame_max(message));
        buf_add_text(out, " | ");
        buf_add_slice(out, message->once);
        buf_printf(out, " | %u", message->ttl_ms);
    }
}

static const struct {
    const char *name, *body;
    enum push_route route;
    const char *want; /* NULL: bad request */
} bodies[] = {
    { "a message", "{\"player_id\":\"p\",\"event\":\"e\",\"payload\":{\"a\":1}}", PUSH_PUBLISH,
      "p | {\"event\":\"e\",\"payload\":{\"a\":1}} |  | 0" },
    { "a payload as it stands",
      " {\"payload\" : [ 1e400,-0 ,\"\\u0000\",{\"a\":1,\"a\":2}] , "
      "\"event\":\"e\",\"player_id\":\"p\"}\n",
      PUSH_PUBLISH,
      "p | {\"event\":\"e\",\"payload\":[ 1e400,-0 ,\"\\u0000\",{\"a\":1,\"a\":2}]} |  | 0" },
    { "no payload", "{\"player_id\":\"p\",\"event\":\"e\"}", PUSH_PUBLISH,
      "p | {\"event\":\"e\",\"payload\":null} |  | 0" },
    { "no HTML escapes", "{\"player_id\":\"p\",\"event\":\"\\u003ca>&\",\"payload\":\"<&>\"}",
      PUSH_PUBLISH, "p | {\"event\":\"<a>&\",\"payload\":\"<&>\"} |  | 0" },
    { "escapes that must be", "{\"player_id\":\"p\",\"event\":\"\\u0001\\\"\\n\\/\"}", PUSH_PUBLISH,
      "p | {\"event\":\"\\u0001\\\"\\n/\",\"payload\":null} |  | 0" },
    { "an integer", "{\"player_id\":42,\"event\":\"e\"}", PUSH_PUBLISH,
      "42 | {\"event\":\"e\",\"payload\":null} |  | 0" },
    { "a negative integer", "{\"player_id\":-7,\"event\":\"e\"}", PUSH_PUBLISH,
      "-7 | {\"event\":\"e\",\"payload\":null} |  | 0" },
    { "id and ttl", "{\"player_id\":\"p\",\"event\":\"e\",\"id\":\"m 1\",\"ttl\":86400}",
      PUSH_PUBLISH, "p | {\"event\":\"e\",\"payload\":null} | m 1 | 86400000" },
    { "null id and ttl", "{\"player_id\":\"p\",\"event\":\"e\",\"id\":null,\"ttl\":null}",
      PUSH_PUBLISH, "p | {\"event\":\"e\",\"payload\":null} |  | 0" },
    { "other members", "{\"x\":[1],\"player_id\":\"p\",\"event\":\"e\",\"y\":null}", PUSH_PUBLISH,
      "p | {\"event\":\"e\",\"payload\":null} |  | 0" },

    { "nothing", "", PUSH_PUBLISH, NULL },
    { "no JSON", "x", PUSH_PUBLISH, NULL },
    { "something behind", "{\"player_id\":\"p\",\"event\":\"e\"}x", PUSH_PUBLISH, NULL },
    { "no object", "\"x\"", PUSH_PUBLISH, NULL },
    { "no player", "{\"event\":\"e\"}", PUSH_PUBLISH, NULL },
    { "null is no player", "{\"player_id\":null,\"event\":\"e\"}", PUSH_PUBLISH, NULL },
    { "an empty player", "{\"player_id\":\"\",\"event\":\"e\"}", PUSH_PUBLISH, NULL },
    { "a player with a line feed", "{\"player_id\":\"a\\n\",\"event\":\"e\"}", PUSH_PUBLISH, NULL },
    { "a fraction", "{\"player_id\":4.5,\"event\":\"e\"}", PUSH_PUBLISH, NULL },
    { "an exponent", "{\"player_id\":1e3,\"event\":\"e\"}", PUSH_PUBLISH, NULL },
    { "an integer beyond 64 bits", "{\"player_id\":18446744073709551616,\"event\":\"e\"}",
      PUSH_PUBLISH, NULL },
    { "true is no player", "{\"player_id\":true,\"event\":\"e\"}", PUSH_PUBLISH, NULL },
    { "no event", "{\"player_id\":\"p\"}", PUSH_PUBLISH, NULL },
    { "an empty event", "{\"player_id\":\"p\",\"event\":\"\"}", PUSH_PUBLISH, NULL },
    { "a number as an event", "{\"player_id\":\"p\",\"event\":1}", PUSH_PUBLISH, NULL },
    { "half a pair", "{\"player_id\":\"p\",\"event\":\"\\ud800\"}", PUSH_PUBLISH, NULL },
    { "a ttl beyond the bound", "{\"player_id\":\"p\",\"event\":\"e\",\"ttl\":86401}", PUSH_PUBLISH,
      NULL },
    { "a ttl of zero", "{\"player_id\":\"p\",\"event\":\"e\",\"ttl\":0}", PUSH_PUBLISH, NULL },
    { "a fraction as a ttl", "{\"player_id\":\"p\",\"event\":\"e\",\"ttl\":1.5}", PUSH_PUBLISH,
      NULL },
    { "a number as an id", "{\"player_id\":\"p\",\"event\":\"e\",\"id\":1}", PUSH_PUBLISH, NULL },
    { "invalid UTF-8", "{\"player_id\":\"p\",\"event\":\"e\",\"payload\":\"\xff\"}", PUSH_PUBLISH,
      NULL },

    { "to all", "{\"event\":\"e\",\"payload\":1}", PUSH_BROADCAST,
      " | {\"event\":\"e\",\"payload\":1} |  | 0" },
    { "to one", "{\"event\":\"e\",\"player_id\":1}", PUSH_BROADCAST,
      "1 | {\"event\":\"e\",\"payload\":null} |  | 0" },
    { "to all, in so many words", "{\"event\":\"e\",\"player_id\":null}", PUSH_BROADCAST,
      " | {\"event\":\"e\",\"payload\":null} |  | 0" },
    { "a broadcast has no ttl", "{\"event\":\"e\",\"ttl\":-1,\"id\":1}", PUSH_BROADCAST,
      " | {\"event\":\"e\",\"payload\":null} |  | 0" },
    { "a wrong player", "{\"event\":\"e\",\"player_id\":1.5}", PUSH_BROADCAST, NULL },
    { "a list of broadcasts", "[{\"event\":\"e\"}]", PUSH_BROADCAST, NULL },

    { "an empty list", "[]", PUSH_PUBLISH, "" },
    { "a list", "[{\"player_id\":\"a\",\"event\":\"e\"},{\"player_id\":2,\"event\":\"f\"}]",
      PUSH_PUBLISH,
      "a | {\"event\":\"e\",\"payload\":null} |  | 0\n2 | {\"event\":\"f\",\"payload\":null} |  | "
      "0" },
    { "a list with wrong ones",
      "[{\"player_id\":\"a\",\"event\":\"e\"},1,{\"event\":\"f\"},"
      "{\"player_id\":\"b\",\"event\":\"e\",\"ttl\":0}]",
      PUSH_PUBLISH,
      "a | {\"event\":\"e\",\"payload\":null} |  | 0\nwrong: must be an object\nwrong: "
      "player_id\nwrong: ttl" },
};

static void test_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct push_batch batch = { 0 };
        bool is_good = push_parse(slice_of(bodies[i].body), bodies[i].route, MAX_TTL_MS, &batch);
        struct buf text;

        buf_init(&text, 4096);
        if (is_good != (bodies[i].want != NULL))
            fail_msg("%s: %s", bodies[i].name, is_good ? "was taken" : "was refused");
        if (is_good)
            describe(&batch, &text);
        if (is_good && !slice_equals(buf_slice(&text), slice_of(bodies[i].want)))
            fail_msg("%s: %.*s", bodies[i].name, (int)text.len, text.data);
        buf_fini(&text);
        push_batch_fini(&batch);
    }
}

/* No true beginning of a good body is good (blanks at the end aside). */
static void test_every_truncation_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        size_t whole = strlen(bodies[i].body);

        if (bodies[i].want == NULL)
            continue;
        while (whole > 0 && bodies[i].body[whole - 1] == '\n')
            whole--;
        for (size_t len = 0; len < whole; len++) {
            char *exact = xmalloc(len + 1);
            struct push_batch batch = { 0 };

            memcpy(exact, bodies[i].body, len);
            if (push_parse((struct slice){ exact, len }, bodies[i].route, MAX_TTL_MS, &batch))
                fail_msg("%s: its first %zu bytes were taken", bodies[i].name, len);
            push_batch_fini(&batch);
            free(exact);
        }
    }
}

static void test_list_sizes(void **state)
{
    static const struct {
        size_t count;
        bool want;
    } rows[] = { { 1000, true }, { 1001, false } };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct push_batch batch = { 0 };
        struct buf body;

        buf_init(&body, 65536);
        buf_add_byte(&body, '[');
        for (size_t at = 0; at < rows[i].count; at++)
            buf_printf(&body, "%s{\"player_id\":%zu,\"event\":\"e\"}", at > 0 ? "," : "", at);
        buf_add_byte(&body, ']');
        assert_int_equal(push_parse(buf_slice(&body), PUSH_PUBLISH, MAX_TTL_MS, &batch),
                         rows[i].want);
        push_batch_fini(&batch);
        buf_fini(&body);
    }
}

static void test_payloads_may_be_64_levels_deep(void **state)
{
    static const struct {
        const char *name, *before, *behind;
    } rows[] = {
        { "alone", "{\"player_id\":1,\"event\":\"e\",\"payload\":", "}" },
        { "in a list", " [{\"player_id\":1,\"event\":\"e\",\"payload\":", "}]" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t depth = 64; depth <= 65; depth++) {
            struct push_batch batch = { 0 };
            struct buf body;

            buf_init(&body, 1024);
            buf_add_text(&body, rows[i].before);
            for (size_t level = 0; level < depth; level++)
                buf_add_byte(&body, '[');
            for (size_t level = 0; level < depth; level++)
                buf_add_byte(&body, ']');
            buf_add_text(&body, rows[i].behind);
            if (push_parse(buf_slice(&body), PUSH_PUBLISH, MAX_TTL_MS, &batch) != (depth == 64))
                fail_msg("%zu levels %s", depth, rows[i].name);
            push_batch_fini(&batch);
            buf_fini(&body);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_every_truncation_is_refused),
        cmocka_unit_test(test_list_sizes),
        cmocka_unit_test(test_payloads_may_be_64_levels_deep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
