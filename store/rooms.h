/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_ROOMS_H
#define SB_STORE_ROOMS_H

#include "store/key.h"
#include "store/store.h"

/*
 * Who is in a room of Socket.IO, for those who ask; what is sent to a room goes by its channel.
 *
 *     sb:{room:<realm>:<nsp#room>}:members  hash  socket id → the node that has it
 *     sb:{room:<realm>:<nsp#room>}:nodes    hash  node id → how many of the members it has
 *
 * A member joins again every ROOM_RENEW_MS, so that the hashes outlive their joins, and come back after Redis
 * has lost them. What a node that died leaves behind is not told of, and dropped when it is met.
 */
enum { ROOM_RENEW_MS = 2 * 60 * 1000, ROOM_LIST_MAX = 1000 };

/* Borrowed; every call copies what it keeps. */
struct room_id {
    struct slice realm;
    struct slice room; /* a pair, namespace#room */
};
struct room_member {
    struct room_id id;
    struct slice socket; /* its id */
    struct slice node;   /* the node that has it */
};

/* A socket that was on another node is on this one now. Safe to repeat. (lua/room_join.lua) */
void room_join(struct store *store, const struct room_member *member, store_done_fn *done,
               void *ctx, struct store_op **slot);

/* Nothing happens when the socket has gone to another node. Safe to repeat. (lua/room_leave.lua) */
void room_leave(struct store *store, const struct room_member *member, store_done_fn *done,
                void *ctx, struct store_op **slot);

/* The nodes that live, from nodes_list_live(). */
struct room_live {
    const struct slice *nodes;
    size_t count;
};

typedef void room_count_fn(enum result result, uint64_t members, void *ctx);

/* (lua/room_count.lua) */
void room_count(struct store *store, const struct room_id *id, const struct room_live *live,
                room_count_fn *done, void *ctx, struct store_op **slot);

struct room_page {
    const struct slice *sockets; /* any may come twice, over all pages */
    size_t count;
    uint64_t next; /* cursor of the next page; 0: there is none */
};
typedef void room_list_fn(enum result result, const struct room_page *page, void *ctx);

/* From `cursor` (0: the beginning) about `limit` (1..ROOM_LIST_MAX) members; a small room comes whole.
 * (lua/room_list.lua) */
void room_list(struct store *store, const struct room_id *id, const struct room_live *live,
               uint64_t cursor, uint32_t limit, room_list_fn *done, void *ctx,
               struct store_op **slot);

#endif
