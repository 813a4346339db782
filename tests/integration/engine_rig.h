/* SPDX-License-Identifier: MIT */
#ifndef SB_TESTS_ENGINE_RIG_H
#define SB_TESTS_ENGINE_RIG_H

/*
 * An Engine.IO on HTTP and WebSockets as they are, with the echo on top, below /engine.io/; and
 * clients that talk to it over socket pairs, down to the byte. Times are those of the official
 * suites.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine_echo.h"
#include "engine_inner.h"
#include "http_server.h"
#include "support.h"
#include "ws_client.h"
#include "ws_inner.h"

enum { INTERVAL_MS = 300, TIMEOUT_MS = 200, MAX_PAYLOAD = 1000000 };

#define TEXT   0x81u
#define BINARY 0x82u

struct rig {
    uv_loop_t *loop, own_loop;
    struct config config;
    struct node node;
    struct engine *engine;
};

static const struct engine_settings rig_settings = {
    .ping_interval_ms = INTERVAL_MS,
    .ping_timeout_ms = TIMEOUT_MS,
    .upgrade_timeout_ms = 1000,
    .max_payload = MAX_PAYLOAD,
    .pending_max = 1024 * 1024,
    .poll_packets = 16,
    .post_packets = 1024,
    .has_polling = true,
    .has_websocket = true,
    .has_upgrades = true,
    .has_version_3 = true,
    .has_jsonp = true,
};

/* A node on a loop. Whoever has a store and calls for it, gives them before rig_open(). */
static inline void rig_init(struct rig *rig, uv_loop_t *loop, const char *id)
{
    *rig = (struct rig){
        .loop = loop,
        .config = { .max_header = 8192,
                    .max_body = 4096,
                    .header_timeout_ms = 60000,
                    .body_timeout_ms = 60000,
                    .idle_timeout_ms = 60000,
                    .write_timeout_ms = 60000,
                    .ping_interval_ms = 600000,
                    .silence_timeout_ms = 600000,
                    .ws_pending_max = 64 * 1024,
                    .poll_forward_max = 64 * 1024 * 1024,
                    .drain_rate = 500 },
    };
    assert_int_equal(strlen(id), NODE_ID_LEN);
    memcpy(rig->node.id, id, NODE_ID_LEN);
    rig->node.loop = loop;
    rig->node.config = &rig->config;
}

static inline void rig_open(struct rig *rig, const struct engine_settings *settings,
                            const struct engine_ops *ops, void *ctx)
{
    struct why why = { "" };

    rig->node.ws_host = ws_host_create(&rig->node, &why);
    if (rig->node.ws_host == NULL)
        fail_msg("no host: %s", why.text);
    rig->node.http = http_create(&rig->node);
    rig->engine = engine_create(&rig->node, ops, ctx);
    engine_configure(rig->engine, settings);
    engine_serve(rig->engine, "/engine.io/", true);
}

static inline void rig_close(struct rig *rig)
{
    http_destroy(&rig->node.http);
    ws_host_destroy(&rig->node.ws_host);
    engine_destroy(&rig->engine);
    assert_int_equal(rig->node.metrics.http_connections_open, 0);
    assert_int_equal(rig->node.metrics.ws_open, 0);
}

/* One alone, on a loop of its own. */
static inline void rig_start_with(struct rig *rig, const struct engine_ops *ops, void *ctx)
{
    rig_init(rig, &rig->own_loop, "0123456789");
    assert_int_equal(uv_loop_init(&rig->own_loop), 0);
    rig_open(rig, &rig_settings, ops, ctx);
}

static inline void rig_start(struct rig *rig)
{
    rig_start_with(rig, &engine_echo_ops, NULL);
}

static inline void rig_stop(struct rig *rig)
{
    rig_close(rig);
    support_loop_close(&rig->own_loop);
}

/* Our end of a new connection to it. */
static inline int rig_connect(struct rig *rig)
{
    const struct peer peer = { .ip = { 1 } };
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    http_on_accepted(ends[1], &peer, rig->node.http);
    return ends[0];
}

static inline void rig_turn(struct rig *rig)
{
    for (int i = 0; i < 4; i++)
        uv_run(rig->loop, UV_RUN_NOWAIT);
}

/* ---- HTTP ---------------------------------------------------------------------------------------------------- */

struct answer {
    int status;
    size_t len;
    char head[4096], body[256 * 1024]; /* NUL-terminated */
};

