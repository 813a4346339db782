/* SPDX-License-Identifier: MIT */
/* A whole node on one loop: health, readiness, metrics, reload, drain, and what keeps it from starting. */
#include "support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "node.h"
#include "server.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct support_redis *redis;
static char path[] = "/tmp/sb-server-XXXXXX";

/* ---- a node ----------------------------------------------------------------------------------- */

static struct config *load(const char *first, const char *second)
{
    static char *argv[8];
    static char texts[8][512];
    const char *words[] = { "--addr", "127.0.0.1:0", "--config", path, first, second };
    struct buf complaints;
    struct config *config;
    int argc = 0;

    for (; argc < 6 && words[argc] != NULL; argc++) {
        snprintf(texts[argc], sizeof texts[argc], "%s", words[argc]);
        argv[argc] = texts[argc];
    }
    buf_init(&complaints, 4096);
    config = config_load(argc, argv, NULL, &complaints);
    buf_add_byte(&complaints, '\0');
    if (config == NULL)
        fail_msg("%s", complaints.data);
    buf_fini(&complaints);
    return config;
}

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static struct server *create(struct config *config, const char *url, struct why *why)
{
    const struct server_setup setup = {
        .config = config,
        .redis_url = url,
        .dialects = dialects,
        .dialect_count = dialect_count,
    };

    return server_create(&setup, why);
}

struct world {
    struct config *config;
    struct server *server;
};

static void world_open(struct world *world)
{
    struct why why = { "" };

    write_file("{}");
    world->config = load(NULL, NULL);
    world->server = create(world->config, support_redis_url(redis), &why);
    if (world->server == NULL)
        fail_msg("%s", why.text);
}

static void world_close(struct world *world)
{
    server_destroy(&world->server);
    assert_null(world->server);
    config_free(&world->config);
}

static bool has_ended(void *ctx)
{
    return server_has_ended(((struct world *)ctx)->server);
}

/* ---- a client that runs the node's loop while it waits ------------------------------------------ */

struct client {
    int fd;
    char text[262144];
    size_t len;
    bool has_ended;
};

static int dial(const char *address)
{
    const char *port = strrchr(address, ':') + 1;
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)strtoul(port, NULL, 10)) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool has_answer(void *ctx)
{
    struct client *client = ctx;
    ssize_t got;

    while ((got = recv(client->fd, client->text + client->len,
                       sizeof client->text - 1 - client->len, MSG_DONTWAIT)) > 0)
        client->len += (size_t)got;
    client->text[client->len] = '\0';
    client->has_ended = got == 0;
    return client->has_ended;
}

/* The whole answer, in a buffer that the next call reuses. */
static const char *ask(struct world *world, const char *method, const char *target)
{
    static struct client client;
    char request[256];
    int len = snprintf(request, sizeof request,
                       "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", method, target);

    client = (struct client){ .fd = dial(server_address(world->server, 0)) };
    assert_true(client.fd >= 0);
    assert_int_equal(send(client.fd, request, (size_t)len, 0), len);
    support_wait(server_loop(world->server), has_answer, &client, SUPPORT_WAIT_MS, target);
    close(client.fd);
    return client.text;
}

