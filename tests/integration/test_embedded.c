/* SPDX-License-Identifier: MIT */
/* The private Redis: its birth, death, restart and takeover, and what is said when it cannot be. */
#include "support.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "embedded.h"

static char folder[64], data[96];

/* One command by redis-cli: its output without the line feed, in a buffer that the next call reuses. */
static const char *ask(const struct embedded *embedded, const char *command)
{
    static char reply[4096];
    char line[512];
    FILE *pipe;
    size_t len;

    snprintf(line, sizeof line, "redis-cli -s %s %s 2>&1",
             embedded_url(embedded) + strlen("unix://"), command);
    pipe = popen(line, "r");
    assert_non_null(pipe);
    len = fread(reply, 1, sizeof reply - 1, pipe);
    pclose(pipe);
    reply[len > 0 && reply[len - 1] == '\n' ? len - 1 : len] = '\0';
    return reply;
}

static pid_t redis_pid(const struct embedded *embedded)
{
    const char *at = strstr(ask(embedded, "info server"), "process_id:");

    assert_non_null(at);
    return (pid_t)strtol(at + strlen("process_id:"), NULL, 10);
}

static struct embedded *open_it(void)
{
    struct why why = { "" };
    struct embedded *embedded = embedded_attach_or_start(data, &why);

    if (embedded == NULL)
        fail_msg("%s", why.text);
    return embedded;
}

static bool is_gone(void *pid)
{
    return kill(*(pid_t *)pid, 0) != 0 && errno == ESRCH;
}

static bool was_started(void *embedded)
{
    return embedded_check(embedded);
}

static void check_until_started(struct embedded *embedded)
{
    support_wait_outside(was_started, embedded, SUPPORT_WAIT_MS, "that it is started again");
}

struct question {
    const struct embedded *embedded;
    const char *command, *want;
};

static bool is_answered(void *ctx)
{
    const struct question *question = ctx;

    return strcmp(ask(question->embedded, question->command), question->want) == 0;
}

static void wait_until(const struct embedded *embedded, const char *command, const char *want)
{
    struct question question = { embedded, command, want };

    support_wait_outside(is_answered, &question, SUPPORT_WAIT_MS, command);
}