/* A connection of its own for each request. */
struct asker {
    struct rig *rig;
    int fd;
    struct buf in;
};

static inline void asker_start(struct asker *asker, struct rig *rig, const char *format, ...)
    PRINTF_LIKE(3, 4);
static inline void asker_start(struct asker *asker, struct rig *rig, const char *format, ...)
{
    struct buf out;
    char text[8192];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    assert_true(len > 0 && (size_t)len < sizeof text);
    *asker = (struct asker){ .rig = rig, .fd = rig_connect(rig) };
    buf_init(&asker->in, 4 * 1024 * 1024);
    buf_init(&out, sizeof text);
    buf_add(&out, text, (size_t)len);
    assert_int_equal(send(asker->fd, out.data, out.len, MSG_NOSIGNAL), out.len);
    buf_fini(&out);
    rig_turn(rig);
}

static inline void asker_add(struct asker *asker, struct slice bytes)
{
    while (bytes.len > 0) {
        ssize_t sent = send(asker->fd, bytes.data, bytes.len, MSG_NOSIGNAL);

        if (sent < 0)
            assert_int_equal(errno, EAGAIN);
        bytes.data += sent > 0 ? sent : 0;
        bytes.len -= sent > 0 ? (size_t)sent : 0;
        rig_turn(asker->rig);
    }
}

static inline void asker_close(struct asker *asker)
{
    if (asker->fd >= 0)
        close(asker->fd);
    asker->fd = -1;
    buf_fini(&asker->in);
    rig_turn(asker->rig);
}

static inline void asker_read(struct asker *asker, bool *has_ended)
{
    char piece[16384];
    ssize_t got;

    while ((got = recv(asker->fd, piece, sizeof piece, 0)) > 0)
        assert_true(buf_add(&asker->in, piece, (size_t)got));
    *has_ended = got == 0;
}

static inline bool answer_read(struct asker *asker, struct answer *answer)
{
    const char *end =
        asker->in.len > 0 ? memmem(asker->in.data, asker->in.len, "\r\n\r\n", 4) : NULL;
    const char *length;
    size_t head_len;

    if (end == NULL)
        return false;
    head_len = (size_t)(end - asker->in.data) + 4;
    assert_true(head_len < sizeof answer->head);
    memcpy(answer->head, asker->in.data, head_len);
    answer->head[head_len] = '\0';
    length = strstr(answer->head, "Content-Length: ");
    answer->len = length != NULL ? strtoul(length + 16, NULL, 10) : 0;
    if (asker->in.len < head_len + answer->len)
        return false;
    assert_true(answer->len < sizeof answer->body);
    memcpy(answer->body, asker->in.data + head_len, answer->len);
    answer->body[answer->len] = '\0';
    answer->status = atoi(answer->head + 9);
    return true;
}

struct awaited {
    struct asker *asker;
    struct answer *answer;
    bool has_ended;
};

static inline bool has_answer(void *ctx)
{
    struct awaited *awaited = ctx;

    asker_read(awaited->asker, &awaited->has_ended);
    return answer_read(awaited->asker, awaited->answer) || awaited->has_ended;
}

/* Status 0: cut without an answer. */
static inline void asker_wait(struct asker *asker, struct answer *answer)
{
    struct awaited awaited = { asker, answer, false };

    answer->status = 0;
    support_wait(asker->rig->loop, has_answer, &awaited, SUPPORT_WAIT_MS, "an answer");
    asker_close(asker);
}

static inline void asker_get(struct asker *asker, struct rig *rig, const char *query)
{
    asker_start(asker, rig, "GET /engine.io/?%s HTTP/1.1\r\nHost: h\r\n\r\n", query);
}

static inline void asker_post(struct asker *asker, struct rig *rig, const char *query,
                              const char *type, struct slice body)
{
    asker_start(asker, rig,
                "POST /engine.io/?%s HTTP/1.1\r\nHost: h\r\nContent-Type: %s\r\n"
                "Content-Length: %zu\r\n\r\n",
                query, type, body.len);
    asker_add(asker, body);
}

static inline void ask(struct rig *rig, const char *query, struct answer *answer)
{
    struct asker asker;

    asker_get(&asker, rig, query);
    asker_wait(&asker, answer);
}

#define expect(answer, want_status, want_body)                                                     \
    expect_at(__LINE__, answer, want_status, want_body, sizeof(want_body) - 1)

