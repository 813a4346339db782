/* SPDX-License-Identifier: MIT */
#ifndef SB_ENGINE_INNER_H
#define SB_ENGINE_INNER_H

#include <uthash.h>

#include "base/pack.h"
#include "conn_limit.h"
#include "deadline.h"
#include "engine.h"
#include "engine_wire.h"
#include "ws_queue.h"

/*
 * The inside of Engine.IO; for engine/ only.
 *
 *     engine.c            the whole: settings, the table of connections, drain
 *     engine_door.c       HTTP requests: checks, and who answers them; engine_cors.c, engine_visitor.c
 *     engine_handshake.c  what is kept of a handshake
 *     engine_conn.c       a connection's life: its states, its end
 *     engine_receive.c    packets from the client
 *     engine_send.c       packets to the client; what waits
 *     engine_poll.c       GET and POST of polling clients
 *     engine_carrier.c    WebSockets
 *     engine_probe.c      the owner's side of an upgrade; a home on this node
 *     engine_beat.c       heartbeat
 *     engine_image.c      a connection on its way to another node
 *     engine_remote.c     polls whose connection is another node's, and those of others for ours
 *     engine_move.c       upgrades likewise: WebSockets here
 *     engine_guest.c      and those of other nodes, for connections of ours
 *     engine_files.c      --socketio-client
 *     engine_wire         bytes
 */
struct carrier;
struct engine_files;
struct engine_remote;
struct engine_moves;

struct engine {
    struct node *node;
    const struct engine_ops *ops;
    void *ctx;
    struct engine_settings settings;
    struct ws_ops socket_ops; /* of its carriers */
    struct deadlines *deadlines;
    struct conn_limit *limit;  /* polling clients: they hold no socket that would count */
    struct engine_conn *conns; /* uthash, by sid */
    struct list ended;         /* of struct engine_conn: on_close is due */
    uv_idle_t turn;            /* runs while one has */
    struct deadline draining;
    struct engine_files *files;
    struct engine_remote *remote;
    struct engine_moves *moves;
    uint32_t drain_credit; /* connections that may be ended now, times the ticks of a second */
    size_t path_len;       /* of what it serves */
    bool has_files;
};

/* ---- engine.c ----------------------------------------------------------------------------------- */

/* What a request that names a connection is told about it. */
enum engine_verdict {
    ENGINE_FOUND,
    ENGINE_UNKNOWN,         /* 400, code 1                                                */
    ENGINE_WRONG_VERSION,   /* 400, code 3                                                */
    ENGINE_WRONG_TRANSPORT, /* it has its WebSocket, here or elsewhere: code 3            */
    ENGINE_BUSY,            /* another WebSocket is probing it                            */
    ENGINE_UNREACHABLE,     /* Redis does not let us ask its owner: 503                   */
    ENGINE_VERDICTS
};

/* A connection that polls (also one that is being closed), if it is FOUND. One whose time is up
 * ends here. */
enum engine_verdict engine_find(struct engine *engine, struct slice sid,
                                enum engine_version version, struct engine_conn **conn_out);

bool engine_is_sid(struct slice sid); /* 20 characters of base64url */
void engine_new_sid(const struct engine *engine, char out[ENGINE_ID_LEN + 1]);
bool engine_has(const struct engine *engine, struct slice sid);

/* We have it, or we are the node that it names: then nobody else need be asked. */
bool engine_is_ours(const struct engine *engine, struct slice sid);

/* The node that opened it: what node.id holds. */
void engine_owner(struct slice sid, char id_out[NODE_ID_LEN + 1]);

/* on_close is due: once the loop has turned. */
void engine_let_go(struct engine_conn *conn);

/* ---- engine_handshake.c -------------------------------------------------------------------------- */

struct handshake_texts {
    struct slice query, origin, cookie, authorization, user_agent;
};

/* One block, texts included: freed by free(). `fixed` gives what is no text. */
struct engine_handshake *engine_handshake_create(const struct engine_handshake *fixed,
                                                 const struct handshake_texts *texts);