static void it_starts_and_ends_with_us(void **state)
{
    struct embedded *embedded = open_it();
    struct stat status;
    pid_t pid;

    (void)state;
    assert_true(embedded_is_ours(embedded));
    wait_until(embedded, "ping", "PONG");
    assert_string_equal(ask(embedded, "config get appendonly"), "appendonly\nyes");
    assert_string_equal(ask(embedded, "config get port"), "port\n0");
    assert_string_equal(ask(embedded, "config get save"), "save\n");
    assert_int_equal(stat(data, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    assert_int_equal(stat(embedded_url(embedded) + strlen("unix://"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    pid = redis_pid(embedded);
    embedded_close(&embedded);
    assert_null(embedded);
    assert_true(is_gone(&pid));
    embedded_close(&embedded);
}

static void what_it_holds_outlives_it(void **state)
{
    struct embedded *embedded = open_it();

    (void)state;
    wait_until(embedded, "set kept yes", "OK");
    embedded_close(&embedded);
    embedded = open_it();
    wait_until(embedded, "get kept", "yes");
    embedded_close(&embedded);
}

static void it_is_started_again_when_it_dies(void **state)
{
    struct embedded *embedded = open_it();

    (void)state;
    for (int i = 0; i < 3; i++) {
        char command[32];
        pid_t pid = redis_pid(embedded);

        snprintf(command, sizeof command, "set kill %d", i);
        wait_until(embedded, command, "OK");
        assert_false(embedded_check(embedded));
        assert_int_equal(kill(pid, SIGKILL), 0);
        check_until_started(embedded);
        snprintf(command, sizeof command, "%d", i);
        wait_until(embedded, "get kill", command);
        assert_int_not_equal(redis_pid(embedded), pid);
    }
    embedded_close(&embedded);
}

static void a_second_one_attaches_and_takes_over(void **state)
{
    struct embedded *first = open_it(), *second = open_it();
    pid_t pid = redis_pid(first);

    (void)state;
    assert_true(embedded_is_ours(first));
    assert_false(embedded_is_ours(second));
    assert_string_equal(embedded_url(first), embedded_url(second));
    assert_int_equal(redis_pid(second), pid);
    assert_false(embedded_check(second));
    wait_until(second, "set shared yes", "OK");
    embedded_close(&first);
    assert_true(is_gone(&pid));
    check_until_started(second);
    assert_true(embedded_is_ours(second));
    wait_until(second, "get shared", "yes");
    embedded_close(&second);
}

static void closing_an_attached_one_ends_nothing(void **state)
{
    struct embedded *first = open_it(), *second = open_it();

    (void)state;
    embedded_close(&second);
    wait_until(first, "ping", "PONG");
    embedded_close(&first);
}

/* A node that is killed takes its redis-server along, and the next node has the folder to itself. */
static void it_dies_with_a_killed_node(void **state)
{
    int ends[2];
    pid_t node, redis = 0;
    struct embedded *embedded;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    node = fork();
    if (node == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        embedded = embedded_attach_or_start(data, NULL);
        if (embedded == NULL)
            _exit(1);
        redis = redis_pid(embedded);
        ask(embedded, "set before-the-kill yes");
        if (write(ends[1], &redis, sizeof redis) == sizeof redis)
            pause();
        _exit(1);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &redis, sizeof redis), sizeof redis);
    kill(node, SIGKILL);
    waitpid(node, NULL, 0);
    embedded = open_it();
    support_wait_outside(is_gone, &redis, SUPPORT_WAIT_MS, "the end of redis-server");
    while (!embedded_is_ours(embedded))
        check_until_started(embedded);
    wait_until(embedded, "get before-the-kill", "yes");
    embedded_close(&embedded);
    close(ends[0]);
}

/* ---- when it cannot be ------------------------------------------------------------------------ */

static void expect_refusal(const char *path, const char *want)
{
    struct why why = { "" };
    struct embedded *embedded = embedded_attach_or_start(path, &why);

    assert_null(embedded);
    if (strstr(why.text, want) == NULL)
        fail_msg("%s: \"%s\" does not say \"%s\"", path, why.text, want);
}

static void a_missing_redis_server_is_explained(void **state)
{
    char *path = strdup(getenv("PATH"));

    (void)state;
    setenv("PATH", "/nowhere", 1);
    expect_refusal(data, "apt-get install redis-server");
    expect_refusal(data, "--redis");
    setenv("PATH", path, 1);
    free(path);
}

static void a_long_path_is_explained(void **state)
{
    char path[256], name[101];

    (void)state;
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    snprintf(path, sizeof path, "%s/%s", folder, name);
    expect_refusal(path, "too long");
}

static void a_folder_that_cannot_be_is_explained(void **state)
{
    (void)state;
    expect_refusal("/proc/nowhere", "cannot make the folder /proc/nowhere");
}

static void an_early_end_is_explained(void **state)
{
    char path[128];
    FILE *file;

    (void)state;
    snprintf(path, sizeof path, "%s/early", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/early/appendonlydir", folder);
    file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    snprintf(path, sizeof path, "%s/early", folder);
    expect_refusal(path, "early/redis.log says why");
}

static int set_up(void **state)
{
    (void)state;
    support_folder_make(folder, sizeof folder, "embedded");
    snprintf(data, sizeof data, "%s/state/signalbox", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    support_folder_remove(folder);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_starts_and_ends_with_us),           TEST(what_it_holds_outlives_it),
        TEST(it_is_started_again_when_it_dies),     TEST(a_second_one_attaches_and_takes_over),
        TEST(closing_an_attached_one_ends_nothing), TEST(it_dies_with_a_killed_node),
        TEST(a_missing_redis_server_is_explained),  TEST(a_long_path_is_explained),
        TEST(a_folder_that_cannot_be_is_explained), TEST(an_early_end_is_explained),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
