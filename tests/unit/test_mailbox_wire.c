/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "mailbox_wire.h"

#define ID_RULE    "must be a string of 1 to 128 bytes without control characters"
#define ONE_TARGET "jobId, jobIds, universe: exactly one of them is needed"
#define LIST_SIZE  "jobIds: must be 1 to 1000 job ids"

/* What a command says, in one line: "j1 j2 | universe | payload | id | ttl" */
static void describe(const struct command *command, struct buf *out)
{
    for (size_t i = 0; i < command->job_count; i++) {
        buf_add_slice(out, command->jobs[i]);
        buf_add_byte(out, ' ');
    }
    buf_add_text(out, "| ");
    buf_add_slice(out, command->universe);
    buf_add_text(out, " | ");
    buf_add_slice(out, command->payload);
    buf_add_text(out, " | ");
    buf_add_slice(out, command->once);
    buf_printf(out, " | %u%c", command->ttl_ms, '\0');
}

static void test_bodies(void **state)
{
    static const struct {
        const char *name, *body;
        const char *want;  /* what it says, or NULL */
        const char *wrong; /* what is wrong with it */
    } rows[] = {
        { "one job", "{\"jobId\":\"j\",\"payload\":1}", "j |  | 1 |  | 60000", NULL },
        { "a payload as it stands", "{\"payload\": {\"a\" :1e400,\"a\":[ -0 ]} ,\"jobId\":\"j\"}",
          "j |  | {\"a\" :1e400,\"a\":[ -0 ]} |  | 60000", NULL },
        { "null is a payload", "{\"jobId\":\"j\",\"payload\":null}", "j |  | null |  | 60000",
          NULL },
        { "several, each once", "{\"jobIds\":[\"a\",\"b\",\"a\",\"\\u0062\"],\"payload\":1}",
          "a b |  | 1 |  | 60000", NULL },
        { "a universe", "{\"universe\":\"u\",\"payload\":1}", "| u | 1 |  | 60000", NULL },
        { "all options", "{\"jobId\":\"j\",\"payload\":1,\"ttl\":86400,\"id\":\"c-1\"}",
          "j |  | 1 | c-1 | 86400000", NULL },
        { "the shortest ttl", "{\"jobId\":\"j\",\"payload\":1,\"ttl\":1}", "j |  | 1 |  | 1000",
          NULL },
        { "the last of two members counts", "{\"jobId\":\"a\",\"payload\":1,\"jobId\":\"b\"}",
          "b |  | 1 |  | 60000", NULL },
        { "escaped names", "{\"\\u006aobId\":\"\\u00e9\",\"payload\":1}",
          "\xc3\xa9 |  | 1 |  | 60000", NULL },

        { "nothing", "", NULL, "body: is not JSON, or nested too deeply" },
        { "no JSON", "{", NULL, "body: is not JSON, or nested too deeply" },
        { "no object", "[]", NULL, "body: must be a JSON object" },
        { "an empty object", "{}", NULL, ONE_TARGET },
        { "no target", "{\"payload\":1}", NULL, ONE_TARGET },
        { "job and jobs", "{\"jobId\":\"a\",\"jobIds\":[\"b\"],\"payload\":1}", NULL, ONE_TARGET },
        { "job and universe", "{\"jobId\":\"a\",\"universe\":\"u\",\"payload\":1}", NULL,
          ONE_TARGET },
        { "null is no job", "{\"jobId\":null,\"payload\":1}", NULL, "jobId: " ID_RULE },
        { "a number as a job", "{\"jobId\":1,\"payload\":1}", NULL, "jobId: " ID_RULE },
        { "an empty job", "{\"jobId\":\"\",\"payload\":1}", NULL, "jobId: " ID_RULE },
        { "a control character", "{\"jobId\":\"a\\u0000\",\"payload\":1}", NULL,
          "jobId: " ID_RULE },
        { "half a pair", "{\"jobId\":\"\\ud800\",\"payload\":1}", NULL, "jobId: " ID_RULE },
        { "no list", "{\"jobIds\":\"a\",\"payload\":1}", NULL,
          "jobIds: must be an array of job ids" },
        { "an empty list", "{\"jobIds\":[],\"payload\":1}", NULL, LIST_SIZE },
        { "a number in the list", "{\"jobIds\":[\"a\",1],\"payload\":1}", NULL,
          "jobIds: each " ID_RULE },
        { "a number as a universe", "{\"universe\":1,\"payload\":1}", NULL, "universe: " ID_RULE },
        { "no payload", "{\"jobId\":\"j\"}", NULL, "payload: is missing" },
        { "a ttl of zero", "{\"jobId\":\"j\",\"payload\":1,\"ttl\":0}", NULL,
          "ttl: must be a whole number of seconds from 1 to 86400" },
        { "too long a ttl", "{\"jobId\":\"j\",\"payload\":1,\"ttl\":86401}", NULL,
          "ttl: must be a whole number of seconds from 1 to 86400" },
        { "a fraction as a ttl", "{\"jobId\":\"j\",\"payload\":1,\"ttl\":1.5}", NULL,
          "ttl: must be a whole number of seconds from 1 to 86400" },
        { "a string as a ttl", "{\"jobId\":\"j\",\"payload\":1,\"ttl\":\"5\"}", NULL,
          "ttl: must be a whole number of seconds from 1 to 86400" },
        { "a number as an id", "{\"jobId\":\"j\",\"payload\":1,\"id\":1}", NULL, "id: " ID_RULE },
        { "an empty id", "{\"jobId\":\"j\",\"payload\":1,\"id\":\"\"}", NULL, "id: " ID_RULE },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct command command = { 0 };
        const char *wrong = command_parse(slice_of(rows[i].body), &command);
        struct buf text;

        buf_init(&text, 1024);
        if (wrong == NULL)
            describe(&command, &text);
        if ((wrong == NULL) != (rows[i].wrong == NULL) ||
            (wrong != NULL && strcmp(wrong, rows[i].wrong) != 0))
            fail_msg("%s: \"%s\"", rows[i].name, wrong != NULL ? wrong : "was taken");
        if (wrong == NULL && strcmp(text.data, rows[i].want) != 0)
            fail_msg("%s: %s", rows[i].name, text.data);
        buf_fini(&text);
        command_fini(&command);
    }
}

