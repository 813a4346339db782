/* SPDX-License-Identifier: MIT */
#ifndef SB_AUTH_HOOK_H
#define SB_AUTH_HOOK_H

#include <uv.h>

#include "auth_source.h"
#include "config.h"

/*
 * The operator's own service, asked over HTTP.
 *
 *     universe         POST --universe-auth-url  {"universeId":"…","apiKey":"…"}
 *     player, server   POST --token-auth-url     {"token":"…","kind":"player"}
 *
 * 200 accepts; for tokens its body names the subject: {"subject":"…","expires_at":…}, where the
 * second member may be absent, null, RFC 3339 or seconds since 1970. 401 and 403 refuse. Anything
 * else is silence: another status, a redirect, no answer within --auth-timeout, one that is too
 * large or makes no sense.
 */
enum {
    HOOK_CONCURRENT_MAX = 64, /* requests under way                          */
    HOOK_WAITING_MAX = 1024,  /* those that wait for one; beyond it: silence */
    HOOK_BODY_MAX = 65536,
};

struct hook;

struct hook *hook_create(uv_loop_t *loop, const struct config *config);

/* Nothing is answered any more. The memory goes when the loop has closed the handles. */
void hook_destroy(struct hook **hook);

bool hook_serves(const struct hook *hook, enum credential_kind kind);

void hook_ask(struct hook *hook, const struct source_question *question,
              source_answered_fn *answered, void *ctx, struct source_call **slot);

#endif
