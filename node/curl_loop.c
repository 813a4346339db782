/* SPDX-License-Identifier: MIT */
/*
 * curl says which sockets and which timer it needs, the loop tells curl what happened, and finished
 * transfers are collected after every such call.
 */
#include "curl_loop.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

struct curl_loop {
    uv_loop_t *loop;
    CURLM *multi;
    uv_timer_t timer;
    curl_loop_done_fn *done;
    void *ctx;
};

struct socket {
    uv_poll_t poll;
    struct curl_loop *owner;
    curl_socket_t fd;
};

static void collect(struct curl_loop *curl)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(curl->multi, &left)) != NULL) {
        CURL *easy = message->easy_handle; /* the message goes with the handle */
        CURLcode code = message->data.result;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_multi_remove_handle(curl->multi, easy);
        curl->done(easy, code, curl->ctx);
    }
}

static void on_socket_ready(uv_poll_t *poll, int status, int events)
{
    struct socket *socket = poll->data;
    struct curl_loop *curl = socket->owner;
    int flags = 0, running;

    if (status < 0)
        flags = CURL_CSELECT_ERR;
    if (events & UV_READABLE)
        flags |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        flags |= CURL_CSELECT_OUT;
    curl_multi_socket_action(curl->multi, socket->fd, flags, &running);
    collect(curl);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static struct socket *socket_create(struct curl_loop *curl, curl_socket_t fd)
{
    struct socket *socket = xcalloc(1, sizeof *socket);

    socket->owner = curl;
    socket->fd = fd;
    socket->poll.data = socket;
    if (uv_poll_init_socket(curl->loop, &socket->poll, fd) != 0) {
        free(socket); /* curl gives this transfer up when its time is over */
        return NULL;
    }
    curl_multi_assign(curl->multi, fd, socket);
    return socket;
}

static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *ctx, void *assigned)
{
    struct curl_loop *curl = ctx;
    struct socket *socket = assigned;
    int events = 0;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (socket != NULL) {
            curl_multi_assign(curl->multi, fd, NULL);
            uv_close((uv_handle_t *)&socket->poll, on_closed);
        }
        return 0;
    }
    if (socket == NULL && (socket = socket_create(curl, fd)) == NULL)
        return 0;
    if (what & CURL_POLL_IN)
        events |= UV_READABLE;
    if (what & CURL_POLL_OUT)
        events |= UV_WRITABLE;
    uv_poll_start(&socket->poll, events, on_socket_ready);
    return 0;
}

static void on_time_over(uv_timer_t *timer)
{
    struct curl_loop *curl = timer->data;
    int running;

    curl_multi_socket_action(curl->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(curl);
}

static int on_timer_wanted(CURLM *multi, long timeout_ms, void *ctx)
{
    struct curl_loop *curl = ctx;

    (void)multi;
    if (timeout_ms < 0)
        uv_timer_stop(&curl->timer);
    else
        uv_timer_start(&curl->timer, on_time_over, (uint64_t)timeout_ms, 0);
    return 0;
}

struct curl_loop *curl_loop_create(uv_loop_t *loop, long connections_max, curl_loop_done_fn *done,
                                   void *ctx)
{
    struct curl_loop *curl = xcalloc(1, sizeof *curl);

    curl_global_init(CURL_GLOBAL_DEFAULT);
    curl->loop = loop;
    curl->done = done;
    curl->ctx = ctx;
    uv_timer_init(loop, &curl->timer);
    curl->timer.data = curl;
    curl->multi = curl_multi_init();
    assert(curl->multi != NULL);
    curl_multi_setopt(curl->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
    curl_multi_setopt(curl->multi, CURLMOPT_SOCKETDATA, curl);
    curl_multi_setopt(curl->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    curl_multi_setopt(curl->multi, CURLMOPT_TIMERDATA, curl);
    curl_multi_setopt(curl->multi, CURLMOPT_MAXCONNECTS, connections_max);
    return curl;
}

void curl_loop_destroy(struct curl_loop **curl)
{
    struct curl_loop *mine = *curl;

    if (mine == NULL)
        return;
    *curl = NULL;
    curl_multi_cleanup(mine->multi);
    curl_global_cleanup();
    uv_close((uv_handle_t *)&mine->timer, on_closed);
}

bool curl_loop_add(struct curl_loop *curl, CURL *easy)
{
    return curl_multi_add_handle(curl->multi, easy) == CURLM_OK;
}

void curl_loop_remove(struct curl_loop *curl, CURL *easy)
{
    curl_multi_remove_handle(curl->multi, easy);
}
