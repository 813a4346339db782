/* SPDX-License-Identifier: MIT */
#ifndef SB_METRICS_H
#define SB_METRICS_H

#include "base/buf.h"
#include "tally.h"
#include "ws.h"

/*
 * The node's counters, and the Prometheus text of all (version 0.0.4). A counter is a field that its
 * owner adds to; metrics.c has the table that gives each its name, labels and help, and reads what
 * store, hub and auth count themselves.
 */
enum limit_kind {
    LIMIT_CONNECTIONS,
    LIMIT_CONNECTIONS_PER_IP,
    LIMIT_HEADER,
    LIMIT_BODY,
    LIMIT_HEADER_TIME,
    LIMIT_BODY_TIME,
    LIMIT_IDLE_TIME,
    LIMIT_WRITE_TIME,
    LIMIT_WS_MESSAGE,
    LIMIT_WS_PENDING,
    LIMIT_PLAYER_CONNECTIONS,
    LIMIT_RATE,
    LIMIT_HANDSHAKE_TIME,
    LIMIT_SOCKETIO_ROOMS,
    LIMIT_SOCKETIO_WISHES,
    LIMIT_SOCKETIO_ACKS,
    LIMIT_POLL_FORWARD,
    LIMIT_SOCKETIO_PENDING,
    LIMIT_SOCKETIO_POST_PACKETS,
    LIMIT_SOCKETIO_UPGRADE_TIME,
    LIMIT_SOCKETIO_CONNECT_TIME,
    LIMIT_SOCKETIO_ADMISSION_QUEUE,
    LIMIT_SOCKETIO_ATTACHMENTS,
    LIMIT_SOCKETIO_ATTACHMENT_BYTES,
    LIMIT_SOCKETIO_ATTACHMENT_TIME,
    LIMIT_TOKEN_FAILURES,
    LIMIT_JOB_JOINS,
    LIMIT_ARCHITUS_RATE,
    LIMIT_ARCHITUS_REQUESTS,
    LIMIT_ARCHITUS_CALLS,
    LIMIT_POOL,
    LIMIT_FLEET_COMMANDS,
    LIMIT_FLEET_LOGINS,
    LIMIT_FLEET_STREAMS,
    LIMIT_KINDS
};
const char *limit_name(enum limit_kind limit); /* "connections_per_ip" */

/* Why a CONNECT of Socket.IO was refused. */
enum socketio_refusal {
    SOCKETIO_REFUSED, /* by an app: who it is, or what it may */
    SOCKETIO_UNKNOWN_NAMESPACE,
    SOCKETIO_TOO_MANY_NAMESPACES,
    SOCKETIO_UNAVAILABLE, /* Redis: the connection ends, so that the client comes again */
    SOCKETIO_REFUSALS
};
/* What became of the tokens of live sockets. */
enum socketio_token {
    SOCKETIO_TOKEN_RENEWED,
    SOCKETIO_TOKEN_EXPIRING,
    SOCKETIO_TOKEN_EXPIRED,
    SOCKETIO_TOKENS
};
enum { SOCKETIO_IN, SOCKETIO_OUT, SOCKETIO_WAYS };
enum { SOCKETIO_MALFORMED, SOCKETIO_MISPLACED, SOCKETIO_BADNESSES };

/* Ways in which a connection of Engine.IO ends: enum engine_end. */
enum { ENGINE_END_KINDS = 9, ENGINE_ERROR_CODES = 6 };

/* What became of a message of a redis emitter's. */
enum emitter_outcome {
    EMITTER_PASSED,
    EMITTER_IGNORED, /* for servers of theirs, or of another namespace */
    EMITTER_MALFORMED,
    EMITTER_UNSUPPORTED, /* an extension of MessagePack */
    EMITTER_REFUSED,     /* a reserved name, or beyond a limit */
    EMITTER_FAILED,      /* Redis did not take it */
    EMITTER_OUTCOMES
};

