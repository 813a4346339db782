/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sio_assembly.h"
#include "sio_wire.h"

enum { ATTACHMENTS_MAX = 10, TEXT_MAX = 65536 };

#define TEN      "[[[[[[[[[["
#define TEN_ENDS "]]]]]]]]]]"
#define A_128                                                                                      \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"                             \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* What was read, field by field: "2 /admin 456 [...]", with '-' for what is not there. */
static void print_packet(const struct sio_packet *packet, struct buf *out)
{
    buf_printf(out, "%u", (unsigned)packet->type);
    if (packet->attachment_count > 0)
        buf_printf(out, "*%u", packet->attachment_count);
    buf_printf(out, " %.*s ", (int)packet->nsp.len, packet->nsp.data);
    if (packet->has_id)
        buf_printf(out, "%llu ", (unsigned long long)packet->id);
    else
        buf_add_text(out, "- ");
    if (packet->payload.type == JSON_ABSENT)
        buf_add_byte(out, '-');
    else
        buf_add_slice(out, packet->payload.raw);
}

static const struct {
    const char *name, *text, *want;
} good[] = {
    { "CONNECT", "0", "0 / - -" },
    { "CONNECT with auth", "0{\"token\":\"123\"}", "0 / - {\"token\":\"123\"}" },
    { "CONNECT of a namespace", "0/admin,", "0 /admin - -" },
    { "CONNECT without the comma", "0/admin", "0 /admin - -" },
    { "CONNECT of a namespace with auth", "0/admin,{\"a\":1}", "0 /admin - {\"a\":1}" },
    { "CONNECT with a query: part of the name", "0/custom?token=1&b=2",
      "0 /custom?token=1&b=2 - -" },
    { "DISCONNECT", "1", "1 / - -" },
    { "DISCONNECT of a namespace", "1/admin,", "1 /admin - -" },
    { "EVENT", "2[\"hey\",\"Jude\"]", "2 / - [\"hey\",\"Jude\"]" },
    { "EVENT with an id", "2/admin,456[\"project:delete\",123]",
      "2 /admin 456 [\"project:delete\",123]" },
    { "EVENT named by a number", "2[1,2]", "2 / - [1,2]" },
    { "EVENT with an empty name", "2[\"\"]", "2 / - [\"\"]" },
    { "EVENT with the longest name", "2[\"" A_128 "\"]", "2 / - [\"" A_128 "\"]" },
    { "ACK", "3/admin,456[]", "3 /admin 456 []" },
    { "ACK with id 0", "30[\"ok\",null]", "3 / 0 [\"ok\",null]" },
    { "the largest id", "3999999999999999[]", "3 / 999999999999999 []" },
    { "CONNECT_ERROR", "4{\"message\":\"no\"}", "4 / - {\"message\":\"no\"}" },
    { "CONNECT_ERROR, a text", "4\"no\"", "4 / - \"no\"" },
    { "BINARY_EVENT", "52-/admin,7[\"up\",{\"_placeholder\":true,\"num\":0}]",
      "5*2 /admin 7 [\"up\",{\"_placeholder\":true,\"num\":0}]" },
    { "BINARY_ACK", "61-15[\"bar\",{\"_placeholder\":true,\"num\":0}]",
      "6*1 / 15 [\"bar\",{\"_placeholder\":true,\"num\":0}]" },
    { "as many attachments as may be", "510-[\"x\"]", "5*10 / - [\"x\"]" },
    { "32 levels", "2[\"x\"," TEN TEN TEN "[" TEN_ENDS TEN_ENDS TEN_ENDS "]]",
      "2 / - [\"x\"," TEN TEN TEN "[" TEN_ENDS TEN_ENDS TEN_ENDS "]]" },
    { "blanks inside and behind", "2[ \"x\" , 1 ] ", "2 / - [ \"x\" , 1 ]" },
    { "numbers keep their digits", "2[\"x\",12345678901234567890.10]",
      "2 / - [\"x\",12345678901234567890.10]" },
    { "a name that only begins like a reserved one", "2[\"connected\"]", "2 / - [\"connected\"]" },
};

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct sio_packet packet;
        struct buf out;
        enum sio_fault fault = sio_packet_read(slice_of(good[i].text), ATTACHMENTS_MAX, &packet);

        if (fault != SIO_FINE)
            fail_msg("%s: %s", good[i].name, sio_fault_name(fault));
        buf_init(&out, TEXT_MAX);
        print_packet(&packet, &out);
        if (!slice_is(buf_slice(&out), good[i].want))
            fail_msg("%s: %.*s", good[i].name, (int)out.len, out.data);
        buf_fini(&out);
    }
}

