/* SPDX-License-Identifier: MIT */
/*
 * The binary as a process: exit codes, the background, pid files, workers, the private Redis. It stands
 * in the folder of this test.
 */
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGS_MAX = 32 };

static char binary[4096], folder[64], data[80], log_path[80], pid_path[80], address[32], port[8];

/* ---- processes -------------------------------------------------------------------------------- */

/* Starts the binary; arguments end with NULL. Its output goes to log_path. */
static pid_t start(const char *const args[])
{
    pid_t parent = getpid(), pid = fork();
    char *argv[ARGS_MAX] = { binary };
    int log;

    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(126);
    for (int i = 0; args[i] != NULL; i++)
        argv[i + 1] = strdup(args[i]);
    log = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execv(binary, argv);
    _exit(126);
}

static const char *slurp(const char *path)
{
    static char text[65536];
    FILE *file = fopen(path, "r");
    size_t len = 0;

    if (file != NULL) {
        len = fread(text, 1, sizeof text - 1, file);
        fclose(file);
    }
    text[len] = '\0';
    return text;
}

static void wait_for(support_done_fn *is_so, void *ctx, const char *what)
{
    support_wait_outside(is_so, ctx, 2 * SUPPORT_WAIT_MS, what);
}

static bool has_ended(void *pid)
{
    siginfo_t info = { 0 };

    return waitid(P_PID, (id_t) * (pid_t *)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid != 0;
}

static int exit_code(pid_t pid)
{
    int status;

    wait_for(has_ended, &pid, "the process' end");
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void expect_exit(pid_t pid, int want)
{
    int code = exit_code(pid);

    if (code != want)
        fail_msg("exit code %d, not %d\n%s", code, want, slurp(log_path));
}

static bool is_gone(void *pid)
{
    return kill(*(pid_t *)pid, 0) != 0 && errno == ESRCH;
}

static bool has_logged(const char *text)
{
    return strstr(slurp(log_path), text) != NULL;
}

static bool is_logged(void *text)
{
    return has_logged(text);
}

static bool has_pid_file(void *ctx)
{
    (void)ctx;
    return atoi(slurp(pid_path)) > 0;
}

/* ---- a client --------------------------------------------------------------------------------- */

static int dial(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)strtoul(port, NULL, 10)) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

/* The answer to a GET, in a buffer that the next call reuses; "" when there is none. */
static const char *get(const char *target)
{
    static char text[262144];
    char request[128];
    size_t len = 0;
    ssize_t got = 0;
    int fd = dial();

    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
             target);
    if (fd >= 0 && send(fd, request, strlen(request), MSG_NOSIGNAL) > 0)
        while ((got = recv(fd, text + len, sizeof text - 1 - len, 0)) > 0)
            len += (size_t)got;
    text[len] = '\0';
    close(fd);
    return text;
}

static bool is_ready(void *ctx)
{
    (void)ctx;
    return strncmp(get("/readyz"), "HTTP/1.1 200 ", 13) == 0;
}

/* ---- commands --------------------------------------------------------------------------------- */

static const struct {
    const char *name, *args[6];
    int code;
    const char *want;
} commands[] = {
    { "version", { "version" }, 0, "signalbox " SIGNALBOX_VERSION "\n" },
    { "version as a flag", { "--version" }, 0, "signalbox " SIGNALBOX_VERSION "\n" },
    { "help", { "help" }, 0, "\n  --addr HOST:PORT\n" },
    { "help as a flag", { "serve", "--help" }, 0, "\n  --addr HOST:PORT\n" },
    { "the options page", { "help", "--markdown" }, 0, "# Options\n" },
    { "good options", { "check-config", "--max-conns", "5" }, 0, "the options are good\n" },
    { "wrong options",
      { "check-config", "--max-conns", "0", "--nope" },
      2,
      "--max-conns \"0\": must be a number from 1 to 10000\n--nope: there is no such option\n" },
    { "an unknown driver",
      { "check-config", "--db=oracle", "--dsn=x" },
      1,
      "--db \"oracle\": must be sqlite3 or mysql\n" },
    { "serving with wrong options", { "-max-conns", "0" }, 2, "--max-conns \"0\": must be" },
    { "an unknown command", { "dance" }, 2, "dance: there is no such command\n" },
    { "a malformed Redis URL", { "serve", "--redis", "nonsense" }, 2, "--redis: a Redis URL" },
    { "a malformed DSN",
      { "-db", "mysql", "-dsn", "nonsense", "--redis", "unix:///nowhere" },
      1,
      "start.failed" },
};