static inline void expect_at(int line, const struct answer *answer, int status, const char *body,
                             size_t len)
{
    if (answer->status != status || answer->len != len || memcmp(answer->body, body, len) != 0)
        fail_msg("line %d: wanted %d \"%s\", got %d \"%s\"", line, status, body, answer->status,
                 answer->body);
}

static inline void expect_header(const struct answer *answer, const char *line)
{
    if (strstr(answer->head, line) == NULL)
        fail_msg("no \"%s\" in\n%s", line, answer->head);
}

/* ---- sessions -------------------------------------------------------------------------------------------------- */

/* One polling client: what it puts behind its path. */
struct session {
    struct rig *rig;
    char query[128], sid[ENGINE_ID_LEN + 1];
    bool is_3;
};

/* Also where it stands within a script. */
static inline void read_sid(const char *body, char out[ENGINE_ID_LEN + 1])
{
    const char *sid = strstr(body, "\"sid");

    assert_non_null(sid);
    sid += 4;
    memcpy(out, sid + strspn(sid, "\\\":"), ENGINE_ID_LEN);
    out[ENGINE_ID_LEN] = '\0';
}

static inline void session_open(struct session *session, struct rig *rig, const char *query)
{
    struct answer answer;

    ask(rig, query, &answer);
    assert_int_equal(answer.status, 200);
    session->rig = rig;
    session->is_3 = strstr(query, "EIO=3") != NULL;
    read_sid(answer.body, session->sid);
    snprintf(session->query, sizeof session->query, "%s&sid=%s", query, session->sid);
}

static inline void session_get(struct session *session, struct answer *answer)
{
    ask(session->rig, session->query, answer);
}

/* A packet of text as the session's protocol frames it. */
static inline const char *framed(const struct session *session, const char *packet, char out[64])
{
    if (session->is_3)
        snprintf(out, 64, "%zu:%s", strlen(packet), packet);
    else
        snprintf(out, 64, "%s", packet);
    return out;
}

static inline void session_post(struct session *session, const char *packet, struct answer *answer)
{
    struct asker asker;
    char body[64];

    asker_post(&asker, session->rig, session->query, "text/plain;charset=UTF-8",
               slice_of(framed(session, packet, body)));
    asker_wait(&asker, answer);
}

#define expect_packet(session, answer, packet) expect_packet_at(__LINE__, session, answer, packet)

static inline void expect_packet_at(int line, const struct session *session,
                                    const struct answer *answer, const char *packet)
{
    char want[64];

    framed(session, packet, want);
    expect_at(line, answer, 200, want, strlen(want));
}

/* ---- WebSockets ------------------------------------------------------------------------------------------------ */

struct socket {
    struct rig *rig;
    struct ws_client client;
};

static inline void socket_open(struct socket *socket, struct rig *rig, const char *query)
{
    char text[1024];

    snprintf(text, sizeof text,
             "GET /engine.io/?%s HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"
             "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
             query);
    socket->rig = rig;
    ws_client_init(&socket->client, rig_connect(rig));
    ws_client_send(&socket->client, slice_of(text));
    rig_turn(rig);
}

struct seen {
    struct socket *socket;
    const char *lines;
};

static inline bool socket_has(void *ctx)
{
    struct seen *seen = ctx;
    struct ws_client *client = &seen->socket->client;

    ws_client_read(client, SIZE_MAX);
    return client->lines.len >= strlen(seen->lines) &&
           memcmp(client->lines.data, seen->lines, strlen(seen->lines)) == 0;
}

/* The next lines are these. */
static inline void socket_expect(struct socket *socket, const char *lines)
{
    struct seen seen = { socket, lines };
    int64_t end = (int64_t)(uv_hrtime() / 1000000) + 3000;

    while (!socket_has(&seen)) {
        if ((int64_t)(uv_hrtime() / 1000000) > end)
            fail_msg("wanted\n%sgot\n%.*s%s", lines, (int)socket->client.lines.len,
                     socket->client.lines.data != NULL ? socket->client.lines.data : "",
                     socket->client.has_head ? socket->client.head.data : "");
        uv_run(socket->rig->loop, UV_RUN_NOWAIT);
    }
    buf_consume(&socket->client.lines, strlen(lines));
}

struct peek {
    int fd;
    char *out;
};