/* {"jobIds":[…],"payload":1} with so many ids, or one id of so many bytes. */
static void build_list(struct buf *out, size_t count, size_t id_len)
{
    buf_add_text(out, "{\"jobIds\":[");
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "%s\"%0*zu\"", i > 0 ? "," : "", (int)id_len, i);
    buf_add_text(out, "],\"payload\":1}");
}

static void test_sizes(void **state)
{
    static const struct {
        const char *name;
        size_t count, id_len;
        const char *wrong;
    } rows[] = {
        { "1000 jobs", 1000, 4, NULL },
        { "1001 jobs", 1001, 4, LIST_SIZE },
        { "an id of 128 bytes", 1, 128, NULL },
        { "an id of 129 bytes", 1, 129, "jobIds: each " ID_RULE },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct command command = { 0 };
        struct buf body;
        const char *wrong;

        buf_init(&body, 65536);
        build_list(&body, rows[i].count, rows[i].id_len);
        wrong = command_parse(buf_slice(&body), &command);
        if (wrong != rows[i].wrong &&
            (wrong == NULL || rows[i].wrong == NULL || strcmp(wrong, rows[i].wrong) != 0))
            fail_msg("%s: %s", rows[i].name, wrong != NULL ? wrong : "was taken");
        if (wrong == NULL)
            assert_int_equal(command.job_count, rows[i].count);
        command_fini(&command);
        buf_fini(&body);
    }
}

static void test_the_same_job_a_thousand_times(void **state)
{
    struct command command = { 0 };
    struct buf body;

    (void)state;
    buf_init(&body, 65536);
    buf_add_text(&body, "{\"jobIds\":[\"x\"");
    for (int i = 1; i < 1001; i++)
        buf_add_text(&body, ",\"x\"");
    buf_add_text(&body, "],\"payload\":1}");
    assert_string_equal(command_parse(buf_slice(&body), &command), LIST_SIZE);
    command_fini(&command);
    buf_fini(&body);
}

static void test_payloads_may_be_64_levels_deep(void **state)
{
    char body[256];

    (void)state;
    for (size_t depth = 64; depth <= 65; depth++) {
        struct command command = { 0 };
        size_t len = (size_t)snprintf(body, sizeof body, "{\"jobId\":\"j\",\"payload\":");

        memset(body + len, '[', depth);
        memset(body + len + depth, ']', depth);
        body[len + 2 * depth] = '}';
        assert_int_equal(command_parse((struct slice){ body, len + 2 * depth + 1 }, &command) ==
                             NULL,
                         depth == 64);
        command_fini(&command);
    }
}

static void test_every_truncation_is_refused(void **state)
{
    static const char body[] = "{\"jobIds\":[\"a\",\"\\u00e9\"],\"payload\":{\"b\":[1]},\"ttl\":5,"
                               "\"id\":\"c\"}";

    (void)state;
    for (size_t len = 0; len < sizeof body; len++) {
        char *exact = xmalloc(len + 1);
        struct command command = { 0 };

        memcpy(exact, body, len);
        assert_int_equal(command_parse((struct slice){ exact, len }, &command) == NULL,
                         len == sizeof body - 1);
        command_fini(&command);
        free(exact);
    }
}

static void test_answers(void **state)
{
    const struct job_row row = { SLICE_LITERAL("j\"1"), SLICE_LITERAL("u\n"), 1800000000000, 3 };
    struct buf out;

    (void)state;
    buf_init(&out, 1024);
    results_start(&out);
    results_add(&out, SLICE_LITERAL("a"), "live");
    results_add(&out, SLICE_LITERAL("b\\"), "queued");
    results_end(&out);
    buf_add_byte(&out, '\n');
    job_write(&out, &row);
    buf_add_byte(&out, '\n');
    jobs_start(&out);
    jobs_add(&out, &row);
    jobs_add(&out, &row);
    jobs_end(&out);
    buf_add_byte(&out, '\n');
    jobs_start(&out);
    jobs_end(&out);
    buf_add_byte(&out, '\0');
    assert_string_equal(
        out.data,
        "{\"results\":[{\"jobId\":\"a\",\"status\":\"live\"},{\"jobId\":\"b\\\\\",\"status\":"
        "\"queued\"}]}\n"
        "{\"jobId\":\"j\\\"1\",\"universeId\":\"u\\n\",\"lastSeen\":1800000000000,"
        "\"integrated\":true,\"waiting\":3}\n"
        "{\"jobs\":[{\"jobId\":\"j\\\"1\",\"universeId\":\"u\\n\",\"lastSeen\":1800000000000,"
        "\"waiting\":3},{\"jobId\":\"j\\\"1\",\"universeId\":\"u\\n\",\"lastSeen\":1800000000000,"
        "\"waiting\":3}]}\n"
        "{\"jobs\":[]}");
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_the_same_job_a_thousand_times),
        cmocka_unit_test(test_payloads_may_be_64_levels_deep),
        cmocka_unit_test(test_every_truncation_is_refused),
        cmocka_unit_test(test_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
