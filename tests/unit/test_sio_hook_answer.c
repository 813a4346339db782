/* SPDX-License-Identifier: MIT */
/* What a back end may answer: each row is read, and written again in short. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sio_hook_answer.h"

enum { TEXT_MAX = 65536 };

static void add_names(struct buf *out, const char *what, const struct json_list *names)
{
    for (size_t i = 0; i < names->count; i++)
        buf_printf(out, "%s%.*s", i == 0 ? what : ",", (int)names->items[i].len,
                   names->items[i].data);
}

/* "data=… join=… emit /x [\"e\",1] to …" */
static char *in_short(const struct sio_hook_answer *answer)
{
    struct buf out;
    char *text;

    buf_init(&out, TEXT_MAX);
    if (answer->data.data != NULL)
        buf_printf(&out, " data=%.*s", (int)answer->data.len, answer->data.data);
    add_names(&out, " leave=", &answer->leave);
    add_names(&out, " join=", &answer->join);
    for (size_t i = 0; i < answer->emit_count; i++) {
        const struct sio_hook_emit *emit = &answer->emits[i];

        buf_printf(&out, " emit %.*s%.*s", (int)emit->nsp.len,
                   emit->nsp.len > 0 ? emit->nsp.data : "", (int)emit->items.len, emit->items.data);
        buf_add_text(&out, emit->is_to_rooms ? " to" : "");
        add_names(&out, " ", &emit->rooms);
        add_names(&out, " except ", &emit->except);
        add_names(&out, " with ", &emit->attachments);
        buf_add_text(&out, emit->is_volatile ? " volatile" : "");
    }
    if (answer->ack.data != NULL)
        buf_printf(&out, " ack=%.*s", (int)answer->ack.len, answer->ack.data);
    add_names(&out, " with ", &answer->attachments);
    buf_add_text(&out, answer->disconnects ? " disconnect" : "");
    text = slice_dup(buf_slice(&out));
    buf_fini(&out);
    return text;
}

