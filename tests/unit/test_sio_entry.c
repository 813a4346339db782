/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "sio_entry.h"

/* Entries of rooms and namespaces: what is written is read again, and nothing else is. */
#define TEXT(text)                                                                                 \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }
#define TEXTS(list)                                                                                \
    {                                                                                              \
        (list), sizeof(list) / sizeof((list)[0])                                                   \
    }
#define NODE "00ff00ff00"

static const struct slice rooms[] = { TEXT("a"), TEXT("b#c") };
static const struct slice except[] = { TEXT("x") };
static const struct slice buffers[] = { TEXT("\x01\x02\x03"), TEXT("") };
static const struct slice sid[] = { TEXT("0123456789abcdefghij") };

static const struct {
    const char *name;
    struct sio_entry entry;
    size_t envelope; /* bytes; 0: not looked at */
} cases[] = {
    { "text to one room", { .packet = TEXT("42[\"a\",1]") }, 1 },
    { "volatile", { .is_volatile = true, .packet = TEXT("42/n,[\"a\"]") }, 1 },
    { "with attachments",
      { .attachments = TEXTS(buffers), .packet = TEXT("452-[\"a\",{},{}]") },
      1 + 1 + 1 + 3 + 1 },
    { "to several rooms",
      { .has_target = true, .rooms = TEXTS(rooms), .packet = TEXT("42[\"a\"]") },
      1 + 1 + 2 + 4 + 1 },
    { "to all but some",
      { .has_target = true, .except = TEXTS(except), .packet = TEXT("42[\"a\"]") },
      0 },
    { "to rooms but others",
      { .has_target = true,
        .rooms = TEXTS(rooms),
        .except = TEXTS(except),
        .packet = TEXT("42[\"a\"]") },
      0 },
    { "it asks",
      { .asker = TEXT(NODE), .ask_id = 7, .packet = TEXT("427[\"a\"]") },
      1 + 1 + 10 + 1 },
    { "everything at once",
      { .is_volatile = true,
        .has_target = true,
        .rooms = TEXTS(rooms),
        .except = TEXTS(except),
        .asker = TEXT(NODE),
        .ask_id = SIO_ACK_ID_MAX,
        .attachments = TEXTS(buffers),
        .packet = TEXT("452-999999999999999[\"a\"]") },
      0 },
    { "join", { .kind = SIO_ENTRY_JOIN, .names = TEXTS(rooms) }, 0 },
    { "leave, of those in rooms",
      { .kind = SIO_ENTRY_LEAVE,
        .has_target = true,
        .rooms = TEXTS(rooms),
        .names = TEXTS(except) },
      0 },
    { "disconnect", { .kind = SIO_ENTRY_DISCONNECT }, 3 },
    { "close", { .kind = SIO_ENTRY_CLOSE }, 3 },
    { "supersede", { .kind = SIO_ENTRY_SUPERSEDE, .names = TEXTS(sid) }, 0 },
};

static bool are_equal(const struct sio_texts *a, const struct sio_texts *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!slice_equals(a->items[i], b->items[i]))
            return false;
    }
    return true;
}

static bool is_same(const struct sio_entry *a, const struct sio_entry *b)
{
    return a->kind == b->kind && a->is_volatile == b->is_volatile &&
           a->has_target == b->has_target && are_equal(&a->rooms, &b->rooms) &&
           are_equal(&a->except, &b->except) && are_equal(&a->names, &b->names) &&
           are_equal(&a->attachments, &b->attachments) && slice_equals(a->asker, b->asker) &&
           a->ask_id == b->ask_id && slice_equals(a->packet, b->packet);
}

static void write_case(struct buf *out, size_t i)
{
    buf_init(out, 4096);
    sio_entry_write(out, &cases[i].entry);
    assert_false(out->has_overflowed);
}

static void test_what_is_written_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sio_entry entry;
        struct buf bytes;

        write_case(&bytes, i);
        if (!sio_entry_read(buf_slice(&bytes), &entry))
            fail_msg("%s: is not read", cases[i].name);
        if (!is_same(&entry, &cases[i].entry))
            fail_msg("%s: is not the same", cases[i].name);
        if (cases[i].envelope > 0 && bytes.len - entry.packet.len != cases[i].envelope)
            fail_msg("%s: %zu bytes of envelope", cases[i].name, bytes.len - entry.packet.len);
        sio_entry_fini(&entry);
        assert_null(entry.texts);
        buf_fini(&bytes);
    }
}