static const struct {
    const char *name, *text;
    enum sio_fault want;
} bad[] = {
    { "nothing", "", SIO_FAULT_TYPE },
    { "an unknown type", "7", SIO_FAULT_TYPE },
    { "no digit", "abc", SIO_FAULT_TYPE },
    { "a blank first", " 2[\"x\"]", SIO_FAULT_TYPE },

    { "no count", "5[\"x\"]", SIO_FAULT_COUNT },
    { "an empty count", "5-[\"x\"]", SIO_FAULT_COUNT },
    { "a negative count", "5-1-[\"x\"]", SIO_FAULT_COUNT },
    { "a count that is no integer", "51.5-[\"x\"]", SIO_FAULT_COUNT },
    { "a count without its dash", "51[\"x\"]", SIO_FAULT_COUNT },
    { "nothing behind the count", "51", SIO_FAULT_COUNT },
    { "a count of 0", "50-[\"x\"]", SIO_FAULT_COUNT },
    { "one attachment too many", "511-[\"x\"]", SIO_FAULT_MANY },
    { "a count beyond all numbers", "599999999999999999999999-[\"x\"]", SIO_FAULT_MANY },
    { "a BINARY_ACK with too many", "61000-1[]", SIO_FAULT_MANY },

    { "an id of 16 digits", "29999999999999999[\"x\"]", SIO_FAULT_ID },
    { "an id that no number holds", "2999999999999999999999999[\"x\"]", SIO_FAULT_ID },
    { "a blank for an id", "2 [\"x\"]", SIO_FAULT_JSON },
    { "an id that is none", "2abc[\"x\",1,\"2\",{\"3\":[false]}]", SIO_FAULT_JSON },
    { "a negative id", "2-1[\"x\"]", SIO_FAULT_JSON },
    { "an id with a point", "21.5[\"x\"]", SIO_FAULT_JSON },
    { "an ACK without an id", "3[]", SIO_FAULT_ID },
    { "a BINARY_ACK without an id", "61-[]", SIO_FAULT_ID },

    { "no JSON", "2[\"x\"", SIO_FAULT_JSON },
    { "two values", "2[\"x\"][]", SIO_FAULT_JSON },
    { "a comma too many", "2[\"x\",]", SIO_FAULT_JSON },
    { "33 levels", "2[\"x\"," TEN TEN TEN "[[" TEN_ENDS TEN_ENDS TEN_ENDS "]]]", SIO_FAULT_JSON },
    { "NaN", "2[\"x\",NaN]", SIO_FAULT_JSON },

    { "CONNECT with an array", "0[]", SIO_FAULT_PAYLOAD },
    { "CONNECT with a text", "0\"a\"", SIO_FAULT_PAYLOAD },
    { "CONNECT with null", "0null", SIO_FAULT_PAYLOAD },
    { "DISCONNECT with an object", "1{}", SIO_FAULT_PAYLOAD },
    { "EVENT with an object", "2{}", SIO_FAULT_PAYLOAD },
    { "EVENT with an empty array", "2[]", SIO_FAULT_PAYLOAD },
    { "EVENT without a payload", "2", SIO_FAULT_PAYLOAD },
    { "EVENT of an id alone", "212", SIO_FAULT_PAYLOAD },
    { "EVENT named by an object", "2[{}]", SIO_FAULT_PAYLOAD },
    { "EVENT named by null", "2[null]", SIO_FAULT_PAYLOAD },
    { "EVENT named by true", "2[true]", SIO_FAULT_PAYLOAD },
    { "ACK without a payload", "312", SIO_FAULT_PAYLOAD },
    { "ACK with an object", "312{}", SIO_FAULT_PAYLOAD },
    { "CONNECT_ERROR without a payload", "4", SIO_FAULT_PAYLOAD },
    { "CONNECT_ERROR with an array", "4[]", SIO_FAULT_PAYLOAD },
    { "BINARY_EVENT with an object", "51-{}", SIO_FAULT_PAYLOAD },
    { "BINARY_ACK with an object", "61-1{}", SIO_FAULT_PAYLOAD },

    { "connect", "2[\"connect\"]", SIO_FAULT_NAME },
    { "connect, written with an escape", "2[\"c\\u006fnnect\"]", SIO_FAULT_NAME },
    { "connect_error", "2[\"connect_error\",1]", SIO_FAULT_NAME },
    { "disconnect", "2[\"disconnect\"]", SIO_FAULT_NAME },
    { "disconnecting", "2[\"disconnecting\"]", SIO_FAULT_NAME },
    { "newListener", "2[\"newListener\"]", SIO_FAULT_NAME },
    { "removeListener", "51-[\"removeListener\"]", SIO_FAULT_NAME },
    { "a name of 129 bytes", "2[\"" A_128 "a\"]", SIO_FAULT_NAME },
    { "half of a pair of surrogates", "2[\"\\ud800\"]", SIO_FAULT_NAME },
};

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sio_packet packet;
        enum sio_fault fault = sio_packet_read(slice_of(bad[i].text), ATTACHMENTS_MAX, &packet);

        if (fault != bad[i].want)
            fail_msg("%s: wanted %s, got %s", bad[i].name, sio_fault_name(bad[i].want),
                     sio_fault_name(fault));
    }
}