/* Why an agent of a fleet was thrown out. */
enum fleet_kick {
    FLEET_KICK_INVALID, /* no frame, or of a topic that there is not               */
    FLEET_KICK_RATE,
    FLEET_KICK_TEXT,
    FLEET_KICK_UNASKED,  /* an answer to a poll that is not open                     */
    FLEET_KICK_ACK,      /* of a command that is not under way                       */
    FLEET_KICK_SILENT,   /* three polls                                             */
    FLEET_KICK_FENCED,   /* its record is another node's                             */
    FLEET_KICK_STUCK,    /* Redis answers what is to be done for it with errors      */
    FLEET_KICK_CROWDED,  /* others have the places of its registration              */
    FLEET_KICK_REVOKED,  /* its key has ended                                       */
    FLEET_KICK_SHUTDOWN, /* the node stops                                          */
    FLEET_KICKS
};
/* Commands of a fleet: enum fleet_op; how they ended: enum agent_end. */
enum { FLEET_COMMAND_OPS = 4, FLEET_COMMAND_ENDS = 5 };
enum { FLEET_STATUS_KINDS = 3 }; /* of its instances: enum fleet_status */
enum { FLEET_AUDIENCE_AGENT, FLEET_AUDIENCE_ADMIN, FLEET_AUDIENCES };

struct metrics {
    /* HTTP */
    uint64_t http_connections_opened, http_connections_open;
    uint64_t http_requests[6];    /* by first digit of the status */
    uint64_t limits[LIMIT_KINDS]; /* times a limit said no */
    /* WebSocket */
    uint64_t ws_opened, ws_open, ws_closed[CLOSE_REASONS];
    uint64_t ws_messages_in, ws_messages_out, ws_bytes_in, ws_bytes_out, ws_pending_bytes;
    /* dialects */
    uint64_t mailbox_polls, mailbox_commands_taken;
    uint64_t mailbox_commands_enqueued[2]; /* queued, live */
    uint64_t mailbox_held_polls;           /* now */
    uint64_t relay_messages[2][3];         /* [from mod, from bot][completed, queued, failed] */
    uint64_t relay_malformed;
    uint64_t relay_delivered[2];                          /* to bot, to mod */
    uint64_t relay_mods, relay_bots;                      /* now */
    uint64_t push_active, push_published, push_delivered; /* the original's three */
    uint64_t engine_opened[2][2];                         /* [protocol 3, 4][polling, WebSocket] */
    uint64_t engine_open[2];                              /* [polling, WebSocket]: now */
    uint64_t engine_closed[ENGINE_END_KINDS], engine_refused[ENGINE_ERROR_CODES];
    uint64_t engine_upgrades, engine_moves[2];    /* moves: [away from here, to here] */
    uint64_t engine_polls[2];                     /* of connections [here, elsewhere] */
    uint64_t socketio_sockets, socketio_connects; /* sockets: now */
    uint64_t socketio_refused[SOCKETIO_REFUSALS];
    uint64_t socketio_tokens[SOCKETIO_TOKENS];
    uint64_t socketio_events, socketio_acks[SOCKETIO_WAYS];
    uint64_t socketio_bad_packets[SOCKETIO_BADNESSES];
    uint64_t hook_malformed, hook_emits_failed, hook_events_refused;
    uint64_t hook_events_waiting; /* now */
    uint64_t hook_sessions_lost, hook_ends_given_up;
    uint64_t emitter_messages[EMITTER_OUTCOMES], emitter_listening; /* listening: now */
    uint64_t architus_asked, architus_answers[6]; /* answers by first digit; 0: none came */
    uint64_t architus_running;                    /* questions without an answer: now */
    uint64_t socketio_recoveries[2];              /* not recovered, recovered */
    uint64_t socketio_emitted, socketio_asked;
    uint64_t fleet_agents, fleet_inflight;                                        /* now */
    uint64_t fleet_instances[FLEET_STATUS_KINDS], fleet_stale, fleet_connections; /* now */
    struct tally fleet_rooms;                                                     /* now, by type */
    uint64_t fleet_streams;                                                       /* now */
    uint64_t fleet_commands[FLEET_COMMAND_OPS][FLEET_COMMAND_ENDS];
    uint64_t fleet_command_us, fleet_commands_ended; /* the time they took, together */
    uint64_t fleet_kicks[FLEET_KICKS], fleet_states_rejected;
    uint64_t fleet_auth_failures[FLEET_AUDIENCES];
    uint64_t socketio_delivered, socketio_volatile_skipped, socketio_malformed_entries;
    /* the process */
    uint64_t loop_lag_us, loop_lag_max_us;
    uint64_t redis_restarts;    /* the private Redis was started again */
    uint64_t config_reloads[2]; /* failed, good */
};

struct node;
void metrics_print(const struct node *node, struct buf *out);

#endif