static const struct {
    const char *name, *body;
    const char *want; /* NULL: it makes no sense */
} cases[] = {
    { "nothing", "", "" },
    { "blanks", " \r\n\t", "" },
    { "an empty object", "{}", "" },
    { "what we do not know", "{\"x\":1,\"ackk\":[]}", "" },
    { "nulls", "{\"ack\":null,\"emit\":null,\"join\":null,\"leave\":null,\"disconnect\":null}",
      "" },
    { "data stays as it is", "{\"data\":{\"a\": 1.0}}", " data={\"a\": 1.0}" },
    { "no data any more", "{\"data\":null}", " data=null" },
    { "an ack stays as it is", "{\"ack\":[1.0, \"\\u00e4\"]}", " ack=[1.0, \"\\u00e4\"]" },
    { "an ack with bytes", "{\"ack\":[],\"attachments\":[\"eHl6\",\"\"]}", " ack=[] with xyz," },
    { "rooms", "{\"join\":[\"a\",\"\\u00e4\"],\"leave\":[\"b\"]}", " leave=b join=a,\xc3\xa4" },
    { "disconnect", "{\"disconnect\":true}", " disconnect" },
    { "no disconnect", "{\"disconnect\":false}", "" },
    { "the last of two counts", "{\"ack\":[1],\"ack\":[2]}", " ack=[2]" },

    { "an emit", "{\"emit\":[{\"event\":\"e\",\"args\":[1, {\"b\":2} ]}]}",
      " emit [\"e\",1, {\"b\":2} ]" },
    { "without args", "{\"emit\":[{\"event\":\"e\"}]}", " emit [\"e\"]" },
    { "with none", "{\"emit\":[{\"event\":\"e\",\"args\":[ ]}]}", " emit [\"e\"]" },
    { "a name with escapes", "{\"emit\":[{\"event\":\"\\u0065\\\"\"}]}",
      " emit [\"\\u0065\\\"\"]" },
    { "to rooms", "{\"emit\":[{\"event\":\"e\",\"rooms\":[\"r\",\"\\u0073\"]}]}",
      " emit [\"e\"] to r,s" },
    { "to all", "{\"emit\":[{\"event\":\"e\",\"rooms\":[]}]}", " emit [\"e\"] to" },
    { "rooms are null", "{\"emit\":[{\"event\":\"e\",\"rooms\":null}]}", " emit [\"e\"]" },
    { "all of it",
      "{\"emit\":[{\"event\":\"e\",\"args\":[0],\"rooms\":[\"r\"],\"except\":[\"s\"],"
      "\"namespace\":\"/x\",\"volatile\":true,\"attachments\":[\"eHl6\"]}]}",
      " emit /x[\"e\",0] to r except s with xyz volatile" },
    { "two", "{\"emit\":[{\"event\":\"a\"},{\"event\":\"b\"}]}", " emit [\"a\"] emit [\"b\"]" },
    { "none", "{\"emit\":[]}", "" },

    { "no JSON", "yes", NULL },
    { "more than JSON", "{} {}", NULL },
    { "a list", "[]", NULL },
    { "null", "null", NULL },
    { "no UTF-8", "{\"join\":[\"\xff\"]}", NULL },
    { "an ack that is no list", "{\"ack\":{}}", NULL },
    { "attachments that are no base64", "{\"ack\":[],\"attachments\":[\"?\"]}", NULL },
    { "base64 without padding", "{\"ack\":[],\"attachments\":[\"eHk\"]}", NULL },
    { "attachments that are no texts", "{\"ack\":[],\"attachments\":[1]}", NULL },
    { "join is no list", "{\"join\":\"a\"}", NULL },
    { "a room that is no text", "{\"join\":[1]}", NULL },
    { "a room without a name", "{\"join\":[\"\"]}", NULL },
    { "a room with a line feed", "{\"leave\":[\"a\\n\"]}", NULL },
    { "an unpaired surrogate", "{\"join\":[\"\\ud800\"]}", NULL },
    { "disconnect is no flag", "{\"disconnect\":1}", NULL },
    { "emit is no list", "{\"emit\":{}}", NULL },
    { "an emit that is no object", "{\"emit\":[1]}", NULL },
    { "no event", "{\"emit\":[{}]}", NULL },
    { "an event that is no text", "{\"emit\":[{\"event\":1}]}", NULL },
    { "an event that clients take for an error", "{\"emit\":[{\"event\":\"connect\"}]}", NULL },
    { "the same in disguise", "{\"emit\":[{\"event\":\"\\u0064isconnect\"}]}", NULL },
    { "args are no list", "{\"emit\":[{\"event\":\"e\",\"args\":{}}]}", NULL },
    { "rooms are no list", "{\"emit\":[{\"event\":\"e\",\"rooms\":\"r\"}]}", NULL },
    { "a namespace without rooms", "{\"emit\":[{\"event\":\"e\",\"namespace\":\"/x\"}]}", NULL },
    { "an exception without rooms", "{\"emit\":[{\"event\":\"e\",\"except\":[\"r\"]}]}", NULL },
    { "a namespace without a slash",
      "{\"emit\":[{\"event\":\"e\",\"rooms\":[],\"namespace\":\"x\"}]}", NULL },
    { "volatile is no flag", "{\"emit\":[{\"event\":\"e\",\"volatile\":\"yes\"}]}", NULL },
    { "the second of two", "{\"emit\":[{\"event\":\"e\"},{\"event\":\"\"}]}", NULL },
};

/* Also cut off after every byte, at the end of memory that may be read. */
static void read_cut(const char *body, size_t len)
{
    char *copy = malloc(len + (len == 0));
    struct sio_hook_answer answer = { 0 };
    struct why why = { "" };
    bool is_good;

    memcpy(copy, body, len);
    is_good = sio_hook_answer_parse((struct slice){ copy, len }, &answer, &why);
    assert_int_equal(is_good, why.text[0] == '\0');
    sio_hook_answer_fini(&answer);
    free(copy);
}

