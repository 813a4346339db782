/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_RPC_H
#define SB_STORE_RPC_H

#include "store/key.h"
#include "store/store.h"

/*
 * Questions to workers, and theirs to us, on lists: no port is open on either side.
 *
 *     sb:{rpc:<realm>:<queue>}:q      questions; a queue is a shard's number, or "gateway" for ours
 *     sb:{inbox:<realm>:<node>}:rpc   the answers to what one node asked
 *
 * Whoever puts something on a list then sets its life (PEXPIRE): Redis tells of that, not of the RPUSH.
 */
enum { RPC_QUEUE_MAX = 10000, RPC_TAKE_MAX = 64, RPC_LIFE_MS = 10000, RPC_TEXT_MAX = 8 << 20 };

/* The keys to follow with topic_subscribe(TOPIC_KEY). */
void rpc_queue_key(struct key *key, struct slice realm, struct slice queue);
void rpc_answers_key(struct key *key, struct slice realm, struct slice node_id);

/* REFUSED: RPC_QUEUE_MAX wait already. To repeat it asks twice. (lua/rpc_push.lua) */
void rpc_push(struct store *store, struct slice realm, struct slice queue, struct slice text,
              store_done_fn *done, void *ctx, struct store_op **slot);

/* The oldest texts of a list, at most RPC_TAKE_MAX: they are gone from it. After UNCERTAIN some may be lost. */
typedef void rpc_taken_fn(enum result result, const struct slice *texts, size_t count, void *ctx);
void rpc_take(struct store *store, const struct key *list, rpc_taken_fn *done, void *ctx,
              struct store_op **slot);

/* Answers on a list that an asker has named: 1..KEY_MAX bytes. (lua/rpc_answer.lua) */
void rpc_answer(struct store *store, struct slice list, struct slice text, store_done_fn *done,
                void *ctx, struct store_op **slot);

#endif