static void test_without_attachments(void **state)
{
    struct sio_packet packet;

    (void)state;
    assert_int_equal(sio_packet_read(slice_of("51-[\"x\"]"), 0, &packet), SIO_FAULT_MANY);
}

/* Every packet cut anywhere is read within its bounds (the sanitizers see to that). */
static void test_every_truncation(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        size_t len = strlen(good[i].text);

        for (size_t cut = 0; cut <= len; cut++) {
            char *exact = xmalloc(cut + 1);
            struct sio_packet packet;
            enum sio_fault fault;

            memcpy(exact, good[i].text, cut);
            exact[cut] = '\0';
            fault = sio_packet_read((struct slice){ exact, cut }, ATTACHMENTS_MAX, &packet);
            assert_true(fault < SIO_FAULTS);
            free(exact);
        }
    }
}

static void test_placeholders(void **state)
{
    static const struct {
        const char *name, *json;
        bool want;
    } rows[] = {
        { "none", "[\"x\",1]", true },
        { "the first", "[\"x\",{\"_placeholder\":true,\"num\":0}]", true },
        { "the last", "[\"x\",{\"num\":1,\"_placeholder\":true}]", true },
        { "the same twice",
          "[{\"_placeholder\":true,\"num\":1},{\"a\":[{\"_placeholder\":true,\"num\":1}]}]", true },
        { "one that is not there", "[\"x\",{\"_placeholder\":true,\"num\":2}]", false },
        { "one deep inside", "[\"x\",{\"a\":{\"b\":[1,{\"_placeholder\":true,\"num\":9}]}}]",
          false },
        { "negative", "[{\"_placeholder\":true,\"num\":-1}]", false },
        { "no integer", "[{\"_placeholder\":true,\"num\":0.5}]", false },
        { "a text for a number", "[{\"_placeholder\":true,\"num\":\"0\"}]", false },
        { "an object for a number", "[{\"_placeholder\":true,\"num\":{}}]", false },
        { "no number", "[{\"_placeholder\":true}]", false },
        { "length, which an array has as well", "[{\"_placeholder\":true,\"num\":\"length\"}]",
          false },
        { "written with an escape", "[{\"\\u005fplaceholder\":true,\"num\":2}]", false },
        { "not true: an ordinary object", "[{\"_placeholder\":1,\"num\":9}]", true },
        { "false: an ordinary object", "[{\"_placeholder\":false,\"num\":9}]", true },
        { "an object for true", "[{\"_placeholder\":{},\"num\":9}]", true },
        { "the last of two", "[{\"_placeholder\":true,\"num\":9,\"num\":0}]", true },
        { "the last of two is wrong", "[{\"_placeholder\":true,\"num\":0,\"num\":9}]", false },
        { "members of an object inside are not its own",
          "[{\"_placeholder\":true,\"a\":{\"num\":0}}]", false },
        { "an object inside does not end it", "[{\"_placeholder\":true,\"a\":{},\"num\":0}]",
          true },
        { "a longer name", "[{\"_placeholder1\":true}]", true },
        { "a very long name with an escape",
          "[{\"\\u005faaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":true}]", true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct json payload;

        assert_true(json_parse(slice_of(rows[i].json), &payload));
        if (sio_placeholders_are_valid(payload, 2) != rows[i].want)
            fail_msg("%s", rows[i].name);
    }
}

