/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "token_cli.h"

/* The command as a shell sees it: arguments and standard input in, exit code and two texts out. */
enum { ARGS_MAX = 16, TEXT_MAX = 16384 };

static struct support_redis *redis;

struct outcome {
    int code;
    char out[TEXT_MAX], err[TEXT_MAX];
};

static void read_all(FILE *file, char out[TEXT_MAX])
{
    rewind(file);
    out[fread(out, 1, TEXT_MAX - 1, file)] = '\0';
    fclose(file);
}

static void become(FILE *in, FILE *out, FILE *err, const char *const *words)
{
    char *argv[ARGS_MAX] = { NULL };
    int argc = 0, code;

    for (; words[argc] != NULL; argc++)
        argv[argc] = xstrdup(words[argc]);
    dup2(fileno(in), STDIN_FILENO);
    dup2(fileno(out), STDOUT_FILENO);
    dup2(fileno(err), STDERR_FILENO);
    code = token_main(argc, argv);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    exit(code); /* leaks are looked for here too */
}

static struct outcome run_with(const char *input, const char *const *words)
{
    FILE *in = tmpfile(), *out = tmpfile(), *err = tmpfile();
    struct outcome outcome;
    int status;
    pid_t pid;

    fputs(input, in);
    rewind(in);
    fflush(NULL);
    pid = fork();
    if (pid == 0)
        become(in, out, err, words);
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    outcome.code = WEXITSTATUS(status);
    fclose(in);
    read_all(out, outcome.out);
    read_all(err, outcome.err);
    return outcome;
}

#define INPUT(input, ...) run_with(input, (const char *const[]){ __VA_ARGS__, NULL })
#define RUN(...)          INPUT("", __VA_ARGS__)
#define URL               "--redis", support_redis_url(redis)

static void expect(struct outcome outcome, int code, const char *out)
{
    if (outcome.code != code || (out != NULL && strcmp(outcome.out, out) != 0))
        fail_msg("got %d \"%s\" (%s), want %d \"%s\"", outcome.code, outcome.out, outcome.err, code,
                 out != NULL ? out : "");
}

static int start(void **state)
{
    (void)state;
    redis = support_redis_start();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    support_redis_stop(&redis);
    return 0;
}

static int flush(void **state)
{
    (void)state;
    free(support_redis_command(redis, "FLUSHALL"));
    return 0;
}