static void answers_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sio_hook_answer answer = { 0 };
        struct why why = { "" };
        bool is_good = sio_hook_answer_parse(slice_of(cases[i].body), &answer, &why);
        char *text = in_short(&answer);

        if (is_good != (cases[i].want != NULL))
            fail_msg("%s: %s", cases[i].name, is_good ? "was taken" : why.text);
        if (is_good && strcmp(text, cases[i].want) != 0)
            fail_msg("%s: got%s", cases[i].name, text);
        free(text);
        sio_hook_answer_fini(&answer);
        for (size_t len = 0; len <= strlen(cases[i].body); len++)
            read_cut(cases[i].body, len);
    }
}

/* So many of them, and one more. */
static bool reads(const char *before, const char *item, const char *after, int count)
{
    struct sio_hook_answer answer = { 0 };
    struct buf body;
    bool is_good;

    buf_init(&body, 1 << 20);
    buf_add_text(&body, before);
    for (int i = 0; i < count; i++)
        buf_printf(&body, "%s%s", i > 0 ? "," : "", item);
    buf_add_text(&body, after);
    is_good = sio_hook_answer_parse(buf_slice(&body), &answer, NULL);
    sio_hook_answer_fini(&answer);
    buf_fini(&body);
    return is_good;
}

static void lists_are_bounded(void **state)
{
    (void)state;
    assert_true(reads("{\"join\":[", "\"r\"", "]}", SIO_HOOK_NAMES_MAX));
    assert_false(reads("{\"join\":[", "\"r\"", "]}", SIO_HOOK_NAMES_MAX + 1));
    assert_true(reads("{\"emit\":[", "{\"event\":\"e\"}", "]}", SIO_HOOK_EMITS_MAX));
    assert_false(reads("{\"emit\":[", "{\"event\":\"e\"}", "]}", SIO_HOOK_EMITS_MAX + 1));
    assert_true(reads("{\"attachments\":[", "\"eHl6\"", "]}", SIO_HOOK_ATTACHMENTS_MAX));
    assert_false(reads("{\"attachments\":[", "\"eHl6\"", "]}", SIO_HOOK_ATTACHMENTS_MAX + 1));
}

static void data_is_bounded(void **state)
{
    (void)state;
    for (size_t bytes = SIO_HOOK_DATA_MAX; bytes <= SIO_HOOK_DATA_MAX + 1; bytes++) {
        struct sio_hook_answer answer = { 0 };
        struct why why = { "" };
        struct buf body;

        buf_init(&body, 2 * SIO_HOOK_DATA_MAX);
        buf_add_text(&body, "{\"data\":\"");
        for (size_t i = 2; i < bytes; i++)
            buf_add_byte(&body, 'x');
        buf_add_text(&body, "\"}");
        assert_int_equal(sio_hook_answer_parse(buf_slice(&body), &answer, &why),
                         bytes == SIO_HOOK_DATA_MAX);
        sio_hook_answer_fini(&answer);
        buf_fini(&body);
    }
}

static void expect_refusal(const char *body, const char *message, const char *data)
{
    struct buf text;
    struct slice got;

    buf_init(&text, 8);
    sio_hook_refusal_parse(slice_of(body), &text, &got);
    assert_true(slice_equals(buf_slice(&text), slice_of(message)));
    assert_true(slice_equals(got, slice_of(data)));
    buf_fini(&text);
}

static void refusals_are_read(void **state)
{
    (void)state;
    expect_refusal("{\"message\":\"n\\u006f\",\"data\":{\"a\":1.0}}", "no", "{\"a\":1.0}");
    expect_refusal("{\"message\":\"no\"}", "no", NULL);
    expect_refusal("{\"message\":1,\"data\":2}", NULL, "2");
    expect_refusal("{\"message\":\"a text too long\",\"data\":2}", NULL, "2");
    expect_refusal("{\"message\":\"a\\u0074ext too long\"}", NULL, NULL);
    expect_refusal("no", NULL, NULL);
    expect_refusal("[]", NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_read),
        cmocka_unit_test(lists_are_bounded),
        cmocka_unit_test(data_is_bounded),
        cmocka_unit_test(refusals_are_read),
    };

    return cmocka_run_group_tests_name("sio_hook_answer", tests, NULL, NULL);
}