/* The rest of an event is its packet; so what is cut off there is another packet, and nothing else. */
static void test_what_is_cut_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf bytes;

        write_case(&bytes, i);
        for (size_t len = 0; len < bytes.len; len++) {
            char *copy = malloc(len + 1); /* on the heap: what lies behind it is seen */
            struct sio_entry entry;
            bool is_read;

            assert_non_null(copy);
            memcpy(copy, bytes.data, len);
            is_read = sio_entry_read((struct slice){ copy, len }, &entry);
            if (is_read && (cases[i].entry.kind != SIO_ENTRY_EVENT ||
                            len < bytes.len - cases[i].entry.packet.len + 2))
                fail_msg("%s: cut at %zu is read", cases[i].name, len);
            if (is_read)
                sio_entry_fini(&entry);
            free(copy);
        }
        buf_fini(&bytes);
    }
}

static void test_what_makes_no_sense_is_refused(void **state)
{
    static const struct {
        const char *name;
        struct slice bytes;
    } rows[] = {
        { "nothing", TEXT("") },
        { "no version", TEXT("\x00"
                             "42[\"a\"]") },
        { "a later version", TEXT("\x40"
                                  "42[\"a\"]") },
        { "no packet", TEXT("\x20") },
        { "no EVENT", TEXT("\x20"
                           "40{}") },
        { "no message of Engine.IO", TEXT("\x20"
                                          "22[\"a\"]") },
        { "binary without attachments", TEXT("\x20"
                                             "451-[\"a\"]") },
        { "attachments that are none", TEXT("\x28\x00"
                                            "450-[\"a\"]") },
        { "attachments of text", TEXT("\x28\x01\x01"
                                      "x42[\"a\"]") },
        { "an attachment beyond the end", TEXT("\x28\x01\x7f"
                                               "x451-[\"a\"]") },
        { "more attachments than bytes", TEXT("\x28\x7f"
                                              "451-[\"a\"]") },
        { "more items than there may be", TEXT("\x21\x81\x08"
                                               "42[\"a\"]") },
        { "a number without an end", TEXT("\x21\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff") },
        { "a length that wraps around", TEXT("\x28\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                                             "451-[\"a\"]") },
        { "an asker that is no node", TEXT("\x24\x01"
                                           "a\x07"
                                           "427[\"a\"]") },
        { "an asker of other digits", TEXT("\x24\x0a"
                                           "00FF00FF00\x07"
                                           "427[\"a\"]") },
        { "an ask id of 16 digits", TEXT("\x24\x0a"
                                         "00ff00ff00\x80\x80\x9a\xa6\xea\xaf\xe3\x01"
                                         "42[\"a\"]") },
        { "a control that is an event", TEXT("\x30\x00\x00") },
        { "a control that nobody knows", TEXT("\x30\x06\x00") },
        { "a join of nothing", TEXT("\x30\x01\x00") },
        { "a disconnect with names", TEXT("\x30\x03\x01\x01"
                                          "a") },
        { "a supersede by two", TEXT("\x30\x05\x02\x01"
                                     "a\x01"
                                     "b") },
        { "a supersede by nobody", TEXT("\x30\x05\x00") },
        { "a control with something behind it", TEXT("\x30\x03\x00"
                                                     "x") },
        { "a control that asks", TEXT("\x34\x0a"
                                      "00ff00ff00\x07\x03\x00") },
        { "a control with attachments", TEXT("\x38\x03\x00") },
        { "a volatile control", TEXT("\x32\x03\x00") },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sio_entry entry;

        if (sio_entry_read(rows[i].bytes, &entry))
            fail_msg("%s: is read", rows[i].name);
        assert_null(entry.texts);
    }
}

static void test_packet_may_follow(void **state)
{
    struct sio_entry entry = { .is_volatile = true };
    struct buf bytes;

    (void)state;
    buf_init(&bytes, 64);
    sio_entry_write(&bytes, &entry);
    buf_add_text(&bytes, "42[\"a\"]");
    assert_true(sio_entry_read(buf_slice(&bytes), &entry));
    assert_true(slice_is(entry.packet, "42[\"a\"]"));
    sio_entry_fini(&entry);
    buf_fini(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_what_is_cut_is_refused),
        cmocka_unit_test(test_what_makes_no_sense_is_refused),
        cmocka_unit_test(test_packet_may_follow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
