/* SPDX-License-Identifier: MIT */
#ifndef SB_ARCHITUS_REQUEST_H
#define SB_ARCHITUS_REQUEST_H

#include "architus_room.h"

/*
 * One pool_* event, from the client's question to the answer that is marked finished.
 *
 * Entities are put together to answers of about ANSWER_BYTES (at most ANSWER_ENTITIES), which are sent as the socket
 * takes them. While a
 * request waits for the socket, or for its next attempt, it is parked: the client may then move to another
 * node, where the request begins anew from its text (an entity may come twice, the last answer once).
 */
struct request;

enum { ANSWER_BYTES = 128 * 1024, ANSWER_ENTITIES = POOL_PAGE, RETRY_MS = 10000 };

/* What a request waits for that is not under way. */
enum request_wait {
    REQUEST_WORKS,      /* nothing: the store or a back end is at it */
    REQUEST_FOR_SOCKET, /* to take its answers */
    REQUEST_FOR_RETRY,
};

/* What is done for a kind of request. */
struct request_kind {
    void (*begin)(struct request *request); /* also: try again */
    void (*on_drain)(
        struct request *request); /* everything is with the socket: go on. May be NULL */
    void (*release)(struct request *request); /* frees what is its own. May be NULL */
    bool is_whole; /* its last answer says: there is no more. Never falsely */
};

struct request {
    struct sio_task task; /* while it is not parked */
    struct list node;     /* session->open */
    struct session *session;
    const struct request_kind *kind;
    enum ask_kind ask_kind;
    struct ask ask;
    enum pool_type type; /* when it is about a guild's pool */
    char *text;          /* the argument, to begin anew */
    struct pending_ack ack;
    struct jwt *identity;
    struct jwt_check *checking;
    enum request_wait wait;
    struct deadline later; /* while it waits: looks whether it can go on */
    bool is_parked, is_over;
    bool has_failed;  /* the client has been told once */
    bool has_asked;   /* whether the user is a member */
    bool is_too_much; /* entities were left out: it will be refused */

    struct list answers; /* that wait for the socket */
    struct buf data, absent;
    size_t data_count; /* entities in `data` */

    struct store_op *reading;
    struct flight_wait waiting;
    void *own; /* of its kind */
};

/* ---- asking ---------------------------------------------------------------------------------------- */

struct pool_id request_pool(const struct request *request);
struct pool_asker request_asker(const struct request *request);
struct slice request_user(const struct request *request);

/* What every look into a pool begins with: true when the answer may be used. Else the request is over, or, once, a
 * back end is asked whether the user is a member, and it begins again. */
bool request_may(struct request *request, enum result result, const struct pool_answer *answer);

/* ---- answering: the request may be gone after each of these that end it ------------------------------ */

/* Beyond SESSION_BYTES_MAX nothing is added, and what finishes the request refuses it. */
void request_add(struct request *request, struct slice entity);
void request_add_absent(struct request *request, struct slice id);
/* What there is goes out, unfinished; on_drain follows when the socket has it, maybe before this returns. */
void request_flush(struct request *request);
void request_finish(
    struct request *request); /* with what there is; it ends when the socket has it */

enum refusal {
    REFUSAL_MALFORMED,
    REFUSAL_NOT_AUTHENTICATED,
    REFUSAL_NOT_A_MEMBER,
    REFUSAL_NO_RIGHT,
    REFUSAL_BAD_TYPE,
    REFUSAL_TOO_OFTEN,
    REFUSAL_TOO_MANY,
    REFUSAL_STORE,
    REFUSALS
};
/* One "error"; `details` may be NULL. */
void session_refuse(struct session *session, enum refusal refusal, const char *details,
                    const struct ask *ask);
/* The same for an event that is no request: its acknowledgement gets the error, too. */
void session_refuse_ack(struct session *session, enum refusal refusal, const char *details,
                        struct pending_ack ack);
void session_fail_ack(struct session *session, const struct error_answer *error,
                      struct pending_ack ack);

/* An error, and its end: pool_request and pool_search finish with what there is; a whole one is finished
 * only when the user may not have it at all. */
void request_refuse(struct request *request, enum refusal refusal, const char *details);

/* A back end failed. A whole request says so once and tries again in RETRY_MS; others end. */
void request_fail(struct request *request, int status, struct slice context);

/* ---- kinds --------------------------------------------------------------------------------------- */

extern const struct request_kind ask_ids_kind, ask_all_kind, ask_search_kind, ask_user_kind,
    ask_guild_ids_kind, ask_guild_all_kind;

/* ---- what requests wait for together --------------------------------------------------------------- */

/* membership.c: asks whether a user is a member, and has the answer kept. */
void membership_ask(struct architus *app, struct slice realm, struct slice guild, struct slice user,
                    struct flight_wait *wait,
                    void (*on_landed)(struct flight_wait *wait, struct flight *flight));

/* listing.c: asks for a whole pool, and has it kept. */
struct listing_question {
    struct pool_id pool;
    uint64_t changes; /* as seen before */
};
void listing_ask(struct architus *app, const struct listing_question *question,
                 struct flight_wait *wait,
                 void (*on_landed)(struct flight_wait *wait, struct flight *flight));
struct slice listing_context(struct flight *flight); /* what the back end said when it failed */

#endif
