/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet_rig.h"
#include "fleet_state.h"

enum { ROOMS = 12 };

/* "a b+ c": rooms by id, + for those that a command made. */
static struct fleet_instance *instance_of(const char *text)
{
    struct fleet_sync_room rooms[ROOMS + 1] = { 0 };
    struct fleet_state_message message = { .rooms = rooms,
                                           .type_count = 0,
                                           .endpoint_url = SLICE_LITERAL("ws://h") };

    while (*text != '\0') {
        struct fleet_sync_room *room = &rooms[message.room_count++];
        size_t len = strcspn(text, " ");
        bool is_fleets = len > 0 && text[len - 1] == '+';

        assert_true(message.room_count <= ROOMS);
        room->id = (struct slice){ text, len - is_fleets };
        room->origin = is_fleets ? SLICE_LITERAL("fleet") : SLICE_LITERAL("other");
        text += len + (text[len] == ' ');
    }
    return fleet_instance_of_state(&message);
}

/* "+a +b+ ~c -d": added, changed, removed. */
static void describe(struct buf *out, const struct fleet_state *state)
{
    for (size_t i = 0; i < state->added_count; i++)
        buf_printf(out, "+%.*s%s ", (int)state->added[i].base.len, state->added[i].base.data,
                   state->added[i].is_fleets ? "+" : "");
    for (size_t i = 0; i < state->changed_count; i++)
        buf_printf(out, "~%.*s%s ", (int)state->changed[i].base.len, state->changed[i].base.data,
                   state->changed[i].is_fleets ? "+" : "");
    for (size_t i = 0; i < state->removed_count; i++)
        buf_printf(out, "-%.*s ", (int)state->removed[i].len, state->removed[i].data);
}

static const struct {
    const char *before, *now, *want;
} cases[] = {
    { NULL, "", "" },
    { NULL, "b a+", "+b +a+ " },
    { "", "", "" },
    { "a b c", "a b c", "" },
    { "a b c", "c b a", "" },
    { "a b c", "a c", "-b " },
    { "a c", "a b c", "+b " },
    { "a b c", "", "-a -b -c " },
    { "a b", "b+ a", "~b+ " },
    { "a+ b", "a b", "~a " },
    { "a a", "a", "-a " },
    { "a", "a a", "+a " },
    { "a+ a", "a a+", "~a ~a+ " },
    { "a", "a+ a", "+a ~a+ " },
    { "a+ a", "a", "~a -a " },
    { "a x b", "b y a", "+y -x " },
    { "c b a", "z a+ c y", "+z +y ~a+ -b " },
    { "a ab abc", "abc ab a aa", "+aa " },
    { "x/y", "x%2Fy", "+x%252Fy -x%2Fy " },
};

static void says_what_has_become_of_rooms(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fleet_instance *before =
            cases[i].before != NULL ? instance_of(cases[i].before) : NULL;
        struct fleet_instance *now = instance_of(cases[i].now);
        struct fleet_state got = { 0 };
        struct buf out;

        buf_init(&out, 4096);
        fleet_instance_compare(before, now, slice_of("i"), &got);
        describe(&out, &got);
        if (!slice_is(buf_slice(&out), cases[i].want))
            fail_msg("%s -> %s: %.*s, not %s", cases[i].before, cases[i].now, (int)out.len,
                     buf_slice(&out).data, cases[i].want);
        fleet_compare_fini(&got);
        buf_fini(&out);
        fleet_instance_free(&before);
        fleet_instance_free(&now);
    }
}