static void test_write(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        { "0{\"sid\":\"x\"}", "40{\"sid\":\"x\"}" },
        { "0/admin", "40/admin," },
        { "1", "41" },
        { "1/admin", "41/admin," },
        { "2/admin,456[\"a\"]", "42/admin,456[\"a\"]" },
        { "30[]", "430[]" },
        { "4/x,\"no\"", "44/x,\"no\"" },
        { "52-/admin,7[\"up\"]", "452-/admin,7[\"up\"]" },
        { "61-15[\"bar\"]", "461-15[\"bar\"]" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sio_packet packet;
        struct buf out;

        assert_int_equal(sio_packet_read(slice_of(rows[i].text), ATTACHMENTS_MAX, &packet),
                         SIO_FINE);
        buf_init(&out, TEXT_MAX);
        sio_packet_write(&out, &packet);
        if (!slice_is(buf_slice(&out), rows[i].want))
            fail_msg("%s: %.*s", rows[i].text, (int)out.len, out.data);
        buf_fini(&out);
    }
}

static void test_make(void **state)
{
    const struct slice attachments[] = { { "\x01\x02", 2 }, { "", 0 } };
    struct sio_packet head = {
        .type = SIO_ACK, .nsp = SLICE_LITERAL("/a"), .has_id = true, .id = 7, .attachment_count = 2
    };
    struct packet *packet;

    (void)state;
    assert_true(json_parse(slice_of("[1]"), &head.payload));
    packet = sio_packet_make(&head, attachments);
    assert_true(slice_is(frame_slice(packet->text), "462-/a,7[1]"));
    assert_int_equal(packet->attachment_count, 2);
    assert_memory_equal(packet->attachments[0]->data, "\x01\x02", 2);
    assert_int_equal(packet->attachments[1]->len, 0);
    packet_unref(&packet);
    head.attachment_count = 0;
    packet = sio_packet_make(&head, NULL);
    assert_true(slice_is(frame_slice(packet->text), "43/a,7[1]"));
    packet_unref(&packet);
}

/* ---- what is incomplete ----------------------------------------------------------------------- */

static void test_assembly(void **state)
{
    struct sio_assembly *assembly = sio_assembly_create(slice_of("53-[\"x\"]"), 3, 5);
    const struct slice *attachments;

    (void)state;
    assert_true(sio_assembly_add(assembly, slice_of("ab")));
    assert_true(sio_assembly_add(assembly, slice_of("")));
    assert_false(sio_assembly_is_complete(assembly));
    assert_true(sio_assembly_add(assembly, slice_of("cde")));
    assert_true(sio_assembly_is_complete(assembly));
    assert_true(slice_is(sio_assembly_text(assembly), "53-[\"x\"]"));
    attachments = sio_assembly_attachments(assembly);
    assert_true(slice_is(attachments[0], "ab"));
    assert_true(slice_is(attachments[1], ""));
    assert_true(slice_is(attachments[2], "cde"));
    sio_assembly_destroy(&assembly);
    assert_null(assembly);
    sio_assembly_destroy(&assembly);
}