static void commands_exit_with_their_codes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        const char *args[8] = { NULL };
        int code;

        memcpy(args, commands[i].args, sizeof commands[i].args);
        unlink(log_path);
        code = exit_code(start(args));
        if (code != commands[i].code || strstr(slurp(log_path), commands[i].want) == NULL)
            fail_msg("%s: exit code %d\n%s", commands[i].name, code, slurp(log_path));
    }
}

/* ---- one process ------------------------------------------------------------------------------ */

static void it_serves_and_drains(void **state)
{
    const char *const args[] = { "serve", "--addr",     address,  "--data",
                                 data,    "--pid-file", pid_path, NULL };
    pid_t pid = start(args);
    struct stat status;

    (void)state;
    wait_for(is_ready, NULL, "ready");
    assert_int_equal(atoi(slurp(pid_path)), pid);
    kill(pid, SIGTERM);
    expect_exit(pid, 0);
    assert_int_not_equal(stat(pid_path, &status), 0);
}

/* As a terminal and a script that both pass on one Ctrl-C. */
static void two_signals_at_once_are_one(void **state)
{
    const char *const args[] = { "--addr", address, "--data", data, NULL };
    pid_t pid = start(args);

    (void)state;
    wait_for(is_ready, NULL, "ready");
    kill(pid, SIGINT);
    kill(pid, SIGTERM);
    expect_exit(pid, 0);
}

static bool is_draining(void *ctx)
{
    (void)ctx;
    return dial() < 0;
}

static bool has_ended_when_told(void *pid)
{
    kill(*(pid_t *)pid, SIGTERM);
    return has_ended(pid);
}

/* A request that never comes to its end holds the drain up. */
static void a_second_signal_ends_it_at_once(void **state)
{
    const char *const args[] = { "--addr", address, "--data", data, NULL };
    static const char part[] = "GET / HTTP/1.1\r\n";
    pid_t pid = start(args);
    int fd;

    (void)state;
    wait_for(is_ready, NULL, "ready");
    fd = dial();
    assert_int_equal(send(fd, part, sizeof part - 1, 0), sizeof part - 1);
    wait_for(is_ready, NULL, "that the request has begun");
    kill(pid, SIGTERM);
    wait_for(is_draining, NULL, "the drain");
    wait_for(has_ended_when_told, &pid, "the end");
    expect_exit(pid, 1);
    close(fd);
}

static void the_private_redis_is_started_again(void **state)
{
    const char *const args[] = { "--addr", address, "--data", data, NULL };
    pid_t pid = start(args), redis;
    const char *at;

    (void)state;
    wait_for(is_ready, NULL, "ready");
    at = strstr(slurp(log_path), "redis.start pid=");
    assert_non_null(at);
    redis = (pid_t)atoi(at + strlen("redis.start pid="));
    assert_int_equal(kill(redis, SIGKILL), 0);
    wait_for(is_gone, &redis, "the end of redis-server");
    wait_for(is_ready, NULL, "ready again");
    assert_non_null(strstr(get("/metrics"), "\nsignalbox_redis_restarts_total 1\n"));
    kill(pid, SIGTERM);
    expect_exit(pid, 0);
}

static void a_killed_node_leaves_nothing_behind(void **state)
{
    const char *const args[] = { "--addr", address, "--data", data, "--pid-file", pid_path, NULL };
    pid_t pid = start(args), redis;

    (void)state;
    wait_for(is_ready, NULL, "ready");
    redis = (pid_t)atoi(strstr(slurp(log_path), "redis.start pid=") + strlen("redis.start pid="));
    kill(pid, SIGKILL);
    expect_exit(pid, 1000 + SIGKILL);
    wait_for(is_gone, &redis, "the end of redis-server");
    pid = start(args); /* over the stale pid file */
    wait_for(is_ready, NULL, "ready again");
    assert_int_equal(atoi(slurp(pid_path)), pid);
    kill(pid, SIGTERM);
    expect_exit(pid, 0);
}

static void a_living_pid_file_is_refused(void **state)
{
    const char *const args[] = { "--addr", address, "--data", data, "--pid-file", pid_path, NULL };
    pid_t pid = start(args);

    (void)state;
    wait_for(is_ready, NULL, "ready");
    expect_exit(start(args), 1);
    assert_true(has_logged("which is running"));
    assert_int_equal(atoi(slurp(pid_path)), pid);
    kill(pid, SIGTERM);
    expect_exit(pid, 0);
}

/* ---- the background --------------------------------------------------------------------------- */

