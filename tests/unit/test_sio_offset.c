/* SPDX-License-Identifier: MIT */
#include "sio_offset.h"

#include <string.h>

#include "support.h"

static const char TAG[] = { 'a', 'B', '0', '_' };

static void test_places_come_back(void **state)
{
    static const struct {
        uint32_t index;
        uint64_t number;
    } places[] = { { 0, 0 }, { 1, 35 }, { 36, 1843000000000000 }, { UINT32_MAX, UINT64_MAX } };
    enum { COUNT = sizeof places / sizeof places[0] };
    struct sio_offset offset;
    struct buf text;
    uint32_t index;
    uint64_t number;

    (void)state;
    buf_init(&text, SIO_OFFSET_TAG_LEN + COUNT * SIO_OFFSET_PLACE_MAX);
    sio_offset_begin(&text, TAG);
    for (size_t i = 0; i < COUNT; i++)
        sio_offset_add(&text, places[i].index, places[i].number);
    assert_false(text.has_overflowed);
    assert_true(sio_offset_parse(&offset, buf_slice(&text), TAG));
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(sio_offset_next(&offset, &index, &number), SIO_OFFSET_PLACE);
        assert_int_equal(index, places[i].index);
        assert_true(number == places[i].number);
    }
    assert_int_equal(sio_offset_next(&offset, &index, &number), SIO_OFFSET_END);
    buf_fini(&text);
}

static void test_what_is_no_offset(void **state)
{
    static const struct {
        const char *name, *text;
        bool is_of_this_session;
    } cases[] = {
        { "nothing", "", false },
        { "another session's", "aB1_.0-1", false },
        { "any text", "hello world", false },
        { "no index", "aB0_.-1", true },
        { "no number", "aB0_.1-", true },
        { "no dash", "aB0_.1", true },
        { "no dot", "aB0_1-1", true },
        { "a capital", "aB0_.1-A", true },
        { "an index beyond 32 bits", "aB0_.1z141z4-1", true },
        { "a number beyond 64 bits", "aB0_.1-3w5e11264sgsg", true },
        { "a long number", "aB0_.1-zzzzzzzzzzzzzzzzzzzzzzzzzzzz", true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sio_offset offset;
        uint32_t index;
        uint64_t number;

        if (sio_offset_parse(&offset, slice_of(cases[i].text), TAG) != cases[i].is_of_this_session)
            fail_msg("%s: of another session than expected", cases[i].name);
        if (cases[i].is_of_this_session &&
            sio_offset_next(&offset, &index, &number) != SIO_OFFSET_BROKEN)
            fail_msg("%s: accepted", cases[i].name);
    }
}

static void test_into_an_event(void **state)
{
    static const struct {
        const char *name, *text, *want; /* NULL: as it is */
    } cases[] = {
        { "an event", "42[\"a\",1]", "42[\"a\",1,\"OFF\"]" },
        { "no argument", "42[\"a\"]", "42[\"a\",\"OFF\"]" },
        { "in a namespace", "42/n,[\"a\"]", "42/n,[\"a\",\"OFF\"]" },
        { "with attachments", "451-[\"a\",{\"_placeholder\":true,\"num\":0}]",
          "451-[\"a\",{\"_placeholder\":true,\"num\":0},\"OFF\"]" },
        { "with attachments in a namespace", "4512-/n,[\"a\"]", "4512-/n,[\"a\",\"OFF\"]" },
        { "asks for an acknowledgement", "427[\"a\"]", NULL },
        { "asks for one in a namespace", "42/n,7[\"a\"]", NULL },
        { "asks for one, with attachments", "451-7[\"a\"]", NULL },
        { "an acknowledgement", "437[1]", NULL },
        { "a CONNECT", "40{\"sid\":\"x\"}", NULL },
        { "a DISCONNECT", "41", NULL },
        { "cut short", "42", NULL },
        { "a namespace without an end", "42/n", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf out;
        bool is_event;

        buf_init(&out, 256);
        is_event = sio_offset_insert(slice_of(cases[i].text), SLICE_LITERAL("OFF"), &out);
        if (is_event != (cases[i].want != NULL))
            fail_msg("%s: %s", cases[i].name, is_event ? "changed" : "not changed");
        if (is_event && !slice_is(buf_slice(&out), cases[i].want))
            fail_msg("%s: %.*s, not %s", cases[i].name, (int)out.len, out.data, cases[i].want);
        assert_true(is_event || out.len == 0);
        buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places_come_back),
        cmocka_unit_test(test_what_is_no_offset),
        cmocka_unit_test(test_into_an_event),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
