/* SPDX-License-Identifier: MIT */
#ifndef SB_CONFIG_H
#define SB_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/result.h"

/*
 * All options, from one table (config.c): flags win over the environment (SIGNALBOX_*), which wins
 * over the file (--config, JSON), which wins over the defaults. Read-only for everyone else; what a
 * reload changes is changed in place, so read the field each time you need it and keep no copy.
 * Texts are NULL when they are not set.
 */
struct strings {
    char **items;
    size_t count;
};

struct rate {
    uint32_t count; /* 0: no limit */
    uint32_t per_ms;
};

enum socketio_auth { SOCKETIO_AUTH_OPTIONAL, SOCKETIO_AUTH_REQUIRED };

enum sql_driver { SQL_NONE, SQL_SQLITE, SQL_MYSQL };

struct config {
    /* the process */
    struct strings addr; /* HOST:PORT, :PORT, [v6]:PORT or unix:///path */
    struct strings tls_addr;
    char *tls_cert, *tls_key;
    char *redis, *data, *config_file;
    uint32_t workers;
    bool daemon;
    char *pid_file, *log_file;
    enum log_format log_format;
    enum log_level log_level;
    uint32_t drain_rate; /* WebSockets closed per second */
    uint32_t drain_timeout_ms;

    /* connections */
    uint32_t max_conns_total;  /* --max-connections: sockets in all */
    uint32_t max_conns_per_ip; /* 0: no limit */
    bool trust_proxy;
    uint32_t max_header, max_body;
    uint32_t header_timeout_ms, body_timeout_ms, idle_timeout_ms, write_timeout_ms;
    uint32_t ping_interval_ms, silence_timeout_ms;
    uint32_t ws_pending_max;
    bool ws_deflate;
    struct strings cors_origins;

    /* Redis and channels */
    uint32_t redis_timeout_ms, redis_wait_ms, redis_pending_max, redis_pending_bytes;
    uint32_t reconnect_grace_ms;
    uint32_t live_bound;
    uint32_t feed_keep, feed_keep_ms;
    uint32_t settle_delay_ms;

    /* authentication */
    char *universe_auth_url, *token_auth_url;
    uint32_t auth_timeout_ms, auth_cache_ms, auth_refused_cache_ms;
    struct rate auth_failures; /* per IP */

    /* mailbox */
    uint32_t job_ttl_ms, mailbox_cap;

    /* relay */
    uint32_t queue_max, relay_max_message, relay_handshake_ms, relay_ttl_ms;

    /* push: the names of the original */
    enum sql_driver db; /* what db_name says; SQL_NONE when it says nothing we know */
    char *db_name;
    char *dsn;
    struct strings origins; /* Socket.IO's, too */
    uint32_t max_conns, max_queued, offline_ttl_ms, max_ttl_ms;
    uint32_t rate_limit, rate_period_ms, revalidate_period_ms;

    /* Socket.IO */
    bool conformance;
    char *socketio_path, *socketio_client;
    struct strings socketio_namespaces, socketio_transports;
    bool socketio_eio3, socketio_upgrades, jsonp;
    uint32_t socketio_ping_interval_ms, socketio_ping_timeout_ms, socketio_upgrade_timeout_ms;
    uint32_t socketio_connect_timeout_ms;
    uint32_t socketio_max_payload, socketio_pending_max;
    uint32_t socketio_poll_packets, socketio_post_packets;
    uint32_t socketio_max_attachments, socketio_max_namespaces, socketio_max_rooms,
        socketio_max_acks;
    uint32_t poll_forward_max; /* bytes of polls on their way to other nodes */
    uint32_t room_keep;        /* entries of a room that are kept for recovery */
    uint32_t recovery_ms;      /* 0: off */
    enum socketio_auth socketio_auth;
    char *unauthenticated_room;
    struct strings unauthenticated_rooms;
    char *emitter_key; /* NULL: no bridge */

    /* JSON Web Tokens */
    char *jwt_secret, *jwt_jwks_url, *jwt_audience, *jwt_cookie, *jwt_rooms_claim;
    struct strings jwt_issuer;
    uint32_t jwt_leeway_ms, jwt_warn_ms, jwks_cache_ms;

    /* hooks: calls to back ends */
    struct strings hook; /* "[/namespace#]event=URL" */
    char *connect_hook, *disconnect_hook, *hook_secret;
    uint32_t hook_timeout_ms, hook_concurrency, hook_queue, hook_retries, hook_socket_queue;
    uint32_t disconnect_grace_ms;

    /* Architus */
    char *architus_hook, *discord_api;
    uint32_t shards, pool_max;

    /* fleet */
    struct strings agent_keys, admin_keys;
    char *fleet_host, *fleet_port; /* what they add to addr */
    uint32_t fleet_heartbeat_ms, fleet_command_timeout_ms, fleet_handshake_ms;
    uint32_t fleet_streams, fleet_body;
    struct strings fleet_cors;
    bool fleet_api, fleet_shared_keys, sse_query_auth;
    bool is_production; /* NODE_ENV: weak keys are refused */
};

/*
 * Reads arguments (without the program's name and the command), environment and file. All that is
 * wrong is reported at once, one line each, into `complaints`: name, value, and what would be right;
 * then NULL. `argv` and `environ_` are kept for config_reload(): they must outlive the config.
 */
struct config *config_load(int argc, char *const argv[], char *const environ_[],
                           struct buf *complaints);
void config_free(struct config **config);

/* Reads everything anew; options that need no new socket take effect in place. When anything is
 * wrong nothing changes. Names of changed options that need a restart go into `notes`. */
bool config_reload(struct config *config, struct buf *complaints, struct buf *notes) MUST_CHECK;

/* Is --db a driver that we know? A start without one fails, but it is no wrong usage. */
bool config_has_known_driver(const struct config *config, struct why *why) MUST_CHECK;

/* In production, are the keys of the fleet long enough, and those of agents and callers different ones? As above. */
bool config_has_safe_keys(const struct config *config, struct why *why) MUST_CHECK;

/* Is there a key for agents that is one for callers, too? */
bool config_shares_keys(const struct config *config);

/* The text of --help, and docs/options.md: both from the table. */
void config_print_help(struct buf *out);
void config_print_page(struct buf *out);

#endif