static void added_rooms_bring_their_tails(void **state)
{
    struct fleet_instance *before = instance_of("b"), *now = instance_of("a b+ c");
    struct fleet_state got = { 0 };
    struct buf tail;

    (void)state;
    buf_init(&tail, 1024);
    fleet_instance_compare(before, now, slice_of("i"), &got);
    assert_int_equal(got.added_count, 2);
    fleet_room_tail(&tail, now, slice_of("i"), 2, (struct slice){ NULL, 0 });
    assert_true(slice_equals(got.added[1].tail, buf_slice(&tail)));
    assert_int_equal(got.changed_count, 1);
    assert_int_equal(got.changed[0].tail.len, 0);
    fleet_instance_compare(now, now, slice_of("i"), &got); /* what was there is released */
    assert_int_equal(got.added_count + got.changed_count + got.removed_count, 0);
    fleet_compare_fini(&got);
    fleet_compare_fini(&got);
    buf_fini(&tail);
    fleet_instance_free(&before);
    fleet_instance_free(&now);
}

/* ---- against a model: the k-th room of a base is compared with the k-th ---------------------------------- */

static void random_text(uint32_t *seed, char *out)
{
    size_t count = rig_random(seed) % ROOMS;

    *out = '\0';
    for (size_t i = 0; i < count; i++)
        sprintf(out + strlen(out), "%s%c%s", i > 0 ? " " : "", (char)('a' + rig_random(seed) % 4),
                rig_random(seed) % 3 == 0 ? "+" : "");
}

/* The k-th room with this base, or NULL. */
static const struct fleet_instance_room *find(const struct fleet_instance *instance,
                                              struct slice base, size_t k)
{
    for (size_t i = 0; i < instance->room_count; i++) {
        if (slice_equals(instance->rooms[i].base, base) && k-- == 0)
            return &instance->rooms[i];
    }
    return NULL;
}

static size_t ordinal(const struct fleet_instance *instance, size_t room)
{
    size_t k = 0;

    for (size_t i = 0; i < room; i++)
        k += slice_equals(instance->rooms[i].base, instance->rooms[room].base);
    return k;
}

static void expect_room(const struct fleet_room *rooms, size_t *next, size_t count,
                        const struct fleet_instance_room *want)
{
    assert_true(*next < count);
    assert_true(slice_equals(rooms[*next].base, want->base));
    assert_int_equal(rooms[*next].is_fleets, want->is_fleets);
    (*next)++;
}

static void compare_with_model(const struct fleet_instance *before,
                               const struct fleet_instance *now)
{
    struct fleet_state got = { 0 };
    size_t added = 0, changed = 0, removed = 0;

    fleet_instance_compare(before, now, slice_of("i"), &got);
    for (size_t i = 0; i < now->room_count; i++) {
        const struct fleet_instance_room *room = &now->rooms[i];
        const struct fleet_instance_room *was = find(before, room->base, ordinal(now, i));

        if (was == NULL)
            expect_room(got.added, &added, got.added_count, room);
        else if (was->is_fleets != room->is_fleets)
            expect_room(got.changed, &changed, got.changed_count, room);
    }
    for (size_t i = 0; i < before->room_count; i++) {
        size_t told = 0, gone = 0;

        for (size_t k = 0; k < got.removed_count; k++)
            told += slice_equals(got.removed[k], before->rooms[i].base);
        for (size_t k = 0; find(before, before->rooms[i].base, k) != NULL; k++)
            gone += find(now, before->rooms[i].base, k) == NULL;
        assert_int_equal(told, gone);
        removed += find(now, before->rooms[i].base, ordinal(before, i)) == NULL;
    }
    assert_int_equal(got.added_count, added);
    assert_int_equal(got.changed_count, changed);
    assert_int_equal(got.removed_count, removed);
    fleet_compare_fini(&got);
}

static void agrees_with_a_model(void **state)
{
    uint32_t seed = 4711;

    (void)state;
    for (size_t round = 0; round < 5000; round++) {
        char first[8 * ROOMS], second[8 * ROOMS];
        struct fleet_instance *before, *now;

        random_text(&seed, first);
        random_text(&seed, second);
        before = instance_of(first);
        now = instance_of(second);
        compare_with_model(before, now);
        fleet_instance_free(&before);
        fleet_instance_free(&now);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_has_become_of_rooms),
        cmocka_unit_test(added_rooms_bring_their_tails),
        cmocka_unit_test(agrees_with_a_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
