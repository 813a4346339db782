/* SPDX-License-Identifier: MIT */
/*
 * Random lives: clients send pieces of requests, good and bad, read or do not, go away; handlers hold
 * requests and answer them whenever. Whatever happens, each request that is held is answered or gone,
 * once, each answer is a whole one, and nothing is left at the end. A seed that fails is printed.
 */
#include "http_fixture.h"

enum { LIVES = 10000, STEPS = 60, CLIENTS = 4, WHOLE = 4 };

#define H11 " HTTP/1.1\r\nHost: x\r\n"

static const char *const pieces[] = {
    /* WHOLE of them are whole requests */
    "GET /hello" H11 "\r\n",
    "GET /hold" H11 "\r\n",
    "GET /hold" H11 "Connection: close\r\n\r\n",
    "GET /large" H11 "\r\n",
    "POST /echo" H11 "Content-Length: 5\r\n\r\nab",
    "cde",
    "POST /hold" H11 "Transfer-Encoding: chunked\r\n\r\n",
    "2\r\nab\r\n",
    "0\r\n\r\n",
    "GET /hel",
    "lo" H11 "\r\n",
    "GET /ws" H11 "\r\n",
    "\r\n",
    "nonsense\r\n",
};

struct life {
    struct http_request *requests[STEPS * CLIENTS]; /* held */
    size_t held, ended, begun;
};

static struct fixture fixture;
static struct life life;
static unsigned seed;

static unsigned choose(unsigned below)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 16) % below;
}

static void on_random_gone(void *ctx)
{
    for (size_t i = 0; i < life.held; i++) {
        if (life.requests[i] == ctx) {
            life.requests[i] = life.requests[--life.held];
            life.ended++;
            return;
        }
    }
    fail_msg("gone twice, or after its answer");
}

static void handle_random_hold(struct http_request *request, void *ctx)
{
    (void)ctx;
    life.begun++;
    life.requests[life.held++] = request;
    http_wait(request, on_random_gone, request);
}

static void answer_one(void)
{
    struct http_request *request;
    size_t i;

    if (life.held == 0)
        return;
    i = choose((unsigned)life.held);
    request = life.requests[i];
    life.requests[i] = life.requests[--life.held];
    life.ended++;
    http_reply_json(request, 200, SLICE_LITERAL("{}"));
}

/* What a client got is a row of answers, the last of which may be cut. */
static void check_answers(const struct client *client)
{
    if (client->len >= 9)
        assert_memory_equal(client->got, "HTTP/1.1 ", 9);
}

static void client_step(struct client *client)
{
    switch (choose(8)) {
    case 0:
        close(client->fd);
        client->fd = -1;
        break;
    case 1:
        shutdown(client->fd, SHUT_WR);
        break;
    case 2:
    case 3:
        client_read(client);
        check_answers(client);
        break;
    default: {
        const char *piece = pieces[choose(choose(2) == 0 ? WHOLE : sizeof pieces / sizeof *pieces)];

        (void)!send(client->fd, piece, strlen(piece), MSG_NOSIGNAL);
    }
    }
}

static void live(struct client *clients)
{
    for (int step = 0; step < STEPS; step++) {
        struct client *client = &clients[choose(CLIENTS)];

        if (client->fd < 0)
            client_open(client, &fixture);
        client_step(client);
        if (choose(3) > 0)
            uv_run(&fixture.loop, UV_RUN_NOWAIT);
        if (choose(3) == 0)
            answer_one();
        if (choose(60) == 0)
            http_drain(fixture.http);
    }
}

static void test_random_lives(void **state)
{
    static const struct http_route hold[] = {
        { HTTP_GET, "/hold", handle_random_hold, HTTP_PLAIN },
        { HTTP_POST, "/hold", handle_random_hold, HTTP_PLAIN },
    };
    static struct client clients[CLIENTS];
    static char large[300000];
    size_t held = 0;

    (void)state;
    for (unsigned number = 0; number < LIVES; number++) {
        seed = number;
        life = (struct life){ .held = 0 };
        fixture_start_with(&fixture, hold, sizeof hold / sizeof *hold);
        memset(large, 'x', sizeof large);
        fixture.large = (struct slice){ large, sizeof large };
        for (int i = 0; i < CLIENTS; i++)
            clients[i].fd = -1;
        live(clients);
        for (int i = 0; i < CLIENTS; i++)
            if (clients[i].fd >= 0)
                close(clients[i].fd);
        held += life.begun;
        if (choose(2) == 0)
            while (life.held > 0)
                answer_one();
        fixture_stop(&fixture);
        if (life.begun != life.ended)
            fail_msg("seed %u: %zu held, %zu ended", number, life.begun, life.ended);
    }
    assert_true(held > LIVES / 2); /* it did come to something */
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_random_lives) };

    log_set_level(LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