struct engine_handshake *engine_handshake_of(const struct engine *engine,
                                             const struct http_request *request,
                                             enum engine_version version);

/* A handshake with `j`, where --jsonp allows it: any page can read its answers. */
bool engine_is_jsonp(const struct engine *engine, const struct http_request *request);

/* ---- polls: GETs and POSTs, whatever node they came to -------------------------------------------- */

enum poll_form {
    POLL_TEXT,   /* `body` is a payload                                                    */
    POLL_BINARY, /* the same, in protocol 3's framing for octets                           */
    POLL_OK,     /* "ok"                                                                   */
    POLL_ERROR,  /* {"code":…,"message":…}                                                 */
    POLL_EMPTY,  /* no body                                                                */
    POLL_CUT,    /* no answer at all: its TCP connection is cut                            */
    POLL_FORMS
};

enum engine_error {
    ENGINE_ERROR_TRANSPORT, /* "Transport unknown", … : the codes of Engine.IO */
    ENGINE_ERROR_SID,
    ENGINE_ERROR_METHOD,
    ENGINE_ERROR_REQUEST,
    ENGINE_ERROR_FORBIDDEN,
    ENGINE_ERROR_VERSION,
};

struct poll_answer {
    int status;
    enum poll_form form;
    enum engine_error error; /* with POLL_ERROR */
    struct slice body;
    struct slice
        jsonp; /* with payloads: `j` of the handshake, for who writes the answer to wrap it;
                           data is NULL: it is no JSON-P */
};

struct poll;
struct poll_ops {
    /* Once, maybe before the call that brought the poll returns; the last call: it frees itself. */
    void (*answer)(struct poll *poll, const struct poll_answer *answer);
};
struct poll {
    const struct poll_ops *ops;
    struct engine_conn *conn; /* that holds it, or whose POST is still arriving; else NULL */
};

/* What a poll asks. */
struct poll_request {
    struct slice sid; /* engine_is_sid() */
    enum engine_version version;
    bool is_post, is_octets; /* its Content-Type: application/octet-stream */
    struct slice body;
};

/* Checks, and answers or holds it; to be asked of the owner. */
void engine_poll(struct engine *engine, const struct poll_request *request, struct poll *poll);

/* The head of a POST has come, not yet its body; engine_poll() follows, or engine_poll_gone(). */
void engine_poll_arrives(struct engine *engine, const struct poll_request *request,
                         struct poll *poll);

/* Its client went away before the answer. The caller frees it; no answer comes. */
void engine_poll_gone(struct poll *poll);

/* It is answered by somebody else after all: no connection has it any more. */
void engine_poll_forget(struct poll *poll);

void engine_poll_refuse(struct poll *poll, enum engine_verdict verdict);

/* What engine_poll() does with a connection that was found. */
void engine_conn_get(struct engine_conn *conn, struct poll *poll);
void engine_conn_post(struct engine_conn *conn, struct poll *poll, struct slice body,
                      bool is_octets);

/* The handshake is answered, on protocol 3 once the upper layer has spoken (engine_ops.speaks_first). */
void engine_conn_greet(struct engine_conn *conn, struct poll *poll);

/* The handshake's own answer: the open packet, and on protocol 3 what waits. It polls from then
 * on. */
void engine_conn_welcome(struct engine_conn *conn, struct poll *poll);

/* The GET that is held returns: with what waits; with nothing of interest, if there is one; with
 * the last word. */
void engine_conn_answer_held(struct engine_conn *conn);
void engine_conn_let_return(struct engine_conn *conn);
void engine_conn_farewell(struct engine_conn *conn, struct poll *get);

/* It polls no more: a GET that is held is told what one is told that comes now (the two are often on their way by
 * different nodes: neither is the first), a POST that is still arriving will find out. */
void engine_conn_dismiss(struct engine_conn *conn);

/* ---- engine_remote.c: the same for connections of other nodes -------------------------------------- */

struct engine_remote *engine_remote_create(struct engine *engine);
void engine_remote_destroy(struct engine_remote **remote); /* its polls have ended */

