/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_FLEET_INSIDE_H
#define SB_STORE_FLEET_INSIDE_H

#include "store/channel_keys.h"
#include "store/fleet.h"
#include "store/op.h"

/* What the operations on fleets share. For store/fleet*.c. */

/* The keys of a fleet, in the order in which lua/fleet_all.inc.lua wants them; those behind are for some only. */
enum fleet_part {
    FLEET_HEADS,
    FLEET_RESERVED,
    FLEET_HOLDS,
    FLEET_COMMANDS,
    FLEET_DUE,
    FLEET_FREE,
    FLEET_TAGS,
    FLEET_FACTS,
    FLEET_METADATA,
    FLEET_CLAIMS,
    FLEET_KNOWN,
    FLEET_TAILS,
    FLEET_RENAMES,
    FLEET_ROOMS,
    FLEET_RECORDS,
    FLEET_DESCRIBED,
    FLEET_FORSAKEN,
    FLEET_UIDS,
    FLEET_SYNCED,
    FLEET_NODES,
    FLEET_OWNERS,
    FLEET_VERSIONS,
    FLEET_GONE,
    FLEET_TYPES,
    FLEET_META,
    FLEET_LOG,
    FLEET_LOG_LAST,
    FLEET_LOG_SETTLED,
    FLEET_ALL, /* so many are in fleet_all */
    FLEET_NUMBER = FLEET_ALL,
    FLEET_REGISTRATIONS,
    FLEET_EXPIRING,
    FLEET_SEATS,
    FLEET_PARTS
};

/* op_start() with these parts as keys; `call` has all else. No parts: those of fleet_all. */
void fleet_start(struct store *store, struct slice realm, const enum fleet_part *parts,
                 size_t part_count, struct op_call *call, struct store_op **slot);

/* ---- packing: numbers are big-endian ------------------------------------------------------------ */

void fleet_pack_number(struct buf *out, uint64_t number, size_t bytes);
void fleet_pack_text(struct buf *out, struct slice text, size_t length_bytes);
void fleet_pack_leaving(struct buf *out, const struct fleet_leaving *leaving);

/* The topic and the bounds of the channel of events, as lua/fleet_log.inc.lua wants them. */
enum { FLEET_BOUNDS_LEN = 5 * 8 };
struct fleet_log {
    struct slice topic, bounds;
    struct channel_keys keys;
    char packed[FLEET_BOUNDS_LEN];
};
void fleet_log_make(struct fleet_log *log, const struct store *store, struct slice realm);

/* ---- replies ------------------------------------------------------------------------------------ */

/* {code, …}: 0 OK, 1 REFUSED, 2 NOT_FOUND, 3 CONFLICT. False: it is none of these. */
bool fleet_judge_code(const redisReply *reply, enum result *result_out);

/* {0, dropped, …} or another code: counts what the log has dropped. */
bool fleet_judge_step(const redisReply *reply, enum result *result_out);
void fleet_note_step(struct store *store, enum result result, const redisReply *reply, void *state);

/* requester, command, … from `from` on. The caller frees. */
bool fleet_lost_are_good(const redisReply *reply, size_t from);
struct fleet_removed fleet_lost_read(const redisReply *reply, size_t from);

#endif
