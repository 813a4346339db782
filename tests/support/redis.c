/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

struct support_redis {
    char folder[256], socket[300], url[320];
    pid_t pid;
};

static bool is_answering(struct support_redis *redis)
{
    char command[400];

    snprintf(command, sizeof command, "redis-cli -s %s ping 2>/dev/null | grep -q PONG",
             redis->socket);
    return system(command) == 0;
}

static void launch(struct support_redis *redis)
{
    int64_t end = clock_ms() + SUPPORT_WAIT_MS;
    pid_t parent = getpid();

    redis->pid = fork();
    assert_true(redis->pid >= 0);
    if (redis->pid == 0) {
        int null = open("/dev/null", O_RDWR);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", redis->socket,
               "--dir", redis->folder, "--appendonly", "yes", "--appendfsync", "always", "--save",
               "", (char *)NULL);
        _exit(127);
    }
    while (!is_answering(redis)) {
        if (clock_ms() > end)
            fail_msg("redis-server does not answer");
        usleep(5000);
    }
}

struct support_redis *support_redis_start(void)
{
    struct support_redis *redis = xcalloc(1, sizeof *redis);

    support_folder_make(redis->folder, sizeof redis->folder, "test");
    snprintf(redis->socket, sizeof redis->socket, "%s/redis.sock", redis->folder);
    snprintf(redis->url, sizeof redis->url, "unix://%s", redis->socket);
    launch(redis);
    return redis;
}

void support_redis_kill(struct support_redis *redis)
{
    if (redis->pid > 0) {
        kill(redis->pid, SIGKILL);
        waitpid(redis->pid, NULL, 0);
    }
    redis->pid = 0;
}

void support_redis_stop(struct support_redis **redis)
{
    if (*redis == NULL)
        return;
    support_redis_kill(*redis);
    support_folder_remove((*redis)->folder);
    free(*redis);
    *redis = NULL;
}

void support_redis_restart(struct support_redis *redis)
{
    launch(redis);
}

void support_redis_pause(struct support_redis *redis)
{
    kill(redis->pid, SIGSTOP);
}

void support_redis_resume(struct support_redis *redis)
{
    kill(redis->pid, SIGCONT);
}

const char *support_redis_url(const struct support_redis *redis)
{
    return redis->url;
}

const char *support_redis_socket(const struct support_redis *redis)
{
    return redis->socket;
}

char *support_redis_command(struct support_redis *redis, const char *command)
{
    char line[2048], chunk[4096];
    char *text = xstrdup("");
    size_t len = 0, got;
    FILE *pipe;

    snprintf(line, sizeof line, "redis-cli -s %s %s", redis->socket, command);
    pipe = popen(line, "r");
    assert_non_null(pipe);
    while ((got = fread(chunk, 1, sizeof chunk, pipe)) > 0) {
        text = xrealloc(text, len + got + 1);
        memcpy(text + len, chunk, got);
        len += got;
        text[len] = '\0';
    }
    assert_int_equal(pclose(pipe), 0);
    if (len > 0 && text[len - 1] == '\n')
        text[len - 1] = '\0';
    return text;
}
