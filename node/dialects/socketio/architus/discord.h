/* SPDX-License-Identifier: MIT */
#ifndef SB_ARCHITUS_DISCORD_H
#define SB_ARCHITUS_DISCORD_H

#include <uv.h>

#include "base/buf.h"

/* Discord itself, asked for the guilds of a user with that user's own access token (--discord-api). */
struct discord;
struct discord_call;
struct config;

enum { DISCORD_CALLS_MAX = 64, DISCORD_ANSWER_MAX = 1024 * 1024, DISCORD_TIMEOUT_MS = 5000 };

struct discord *discord_create(uv_loop_t *loop, const struct config *config);
void discord_destroy(struct discord **discord); /* nothing is pending any more: asserted */

/* GET <--discord-api>/users/@me/guilds. False: it cannot be asked now. Else `done` runs once, never before this
 * returns, unless it is cancelled: `status` is Discord's, 504 when there was no answer in time, 502 when it could not be
 * reached. `*slot` must be NULL on entry and is non-NULL while it is pending. */
typedef void discord_done_fn(int status, struct slice body, void *ctx);
bool discord_ask(struct discord *discord, struct slice access_token, discord_done_fn *done,
                 void *ctx, struct discord_call **slot);
void discord_cancel(struct discord_call **slot);

#endif