/* The first frame has come, and is a short text. */
static inline bool has_first_text(void *ctx)
{
    struct peek *peek = ctx;
    unsigned char bytes[4096];
    ssize_t len = recv(peek->fd, bytes, sizeof bytes, MSG_PEEK);
    const unsigned char *end = len > 0 ? memmem(bytes, (size_t)len, "\r\n\r\n", 4) : NULL;
    const unsigned char *stop = bytes + len;

    if (end == NULL || stop - end < 6 || stop - end < 6 + end[5])
        return false;
    assert_int_equal(end[4], TEXT);
    memcpy(peek->out, end + 6, end[5]);
    peek->out[end[5]] = '\0';
    return true;
}

/* A handshake: `opened` is the open packet. */
static inline void socket_open_new(struct socket *socket, struct rig *rig, const char *query,
                                   char opened[256])
{
    struct peek peek;
    char line[32];

    socket_open(socket, rig, query);
    peek = (struct peek){ socket->client.fd, opened };
    support_wait(rig->loop, has_first_text, &peek, SUPPORT_WAIT_MS, "the open packet");
    snprintf(line, sizeof line, "text %zu bytes\n", strlen(opened));
    socket_expect(socket, line);
}

static inline void socket_say(struct socket *socket, const char *text)
{
    ws_client_say(&socket->client, TEXT, text);
    rig_turn(socket->rig);
}

static inline void socket_end(struct socket *socket)
{
    ws_client_fini(&socket->client);
    rig_turn(socket->rig);
}

/* ---- behaviours ------------------------------------------------------------------------------------------------ */

/* What one is given: the rig, and the queries of its protocol. */
struct stage {
    struct rig rig;
    int version;
    char polling[64], websocket[64];
};

enum { IN_3 = 1, IN_4 = 2, IN_BOTH = IN_3 | IN_4 };

struct row {
    const char *name;
    void (*run)(struct stage *stage);
    unsigned versions;
};

static inline void open_session(struct stage *stage, struct session *session)
{
    session_open(session, &stage->rig, stage->polling);
}

static inline void open_socket_of(struct stage *stage, struct socket *socket,
                                  const struct session *session)
{
    char query[128];

    snprintf(query, sizeof query, "%s&sid=%s", stage->websocket, session->sid);
    socket_open(socket, &stage->rig, query);
}

static inline bool has_passed(void *ctx)
{
    return (int64_t)(uv_hrtime() / 1000000) >= *(int64_t *)ctx;
}

static inline void pass(struct stage *stage, uint32_t ms)
{
    int64_t end = (int64_t)(uv_hrtime() / 1000000) + ms;

    support_wait(stage->rig.loop, has_passed, &end, SUPPORT_WAIT_MS, "time passes");
}

static inline void check_open(const char *body, const char *upgrades)
{
    char want[256], sid[ENGINE_ID_LEN + 1];

    read_sid(body, sid);
    snprintf(want, sizeof want,
             "0{\"sid\":\"%s\",\"upgrades\":[%s],\"pingInterval\":300,\"pingTimeout\":200,"
             "\"maxPayload\":1000000}",
             sid, upgrades);
    assert_string_equal(body, want);
}

static inline void run(const struct row *row, int version)
{
    struct stage *stage = xcalloc(1, sizeof *stage);

    stage->version = version;
    snprintf(stage->polling, sizeof stage->polling, "EIO=%d&transport=polling", version);
    snprintf(stage->websocket, sizeof stage->websocket, "EIO=%d&transport=websocket", version);
    rig_start(&stage->rig);
    row->run(stage);
    rig_stop(&stage->rig);
    free(stage);
}

static inline void run_4(void **state)
{
    run(*state, 4);
}

static inline void run_3(void **state)
{
    run(*state, 3);
}

/* Each row is a test for each protocol that has it. */
static inline int run_rows(const struct row *rows, size_t row_count)
{
    enum { ROWS_MAX = 64 };
    struct CMUnitTest tests[2 * ROWS_MAX];
    char names[2 * ROWS_MAX][64];
    size_t count = 0;

    assert_true(row_count <= ROWS_MAX);
    for (size_t i = 0; i < 2 * row_count; i++) {
        const struct row *row = &rows[i % row_count];
        bool is_4 = i < row_count;

        if ((row->versions & (is_4 ? IN_4 : IN_3)) == 0)
            continue;
        snprintf(names[count], sizeof names[count], "protocol %d: %s", is_4 ? 4 : 3, row->name);
        tests[count] = (struct CMUnitTest){ .name = names[count],
                                            .test_func = is_4 ? run_4 : run_3,
                                            .initial_state = (void *)(uintptr_t)row };
        count++;
    }
    return _cmocka_run_group_tests("engine", tests, count, NULL, NULL);
}

#endif