static void test_made_secrets(void **state)
{
    struct outcome one = RUN("add", "--kind", "player", "--subject", "7", URL);
    struct outcome two = RUN("add", "--kind", "player", "--subject", "7", URL);

    (void)state;
    expect(one, 0, NULL);
    assert_int_equal(strlen(one.out), 44);
    assert_int_equal(
        strspn(one.out, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 43);
    assert_int_equal(one.out[43], '\n');
    assert_null(strstr(one.err, strtok(one.out, "\n")));
    assert_non_null(strstr(one.err, "added: kind=player subject=7 realm=default fingerprint="));
    assert_non_null(strstr(one.err, "expires=never"));
    assert_string_not_equal(one.out, two.out);
}

static void test_given_secrets(void **state)
{
    (void)state;
    expect(RUN("add", "--kind", "relay", "--subject", "a", "--secret", "abc", URL), 0, "abc\n");
    expect(RUN("add", "--kind", "relay", "--subject", "a", "--secret", "abc", URL), 0, "abc\n");
    expect(RUN("add", "--kind", "relay", "--subject", "b", "--secret", "abc", URL), 1, "");
    expect(INPUT("from stdin\n", "add", "--kind", "relay", "--subject", "a", "--secret", "-", URL),
           0, "from stdin\n");
    expect(INPUT("", "add", "--kind", "relay", "--subject", "a", "--secret", "-", URL), 2, "");
    expect(INPUT("two\nlines\n", "add", "--kind", "relay", "--subject", "a", "--secret", "-", URL),
           2, "");
}

static void test_list(void **state)
{
    (void)state;
    expect(RUN("list", URL), 0, "");
    expect(RUN("list", "--json", URL), 0, "[]\n");
    RUN("add", "--kind", "universe", "--subject", "42", "--secret", "abc", URL);
    RUN("add", "--kind", "server", "--subject", "b\"c", "--realm", "r", "--secret", "abc",
        "--universe", "42", URL);
    expect(RUN("list", URL), 0,
           "KIND      SUBJECT                  REALM            FINGERPRINT EXPIRES\n"
           "universe  42                       default          ba7816bf    never\n"
           "server    b\"c                      r                ba7816bf    never  universe=42\n");
    expect(RUN("list", "--json", "--kind", "server", URL), 0,
           "[\n {\"kind\":\"server\",\"subject\":\"b\\\"c\",\"realm\":\"r\",\"universe\":\"42\","
           "\"fingerprint\":\"ba7816bf\",\"expires\":null}\n]\n");
    expect(RUN("list", "--kind", "relay", URL), 0, "");
}

static void test_ttl(void **state)
{
    struct outcome list;
    char *ttl;

    (void)state;
    RUN("add", "--kind", "player", "--subject", "7", "--secret", "abc", "--ttl", "1h", URL);
    list = RUN("list", "--json", URL);
    assert_non_null(strstr(list.out, "\"expires\":\"20"));
    ttl = support_redis_command(
        redis,
        "PTTL 'sb:{cred:player:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015"
        "ad}:record'");
    assert_in_range(atoi(ttl), 3590000, 3601000);
    free(ttl);
}

static void test_revoke(void **state)
{
    (void)state;
    RUN("add", "--kind", "relay", "--subject", "a", "--secret", "abc", URL);
    RUN("add", "--kind", "relay", "--subject", "a", "--secret", "def", URL);
    expect(RUN("revoke", "--kind", "relay", "--subject", "a", "--realm", "other", URL), 1, "");
    expect(RUN("revoke", "--kind", "relay", "--subject", "a", "--fingerprint", "BA7816BF", URL), 0,
           "");
    expect(RUN("revoke", "--kind", "relay", "--subject", "a", "--fingerprint", "ba7816bf", URL), 1,
           "");
    expect(RUN("revoke", "--kind", "relay", "--subject", "a", URL), 0, "");
    expect(RUN("list", "--json", URL), 0, "[]\n");
}

static void test_wrong_usage(void **state)
{
    struct outcome outcome = RUN("add", "--kind", "user", URL);

    (void)state;
    expect(outcome, 2, "");
    assert_string_equal(outcome.err,
                        "--kind \"user\": must be universe, relay, player, server, agent or admin\n"
                        "--subject: is missing\n");
    outcome = RUN("list", "--no-such-option", "1", URL);
    expect(outcome, 2, "");
    assert_non_null(strstr(outcome.err, "no-such-option"));
    expect(RUN("list", "--redis", "http://somewhere"), 2, "");
    outcome = run_with("", (const char *const[]){ NULL });
    expect(outcome, 2, "");
    assert_non_null(strstr(outcome.err, "signalbox token add --kind"));
    outcome = RUN("--help");
    expect(outcome, 0, NULL);
    assert_non_null(strstr(outcome.out, "signalbox token add --kind"));
}

static void test_no_redis(void **state)
{
    int64_t start_ms = clock_ms();
    struct outcome outcome = RUN("list", "--redis", "unix:///nowhere/redis.sock");

    (void)state;
    expect(outcome, 1, "");
    assert_non_null(strstr(outcome.err, "Redis gave no answer within 10 s\n"));
    assert_in_range(clock_ms() - start_ms, 9000, 15000);
}

static void test_private_redis(void **state)
{
    char folder[256];

    (void)state;
    support_folder_make(folder, sizeof folder, "token");
    expect(RUN("add", "--kind", "relay", "--subject", "a", "--secret", "abc", "--data", folder), 0,
           "abc\n");
    expect(RUN("revoke", "--kind", "relay", "--subject", "a", "--data", folder), 0, "");
    expect(RUN("revoke", "--kind", "relay", "--subject", "a", "--data", folder), 1, "");
    support_folder_remove(folder);
}

#define TEST(test) cmocka_unit_test_setup(test, flush)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_made_secrets), TEST(test_given_secrets), TEST(test_list),
        TEST(test_ttl),          TEST(test_revoke),        TEST(test_wrong_usage),
        TEST(test_no_redis),     TEST(test_private_redis),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