/* The head of a POST has come, not yet its body; engine_remote_poll() follows, or one of the two below. It may be
 * answered, never before this returns. */
void engine_remote_arrives(struct engine_remote *remote, const struct poll_request *request,
                           struct poll *poll);

/* Asks the owner; poll->ops->answer follows, never before this returns. poll->conn stays NULL. */
void engine_remote_poll(struct engine_remote *remote, const struct poll_request *request,
                        struct poll *poll);
/* We drain: at most so many GETs return soon, with nothing if need be; their clients go on elsewhere. Says how
 * many. */
uint32_t engine_remote_return(struct engine_remote *remote, uint32_t max);
/* Its client went away, or it broke off: the owner hears of it. False: it is not one of these. */
bool engine_remote_gone(struct engine_remote *remote, struct poll *poll);

/* It is answered by somebody else after all. No-op when it is not one of these. */
void engine_remote_forget(struct engine_remote *remote, struct poll *poll);

/* ---- a connection ----------------------------------------------------------------------------------- */

enum engine_state {
    CONN_OPENING,  /* the upper layer is told; the handshake's answer is not written         */
    CONN_GREETING, /* … and waits for the first packet; `get` is the handshake            */
    CONN_POLLING,
    CONN_SOCKET,  /* its carrier is a WebSocket                                             */
    CONN_LEAVING, /* it goes to another node as soon as the upper layer rests               */
    CONN_MOVED,   /* a tombstone                                                            */
    CONN_CLOSING, /* polling: the last words wait for a GET; on_close has been or is called */
    CONN_OVER,
    ENGINE_STATES
};

enum { ENGINE_REST_MS = 30000 }; /* LEAVING: for the upper layer to come to rest */

/* There are many of these, most of them idle: what is rarely there is a pointer. */
struct engine_conn {
    struct engine *engine;
    void *upper;
    struct engine_handshake *handshake; /* NULL: MOVED */
    uint64_t number;
    UT_hash_handle hh; /* engine->conns */
    struct list node;  /* engine->ended */
    struct deadline beat;
    struct deadline limit;  /* of the state */
    struct ws_queue *queue; /* what waits, as an EIO4 WebSocket has it; NULL: nothing */
    struct carrier *carrier;
    struct poll *get, *post; /* held; still arriving */
    struct engine_probe *probe;
    struct conn_place place;
    uint32_t together; /* so many of what waits belong into one answer */
    uint8_t state;     /* enum engine_state; written by engine_conn_enter() alone */
    uint8_t end;       /* enum engine_end; ENGINE_ENDS: none yet */
    bool has_upper;    /* and it has not been told of an end */
    bool has_b64, is_jsonp;
    bool is_pinged, is_spared; /* a pong is due; it was given more time */
    bool owes_drain;           /* on_drain has been promised */
    bool is_corked;
    char sid[ENGINE_ID_LEN + 1];
};

/* Takes the handshake over. `sid` is NULL for a new one. */
struct engine_conn *engine_conn_create(struct engine *engine, struct engine_handshake *handshake,
                                       const char *sid);
void engine_conn_free(struct engine_conn **conn); /* OVER, and in no list */

/* The upper layer's on_open; what that sends waits until the state is left. */
void engine_conn_open(struct engine_conn *conn);
void engine_conn_enter(struct engine_conn *conn, enum engine_state to);
bool engine_conn_is_live(const struct engine_conn *conn);            /* packets come in */
enum eio_type engine_conn_last_word(const struct engine_conn *conn); /* once it has an end */

/* The open packet's JSON. */
enum { ENGINE_OPEN_MAX = 256 };
void engine_conn_describe(const struct engine_conn *conn, struct buf *out);

/* ---- engine_receive.c: a packet has come --------------------------------------------------------------- */

void engine_conn_receive(struct engine_conn *conn, const struct eio_packet *packet);

/* ---- engine_send.c --------------------------------------------------------------------------------------- */

/* A packet of our own, which is never refused. */
void engine_conn_send_control(struct engine_conn *conn, enum eio_type type, struct slice data);

