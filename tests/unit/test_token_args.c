/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "token_args.h"

enum { ARGS_MAX = 12, COMPLAINTS_MAX = 8192 };

static int split(char *line, char *argv[ARGS_MAX])
{
    int argc = 0;

    for (char *word = strtok(line, "|"); word != NULL; word = strtok(NULL, "|"))
        argv[argc++] = word;
    argv[argc] = NULL;
    return argc;
}

#define LONG_128                                                                                   \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"                             \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* Words are separated by '|'. `want` is the whole text of the complaints; "": good. */
static const struct {
    const char *name, *line, *want;
} cases[] = {
    { "add", "add|--kind|player|--subject|7", "" },
    { "add with all there is",
      "add|--kind=server|--subject=backend|--realm=r|--ttl=90d|--secret=s|--universe=42", "" },
    { "one dash", "add|-kind|player|-subject|7", "" },
    { "a secret from standard input", "add|--kind|relay|--subject|a|--secret|-", "" },
    { "an equals sign in a secret", "add|--kind|relay|--subject|a|--secret=a=b", "" },
    { "a secret that looks like an option", "add|--kind|relay|--subject|a|--secret|--kind", "" },
    { "the longest subject", "add|--kind|relay|--subject|" LONG_128, "" },
    { "list", "list", "" },
    { "list of a kind", "list|--kind|admin|--json", "" },
    { "revoke", "revoke|--kind|agent|--subject|a", "" },
    { "revoke one", "revoke|--kind|agent|--subject|a|--realm|r|--fingerprint|0123ABcd", "" },
    { "the node's options", "list|--redis|redis://h|--data=/d|--log-level|debug", "" },

    { "another command", "remove", "\"remove\": must be add, list or revoke\n" },
    { "all is missing", "add", "--kind: is missing\n--subject: is missing\n" },
    { "a word", "list|all", "\"all\": an option begins with --\n" },
    { "another kind", "add|--kind|user|--subject|7",
      "--kind \"user\": must be universe, relay, player, server, agent or admin\n" },
    { "an empty subject", "add|--kind|player|--subject=",
      "--subject \"\": must be 1 to 128 bytes of UTF-8 without control characters\n" },
    { "a long subject", "revoke|--kind|player|--subject|" LONG_128 "x",
      "--subject "
      "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\": "
      "must be 1 to 128 bytes of UTF-8 without control characters\n" },
    { "a realm with a control character", "add|--kind|player|--subject|7|--realm|a\x01",
      "--realm \"a\x01\": must be 1 to 128 bytes of UTF-8 without control characters\n" },
    { "no value", "add|--subject|7|--kind", "--kind: its value is missing\n" },
    { "a ttl without a unit", "add|--kind|player|--subject|7|--ttl|10",
      "--ttl \"10\": must be a time such as 500ms, 10s, 1h30m or 90d, up to 3650d\n" },
    { "a ttl of nothing", "add|--kind|player|--subject|7|--ttl|0s",
      "--ttl \"0s\": must be a time such as 500ms, 10s, 1h30m or 90d, up to 3650d\n" },
    { "a ttl that is too long", "add|--kind|player|--subject|7|--ttl|3650d1ms",
      "--ttl \"3650d1ms\": must be a time such as 500ms, 10s, 1h30m or 90d, up to 3650d\n" },
    { "a ttl that overflows", "add|--kind|player|--subject|7|--ttl|99999999999999999999d",
      "--ttl \"99999999999999999999d\": must be a time such as 500ms, 10s, 1h30m or 90d, up to "
      "3650d\n" },
    { "a negative ttl", "add|--kind|player|--subject|7|--ttl=-1s",
      "--ttl \"-1s\": must be a time such as 500ms, 10s, 1h30m or 90d, up to 3650d\n" },
    { "a secret is not shown", "add|--kind|player|--subject|7|--secret|top\tsecret",
      "--secret: must be 1 to 512 printable ASCII characters without a blank at either end, or - "
      "to read it from standard input\n" },
    { "an empty secret", "add|--kind|player|--subject|7|--secret=",
      "--secret: must be 1 to 512 printable ASCII characters without a blank at either end, or - "
      "to read it from standard input\n" },
    { "a universe for a player", "add|--kind|player|--subject|7|--universe|42",
      "--universe: only a server token is bound to one\n" },
    { "a short fingerprint", "revoke|--kind|player|--subject|7|--fingerprint|0123",
      "--fingerprint \"0123\": must be 8 hexadecimal digits\n" },
    { "no fingerprint", "revoke|--kind|player|--subject|7|--fingerprint|0123456g",
      "--fingerprint \"0123456g\": must be 8 hexadecimal digits\n" },
    { "a switch with a value", "list|--json=yes",
      "--json \"yes\": must be given without a value\n" },
    { "another command's option", "list|--subject|7",
      "--subject: has no meaning for \"token list\"\n" },
    { "all that is wrong at once", "add|--kind|x|--json|--ttl|y",
      "--kind \"x\": must be universe, relay, player, server, agent or admin\n"
      "--json: has no meaning for \"token add\"\n"
      "--ttl \"y\": must be a time such as 500ms, 10s, 1h30m or 90d, up to 3650d\n"
      "--subject: is missing\n" },
};

