/* SPDX-License-Identifier: MIT */
/* The table of options. Flags, environment, file, --help and docs/options.md all come from it. */
#include <string.h>

#include "config_option.h"

#define COUNT(array)   (sizeof(array) / sizeof(array)[0])
#define FIELD(member)  offsetof(struct config, member)
#define ANY_LENGTH     0, 4096
#define KIB(count)     ((count)*1024ull)
#define MIB(count)     ((count)*1048576ull)
#define SECONDS(count) ((count)*1000ull)
#define MINUTES(count) ((count)*60000ull)
#define HOURS(count)   ((count)*3600000ull)

const char *const group_titles[GROUPS] = {
    [GROUP_PROCESS] = "Process",
    [GROUP_CONNECTIONS] = "Connections",
    [GROUP_REDIS] = "Redis and channels",
    [GROUP_AUTH] = "Authentication",
    [GROUP_MAILBOX] = "Mailbox",
    [GROUP_RELAY] = "Relay",
    [GROUP_PUSH] = "Push",
    [GROUP_SOCKETIO] = "Socket.IO",
    [GROUP_TOKENS] = "JSON Web Tokens",
    [GROUP_HOOKS] = "Hooks",
    [GROUP_ARCHITUS] = "Architus",
    [GROUP_FLEET] = "Fleet",
};

static const struct option_choice log_formats[] = { { "text", LOG_TEXT, false },
                                                    { "json", LOG_JSON, false },
                                                    { NULL, 0, false } };

static const struct option_choice log_levels[] = {
    { "debug", LOG_DEBUG, false }, { "info", LOG_INFO, false },  { "warn", LOG_WARN, false },
    { "error", LOG_ERROR, false }, { "trace", LOG_DEBUG, true }, { "warning", LOG_WARN, true },
    { "fatal", LOG_ERROR, true },  { "panic", LOG_ERROR, true }, { NULL, 0, false }
};

static const struct option_choice socketio_auths[] = {
    { "optional", SOCKETIO_AUTH_OPTIONAL, false },
    { "required", SOCKETIO_AUTH_REQUIRED, false },
    { NULL, 0, false }
};

#define END_OF_ALIASES                                                                             \
    {                                                                                              \
        NULL, NULL, ALIAS_SAME                                                                     \
    }

/* Those of rivalis-fleet, whose command line and variables are understood. */
static const struct option_alias admin_key_names[] = {
    { NULL, "FLEET_ADMIN_KEY", ALIAS_SAME },
    END_OF_ALIASES,
};
static const struct option_alias agent_key_names[] = {
    { NULL, "FLEET_AGENT_KEY", ALIAS_SAME },
    END_OF_ALIASES,
};
static const struct option_alias command_timeout_names[] = {
    { "command-timeout", "FLEET_COMMAND_TIMEOUT_MS", ALIAS_NUMBER },
    END_OF_ALIASES,
};
static const struct option_alias fleet_api_names[] = {
    { "no-api", NULL, ALIAS_OPPOSITE },
    END_OF_ALIASES,
};
static const struct option_alias fleet_cors_names[] = {
    { "cors", "FLEET_CORS_ORIGINS", ALIAS_SAME },
    END_OF_ALIASES,
};
static const struct option_alias heartbeat_names[] = {
    { "heartbeat", "FLEET_HEARTBEAT_MS", ALIAS_NUMBER },
    END_OF_ALIASES,
};
static const struct option_alias host_names[] = {
    { "host", "FLEET_HOST", ALIAS_SAME },
    { "H", NULL, ALIAS_SAME },
    END_OF_ALIASES,
};
static const struct option_alias log_level_names[] = {
    { NULL, "FLEET_LOG_LEVEL", ALIAS_SAME },
    END_OF_ALIASES,
};
static const struct option_alias port_names[] = {
    { "port", "FLEET_PORT", ALIAS_NUMBER },
    { "p", NULL, ALIAS_NUMBER },
    END_OF_ALIASES,
};
static const struct option_alias sse_query_auth_names[] = {
    { NULL, "FLEET_SSE_QUERY_AUTH", ALIAS_BOOL },
    END_OF_ALIASES,
};
static const struct option_alias trust_proxy_names[] = {
    { NULL, "FLEET_TRUST_PROXY", ALIAS_BOOL },
    END_OF_ALIASES,
};