/* The answer to a ping of the client's, which may end the connection: see engine_answer(). */
void engine_conn_send_pong(struct engine_conn *conn, struct slice data);

/* The WebSocket has room: what waits goes on. */
void engine_conn_flush_socket(struct engine_conn *conn);

/* It ends: what waits is the WebSocket's business now, which sends it before it is closed. */
void engine_conn_send_rest(struct engine_conn *conn);

/* on_drain, when it was promised and nothing waits any more. */
void engine_conn_drained(struct engine_conn *conn);

void engine_conn_put_waiting(struct engine_conn *conn, struct frame *frame, enum ws_kind kind);

/* Takes the first out: its reference is the caller's. False: nothing waits. */
bool engine_conn_take_waiting(struct engine_conn *conn, struct ws_item *item_out);

/* ---- engine_beat.c ----------------------------------------------------------------------------------- */

void engine_beat_start(struct engine_conn *conn);

/* A ping or a pong of the client's. False: it is for us to say that. */
bool engine_beat_answer(struct engine_conn *conn, const struct eio_packet *packet);
void engine_beat_spare(struct engine_conn *conn);    /* some packet has come */
void engine_beat_switched(struct engine_conn *conn); /* it goes on by another transport */

/* Its time is up, whether it was ended already or not. */
bool engine_beat_is_over(const struct engine_conn *conn);
void engine_beat_pack(const struct engine_conn *conn, struct buf *image);
void engine_beat_unpack(struct engine_conn *conn, struct unpack *image);

/* ---- engine_image.c ---------------------------------------------------------------------------------- */

/* All of a connection that moves; the upper layer lets go of it here. False: it does not fit, and the upper layer
 * still has it; what waited is gone. */
bool engine_image_pack(struct engine_conn *conn, struct buf *image);
enum { ENGINE_IMAGE_MAX = 8 * 1024 * 1024 - 1024 };

/* The connection on its new node, before it is attached. NULL: the image makes no sense. */
struct engine_conn *engine_image_unpack(struct engine *engine, struct slice image);

/* ---- upgrades: the owner's side ---------------------------------------------------------------------- */

/*
 * A WebSocket, here or on another node, that wants to carry a connection. Lives in whoever speaks
 * for it.
 *
 *     begin → (heard) → attach | take → over
 */
struct engine_probe;
struct engine_probe_ops {
    /* The connection ended: the probe is over. */
    void (*on_over)(struct engine_probe *probe);
    /* engine_probe_take(): this is the connection; the probe is over. Borrowed. */
    void (*on_packed)(struct engine_probe *probe, struct slice image);
};
struct engine_probe {
    const struct engine_probe_ops *ops;
    struct engine_conn *conn; /* NULL: not begun, or over */
    struct deadline noop;     /* once it was heard: lets held GETs return */
};

enum engine_verdict engine_probe_begin(struct engine *engine, struct slice sid,
                                       enum engine_version version,
                                       const struct engine_probe_ops *ops,
                                       struct engine_probe *probe);
void engine_probe_heard(struct engine_probe *probe); /* "2probe" */

/* "5" of a WebSocket here. The probe is over. */
void engine_probe_attach(struct engine_probe *probe, struct carrier *carrier);

/* "5" of another node's: on_packed follows, maybe at once, or on_over. */
void engine_probe_take(struct engine_probe *probe);

/* The WebSocket has gone. After engine_probe_take() the connection ends with it. No-op when it is
 * over. */
void engine_probe_leave(struct engine_probe *probe);

/* For engine_conn.c. */
void engine_probe_conn_ended(struct engine_conn *conn);
void engine_probe_rested(struct engine_conn *conn);

/* ---- upgrades: the WebSocket's side ------------------------------------------------------------------- */

/* Where a WebSocket's connection lives while it does not carry it yet: here, or on another node. */
struct home;
struct home_ops {
    void (*probed)(struct home *home);
    /* carrier_attach() or carrier_refuse() follows, maybe at once; then the home has freed
     * itself. */
    void (*commit)(struct home *home);
    /* The WebSocket has ended; the home frees itself. */
    void (*leave)(struct home *home);
};
struct home {
    const struct home_ops *ops;
    struct carrier *carrier; /* NULL until carrier_create() */
};

