/* SPDX-License-Identifier: MIT */
#ifndef SB_ENGINE_H
#define SB_ENGINE_H

#include "node.h"
#include "packet.h"

/*
 * Engine.IO, protocols 4 and 3: one connection for each client, carried by long polling, then maybe
 * by a WebSocket.
 *
 * A connection lives on one node at a time, its owner, which is the only one that keeps its state.
 * The sid names the node that opened it: 5 bytes of node id and 10 random ones, in base64url. A
 * poll that comes to another node goes to the owner by the inboxes, and so does its answer
 * (call.h). When a client upgrades on another node, the connection moves there with all that waits
 * for it, and leaves a tombstone; so a WebSocket is always served by the node that has its socket.
 *
 * What uses it (Socket.IO, the echo of --conformance) is the `upper` layer.
 */
struct engine;
struct engine_conn;

enum engine_version { ENGINE_3 = 3, ENGINE_4 = 4 };

/* Why a connection ended, in the words that applications are told (engine_end_text). */
enum engine_end {
    ENGINE_TRANSPORT_CLOSE,     /* "transport close": the client closed, or its socket ended    */
    ENGINE_TRANSPORT_ERROR,     /* "transport error"                                            */
    ENGINE_PING_TIMEOUT,        /* "ping timeout"                                               */
    ENGINE_PARSE_ERROR,         /* "parse error"                                                */
    ENGINE_FORCED_CLOSE,        /* "forced close": Socket.IO found a protocol error             */
    ENGINE_FORCED_SERVER_CLOSE, /* "forced server close"                                        */
    ENGINE_SERVER_DISCONNECT,   /* "server namespace disconnect": we ended it                   */
    ENGINE_SHUTTING_DOWN,       /* "server shutting down"                                       */
    ENGINE_TOO_SLOW,            /* "transport error": it does not take what is sent to it       */
    ENGINE_ENDS
};
const char *engine_end_text(enum engine_end end);

/* What is known of the client from its handshake; moves with the connection. Texts are never
 * NULL. */
struct engine_handshake {
    enum engine_version version;
    struct peer peer;
    int64_t opened_ms; /* store_now_ms() time */
    char *query;       /* raw, without '?' */
    char *origin, *cookie, *authorization, *user_agent;
};

/* The first query parameter of that name, decoded and appended. False when there is none. */
bool engine_query(const struct engine_handshake *handshake, const char *name, struct buf *out);

/* The cookie of that name (RFC 6265), as sent. data is NULL when there is none. */
struct slice engine_cookie(const struct engine_handshake *handshake, const char *name);

struct engine_ops {
    const char *name; /* a word: what tells the engines of a process apart */
    /* It has something to say to each client of protocol 3, soon after on_open. The answer to a polling handshake
     * waits for that, a second at most. */
    bool speaks_first;
    /* The client is here (before the open packet is written). Returns what the other calls are
     * given. */
    void *(*on_open)(struct engine_conn *conn, void *ctx);
    /* A message: what follows the '4'. Borrowed, NUL-terminated; valid UTF-8. */
    void (*on_text)(struct engine_conn *conn, struct slice text, void *upper);
    void (*on_binary)(struct engine_conn *conn, struct slice bytes, void *upper);
    /* Everything that was ever handed in is with the kernel: after ENGINE_QUEUED, and after
     * ENGINE_FULL. */
    void (*on_drain)(struct engine_conn *conn, void *upper);
    /* The last call. Never before engine_close() returns. */
    void (*on_close)(struct engine_conn *conn, enum engine_end how, void *upper);

    /* ---- moving to another node -------------------------------------------------------------- */

    /* Nothing is under way that would still answer to this connection. When not, engine_rested() is
     * called once it is so. Meanwhile no messages come in. */
    bool (*is_at_rest)(void *upper);
    /* Appends all it needs to go on elsewhere, and lets go of everything here: the last call. Where
     * the image overflows it goes nowhere: nothing is let go, and on_close follows. */
    void (*pack)(void *upper, struct buf *image);
    /* The same client, on its new node. NULL: the image makes no sense, and the connection ends. */
    void *(*unpack)(struct engine_conn *conn, struct slice image, void *ctx);
};

/* How it behaves: copied from the options at each configure, or --conformance's. */
struct engine_settings {
    uint32_t ping_interval_ms, ping_timeout_ms, upgrade_timeout_ms;
    uint32_t max_payload;                /* bytes of a POST, and of a WebSocket message */
    uint32_t pending_max;                /* bytes that may wait for a client */
    uint32_t poll_packets, post_packets; /* in one answer, in one POST */
    uint32_t pace_ms;                    /* between two messages to a WebSocket; 0: none is kept */
    bool has_polling, has_websocket, has_upgrades, has_version_3, has_jsonp;
    bool is_open_to_all; /* CORS: any origin, whatever --origins says */
};

struct engine *engine_create(struct node *node, const struct engine_ops *ops, void *ctx);
void engine_configure(struct engine *engine, const struct engine_settings *settings);
void engine_destroy(struct engine **engine);

/* Serves everything below a path ("/socket.io/"): handshakes, polls, upgrades, preflights;
 * --socketio-client's files where `has_files`. Once, after engine_configure(). */
void engine_serve(struct engine *engine, const char *path, bool has_files);

/* The node stops: every connection ends as ENGINE_SHUTTING_DOWN, --drain-rate of them a second. */
void engine_drain(struct engine *engine);

enum engine_sent {
    ENGINE_WRITTEN, /* the kernel has the last byte                                        */
    ENGINE_QUEUED,  /* it waits; on_drain follows, or on_close                             */
    ENGINE_FULL,    /* as much waits as may, or the connection ends: nothing was taken     */
};

/* Takes a reference of its own when it has to wait. The frames of one packet stay together. */
enum engine_sent engine_send(struct engine_conn *conn, struct packet *packet);

/* For what answers the client itself: it is taken beyond the bound by at most 64 KiB, then the
 * connection ends as ENGINE_TOO_SLOW. */
void engine_answer(struct engine_conn *conn, struct packet *packet);

/* What is sent in between, and what waits before it, comes to a client that polls in one answer, however many packets
 * that are. Within one turn of the loop; on_drain may be called by the second. */
void engine_cork(struct engine_conn *conn);
void engine_uncork(struct engine_conn *conn);

/* May so many bytes more wait for the client? */
bool engine_has_room(const struct engine_conn *conn, size_t bytes);

/* Could a packet go to the client at once? A GET is held, or nothing waits for the WebSocket. */
bool engine_is_writable(const struct engine_conn *conn);

/* Ends it; what waits is still sent where `how` is ENGINE_SERVER_DISCONNECT (to a WebSocket within
 * --write-timeout, to a client that polls with its next GETs, within 30 s). on_close follows, never before this returns. May be called again: the first reason stays. */
void engine_close(struct engine_conn *conn, enum engine_end how);

/* The upper layer has come to rest: see is_at_rest. */
void engine_rested(struct engine_conn *conn);

const struct engine_handshake *engine_handshake(const struct engine_conn *conn);
/* 20 characters; a secret of the client's. */
const char *engine_sid(const struct engine_conn *conn);

/* Unique in this process: conn=71 in the log. */
uint64_t engine_number(const struct engine_conn *conn);

/* 20 characters of A-Z a-z 0-9 - _ from the system's random source. */
enum { ENGINE_ID_LEN = 20 };
void engine_random_id(char out[ENGINE_ID_LEN + 1]);

#endif