static void test_assembly_of_nothing(void **state)
{
    struct sio_assembly *assembly = sio_assembly_create(slice_of("51-[\"x\"]"), 1, 0);

    (void)state;
    assert_true(sio_assembly_add(assembly, slice_of("")));
    assert_true(slice_is(sio_assembly_attachments(assembly)[0], ""));
    sio_assembly_destroy(&assembly);
}

static void test_assembly_has_a_ceiling(void **state)
{
    struct sio_assembly *assembly = sio_assembly_create(slice_of("52-[\"x\"]"), 2, 5);

    (void)state;
    assert_true(sio_assembly_add(assembly, slice_of("abc")));
    assert_false(sio_assembly_add(assembly, slice_of("def")));
    sio_assembly_destroy(&assembly);
}

static struct sio_assembly *move(const struct sio_assembly *assembly, struct buf *image)
{
    struct sio_assembly *moved = NULL;
    struct unpack unpack;

    buf_init(image, TEXT_MAX);
    sio_assembly_pack(assembly, image);
    unpack_init(&unpack, buf_slice(image));
    assert_true(sio_assembly_unpack(&unpack, ATTACHMENTS_MAX, 100, &moved));
    assert_true(unpack_is_done(&unpack));
    return moved;
}

static void test_assembly_moves(void **state)
{
    struct sio_assembly *assembly = sio_assembly_create(slice_of("53-[\"x\"]"), 3, 100), *moved;
    struct buf image;

    (void)state;
    assert_true(sio_assembly_add(assembly, slice_of("ab")));
    assert_true(sio_assembly_add(assembly, slice_of("")));
    moved = move(assembly, &image);
    assert_false(sio_assembly_is_complete(moved));
    assert_true(sio_assembly_add(moved, slice_of("c")));
    assert_true(slice_is(sio_assembly_text(moved), "53-[\"x\"]"));
    assert_true(slice_is(sio_assembly_attachments(moved)[0], "ab"));
    assert_true(slice_is(sio_assembly_attachments(moved)[2], "c"));
    sio_assembly_destroy(&moved);
    buf_fini(&image);
    assert_null(move(NULL, &image));
    buf_fini(&image);
    sio_assembly_destroy(&assembly);
}

static void test_broken_images(void **state)
{
    struct sio_assembly *assembly = sio_assembly_create(slice_of("52-[\"x\"]"), 2, 100), *moved;
    struct unpack unpack;
    struct buf image;

    (void)state;
    assert_true(sio_assembly_add(assembly, slice_of("abc")));
    buf_init(&image, TEXT_MAX);
    sio_assembly_pack(assembly, &image);
    for (size_t len = 0; len < image.len; len++) {
        unpack_init(&unpack, (struct slice){ image.data, len });
        assert_false(sio_assembly_unpack(&unpack, ATTACHMENTS_MAX, 100, &moved));
        assert_null(moved);
    }
    unpack_init(&unpack, buf_slice(&image));
    assert_false(sio_assembly_unpack(&unpack, 1, 100, &moved)); /* too many for here */
    unpack_init(&unpack, buf_slice(&image));
    assert_false(sio_assembly_unpack(&unpack, ATTACHMENTS_MAX, 2, &moved)); /* too large */
    buf_fini(&image);
    sio_assembly_destroy(&assembly);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_without_attachments),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_placeholders),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_make),
        cmocka_unit_test(test_assembly),
        cmocka_unit_test(test_assembly_of_nothing),
        cmocka_unit_test(test_assembly_has_a_ceiling),
        cmocka_unit_test(test_assembly_moves),
        cmocka_unit_test(test_broken_images),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
