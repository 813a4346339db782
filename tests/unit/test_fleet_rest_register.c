/* SPDX-License-Identifier: MIT */
/* Keys for single game servers: what may be said of them, and in which order registration and key come and go. */
#include "fleet_rest_rig.h"

#define REGISTER "POST /v1/registrations"

static void test_a_key_comes_behind_its_registration(void **state)
{
    char id[64], key[128];

    (void)state;
    rig_expect("all claims", REGISTER, KEY JSON,
               "{\"labels\":{\"b\":\"1\",\"a\":\"2\"},\"name\":\"eu\",\"endpointUrl\":\"ws://h/\","
               "\"maxInstances\":3,\"ttlMs\":1000,\"other\":1}",
               201, NULL);
    assert_int_equal(sscanf(reply.body,
                            "{\"status\":\"OK\",\"data\":{\"id\":\"%63[0-9a-f]\",\"key\":"
                            "\"%127[A-Za-z0-9_-]\"}}",
                            id, key),
                     2);
    assert_int_equal(strlen(id), 16);
    assert_int_equal(strlen(key), 4 + 43);
    assert_int_equal(strncmp(key, "frt_", 4), 0);
    rig_expect_notes("in this order",
                     "register default {\"name\":\"eu\",\"endpointUrl\":\"ws://h/\",\"labels\":"
                     "{\"b\":\"1\",\"a\":\"2\"}} seats=3 expires=1795220213277\n"
                     "key default registration: expires=1795220213277\n");
    rig_expect("none", REGISTER, "Authorization: Bearer key-in-redis\r\n" JSON, "{}", 201, NULL);
    rig_expect_notes("in the key's realm",
                     "register other {} seats=1 expires=0\nkey other registration: expires=0\n");
}

static void test_what_is_refused(void **state)
{
    static const char *const bodies[] = {
        "[]",
        "{\"name\":1}",
        "{\"name\":\"01234567890123456789012345678901234567890123456789012345678901234\"}",
        "{\"endpointUrl\":\"nope\"}",
        "{\"endpointUrl\":null}",
        "{\"labels\":[]}",
        "{\"labels\":{\"a\":1}}",
        "{\"labels\":{\"01234567890123456789012345678901234567890123456789012345678901234\":\"\"}}",
        "{\"maxInstances\":0}",
        "{\"maxInstances\":1001}",
        "{\"maxInstances\":\"1\"}",
        "{\"ttlMs\":0}",
        "{\"ttlMs\":1.5}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        rig_expect(bodies[i], REGISTER, KEY JSON, bodies[i], 400, REJECTED("VALIDATION"));
    rig_expect("no body", REGISTER, KEY, NULL, 400, REJECTED("VALIDATION"));
    rig_expect("no key", REGISTER, JSON, "{}", 401, REJECTED("UNAUTHORIZED"));
    rig_expect_notes("nothing was done", "");
}

static void test_what_fails_leaves_no_key(void **state)
{
    (void)state;
    rig.registered = RESULT_UNAVAILABLE;
    rig_expect("no registration", REGISTER, KEY JSON, "{}", 503, REJECTED("UNAVAILABLE"));
    rig_expect_notes("no key", "register default {} seats=1 expires=0\n");
    rig.registered = RESULT_UNCERTAIN;
    rig_expect("perhaps one", REGISTER, KEY JSON, "{}", 504, REJECTED("COMMAND_TIMEOUT"));
    rig_expect_notes("taken back", "register default {} seats=1 expires=0\nrevoke\nunregister\n");
    rig.registered = RESULT_CONFLICT;
    rig_expect("another's", REGISTER, KEY JSON, "{}", 503, REJECTED("UNAVAILABLE"));
    rig_expect_notes("not taken from it", "register default {} seats=1 expires=0\n");
    rig.registered = RESULT_OK;
    rig.added = RESULT_UNCERTAIN;
    rig_expect("perhaps a key", REGISTER, KEY JSON, "{}", 504, REJECTED("COMMAND_TIMEOUT"));
    rig_expect_notes("taken back", "register default {} seats=1 expires=0\n"
                                   "key default registration: expires=0\nrevoke\nunregister\n");
    rig.added = RESULT_UNAVAILABLE;
    rig_expect("no key", REGISTER, KEY JSON, "{}", 503, REJECTED("UNAVAILABLE"));
    rig_expect_notes("taken back, too", "register default {} seats=1 expires=0\n"
                                        "key default registration: expires=0\n"
                                        "revoke\nunregister\n");
}

static bool has_notes(void *ctx)
{
    return slice_is(buf_slice(&rig.notes), ctx);
}

static void test_a_caller_that_goes_takes_it_along(void **state)
{
    static char registered[] = "register default {} seats=1 expires=0\n",
                keyed[] = "register default {} seats=1 expires=0\n"
                          "key default registration: expires=0\n";
    const struct {
        void (*unanswered)(struct store_op *op);
        char *notes;
    } rows[] = { { answer_registered, registered }, { answer_added, keyed } };
    char want[256];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rig.unanswered = rows[i].unanswered;
        client_send(&rig.client,
                    S(REGISTER " HTTP/1.1\r\nHost: x\r\n" KEY JSON "Content-Length: 2\r\n\r\n{}"));
        support_wait(&rig.fixture.loop, has_notes, rows[i].notes, SUPPORT_WAIT_MS, "the step");
        client_close(&rig.client);
        snprintf(want, sizeof want, "%srevoke\nunregister\n", rows[i].notes);
        rig_expect_notes("taken back", want);
        client_open(&rig.client, &rig.fixture);
    }
}

static void test_the_key_goes_before_its_registration(void **state)
{
    (void)state;
    rig_expect("both", "DELETE /v1/registrations/00ff", KEY, NULL, 200, OK);
    rig_expect_notes("in this order", "revoke registration:00ff\nunregister 00ff\n");
    rig.revoked = RESULT_NOT_FOUND;
    rig_expect("a key that has expired", "DELETE /v1/registrations/00ff", KEY, NULL, 200, OK);
    rig.unregistered = RESULT_NOT_FOUND;
    rig_expect("neither", "DELETE /v1/registrations/00ff", KEY, NULL, 404,
               REJECTED("REGISTRATION_NOT_FOUND"));
    rig_expect("no id", "DELETE /v1/registrations/", KEY, NULL, 404,
               REJECTED("REGISTRATION_NOT_FOUND"));
    rig_expect("a strange one", "DELETE /v1/registrations/a%00b", KEY, NULL, 404,
               REJECTED("REGISTRATION_NOT_FOUND"));
    rig.revoked = RESULT_UNAVAILABLE;
    rig_expect("away", "DELETE /v1/registrations/00ff", KEY, NULL, 503, REJECTED("UNAVAILABLE"));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, rig_start, rig_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_key_comes_behind_its_registration),
        CASE(test_what_is_refused),
        CASE(test_what_fails_leaves_no_key),
        CASE(test_a_caller_that_goes_takes_it_along),
        CASE(test_the_key_goes_before_its_registration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
