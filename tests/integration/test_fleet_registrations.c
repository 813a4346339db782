/* SPDX-License-Identifier: MIT */
/* Registrations of a fleet: who may be there with one, how many, and what becomes of them at its end. */
#include "store/fleet_registrations.h"

#include "fleet_rig.h"

#define ID SLICE_LITERAL("reg-1")

struct asked {
    struct outcome outcome;
    uint32_t max_instances;
    char claims[64], seats[256];
};

static struct fleet_registration registration_of(const char *claims, uint32_t max, int64_t expires)
{
    return (struct fleet_registration){ ID, slice_of(claims), max, expires };
}

static enum result do_register(struct fleet_registration registration)
{
    struct outcome outcome = { 0 };

    fleet_register(store, REALM, &registration, rig_on_done, &outcome, &outcome.slot);
    return rig_wait(&outcome);
}

static void on_admitted(enum result result, const struct fleet_registration *registration,
                        void *ctx)
{
    struct asked *asked = ctx;

    asked->max_instances = registration->max_instances;
    rig_copy(asked->claims, sizeof asked->claims, registration->claims);
    rig_on_done(result, &asked->outcome);
}

static struct asked find(void)
{
    struct asked asked = { .max_instances = 0 };

    fleet_find_registration(store, REALM, ID, on_admitted, &asked, &asked.outcome.slot);
    rig_wait(&asked.outcome);
    return asked;
}

static enum result admit(unsigned number, struct slice owner)
{
    struct asked asked = { .max_instances = 0 };
    struct game game = rig_game(number);

    fleet_admit(store, REALM, ID, slice_of(game.id), owner, on_admitted, &asked,
                &asked.outcome.slot);
    return rig_wait(&asked.outcome);
}

static enum result dismiss(unsigned number)
{
    struct outcome outcome = { 0 };
    struct game game = rig_game(number);

    fleet_dismiss(store, REALM, ID, slice_of(game.id), rig_on_done, &outcome, &outcome.slot);
    return rig_wait(&outcome);
}

static void on_unregistered(enum result result, const struct fleet_unregistered *left, void *ctx)
{
    struct asked *asked = ctx;
    size_t len = 0;

    for (size_t i = 0; i < left->seat_count; i++)
        len += (size_t)snprintf(asked->seats + len, sizeof asked->seats - len, "%.4s@%.*s ",
                                left->seats[i].instance.data + 12, (int)left->seats[i].owner.len,
                                left->seats[i].owner.data);
    rig_on_done(result, &asked->outcome);
}

static struct asked unregister(void)
{
    struct asked asked = { .max_instances = 0 };

    fleet_unregister(store, REALM, ID, on_unregistered, &asked, &asked.outcome.slot);
    rig_wait(&asked.outcome);
    return asked;
}

static void a_registration_is_found_as_it_was_made(void **state)
{
    struct asked asked;

    (void)state;
    assert_int_equal(find().outcome.result, RESULT_NOT_FOUND);
    assert_int_equal(do_register(registration_of("{\"name\":\"eu1\"}", 3, 0)), RESULT_OK);
    assert_int_equal(do_register(registration_of("{\"name\":\"eu1\"}", 3, 0)), RESULT_OK);
    assert_int_equal(do_register(registration_of("{\"name\":\"eu2\"}", 3, 0)), RESULT_CONFLICT);
    asked = find();
    assert_int_equal(asked.outcome.result, RESULT_OK);
    assert_int_equal(asked.max_instances, 3);
    assert_string_equal(asked.claims, "{\"name\":\"eu1\"}");
}

static void places_are_given_while_there_are_any(void **state)
{
    (void)state;
    assert_int_equal(admit(1, NODE), RESULT_NOT_FOUND);
    do_register(registration_of("", 2, 0));
    assert_int_equal(admit(1, NODE), RESULT_OK);
    assert_int_equal(admit(2, OTHER), RESULT_OK);
    assert_int_equal(admit(2, OTHER), RESULT_OK); /* again */
    assert_int_equal(admit(3, NODE), RESULT_REFUSED);
    assert_int_equal(dismiss(3), RESULT_NOT_FOUND);
    assert_int_equal(dismiss(1), RESULT_OK);
    assert_int_equal(dismiss(1), RESULT_NOT_FOUND);
    assert_int_equal(admit(3, NODE), RESULT_OK);
    assert_int_equal(admit(4, NODE), RESULT_REFUSED);
    rig_beat(OTHER, 0); /* its node is dead: so is its connection */
    assert_int_equal(admit(4, NODE), RESULT_OK);
}

static void what_has_expired_is_not_there(void **state)
{
    int64_t now = store_now_ms(store);

    (void)state;
    do_register(registration_of("", 2, now + 600000));
    assert_int_equal(admit(1, NODE), RESULT_OK);
    assert_string_equal(unregister().seats, "0001@node-1 ");
    dismiss(1);
    do_register(registration_of("", 2, now - 1));
    assert_int_equal(find().outcome.result, RESULT_NOT_FOUND);
    assert_int_equal(admit(1, NODE), RESULT_NOT_FOUND);
    assert_int_equal(do_register(registration_of("new", 2, 0)), RESULT_OK); /* the id is free */
    assert_string_equal(find().claims, "new");
    assert_int_equal(admit(1, NODE), RESULT_OK);
    unregister();
    do_register(registration_of("", 2, store_now_ms(store) + 500));
    assert_int_equal(admit(2, NODE), RESULT_OK);
    while (find().outcome.result == RESULT_OK)
        continue;
    do_register((struct fleet_registration){ SLICE_LITERAL("another"), { NULL, 0 }, 1, 0 });
    assert_int_equal(dismiss(2), RESULT_NOT_FOUND); /* its places went with it */
}

static void its_end_names_who_is_there(void **state)
{
    struct asked asked;

    (void)state;
    assert_int_equal(unregister().outcome.result, RESULT_NOT_FOUND);
    do_register(registration_of("", 5, 0));
    admit(1, NODE);
    admit(2, OTHER);
    asked = unregister();
    assert_int_equal(asked.outcome.result, RESULT_OK);
    assert_string_equal(asked.seats, "0001@node-1 0002@node-2 ");
    assert_int_equal(admit(3, NODE), RESULT_NOT_FOUND);
    assert_int_equal(unregister().outcome.result, RESULT_NOT_FOUND);
    assert_int_equal(dismiss(1),
                     RESULT_NOT_FOUND); /* nothing is left, whoever does not come to say so */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_registration_is_found_as_it_was_made, rig_flush_all),
        cmocka_unit_test_setup(places_are_given_while_there_are_any, rig_flush_all),
        cmocka_unit_test_setup(what_has_expired_is_not_there, rig_flush_all),
        cmocka_unit_test_setup(its_end_names_who_is_there, rig_flush_all),
    };

    return cmocka_run_group_tests(tests, rig_start, stop);
}
