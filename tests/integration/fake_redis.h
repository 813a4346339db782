/* SPDX-License-Identifier: MIT */
#ifndef SB_TESTS_FAKE_REDIS_H
#define SB_TESTS_FAKE_REDIS_H

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <unistd.h>

#include "rig.h"
#include "store/scripts.h"

/*
 * A server on a UNIX socket that says the hello as Redis does and anything the test wants to
 * everything else. It lives on the test's own loop.
 */
struct fake {
    uv_pipe_t listener;
    char path[100], url[120];
    const char *info;    /* what INFO says                                                    */
    const char *auth;    /* raw reply to AUTH; NULL: OK */
    const char *config;  /* raw reply to CONFIG GET                                            */
    const char *answer;  /* raw reply to everything that is no hello; NULL: none              */
    const char *confirm; /* raw reply to every (S)SUBSCRIBE; NULL: none                        */
    bool is_deaf;        /* does not read after the hello, nor answer                          */
    struct fake_peer *deaf;
    unsigned connections, asked;
};

struct fake_peer {
    uv_pipe_t pipe;
    struct fake *fake;
    redisReader *reader;
};

static inline void fake_on_written(uv_write_t *request, int status)
{
    (void)status;
    free(request->data);
    free(request);
}

static inline void fake_say(struct fake_peer *peer, const char *text)
{
    uv_write_t *request = xcalloc(1, sizeof *request);
    uv_buf_t bytes;

    request->data = xstrdup(text);
    bytes = uv_buf_init(request->data, (unsigned)strlen(text));
    uv_write(request, (uv_stream_t *)&peer->pipe, &bytes, 1, fake_on_written);
}

static inline void fake_say_bulk(struct fake_peer *peer, const char *text)
{
    char line[512];

    snprintf(line, sizeof line, "$%zu\r\n%s\r\n", strlen(text), text);
    fake_say(peer, line);
}

static inline const char *fake_sha1(const char *text)
{
    for (size_t i = 0; i < lua_script_count; i++) {
        if (strcmp(lua_scripts[i].text, text) == 0)
            return lua_scripts[i].sha1;
    }
    return "";
}

static inline void fake_hear(struct fake_peer *peer, const redisReply *command)
{
    struct fake *fake = peer->fake;
    const char *word = command->element[0]->str;

    if (strcmp(word, "AUTH") == 0 && fake->auth != NULL) {
        fake_say(peer, fake->auth);
    } else if (strcmp(word, "CLIENT") == 0 || strcmp(word, "AUTH") == 0) {
        fake_say(peer, "+OK\r\n");
    } else if (strcmp(word, "INFO") == 0) {
        fake_say_bulk(peer, fake->info);
    } else if (strcmp(word, "CONFIG") == 0) {
        fake_say(peer, strcmp(command->element[1]->str, "GET") == 0 ? fake->config : "-NOPERM\r\n");
    } else if (strcmp(word, "SCRIPT") == 0) {
        fake_say_bulk(peer, fake_sha1(command->element[2]->str));
    } else if (strcmp(word, "TIME") == 0) {
        fake_say(peer, "*2\r\n$10\r\n1700000000\r\n$1\r\n0\r\n");
        if (fake->is_deaf) {
            uv_read_stop((uv_stream_t *)&peer->pipe);
            fake->deaf = peer;
        }
    } else if (strcmp(word, "PING") == 0) {
        fake_say(peer, "+PONG\r\n");
    } else if (strstr(word, "subscribe") != NULL) {
        if (fake->confirm != NULL)
            fake_say(peer, fake->confirm);
    } else {
        fake->asked++;
        if (fake->answer != NULL)
            fake_say(peer, fake->answer);
    }
}

static inline void fake_on_closed(uv_handle_t *handle)
{
    struct fake_peer *peer = handle->data;

    redisReaderFree(peer->reader);
    free(peer);
}

static inline void fake_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    (void)handle;
    *buf = uv_buf_init(xmalloc(size), (unsigned)size);
}

static inline void fake_on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    struct fake_peer *peer = stream->data;
    void *command = NULL;

    if (got > 0)
        redisReaderFeed(peer->reader, buf->base, (size_t)got);
    free(buf->base);
    if (got < 0) {
        uv_close((uv_handle_t *)stream, fake_on_closed);
        return;
    }
    while (redisReaderGetReply(peer->reader, &command) == REDIS_OK && command != NULL) {
        fake_hear(peer, command);
        freeReplyObject(command);
    }
}

static inline void fake_on_connection(uv_stream_t *listener, int status)
{
    struct fake_peer *peer = xcalloc(1, sizeof *peer);

    assert_int_equal(status, 0);
    peer->fake = listener->data;
    peer->fake->connections++;
    peer->reader = redisReaderCreate();
    uv_pipe_init(listener->loop, &peer->pipe, 0);
    peer->pipe.data = peer;
    assert_int_equal(uv_accept(listener, (uv_stream_t *)&peer->pipe), 0);
    uv_read_start((uv_stream_t *)&peer->pipe, fake_alloc, fake_on_read);
}

static inline void fake_start(struct fake *fake, uv_loop_t *loop)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(fake->path, sizeof fake->path, "%s/sb-fake-%d.sock", tmp != NULL ? tmp : "/tmp",
             (int)getpid());
    snprintf(fake->url, sizeof fake->url, "unix://%s", fake->path);
    if (fake->info == NULL)
        fake->info = "# Server\r\nredis_version:7.0.0\r\n";
    if (fake->config == NULL)
        fake->config = "*2\r\n$22\r\nnotify-keyspace-events\r\n$3\r\nAKE\r\n";
    unlink(fake->path);
    uv_pipe_init(loop, &fake->listener, 0);
    fake->listener.data = fake;
    assert_int_equal(uv_pipe_bind(&fake->listener, fake->path), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&fake->listener, 16, fake_on_connection), 0);
}

static inline void fake_stop(struct fake *fake)
{
    uv_close((uv_handle_t *)&fake->listener, NULL);
    if (fake->deaf != NULL)
        uv_close((uv_handle_t *)&fake->deaf->pipe, fake_on_closed);
    unlink(fake->path);
}

#endif