enum carrier_state {
    CARRIER_OPENING,    /* the 101 is being written                             */
    CARRIER_PROBING,    /* "2probe" and "5" are awaited                         */
    CARRIER_COMMITTING, /* the home was asked for the connection                */
    CARRIER_ATTACHED,   /* it has its connection                                */
    CARRIER_CLOSED,     /* ws_close() was called; or the WebSocket never opened */
    CARRIER_STATES
};

/* A WebSocket of Engine.IO's, for its whole life. */
struct carrier {
    struct engine *engine;
    struct ws *ws; /* NULL: not open yet */
    union {
        struct home *home;                  /* until it is attached; NULL: it is turned away */
        struct engine_handshake *handshake; /* OPENING, when it is_direct */
        struct engine_conn *conn;           /* ATTACHED */
    };
    struct deadline wait; /* PROBING, COMMITTING: the state's limit; else settings.pace_ms */
    uint8_t state;        /* enum carrier_state; written by carrier_enter() alone */
    bool is_direct;       /* no polling before it: it opens the connection */
    bool has_b64;
    uint8_t version;
};

/* Answers the request with 101. Takes `home` over (NULL: the WebSocket is closed once it is
 * open). */
void carrier_create_probing(struct engine *engine, struct http_request *request,
                            const char *headers, enum engine_version version, struct home *home);
void carrier_create_direct(struct engine *engine, struct http_request *request, const char *headers,
                           struct engine_handshake *handshake);

/* The home's answers to commit. The connection is POLLING, or unpacked and new. */
void carrier_attach(struct carrier *carrier, struct engine_conn *conn);
void carrier_refuse(struct carrier *carrier);

/* Its connection has ended. */
void carrier_end(struct carrier *carrier);

enum ws_sent carrier_send(struct carrier *carrier, struct frame *frame, enum ws_kind kind);

/* Whatever waits already: it ends behind this, within --write-timeout. */
void carrier_send_last(struct carrier *carrier, struct frame *frame, enum ws_kind kind);
size_t carrier_pending_bytes(const struct carrier *carrier);
void carrier_init_ops(struct engine *engine);

/* A home here. FOUND: `*home_out` is one. */
enum engine_verdict engine_home_here(struct engine *engine, struct slice sid,
                                     enum engine_version version, struct home **home_out);

/* ---- engine_move.c: homes on other nodes ------------------------------------------------------------- */

struct engine_moves *engine_moves_create(struct engine *engine);
void engine_moves_destroy(struct engine_moves **moves); /* all WebSockets have ended */

struct move;
/* FOUND: `home` is the caller's, for carrier_create_probing() or home->ops->leave(). */
typedef void engine_home_fn(enum engine_verdict verdict, struct home *home, void *ctx);

/* Asks the owner. `done` runs once, never before this returns, unless it is cancelled. `*slot` must
 * be NULL on entry and is non-NULL while there is no answer. */
void engine_move_begin(struct engine_moves *moves, struct slice sid, enum engine_version version,
                       engine_home_fn *done, void *ctx, struct move **slot);
void engine_move_cancel(struct move **slot);

/* ---- engine_door.c, engine_files.c -------------------------------------------------------------------- */

/* As the handlers of a prefix: see engine_serve(). `engine` is a struct engine. */
void engine_handle(struct http_request *request, void *engine);
void engine_arrives(struct http_request *request, void *engine);
void engine_refused(struct http_request *request, int status, void *engine);

/* Reads the bundle anew; `folder` NULL: there is none. */
void engine_files_load(struct engine_files **files, const char *folder);
void engine_files_unload(struct engine_files **files);

/* Is the name one of the bundle's? Then it is served, or not found. `headers` go into the
 * answer. */
bool engine_files_know(struct slice name);
void engine_files_serve(const struct engine_files *files, struct http_request *request,
                        struct slice name, const char *headers);

#endif
