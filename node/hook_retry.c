/* SPDX-License-Identifier: MIT */
#include "hook_retry.h"

#include <uv.h>

enum {
    PAUSE_MIN_MS = 100,
    PAUSE_MAX_MS = 2000,
    PAUSE_STEPS = 8, /* jitter comes in so many: deadlines like few durations */
};

bool hook_may_pass(CURLcode code)
{
    switch (code) {
    case CURLE_ABORTED_BY_CALLBACK:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return true;
    default:
        return false;
    }
}

uint32_t hook_pause_ms(uint32_t attempts)
{
    uint32_t most = PAUSE_MIN_MS, dice = 0;

    for (uint32_t i = 1; i < attempts && most < PAUSE_MAX_MS; i++)
        most *= 2;
    if (most > PAUSE_MAX_MS)
        most = PAUSE_MAX_MS;
    uv_random(NULL, NULL, &dice, sizeof dice, 0, NULL);
    return most / 2 + dice % PAUSE_STEPS * most / 2 / PAUSE_STEPS;
}