static bool begins(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static bool is_ready(void *ctx)
{
    return begins(ask(ctx, "GET", "/readyz"), "HTTP/1.1 200 ");
}

static bool is_not_ready(void *ctx)
{
    return begins(ask(ctx, "GET", "/readyz"), "HTTP/1.1 503 ");
}

static void wait_ready(struct world *world)
{
    support_wait(server_loop(world->server), is_ready, world, SUPPORT_WAIT_MS, "ready");
}

/* ---- health ----------------------------------------------------------------------------------- */

static const struct {
    const char *name, *method, *target, *status, *part;
} answers[] = {
    { "the relay's health", "GET", "/health", "200", "\r\n\r\n{\"status\":\"healthy\"}" },
    { "liveness", "GET", "/healthz", "200", "\r\n\r\n{\"status\":\"ok\"}" },
    { "readiness", "GET", "/readyz", "200", "\r\n\r\n{\"status\":\"ready\"}" },
    { "metrics", "GET", "/metrics", "200", "\nsignalbox_redis_up 1\n" },
    { "the metrics' type", "GET", "/metrics", "200",
      "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n" },
    { "a head alone", "HEAD", "/healthz", "200", "Content-Length: 15\r\n" },
    { "another method", "POST", "/health", "405", "Allow: " },
    { "another path", "GET", "/nothing", "404", "{\"error\":" },
};

static void it_tells_its_health(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    wait_ready(&world);
    for (size_t i = 0; i < COUNT(answers); i++) {
        const char *answer = ask(&world, answers[i].method, answers[i].target);

        if (strncmp(answer + strlen("HTTP/1.1 "), answers[i].status, 3) != 0 ||
            strstr(answer, answers[i].part) == NULL)
            fail_msg("%s: %s", answers[i].name, answer);
    }
    world_close(&world);
}

static void it_is_ready_only_with_redis(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    wait_ready(&world);
    support_redis_kill(redis);
    support_wait(server_loop(world.server), is_not_ready, &world, 3000, "not ready without Redis");
    assert_non_null(
        strstr(ask(&world, "GET", "/readyz"), "{\"status\":\"Redis cannot be reached\"}"));
    assert_true(begins(ask(&world, "GET", "/healthz"), "HTTP/1.1 200 "));
    support_redis_restart(redis);
    wait_ready(&world);
    world_close(&world);
}

/* A Redis that hangs keeps its links open: the canary finds it out. */
static void it_is_not_ready_while_redis_hangs(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    wait_ready(&world);
    support_redis_pause(redis);
    support_wait(server_loop(world.server), is_not_ready, &world, 3000, "not ready without canary");
    support_redis_resume(redis);
    wait_ready(&world);
    world_close(&world);
}

/* ---- reload ----------------------------------------------------------------------------------- */

struct hope {
    struct world *world;
    const char *sample;
};

static bool is_in_metrics(void *ctx)
{
    struct hope *hope = ctx;

    return strstr(ask(hope->world, "GET", "/metrics"), hope->sample) != NULL;
}

static void wait_metric(struct world *world, const char *sample)
{
    struct hope hope = { world, sample };

    support_wait(server_loop(world->server), is_in_metrics, &hope, SUPPORT_WAIT_MS, sample);
}

static void sighup_reads_the_options_anew(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    write_file("{\"max-conns\": 7, \"addr\": [\"127.0.0.1:1\"]}");
    assert_int_equal(raise(SIGHUP), 0);
    wait_metric(&world, "signalbox_config_reloads_total{result=\"good\"} 1\n");
    assert_int_equal(world.config->max_conns, 7);
    write_file("{\"max-conns\": 8, \"max-queued\": -1}");
    assert_int_equal(raise(SIGHUP), 0);
    wait_metric(&world, "signalbox_config_reloads_total{result=\"failed\"} 1\n");
    assert_int_equal(world.config->max_conns, 7);
    world_close(&world);
}

/* The default is 5 s; the subscription's ping alone finds a Redis that hangs in 2 s. */
static void a_reload_reaches_the_store(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    wait_ready(&world);
    write_file("{\"redis-timeout\": \"100ms\"}");
    assert_int_equal(raise(SIGHUP), 0);
    wait_metric(&world, "signalbox_config_reloads_total{result=\"good\"} 1\n");
    support_redis_pause(redis);
    wait_metric(&world, "signalbox_redis_disconnects_total 1\n");
    support_redis_resume(redis);
    wait_ready(&world);
    world_close(&world);
}

static void sighup_opens_the_log_anew(void **state)
{
    struct world world;
    char name[64], old_name[80], options[160];
    struct stat status;
    struct why why = { "" };

    (void)state;
    world_open(&world);
    snprintf(name, sizeof name, "%s.log", path);
    snprintf(old_name, sizeof old_name, "%s.old", name);
    snprintf(options, sizeof options, "{\"log-file\": \"%s\", \"log-format\": \"json\"}", name);
    write_file(options);
    assert_int_equal(raise(SIGHUP), 0);
    wait_metric(&world, "signalbox_config_reloads_total{result=\"good\"} 1\n");
    assert_int_equal(rename(name, old_name), 0);
    assert_int_equal(raise(SIGHUP), 0);
    wait_metric(&world, "signalbox_config_reloads_total{result=\"good\"} 2\n");
    assert_int_equal(stat(name, &status), 0);
    world_close(&world);
    assert_true(log_open(NULL, LOG_TEXT, LOG_INFO, &why));
    unlink(name);
    unlink(old_name);
}

/* ---- drain ------------------------------------------------------------------------------------ */

static void sigterm_drains(void **state)
{
    struct world world;
    char address[64];

    (void)state;
    world_open(&world);
    wait_ready(&world);
    snprintf(address, sizeof address, "%s", server_address(world.server, 0));
    assert_int_equal(raise(SIGTERM), 0);
    support_wait(server_loop(world.server), has_ended, &world, 2000, "the end");
    assert_int_equal(dial(address), -1);
    world_close(&world);
}

/* ---- a dialect that writes down what it is told --------------------------------------------------- */

static struct probe {
    struct node *node;
    struct http_request *held;
    int drained, closed;
} probe;

static void probe_gone(void *ctx)
{
    fail_msg("%s", ctx);
}

static void probe_hold(struct http_request *request, void *ctx)
{
    assert_ptr_equal(ctx, &probe);
    probe.held = request;
    http_wait(request, probe_gone, (void *)(uintptr_t) "the client has gone");
}

/* Its path is known only now. */
static void *probe_open(struct node *node)
{
    const struct http_route route = { HTTP_GET, "/held/{}/by/{}", probe_hold, HTTP_PLAIN };

    probe = (struct probe){ .node = node };
    http_add_routes(node->http, &route, 1, &probe);
    return &probe;
}

static void probe_drain(void *ctx)
{
    assert_ptr_equal(ctx, &probe);
    assert_true(probe.node->is_draining);
    probe.drained++;
}

static void probe_close(void *ctx)
{
    assert_ptr_equal(ctx, &probe);
    probe.closed++;
}

static const struct dialect probe_dialect = {
    .name = "probe", .open = probe_open, .drain = probe_drain, .close = probe_close
};

static bool is_held(void *ctx)
{
    return ((struct probe *)ctx)->held != NULL;
}

/* It answers in its own time what it holds. */
static void a_dialect_drains(void **state)
{
    static const struct dialect *const mine[] = { &probe_dialect };
    static const char request[] = "GET /held/a/by/%62 HTTP/1.1\r\nHost: x\r\n\r\n";
    static struct client client;
    struct world world;
    struct why why = { "" };

    (void)state;
    write_file("{}");
    world.config = load(NULL, NULL);
    world.server = server_create(&(struct server_setup){ .config = world.config,
                                                         .redis_url = support_redis_url(redis),
                                                         .dialects = mine,
                                                         .dialect_count = 1 },
                                 &why);
    assert_non_null(world.server);
    client = (struct client){ .fd = dial(server_address(world.server, 0)) };
    assert_int_equal(send(client.fd, request, sizeof request - 1, 0), sizeof request - 1);
    support_wait(server_loop(world.server), is_held, &probe, SUPPORT_WAIT_MS, "it is held");
    assert_true(slice_is(http_param(probe.held, 0), "a"));
    assert_true(slice_is(http_param(probe.held, 1), "b"));
    server_stop(world.server);
    assert_int_equal(probe.drained, 1);
    uv_run(server_loop(world.server), UV_RUN_ONCE);
    assert_false(server_has_ended(world.server));
    http_reply_text(probe.held, 200, "goodbye");
    support_wait(server_loop(world.server), has_ended, &world, 2000, "the end");
    support_wait_outside(has_answer, &client, SUPPORT_WAIT_MS, "the answer");
    assert_non_null(strstr(client.text, "goodbye"));
    close(client.fd);
    world_close(&world);
    assert_int_equal(probe.drained, 1);
    assert_int_equal(probe.closed, 1);
}

/* The rest of a request that has begun still gets its answer; new connections get nothing. */
static void a_request_that_has_begun_is_finished(void **state)
{
    static const char start[] = "GET /health HTTP/1.1\r\nHost: x\r\n", rest[] = "\r\n";
    struct world world;
    static struct client client;

    (void)state;
    world_open(&world);
    wait_ready(&world);
    client = (struct client){ .fd = dial(server_address(world.server, 0)) };
    assert_int_equal(send(client.fd, start, sizeof start - 1, 0), sizeof start - 1);
    wait_metric(&world, "signalbox_http_connections 2\n");
    server_stop(world.server);
    assert_null(server_address(world.server, 0));
    assert_false(server_has_ended(world.server));
    assert_int_equal(send(client.fd, rest, sizeof rest - 1, 0), sizeof rest - 1);
    support_wait(server_loop(world.server), has_answer, &client, SUPPORT_WAIT_MS, "the answer");
    assert_true(begins(client.text, "HTTP/1.1 200 "));
    assert_non_null(strstr(client.text, "Connection: close\r\n"));
    close(client.fd);
    support_wait(server_loop(world.server), has_ended, &world, 2000, "the end");
    world_close(&world);
}

static void a_drain_does_not_last_for_ever(void **state)
{
    static const char start[] = "GET /health HTTP/1.1\r\nHost: x\r\n";
    struct world world;
    int fd;

    (void)state;
    world_open(&world);
    world.config->drain_timeout_ms = 50;
    fd = dial(server_address(world.server, 0));
    assert_int_equal(send(fd, start, sizeof start - 1, 0), sizeof start - 1);
    wait_metric(&world, "signalbox_http_connections 2\n");
    server_stop(world.server);
    support_wait(server_loop(world.server), has_ended, &world, 2000, "the end");
    close(fd);
    world_close(&world);
}

static void it_ends_without_redis_too(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    wait_ready(&world);
    support_redis_kill(redis);
    server_stop(world.server);
    support_wait(server_loop(world.server), has_ended, &world, 4000, "the end");
    world_close(&world);
    support_redis_restart(redis);
}

static void it_can_be_destroyed_at_any_time(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    world_close(&world);
    world_open(&world);
    uv_run(server_loop(world.server), UV_RUN_ONCE);
    world_close(&world);
    world_open(&world);
    wait_ready(&world);
    server_stop(world.server);
    world_close(&world);
}

/* ---- what keeps it from starting --------------------------------------------------------------- */

static const struct {
    const char *name, *option, *value, *url, *want;
} failures[] = {
    { "a Redis URL", "--max-conns", "5", "http://localhost", "a Redis URL begins with" },
    { "a driver", "--db", "oracle", NULL, "--db \"oracle\": must be sqlite3 or mysql" },
    { "a DSN", "--db", "mysql", NULL, "dsn" },
    { "a host", "--addr", "nowhere.invalid:1", NULL, "nowhere.invalid" },
    { "a socket's folder", "--addr", "unix:///nowhere/at/all.sock", NULL, "/nowhere/at/all.sock" },
};

static void what_keeps_it_from_starting_is_said(void **state)
{
    (void)state;
    write_file("{\"dsn\": \"x\", \"db\": \"sqlite3\"}");
    for (size_t i = 0; i < COUNT(failures); i++) {
        struct why why = { "" };
        struct config *config = load(failures[i].option, failures[i].value);
        struct server *server = create(
            config, failures[i].url != NULL ? failures[i].url : support_redis_url(redis), &why);

        if (server != NULL)
            fail_msg("%s: it started", failures[i].name);
        if (strcasestr(why.text, failures[i].want) == NULL)
            fail_msg("%s: %s", failures[i].name, why.text);
        config_free(&config);
    }
}

static int set_up(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    redis = support_redis_start();
    return fd >= 0 ? close(fd) : -1;
}

static int tear_down(void **state)
{
    (void)state;
    support_redis_stop(&redis);
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_tells_its_health),
        cmocka_unit_test(it_is_ready_only_with_redis),
        cmocka_unit_test(it_is_not_ready_while_redis_hangs),
        cmocka_unit_test(sighup_reads_the_options_anew),
        cmocka_unit_test(a_reload_reaches_the_store),
        cmocka_unit_test(sighup_opens_the_log_anew),
        cmocka_unit_test(sigterm_drains),
        cmocka_unit_test(a_dialect_drains),
        cmocka_unit_test(a_request_that_has_begun_is_finished),
        cmocka_unit_test(a_drain_does_not_last_for_ever),
        cmocka_unit_test(it_ends_without_redis_too),
        cmocka_unit_test(it_can_be_destroyed_at_any_time),
        cmocka_unit_test(what_keeps_it_from_starting_is_said),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
