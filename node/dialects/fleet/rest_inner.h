/* SPDX-License-Identifier: MIT */
#ifndef SB_FLEET_REST_INNER_H
#define SB_FLEET_REST_INNER_H

#include "fleet_inner.h"
#include "fleet_labels.h"
#include "json.h"
#include "rest.h"

/*
 * The inside of /v1, for rest*.c and events*.c only. The way of a request:
 *
 *     rest         a request comes; other origins
 *     rest_route   whose is it?
 *     rest_gate    throttle, then key
 *     rest_body    POST, PUT, DELETE: is the body one?
 *     rest_read    what is there             rest_page, rest_filter
 *     rest_create  a room is to be made      rest_coerce, rest_place, rest_pairs
 *     rest_order   other commands
 *     rest_token   short-lived tokens for streams
 *     rest_register  keys for single agents
 *     events       streams
 *     rest_reply   envelopes, causes, audit: each answer goes through here
 */
struct events;
struct rest_call;
struct rest_create;
struct rest_registering;
typedef void rest_handle_fn(struct rest_call *call);

enum rest_trait {
    REST_PLAIN = 0,
    REST_AUDITED = 1,  /* an audit line, whatever comes of it               */
    REST_RAW = 2,      /* its parameter is taken as it is sent              */
    REST_STREAMED = 4, /* ?key= and ?token= may stand for the header        */
};

struct rest_route {
    enum http_method method;
    const char *path; /* behind "/v1/"; a segment "{}" is the parameter */
    rest_handle_fn *handle;
    unsigned traits;
};

struct rest {
    struct fleet *fleet;
    struct list streams; /* of events */
    size_t stream_count;
    bool has_stopped;
};

/* From the request to its answer. */
struct rest_call {
    struct rest *rest;
    struct http_request *request;
    const struct rest_route *route;
    struct slice param;
    int refused;               /* 0, or the status with which its body was refused */
    struct fleet_realm *realm; /* from the gate on */
    bool has_tried_query;
    bool is_known; /* the key was good: the next two are set */
    struct credential_digest digest;
    char fingerprint[CREDENTIAL_FINGERPRINT_SIZE];
    struct store_op *op; /* the one thing that is waited for */
    struct auth_check *check;
    struct model_wait *reading;
    struct order *order;
    struct rest_create *create; /* what the answer says of the room                       */
    struct rest_registering *registering;
    struct events *events;     /* a stream that has not begun                            */
    struct identity *identity; /* of a key that Redis knows                              */
    struct json body;          /* JSON_ABSENT: there is none, or it is another type's    */
    struct buf text;           /* what the parameter stands for, or a query's key        */
};

/* ---- rest ------------------------------------------------------------------------------------------ */

/* Appends the header lines with which a page of another origin may have the answer. */
void rest_cors_add(const struct rest_call *call, struct buf *out);

/* ---- rest_route ------------------------------------------------------------------------------------ */

enum rest_found { REST_FOUND, REST_NOWHERE, REST_BROKEN_ESCAPE };
enum rest_found rest_route_find(struct rest_call *call);

/* Whose keys those of the configuration are. */
#define REST_DEFAULT_REALM SLICE_LITERAL("default")

/* ---- rest_gate ------------------------------------------------------------------------------------- */

void rest_gate_enter(struct rest_call *call);

/* The key was good: body and handler are next. */
void rest_gate_pass(struct rest_call *call, const struct credential_digest *digest,
                    struct slice realm);
/* A key in Redis of which only the digest is at hand: as good as the key itself. */
void rest_gate_ask(struct rest_call *call, const struct credential_digest *digest);
/* It was not: counts against the address. */
void rest_gate_refuse(struct rest_call *call);

/* ---- rest_body ------------------------------------------------------------------------------------- */

/* False: it has been answered. */
bool rest_body_judge(struct rest_call *call);

/* ---- rest_reply: each ends the call ------------------------------------------------------------------- */

#define REST_JSON_TYPE "application/json; charset=utf-8"

enum rest_cause {
    REST_VALIDATION,
    REST_UNAUTHORIZED,
    REST_NOT_FOUND,
    REST_INSTANCE_NOT_FOUND,
    REST_ROOM_NOT_FOUND,
    REST_REGISTRATION_NOT_FOUND,
    REST_NO_CANDIDATE,
    REST_ROOM_EXISTS,
    REST_INSTANCE_DRAINING,
    REST_EVENTS_TRIMMED,
    REST_BODY_TIMEOUT,
    REST_PAYLOAD_TOO_LARGE,
    REST_UNSUPPORTED_TYPE,
    REST_INSTANCE_BUSY,
    REST_AUTH_THROTTLED,
    REST_SSE_LIMIT,
    REST_COMMAND_FAILED,
    REST_INSTANCE_DISCONNECTED,
    REST_UNAVAILABLE,
    REST_COMMAND_TIMEOUT,
    REST_CAUSES
};
void rest_refuse(struct rest_call *call, enum rest_cause cause);
void rest_refuse_and_close(struct rest_call *call, enum rest_cause cause);

/* What the store could not do: nothing of it happened, or (uncertain) it may have. */
void rest_fail(struct rest_call *call, enum result result);

/* {"status":"OK"}, with `data` (JSON) when there is some. */
void rest_reply(struct rest_call *call, int status, struct slice data);

/* Body and headers as they stand. */
void rest_reply_raw(struct rest_call *call, const struct http_reply *reply);