static void a_daemon_lets_its_parent_go_when_it_serves(void **state)
{
    const char *const args[] = { "-daemon",   "-addr",  address,     "--data", data,
                                 "-pid-file", pid_path, "-log-file", log_path, NULL };
    pid_t pid = start(args), daemon;

    (void)state;
    expect_exit(pid, 0);
    wait_for(has_pid_file, NULL, "the pid file");
    daemon = (pid_t)atoi(slurp(pid_path));
    assert_int_not_equal(daemon, pid);
    wait_for(is_ready, NULL, "ready");
    assert_int_equal(getsid(daemon), daemon);
    kill(daemon, SIGTERM);
    wait_for(is_gone, &daemon, "the daemon's end");
}

static void a_daemon_that_cannot_start_says_so(void **state)
{
    const char *const args[] = { "-daemon", "-addr",           "unix:///nowhere/at/all",
                                 "--redis", "unix:///nowhere", NULL };

    (void)state;
    expect_exit(start(args), 1);
    assert_true(has_logged("/nowhere/at/all"));
}

/* ---- workers ---------------------------------------------------------------------------------- */

/* Is a worker's node id another than this one? Connections are spread by the kernel. */
static bool answers_another(void *id)
{
    const char *at = strstr(get("/metrics"), "node=\"");

    return at != NULL && strncmp(at, id, 22) != 0;
}

static void workers_share_the_port(void **state)
{
    const char *const args[] = { "--workers", "2",          "--addr", address, "--data",
                                 data,        "--pid-file", pid_path, NULL };
    pid_t pid = start(args), worker;
    char id[32], want[64];
    const char *at;

    (void)state;
    wait_for(is_ready, NULL, "ready");
    snprintf(id, sizeof id, "%.22s", strstr(get("/metrics"), "node=\""));
    wait_for(answers_another, id, "an answer of the other worker");
    assert_int_equal(atoi(slurp(pid_path)), pid);

    at = strstr(slurp(log_path), "worker.start pid=");
    worker = (pid_t)atoi(at + strlen("worker.start pid="));
    kill(worker, SIGKILL);
    snprintf(want, sizeof want, "worker.died signal=%d", SIGKILL);
    wait_for(is_logged, want, "the worker's end");
    wait_for(is_gone, &worker, "the worker's end");
    wait_for(is_ready, NULL, "ready");
    kill(pid, SIGTERM);
    expect_exit(pid, 0);
}

static void workers_end_when_the_first_ones_cannot_start(void **state)
{
    const char *const args[] = { "--workers",       "2", "--addr", "nowhere.invalid:1", "--redis",
                                 "unix:///nowhere", NULL };

    (void)state;
    expect_exit(start(args), 1);
    assert_true(has_logged("nowhere.invalid"));
}

static void workers_die_with_their_parent(void **state)
{
    const char *const args[] = { "--workers", "2", "--addr", address, "--data", data, NULL };
    pid_t pid = start(args);

    (void)state;
    wait_for(is_ready, NULL, "ready");
    kill(pid, SIGKILL);
    expect_exit(pid, 1000 + SIGKILL);
    wait_for(is_draining, NULL, "the workers' end");
}

/* ---- around each test ------------------------------------------------------------------------- */

static void take_free_port(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    close(fd);
    snprintf(port, sizeof port, "%u", ntohs(at.sin_port));
    snprintf(address, sizeof address, "127.0.0.1:%s", port);
}

static int set_up(void **state)
{
    char self[4000] = "";

    (void)state;
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
        return -1;
    snprintf(binary, sizeof binary, "%s/signalbox", dirname(self));
    support_folder_make(folder, sizeof folder, "process");
    snprintf(data, sizeof data, "%s/data", folder);
    snprintf(log_path, sizeof log_path, "%s/log", folder);
    snprintf(pid_path, sizeof pid_path, "%s/pid", folder);
    take_free_port();
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
        TEST(commands_exit_with_their_codes),
        TEST(it_serves_and_drains),
        TEST(two_signals_at_once_are_one),
        TEST(a_second_signal_ends_it_at_once),
        TEST(the_private_redis_is_started_again),
        TEST(a_killed_node_leaves_nothing_behind),
        TEST(a_living_pid_file_is_refused),
        TEST(a_daemon_lets_its_parent_go_when_it_serves),
        TEST(a_daemon_that_cannot_start_says_so),
        TEST(workers_share_the_port),
        TEST(workers_end_when_the_first_ones_cannot_start),
        TEST(workers_die_with_their_parent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
