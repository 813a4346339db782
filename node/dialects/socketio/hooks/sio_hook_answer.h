/* SPDX-License-Identifier: MIT */
#ifndef SB_SIO_HOOK_ANSWER_H
#define SB_SIO_HOOK_ANSWER_H

#include "json_list.h"

/*
 * What a back end wants to happen:
 *
 *     {"data":any,"leave":["room",…],"join":["room",…],
 *      "emit":[{"event":"…","args":[…],"rooms":["room",…],"except":["room",…],"namespace":"/…",
 *               "volatile":bool,"attachments":["base64",…]},…],
 *      "ack":[…],"attachments":["base64",…],"disconnect":bool}
 *
 * Every member may be absent, and so may the whole; others are ignored. The texts of data, args and ack are
 * passed on byte for byte.
 */
enum {
    SIO_HOOK_EMITS_MAX = 1024,
    SIO_HOOK_NAMES_MAX = 1024,
    SIO_HOOK_ATTACHMENTS_MAX = 64,
    SIO_HOOK_DATA_MAX = 64 * 1024, /* bytes: kept for each socket, moved and recovered with it */
};

struct sio_hook_emit {
    struct slice items; /* ["event",args…] */
    struct json_list rooms, except, attachments;
    struct slice nsp; /* nothing: the socket's */
    bool is_to_rooms; /* else to the socket itself */
    bool is_volatile;
};

struct sio_hook_answer {
    struct slice data; /* nothing: it stays as it is; null: there is none any more */
    struct json_list join, leave;
    struct sio_hook_emit *emits;
    size_t emit_count;
    struct slice ack;             /* nothing: not given */
    struct json_list attachments; /* the ack's */
    bool disconnects;
    struct buf text; /* what is decoded: everything but data and ack points there */
};

/* Fills a zero-initialised answer, which borrows from the body. False: `why` says what makes no sense.
 * sio_hook_answer_fini() is due in both cases. */
bool sio_hook_answer_parse(struct slice body, struct sio_hook_answer *answer,
                           struct why *why) MUST_CHECK;
void sio_hook_answer_fini(struct sio_hook_answer *answer);

/* What a connect hook says when it refuses: {"message":"…","data":any}. `message` is decoded into the buffer;
 * nothing where there is none that makes sense. */
void sio_hook_refusal_parse(struct slice body, struct buf *message, struct slice *data_out);

#endif
