/* SPDX-License-Identifier: MIT */
#ifndef SB_SIO_EMIT_H
#define SB_SIO_EMIT_H

#include "sio.h"

/*
 * To rooms. An emit is one entry, encoded once: on the channel of its room when it goes to exactly one and
 * excepts nobody, else on the channel of the namespace, where each node filters by its own members. What it
 * costs Redis does not depend on how many members there are.
 */
struct sio_target {
    struct slice realm, nsp;
    const struct slice *rooms; /* the union of these; none: all sockets of the namespace */
    size_t room_count;
    const struct slice *except; /* minus the union of these */
    size_t except_count;
};

struct sio_emit {
    struct sio_target to;
    struct slice items; /* ["name", args…]: JSON, with placeholders for the attachments */
    const struct slice *attachments;
    size_t attachment_count;
    bool is_volatile;  /* for those who can take it at once, and never again */
    struct slice once; /* an id: the same id within a minute is emitted once. Nothing: always */
};

/* Nothing wrong with it? Names, counts; `why` says what. */
enum { SIO_TARGET_MAX = 100 }; /* rooms, and excepted ones */
bool sio_target_check(const struct sio_target *to, struct why *why) MUST_CHECK;

/* The same of all of it: also reserved names, sizes, placeholders. */
bool sio_emit_check(const struct sio *sio, const struct sio_emit *emit, struct why *why) MUST_CHECK;

/* How it went: `listeners` are nodes, those that have members of the channel: 0 = nobody listens now. */
typedef channel_appended_fn sio_emitted_fn;
void sio_emit(struct sio *sio, const struct sio_emit *emit, sio_emitted_fn *done, void *ctx,
              struct store_op **slot);

/* ---- with acknowledgements ------------------------------------------------------------------------- */

struct sio_answer {
    struct slice socket;             /* its id */
    struct slice args;               /* its acknowledgement: a JSON array, with placeholders … */
    const struct slice *attachments; /* … for these */
    size_t attachment_count;
};
struct sio_answers {
    bool is_complete; /* everybody has answered; else the time was over */
    uint32_t clients; /* that it was sent to, as far as known */
    const struct sio_answer *items;
    size_t count;
};
struct sio_ask;
typedef void sio_asked_fn(enum result result, const struct sio_answers *answers, void *ctx);

/* Asks every socket of the target; `done` runs once, when all have answered or after `timeout_ms`. `*slot` is
 * non-NULL until then. */
void sio_ask(struct sio *sio, const struct sio_emit *emit, uint32_t timeout_ms, sio_asked_fn *done,
             void *ctx, struct sio_ask **slot);
void sio_ask_cancel(struct sio_ask **slot);

/* ---- what others make sockets do --------------------------------------------------------------------- */

enum sio_control { SIO_CONTROL_JOIN, SIO_CONTROL_LEAVE, SIO_CONTROL_DISCONNECT, SIO_CONTROL_CLOSE };

/* Every socket of the target joins or leaves `rooms`, is disconnected, or its connection is closed too. */
void sio_control(struct sio *sio, const struct sio_target *to, enum sio_control what,
                 const struct slice *rooms, size_t room_count, sio_emitted_fn *done, void *ctx,
                 struct store_op **slot);

#endif