/* clang-format off */
const struct option options[] = {
    { "addr", OPTION_ADDRESSES, GROUP_PROCESS, NEEDS_RESTART, FIELD(addr), ":8080", 0, 16,
      "HOST:PORT", "where to listen: HOST:PORT, :PORT, [IPV6]:PORT or unix:///PATH; may be repeated; port 0 takes a free one", NULL, NULL },
    { "admin-key", OPTION_SECRETS, GROUP_FLEET, NEEDS_RESTART, FIELD(admin_keys), "", 0, 64,
      "KEY", "key that may use the fleet's REST API, besides those of `signalbox token add --kind admin`; may be repeated", NULL, admin_key_names },
    { "agent-key", OPTION_SECRETS, GROUP_FLEET, NEEDS_RESTART, FIELD(agent_keys), "", 0, 64,
      "KEY", "key with which a fleet's agents come, besides those of `signalbox token add --kind agent`: letters, digits and !#$%&'*+-.^_`|~; may be repeated", NULL, agent_key_names },
    { "architus-hook", OPTION_URL, GROUP_ARCHITUS, ON_RELOAD, FIELD(architus_hook), "", ANY_LENGTH,
      "URL", "back end that is asked for what the pools lack (default workers on Redis lists)", NULL, NULL },
    { "auth-cache", OPTION_DURATION, GROUP_AUTH, ON_RELOAD, FIELD(auth_cache_ms), "30s", 0, HOURS(24),
      "TIME", "how long an accepted credential is not asked for again (one that lives in Redis ends at once when it is revoked)", NULL, NULL },
    { "auth-failures", OPTION_RATE, GROUP_AUTH, ON_RELOAD, FIELD(auth_failures), "60/1m", 1, 1000000,
      "N/TIME", "failed authentications per client address, beyond which it gets 429; 0: no throttle", NULL, NULL },
    { "auth-refused-cache", OPTION_DURATION, GROUP_AUTH, ON_RELOAD, FIELD(auth_refused_cache_ms), "5s", 0, HOURS(1),
      "TIME", "how long a refused credential is not asked for again", NULL, NULL },
    { "auth-timeout", OPTION_DURATION, GROUP_AUTH, ON_RELOAD, FIELD(auth_timeout_ms), "2s", 100, MINUTES(1),
      "TIME", "how long an HTTP hook may take", NULL, NULL },
    { "body-timeout", OPTION_DURATION, GROUP_CONNECTIONS, ON_RELOAD, FIELD(body_timeout_ms), "30s", 100, HOURS(1),
      "TIME", "how long a request's body may take to arrive", NULL, NULL },
    { "config", OPTION_STRING, GROUP_PROCESS, NEEDS_RESTART, FIELD(config_file), "", ANY_LENGTH,
      "FILE", "JSON object of options by their names, lists as arrays; flags and environment win over it", NULL, NULL },
    { "conformance", OPTION_BOOL, GROUP_SOCKETIO, NEEDS_RESTART, FIELD(conformance), "false", 0, 1,
      NULL, "diagnostic: behave as the official test suites of Engine.IO and Socket.IO want their server; never in production", NULL, NULL },
    { "connect-hook", OPTION_URL, GROUP_HOOKS, ON_RELOAD, FIELD(connect_hook), "", ANY_LENGTH,
      "URL", "back end that is asked about every Socket.IO client that connects to a namespace", NULL, NULL },
    { "cors-origins", OPTION_STRINGS, GROUP_CONNECTIONS, ON_RELOAD, FIELD(cors_origins), "", 0, 64,
      "ORIGIN", "origins whose browsers may call the HTTP routes that are meant for it; * for all; may be repeated", NULL, NULL },
    { "daemon", OPTION_BOOL, GROUP_PROCESS, NEEDS_RESTART, FIELD(daemon), "false", 0, 1,
      NULL, "run in the background, once everything has started", NULL, NULL },
    { "data", OPTION_STRING, GROUP_PROCESS, NEEDS_RESTART, FIELD(data), "", ANY_LENGTH,
      "DIR", "where the private Redis keeps its data when --redis is not given (default ${XDG_STATE_HOME:-$HOME/.local/state}/signalbox, as root /var/lib/signalbox)", NULL, NULL },
    { "db", OPTION_STRING, GROUP_AUTH, NEEDS_RESTART, FIELD(db_name), "", ANY_LENGTH,
      "DRIVER", "database that holds the table ws_token: sqlite3 or mysql; needs --dsn", NULL, NULL },
    { "disconnect-grace", OPTION_DURATION, GROUP_HOOKS, ON_RELOAD, FIELD(disconnect_grace_ms), "10s", 0, MINUTES(10),
      "TIME", "with --recovery: how long a client may take to come back before its end is told", NULL, NULL },
    { "disconnect-hook", OPTION_URL, GROUP_HOOKS, ON_RELOAD, FIELD(disconnect_hook), "", ANY_LENGTH,
      "URL", "back end that is told once when a socket has ended", NULL, NULL },
    { "discord-api", OPTION_URL, GROUP_ARCHITUS, ON_RELOAD, FIELD(discord_api), "", ANY_LENGTH,
      "URL", "ask Discord itself for a user's guilds, with the token's access_token", NULL, NULL },
    { "drain-rate", OPTION_INT, GROUP_PROCESS, ON_RELOAD, FIELD(drain_rate), "500", 1, 100000,
      "N", "WebSockets closed per second when the node stops", NULL, NULL },
    { "drain-timeout", OPTION_DURATION, GROUP_PROCESS, ON_RELOAD, FIELD(drain_timeout_ms), "30s", 0, HOURS(1),
      "TIME", "how long a node that stops waits for connections and requests to end", NULL, NULL },
    { "dsn", OPTION_SECRET, GROUP_AUTH, NEEDS_RESTART, FIELD(dsn), "", ANY_LENGTH,
      "DSN", "sqlite3: a path or file:PATH; mysql: USER:PASSWORD@tcp(HOST:PORT)/DATABASE; needs --db", NULL, NULL },
    { "emitter-key", OPTION_STRING, GROUP_SOCKETIO, NEEDS_RESTART, FIELD(emitter_key), "", 0, 128,
      "PREFIX", "accept messages of @socket.io/redis-emitter that are published in the same Redis below this prefix (socket.io)", NULL, NULL },
    { "feed-keep", OPTION_INT, GROUP_REDIS, ON_RELOAD, FIELD(feed_keep), "1024", 1, 1048576,
      "N", "delivered messages a feed keeps for nodes that are behind", NULL, NULL },
    { "feed-keep-time", OPTION_DURATION, GROUP_REDIS, ON_RELOAD, FIELD(feed_keep_ms), "60s", 100, HOURS(24),
      "TIME", "and how long it keeps them", NULL, NULL },
    { "fleet-api", OPTION_BOOL, GROUP_FLEET, ON_RELOAD, FIELD(fleet_api), "true", 0, 1,
      NULL, "serve the fleet's REST API below /v1/", NULL, fleet_api_names },
    { "fleet-body", OPTION_SIZE, GROUP_FLEET, ON_RELOAD, FIELD(fleet_body), "65536", KIB(1), MIB(1),
      "SIZE", "largest body of a request to the fleet's REST API", NULL, NULL },
    { "fleet-command-timeout", OPTION_DURATION, GROUP_FLEET, ON_RELOAD, FIELD(fleet_command_timeout_ms), "10s", 100, MINUTES(10),
      "TIME", "how long an agent may take to carry out a command", NULL, command_timeout_names },
    { "fleet-cors", OPTION_STRINGS, GROUP_FLEET, ON_RELOAD, FIELD(fleet_cors), "", 0, 64,
      "ORIGIN", "origins whose browsers may call the fleet's REST API; * for all; may be repeated", NULL, fleet_cors_names },
    { "fleet-handshake", OPTION_DURATION, GROUP_FLEET, ON_RELOAD, FIELD(fleet_handshake_ms), "10s", 100, MINUTES(10),
      "TIME", "how long it may take to find out whether an agent's key is good, Redis being away included", NULL, NULL },
    { "fleet-heartbeat", OPTION_DURATION, GROUP_FLEET, ON_RELOAD, FIELD(fleet_heartbeat_ms), "5s", 50, MINUTES(10),
      "TIME", "how often an agent is polled; it is stale after two polls without an answer, and gone after three", NULL, heartbeat_names },
    { "fleet-host", OPTION_STRING, GROUP_FLEET, NEEDS_RESTART, FIELD(fleet_host), "", 0, 255,
      "HOST", "listen at HOST:7350, too, or at --fleet-port", NULL, host_names },
    { "fleet-port", OPTION_STRING, GROUP_FLEET, NEEDS_RESTART, FIELD(fleet_port), "", 0, 5,
      "PORT", "listen at 0.0.0.0:PORT, too, or at --fleet-host", NULL, port_names },
    { "fleet-shared-keys", OPTION_BOOL, GROUP_FLEET, ON_RELOAD, FIELD(fleet_shared_keys), "true", 0, 1,
      NULL, "let agents come with keys that several may have; false: with those of registrations only", NULL, NULL },
    { "fleet-streams", OPTION_INT, GROUP_FLEET, ON_RELOAD, FIELD(fleet_streams), "100", 0, 100000,
      "N", "streams of the fleet's events, on this node", NULL, NULL },
    { "header-timeout", OPTION_DURATION, GROUP_CONNECTIONS, ON_RELOAD, FIELD(header_timeout_ms), "10s", 100, MINUTES(10),
      "TIME", "how long a request's head may take to arrive", NULL, NULL },
    { "hook", OPTION_STRINGS, GROUP_HOOKS, ON_RELOAD, FIELD(hook), "", 0, 256,
      "[NSP#]EVENT=URL", "clients' events that a back end is asked about: chat=https://…, /admin#kick=https://…, *=https://…; may be repeated", NULL, NULL },
    { "hook-concurrency", OPTION_INT, GROUP_HOOKS, ON_RELOAD, FIELD(hook_concurrency), "64", 1, 4096,
      "N", "calls to one URL at a time", NULL, NULL },
    { "hook-queue", OPTION_INT, GROUP_HOOKS, ON_RELOAD, FIELD(hook_queue), "1024", 0, 1048576,
      "N", "calls to one URL that may wait in line; beyond it they fail", NULL, NULL },
    { "hook-retries", OPTION_INT, GROUP_HOOKS, ON_RELOAD, FIELD(hook_retries), "2", 0, 10,
      "N", "further attempts, where repeating is safe", NULL, NULL },
    { "hook-secret", OPTION_SECRET, GROUP_HOOKS, ON_RELOAD, FIELD(hook_secret), "", ANY_LENGTH,
      "SECRET", "sign the bodies of hooks with it (HMAC-SHA-256, X-Signalbox-Signature)", NULL, NULL },
    { "hook-socket-queue", OPTION_INT, GROUP_HOOKS, ON_RELOAD, FIELD(hook_socket_queue), "1024", 0, 1048576,
      "N", "events of one socket that may wait behind the one its back end is busy with; beyond it they are refused", NULL, NULL },
    { "hook-timeout", OPTION_DURATION, GROUP_HOOKS, ON_RELOAD, FIELD(hook_timeout_ms), "5s", 100, MINUTES(1),
      "TIME", "how long a hook may take, with all attempts", NULL, NULL },
    { "idle-timeout", OPTION_DURATION, GROUP_CONNECTIONS, ON_RELOAD, FIELD(idle_timeout_ms), "75s", 100, HOURS(1),
      "TIME", "how long an HTTP connection may wait for its next request", NULL, NULL },
    { "job-ttl", OPTION_DURATION, GROUP_MAILBOX, ON_RELOAD, FIELD(job_ttl_ms), "5s", 100, HOURS(1),
      "TIME", "how long a job counts as alive after a poll", NULL, NULL },
    { "jsonp", OPTION_BOOL, GROUP_SOCKETIO, ON_RELOAD, FIELD(jsonp), "false", 0, 1,
      NULL, "accept JSON-P polling", NULL, NULL },
    { "jwks-cache", OPTION_DURATION, GROUP_TOKENS, ON_RELOAD, FIELD(jwks_cache_ms), "10m", SECONDS(1), HOURS(24),
      "TIME", "how long a JWKS document is not fetched again for keys that it holds", NULL, NULL },
    { "jwt-audience", OPTION_STRING, GROUP_TOKENS, ON_RELOAD, FIELD(jwt_audience), "", ANY_LENGTH,
      "AUD", "what the tokens' audience must name (default anything)", NULL, NULL },
    { "jwt-cookie", OPTION_STRING, GROUP_TOKENS, ON_RELOAD, FIELD(jwt_cookie), "token", 0, 128,
      "NAME", "the cookie in which a token may come", NULL, NULL },
    { "jwt-issuer", OPTION_STRINGS, GROUP_TOKENS, ON_RELOAD, FIELD(jwt_issuer), "", 0, 16,
      "ISS", "issuers whose tokens are accepted (default any, with --jwt-secret); may be repeated", NULL, NULL },
    { "jwt-jwks-url", OPTION_URL, GROUP_TOKENS, ON_RELOAD, FIELD(jwt_jwks_url), "", ANY_LENGTH,
      "URL", "accept tokens that are signed with a key of this JWKS document (RS256, ES256); needs --jwt-issuer", NULL, NULL },
    { "jwt-leeway", OPTION_DURATION, GROUP_TOKENS, ON_RELOAD, FIELD(jwt_leeway_ms), "60s", 0, HOURS(1),
      "TIME", "how far clocks may differ", NULL, NULL },
    { "jwt-rooms-claim", OPTION_STRING, GROUP_TOKENS, ON_RELOAD, FIELD(jwt_rooms_claim), "rooms", 0, 128,
      "NAME", "the claim that says what its holder may do in which rooms", NULL, NULL },
    { "jwt-secret", OPTION_SECRET, GROUP_TOKENS, ON_RELOAD, FIELD(jwt_secret), "", ANY_LENGTH,
      "SECRET", "accept tokens that are signed with this secret (HS256)", NULL, NULL },
    { "jwt-warn", OPTION_DURATION, GROUP_TOKENS, ON_RELOAD, FIELD(jwt_warn_ms), "60s", 0, HOURS(24),
      "TIME", "how long before its token ends a socket is told; 0: not", NULL, NULL },
    { "live-bound", OPTION_INT, GROUP_REDIS, ON_RELOAD, FIELD(live_bound), "4096", 16, 1048576,
      "N", "messages that may wait in a channel somebody listens to, or whose listener may still come back", NULL, NULL },
    { "log-file", OPTION_STRING, GROUP_PROCESS, ON_RELOAD, FIELD(log_file), "", ANY_LENGTH,
      "FILE", "append the log to this file, opened again on SIGHUP (default standard error)", NULL, NULL },
    { "log-format", OPTION_CHOICE, GROUP_PROCESS, ON_RELOAD, FIELD(log_format), "text", 0, 0,
      "FORMAT", "form of the log's lines", log_formats, NULL },
    { "log-level", OPTION_CHOICE, GROUP_PROCESS, ON_RELOAD, FIELD(log_level), "info", 0, 0,
      "LEVEL", "the least level that is logged", log_levels, log_level_names },
    { "mailbox-cap", OPTION_INT, GROUP_MAILBOX, ON_RELOAD, FIELD(mailbox_cap), "100", 1, 100000,
      "N", "commands that may wait for a job; beyond it the oldest goes", NULL, NULL },
    { "max-body", OPTION_SIZE, GROUP_CONNECTIONS, ON_RELOAD, FIELD(max_body), "1MiB", KIB(1), MIB(64),
      "SIZE", "largest body of a request; beyond it 413", NULL, NULL },
    { "max-connections", OPTION_INT, GROUP_CONNECTIONS, ON_RELOAD, FIELD(max_conns_total), "0", 0, 10000000,
      "N", "sockets in all; 0: as many as the descriptor limit allows", NULL, NULL },
    { "max-conns", OPTION_INT, GROUP_PUSH, ON_RELOAD, FIELD(max_conns), "5", 1, 10000,
      "N", "connections of one player, over all nodes", NULL, NULL },
    { "max-conns-per-ip", OPTION_INT, GROUP_CONNECTIONS, ON_RELOAD, FIELD(max_conns_per_ip), "0", 0, 10000000,
      "N", "sockets from one client address; 0: no limit", NULL, NULL },
    { "max-header", OPTION_SIZE, GROUP_CONNECTIONS, ON_RELOAD, FIELD(max_header), "16KiB", KIB(1), KIB(64),
      "SIZE", "largest head of a request; beyond it 431", NULL, NULL },
    { "max-queued", OPTION_INT, GROUP_PUSH, ON_RELOAD, FIELD(max_queued), "100", 0, 100000,
      "N", "messages that may wait for a player; beyond it the oldest goes", NULL, NULL },
    { "max-ttl", OPTION_DURATION, GROUP_PUSH, ON_RELOAD, FIELD(max_ttl_ms), "24h", SECONDS(1), HOURS(720),
      "TIME", "largest ttl a publish may ask for", NULL, NULL },
    { "offline-ttl", OPTION_DURATION, GROUP_PUSH, ON_RELOAD, FIELD(offline_ttl_ms), "10s", 100, HOURS(720),
      "TIME", "how long a message waits for a player", NULL, NULL },
    { "origins", OPTION_STRINGS, GROUP_CONNECTIONS, ON_RELOAD, FIELD(origins), "", 0, 64,
      "ORIGIN", "origins from which browsers may connect to push and Socket.IO: a list, or * for all; may be repeated (default all, but Socket.IO sends no CORS headers then)", NULL, NULL },
    { "pid-file", OPTION_STRING, GROUP_PROCESS, NEEDS_RESTART, FIELD(pid_file), "", ANY_LENGTH,
      "FILE", "write the process id there while running", NULL, NULL },
    { "ping-interval", OPTION_DURATION, GROUP_CONNECTIONS, ON_RELOAD, FIELD(ping_interval_ms), "30s", 100, HOURS(1),
      "TIME", "how often a WebSocket is pinged", NULL, NULL },
    { "poll-forward-max", OPTION_SIZE, GROUP_SOCKETIO, ON_RELOAD, FIELD(poll_forward_max), "64MiB", MIB(1), MIB(1024),
      "SIZE", "bytes of polls that may be on their way to other nodes; beyond it 503", NULL, NULL },
    { "pool-max", OPTION_INT, GROUP_ARCHITUS, ON_RELOAD, FIELD(pool_max), "1000000", 1, 10000000,
      "N", "entities in one pool", NULL, NULL },
    { "queue-max", OPTION_INT, GROUP_RELAY, ON_RELOAD, FIELD(queue_max), "8", 0, 100000,
      "N", "messages that may wait per channel and direction; beyond it the oldest goes", NULL, NULL },
    { "rate-limit", OPTION_INT, GROUP_PUSH, ON_RELOAD, FIELD(rate_limit), "10", 0, 1000000,
      "N", "messages a server token may send per --rate-period, over all nodes; 0: no limit", NULL, NULL },
    { "rate-period", OPTION_DURATION, GROUP_PUSH, ON_RELOAD, FIELD(rate_period_ms), "1s", 1, HOURS(24),
      "TIME", "the period of --rate-limit", NULL, NULL },
    { "reconnect-grace", OPTION_DURATION, GROUP_REDIS, ON_RELOAD, FIELD(reconnect_grace_ms), "10s", 0, MINUTES(10),
      "TIME", "how long a channel whose listener broke off keeps the live bound", NULL, NULL },
    { "recovery", OPTION_DURATION, GROUP_SOCKETIO, ON_RELOAD, FIELD(recovery_ms), "0s", 0, HOURS(1),
      "TIME", "how long a client that broke off may come back and get what it missed (connection state recovery); 0: never", NULL, NULL },
    { "redis", OPTION_SECRET, GROUP_REDIS, NEEDS_RESTART, FIELD(redis), "", ANY_LENGTH,
      "URL", "redis://[[USER]:PASSWORD@]HOST[:PORT][/DB] or unix:///PATH[?db=N] (default a private redis-server in --data)", NULL, NULL },
    { "redis-pending-bytes", OPTION_SIZE, GROUP_REDIS, ON_RELOAD, FIELD(redis_pending_bytes), "64MiB", MIB(20), MIB(1024),
      "SIZE", "bytes of operations without an answer; beyond it requests fail as unavailable", NULL, NULL },
    { "redis-pending-max", OPTION_INT, GROUP_REDIS, ON_RELOAD, FIELD(redis_pending_max), "65536", 16, 16777216,
      "N", "operations without an answer; beyond it requests fail as unavailable", NULL, NULL },
    { "redis-timeout", OPTION_DURATION, GROUP_REDIS, ON_RELOAD, FIELD(redis_timeout_ms), "5s", 100, MINUTES(5),
      "TIME", "how long Redis may take to answer before the link is given up", NULL, NULL },
    { "redis-wait", OPTION_DURATION, GROUP_REDIS, ON_RELOAD, FIELD(redis_wait_ms), "1s", 0, MINUTES(1),
      "TIME", "how long an operation may wait for a link", NULL, NULL },
    { "relay-handshake", OPTION_DURATION, GROUP_RELAY, ON_RELOAD, FIELD(relay_handshake_ms), "60s", 100, HOURS(1),
      "TIME", "how long a client may take to say what it is", NULL, NULL },
    { "relay-max-message", OPTION_SIZE, GROUP_RELAY, ON_RELOAD, FIELD(relay_max_message), "2097152", KIB(1), MIB(15),
      "SIZE", "largest message; beyond it the connection is closed", NULL, NULL },
    { "relay-ttl", OPTION_DURATION, GROUP_RELAY, ON_RELOAD, FIELD(relay_ttl_ms), "24h", SECONDS(1), HOURS(720),
      "TIME", "how long a message waits", NULL, NULL },
    { "revalidate-period", OPTION_DURATION, GROUP_AUTH, ON_RELOAD, FIELD(revalidate_period_ms), "1m", 100, HOURS(24),
      "TIME", "how often SQL and the hook are asked again about an open connection's token", NULL, NULL },
    { "room-keep", OPTION_INT, GROUP_SOCKETIO, ON_RELOAD, FIELD(room_keep), "1024", 16, 1048576,
      "N", "messages that a room keeps for nodes that are behind and for clients that come back", NULL, NULL },
    { "settle-delay", OPTION_DURATION, GROUP_REDIS, ON_RELOAD, FIELD(settle_delay_ms), "20ms", 1, SECONDS(10),
      "TIME", "how long deliveries are gathered before they are settled", NULL, NULL },
    { "shards", OPTION_INT, GROUP_ARCHITUS, ON_RELOAD, FIELD(shards), "1", 1, 65536,
      "N", "shards of the bot", NULL, NULL },
    { "silence-timeout", OPTION_DURATION, GROUP_CONNECTIONS, ON_RELOAD, FIELD(silence_timeout_ms), "60s", 200, HOURS(2),
      "TIME", "a WebSocket from which nothing has come for so long is closed", NULL, NULL },
    { "socketio-auth", OPTION_CHOICE, GROUP_SOCKETIO, ON_RELOAD, FIELD(socketio_auth), "optional", 0, 0,
      "RULE", "whether a client without a valid token may connect (as unauthenticated) when tokens are configured", socketio_auths, NULL },
    { "socketio-client", OPTION_STRING, GROUP_SOCKETIO, ON_RELOAD, FIELD(socketio_client), "", ANY_LENGTH,
      "DIR", "serve the browser bundle socket.io*.js below --socketio-path from this directory", NULL, NULL },
    { "socketio-connect-timeout", OPTION_DURATION, GROUP_SOCKETIO, ON_RELOAD, FIELD(socketio_connect_timeout_ms), "45s", 100, MINUTES(10),
      "TIME", "how long a client may take to connect to a namespace", NULL, NULL },
    { "socketio-eio3", OPTION_BOOL, GROUP_SOCKETIO, ON_RELOAD, FIELD(socketio_eio3), "true", 0, 1,
      NULL, "accept clients of the 2.x line (Engine.IO protocol 3)", NULL, NULL },
    { "socketio-max-acks", OPTION_INT, GROUP_SOCKETIO, ON_RELOAD, FIELD(socketio_max_acks), "64", 1, 10000,
      "N", "acknowledgements that may be awaited of one socket", NULL, NULL },
    { "socketio-max-attachments", OPTION_INT, GROUP_SOCKETIO, ON_RELOAD, FIELD(socketio_max_attachments), "10", 0, 1000,
      "N", "binary attachments of one packet", NULL, NULL },
    { "socketio-max-namespaces", OPTION_INT, GROUP_SOCKETIO, ON_RELOAD, FIELD(socketio_max_namespaces), "16", 1, 1000,
      "N", "namespaces on one connection", NULL, NULL },
    { "socketio-max-payload", OPTION_SIZE, GROUP_SOCKETIO, ON_RELOAD, FIELD(socketio_max_payload), "1000000", KIB(1), MIB(4),
      "SIZE", "largest POST and largest WebSocket message of a client, and largest sum of one packet's attachments", NULL, NULL },
    { "socketio-max-rooms", OPTION_INT, GROUP_SOCKETIO, ON_RELOAD, FIELD(socketio_max_rooms), "64", 1, 10000,
      "N", "rooms that one socket may be in", NULL, NULL },
    { "socketio-namespaces", OPTION_STRINGS, GROUP_SOCKETIO, ON_RELOAD, FIELD(socketio_namespaces), "/", 0, 64,
      "NAME", "namespaces that clients may connect to; * in a name stands for any characters; may be repeated", NULL, NULL },
    { "socketio-path", OPTION_STRING, GROUP_SOCKETIO, NEEDS_RESTART, FIELD(socketio_path), "/socket.io/", 0, 128,
      "PATH", "every URL that begins with it belongs to Socket.IO; begins and ends with /", NULL, NULL },
    { "socketio-pending-max", OPTION_SIZE, GROUP_SOCKETIO, ON_RELOAD, FIELD(socketio_pending_max), "1MiB", KIB(16), MIB(64),
      "SIZE", "bytes that may wait for a client", NULL, NULL },
    { "socketio-ping-interval", OPTION_DURATION, GROUP_SOCKETIO, ON_RELOAD, FIELD(socketio_ping_interval_ms), "25s", 100, MINUTES(10),
      "TIME", "how often a client is pinged (the old protocol: pings)", NULL, NULL },
    { "socketio-ping-timeout", OPTION_DURATION, GROUP_SOCKETIO, ON_RELOAD, FIELD(socketio_ping_timeout_ms), "20s", 100, MINUTES(10),
      "TIME", "how long the answer to a ping may take", NULL, NULL },
    { "socketio-poll-packets", OPTION_INT, GROUP_SOCKETIO, ON_RELOAD, FIELD(socketio_poll_packets), "16", 1, 1024,
      "N", "packets in one answer to a poll (Python clients take 16 at most)", NULL, NULL },
    { "socketio-post-packets", OPTION_INT, GROUP_SOCKETIO, ON_RELOAD, FIELD(socketio_post_packets), "1024", 1, 1000000,
      "N", "packets in one POST; beyond it the connection ends", NULL, NULL },
    { "socketio-transports", OPTION_STRINGS, GROUP_SOCKETIO, ON_RELOAD, FIELD(socketio_transports), "polling,websocket", 1, 2,
      "NAME", "polling, websocket, or both", NULL, NULL },
    { "socketio-upgrade-timeout", OPTION_DURATION, GROUP_SOCKETIO, ON_RELOAD, FIELD(socketio_upgrade_timeout_ms), "10s", 100, MINUTES(10),
      "TIME", "how long a WebSocket that is to take over may take to say so (`5`)", NULL, NULL },
    { "socketio-upgrades", OPTION_BOOL, GROUP_SOCKETIO, ON_RELOAD, FIELD(socketio_upgrades), "true", 0, 1,
      NULL, "let clients go from polling to WebSocket", NULL, NULL },
    { "sse-query-auth", OPTION_BOOL, GROUP_FLEET, ON_RELOAD, FIELD(sse_query_auth), "false", 0, 1,
      NULL, "accept ?key= for the stream of the fleet's events", NULL, sse_query_auth_names },
    { "tls-addr", OPTION_ADDRESSES, GROUP_PROCESS, NEEDS_RESTART, FIELD(tls_addr), "", 0, 16,
      "HOST:PORT", "where to listen with TLS; needs --tls-cert and --tls-key; may be repeated", NULL, NULL },
    { "tls-cert", OPTION_STRING, GROUP_PROCESS, ON_RELOAD, FIELD(tls_cert), "", ANY_LENGTH,
      "FILE", "certificate chain (PEM), read again on SIGHUP", NULL, NULL },
    { "tls-key", OPTION_STRING, GROUP_PROCESS, ON_RELOAD, FIELD(tls_key), "", ANY_LENGTH,
      "FILE", "its private key (PEM), read again on SIGHUP", NULL, NULL },
    { "token-auth-url", OPTION_URL, GROUP_AUTH, ON_RELOAD, FIELD(token_auth_url), "", ANY_LENGTH,
      "URL", "HTTP hook that is asked about player and server tokens", NULL, NULL },
    { "trust-proxy", OPTION_BOOL, GROUP_CONNECTIONS, ON_RELOAD, FIELD(trust_proxy), "false", 0, 1,
      NULL, "the client's address is the last one in X-Forwarded-For", NULL, trust_proxy_names },
    { "unauthenticated-room", OPTION_STRING, GROUP_SOCKETIO, ON_RELOAD, FIELD(unauthenticated_room), "unauthenticated", 0, 128,
      "ROOM", "the only room of sockets without a token, when tokens are configured", NULL, NULL },
    { "unauthenticated-rooms", OPTION_STRINGS, GROUP_SOCKETIO, ON_RELOAD, FIELD(unauthenticated_rooms), "", 0, 64,
      "PATTERN", "further rooms that they may join (job:*); may be repeated", NULL, NULL },
    { "universe-auth-url", OPTION_URL, GROUP_AUTH, ON_RELOAD, FIELD(universe_auth_url), "", ANY_LENGTH,
      "URL", "HTTP hook that is asked about universe keys", NULL, NULL },
    { "workers", OPTION_INT, GROUP_PROCESS, NEEDS_RESTART, FIELD(workers), "1", 1, 64,
      "N", "processes that share the port, each a node of its own", NULL, NULL },
    { "write-timeout", OPTION_DURATION, GROUP_CONNECTIONS, ON_RELOAD, FIELD(write_timeout_ms), "5s", 100, MINUTES(5),
      "TIME", "how long a write may wait for a peer that does not read", NULL, NULL },
    { "ws-deflate", OPTION_BOOL, GROUP_CONNECTIONS, NEEDS_RESTART, FIELD(ws_deflate), "false", 0, 1,
      NULL, "offer permessage-deflate to WebSocket clients", NULL, NULL },
    { "ws-pending-max", OPTION_SIZE, GROUP_CONNECTIONS, ON_RELOAD, FIELD(ws_pending_max), "256KiB", KIB(4), MIB(64),
      "SIZE", "bytes that may wait for a WebSocket's peer to read", NULL, NULL },
};
/* clang-format on */

const size_t option_count = COUNT(options);

const struct option *option_find(struct slice name)
{
    for (size_t i = 0; i < option_count; i++)
        if (slice_is(name, options[i].name))
            return &options[i];
    return NULL;
}
