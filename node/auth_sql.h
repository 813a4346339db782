/* SPDX-License-Identifier: MIT */
#ifndef SB_AUTH_SQL_H
#define SB_AUTH_SQL_H

#include <uv.h>

#include "auth_source.h"
#include "config.h"

/*
 * The table `ws_token` of an existing site, for players and servers:
 *
 *     token VARBINARY(32) PRIMARY KEY, player_id, subject_id, expires_at DATETIME (UTC), is_server
 *
 * The subject is player_id unless it is NULL, then subject_id. A row decides: it accepts when it has a
 * subject and an expires_at, and is_server says what was asked for. Queries run on libuv's thread pool,
 * on at most SQL_CONNECTIONS connections, each opened when it is needed and again when it broke.
 */
enum {
    SQL_CONNECTIONS = 4,
    SQL_WAITING_MAX = 1024, /* questions that wait for a connection; beyond it: silence */
};

struct sql;

/* Starts to connect and tries again each second until the table was read once. NULL with `why` when
 * --dsn makes no sense for --db. */
struct sql *sql_create(uv_loop_t *loop, const struct config *config, struct why *why);

/* Nothing is answered any more. The memory goes when the loop has done what was under way. */
void sql_destroy(struct sql **sql);

bool sql_is_reached(const struct sql *sql);

/* Accepts whatever the row says of its time: the asker looks at expires_ms. */
void sql_ask(struct sql *sql, const struct source_question *question, source_answered_fn *answered,
             void *ctx, struct source_call **slot);

#endif