/* The outcome of an order; OK is for the caller. */
enum rest_cause rest_cause_of(enum fleet_answer answer);

/* The head of a streamed answer: the request is over, and so is the call. The headers are borrowed. */
struct http_stream_head;
struct http_stream_ops;
struct http_stream *rest_stream(struct rest_call *call, const struct http_stream_head *head,
                                const struct http_stream_ops *ops, void *ctx);

/* A line of the log for what may change something. Answers write it; so does a call that ends without one. */
void rest_audit(const struct rest_call *call, int status);

/* Appends the header line that says when it is. */
void rest_date_add(const struct rest_call *call, struct buf *out);

/* The header line that says which state of the fleet an answer shows. */
enum { REST_ETAG_SIZE = sizeof "ETag: W/\"\"\r\n" + FLEET_HASH_LEN };
void rest_etag_write(const char *hash, char line[REST_ETAG_SIZE]);

const char *rest_method_name(const struct rest_call *call);

/* Stops whatever is waited for, and forgets the call. */
void rest_call_free(struct rest_call **call);

/* The request is held until the call is answered. Once, before anything is waited for. */
void rest_call_hold(struct rest_call *call);

/* ---- rest_filter: the query of GET /v1/rooms ------------------------------------------------------------ */

struct rest_filter;
struct rest_filter *rest_filter_create(struct slice query);
void rest_filter_destroy(struct rest_filter **filter);
bool rest_filter_takes(const struct rest_filter *filter, const struct model_instance *instance);
bool rest_filter_takes_room(const struct rest_filter *filter, const struct model_instance *instance,
                            size_t room);

/* Steps through a query: decoded, where it can be. The slices point into `room`, which is initialised for all of it. */
void rest_query_room(struct buf *room, struct slice query);
bool rest_query_next(struct slice *query, struct buf *room, struct slice *name_out,
                     struct slice *value_out);

/* ---- rest_page: documents of instances and rooms, written piece by piece -------------------------------- */

enum rest_page_of { REST_INSTANCES, REST_INSTANCE, REST_ROOMS, REST_ROOM };
struct rest_page;
struct rest_page *rest_page_create(enum rest_page_of of, size_t count_max);
/* One room of it only, or (SIZE_MAX) all. Takes a reference. */
void rest_page_add(struct rest_page *page, struct model_instance *instance, size_t room);
void rest_page_filter(struct rest_page *page, struct rest_filter *filter); /* takes it over */
/* Answers with it. `hash`: for the ETag; NULL: none. */
void rest_page_send(struct rest_page *page, struct rest_call *call, const char *hash);

/* ---- handlers --------------------------------------------------------------------------------------------- */

rest_handle_fn rest_get_stats, rest_get_instances, rest_get_instance, rest_get_instance_rooms,
    rest_get_rooms, rest_get_room;
rest_handle_fn rest_create_room, rest_delete_room, rest_drain_instance, rest_undrain_instance,
    rest_describe_room;
rest_handle_fn rest_make_token, rest_register, rest_unregister;
rest_handle_fn events_open;

/* ---- rest_coerce: what a validator makes of scalars --------------------------------------------------------- */

/* The text of a string, number, boolean, null, or of the only item of an array. False: it has none. */
bool rest_coerce_text(struct json value, struct buf *out);

/* A string's text, appended to `texts`, where there is room reserved for it. False: it is none. */
bool rest_text_of(struct json value, struct buf *texts, struct slice *text_out);

/* A number as JavaScript writes it. */
void rest_write_number(struct buf *out, double number);

/* ---- rest_pairs ------------------------------------------------------------------------------------------------- */

enum { REST_PAIRS_MAX = FLEET_STATE_LABELS };
struct rest_pairs_limits {
    size_t count, key_units, value_units; /* count: at most REST_PAIRS_MAX */
};
/* Appends {"key":"value",…} without blanks, as the store keeps it: of two with one key the last counts. False: it is no
 * object of texts, or beyond its limits, and nothing was appended. */
bool rest_pairs_write(struct json object, const struct rest_pairs_limits *limits, struct buf *out);

/* ---- rest_place: what a body says of the place ------------------------------------------------------------- */

enum { REST_TAGS_MAX = FLEET_STATE_LABELS + 3 };
struct rest_placement {
    struct fleet_place place;
    uint8_t tags[REST_TAGS_MAX][FLEET_TAG_LEN];
    uint8_t feature[FLEET_TAG_LEN];
    struct buf texts; /* what the place's slices point to */
};
/* Initialises it. `type`: the room's; `needs_options`: only an instance that understands options will do. False: it is no placement. */
bool rest_placement_read(struct rest_placement *placement, struct json value, struct slice type,
                         bool needs_options);
void rest_placement_fini(struct rest_placement *placement);

/* A room's metadata, by rest_pairs_write(). */
bool rest_metadata_read(struct json value, struct buf *out);

/* ---- rest_token ------------------------------------------------------------------------------------------------ */

/* "ft1.…" under a key: does not say whose. */
bool rest_token_is_one(struct slice text);
void rest_token_check(struct rest_call *call); /* the one in call->text */

/* The events of a stream that has not begun. */
void events_forget(struct events **events);
void rest_create_forget(struct rest_create **create);
void rest_registering_forget(struct rest_registering **registering);

/* ---- events ---------------------------------------------------------------------------------------------------- */

void events_configure(struct rest *rest);
void events_stop(struct rest *rest);

#endif