static void test_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[512], *argv[ARGS_MAX];
        struct token_args args;
        struct buf complaints;
        bool is_good;
        int argc;

        snprintf(line, sizeof line, "%s", cases[i].line);
        argc = split(line, argv);
        buf_init(&complaints, COMPLAINTS_MAX);
        is_good = token_args_parse(argc, argv, &args, &complaints);
        buf_add_byte(&complaints, '\0');
        if (strcmp(complaints.data, cases[i].want) != 0 || is_good != (cases[i].want[0] == '\0'))
            fail_msg("%s: got \"%s\", want \"%s\"", cases[i].name, complaints.data, cases[i].want);
        token_args_fini(&args);
        buf_fini(&complaints);
    }
}

static struct token_args parse(char *line)
{
    char *argv[ARGS_MAX];
    int argc = split(line, argv);
    struct token_args args;
    struct buf complaints;

    buf_init(&complaints, COMPLAINTS_MAX);
    assert_true(token_args_parse(argc, argv, &args, &complaints));
    buf_fini(&complaints);
    return args;
}

static void test_values(void **state)
{
    char line[] = "add|--redis|redis://h|--kind|server|--subject=b c|--config=f|--ttl|1d2h3m4s5ms|"
                  "--secret|-";
    struct token_args args = parse(line);

    (void)state;
    assert_int_equal(args.command, TOKEN_ADD);
    assert_int_equal(args.kind, CREDENTIAL_SERVER);
    assert_string_equal(args.subject, "b c");
    assert_string_equal(args.realm, "default");
    assert_string_equal(args.secret, "-");
    assert_null(args.universe);
    assert_int_equal(args.ttl_ms, 93784005);
    assert_int_equal(args.node_argc, 3);
    assert_string_equal(args.node_argv[0], "--redis");
    assert_string_equal(args.node_argv[1], "redis://h");
    assert_string_equal(args.node_argv[2], "--config=f");
    token_args_fini(&args);
}

static void test_fingerprints_are_lower_case(void **state)
{
    char line[] = "revoke|--kind|relay|--subject|a|--fingerprint|ABCDEF09";
    struct token_args args = parse(line);

    (void)state;
    assert_string_equal(args.fingerprint, "abcdef09");
    token_args_fini(&args);
}

static void test_nothing_at_all(void **state)
{
    char *argv[] = { NULL };
    struct token_args args;
    struct buf complaints;

    (void)state;
    buf_init(&complaints, COMPLAINTS_MAX);
    assert_false(token_args_parse(0, argv, &args, &complaints));
    token_args_fini(&args);
    buf_fini(&complaints);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_fingerprints_are_lower_case),
        cmocka_unit_test(test_nothing_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
