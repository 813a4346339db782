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
};

static const struct option_choice log_formats[] = { { "text", LOG_TEXT, false },
                                                    { "json", LOG_JSON, false },
                                                    { NULL, 0, false } };

static const struct option_choice log_levels[] = {
    { "debug", LOG_DEBUG, false }, { "info", LOG_INFO, false },  { "warn", LOG_WARN, false },
    { "error", LOG_ERROR, false }, { "trace", LOG_DEBUG, true }, { "warning", LOG_WARN, true },
    { "fatal", LOG_ERROR, true },  { "panic", LOG_ERROR, true }, { NULL, 0, false }
};

/* clang-format off */
const struct option options[] = {
    { "addr", OPTION_ADDRESSES, GROUP_PROCESS, NEEDS_RESTART, FIELD(addr), ":8080", 0, 16,
      "HOST:PORT", "where to listen: HOST:PORT, :PORT, [IPV6]:PORT or unix:///PATH; may be repeated; port 0 takes a free one", NULL },
    { "auth-cache", OPTION_DURATION, GROUP_AUTH, ON_RELOAD, FIELD(auth_cache_ms), "30s", 0, HOURS(24),
      "TIME", "how long an accepted credential is not asked for again (one that lives in Redis ends at once when it is revoked)", NULL },
    { "auth-failures", OPTION_RATE, GROUP_AUTH, ON_RELOAD, FIELD(auth_failures), "60/1m", 1, 1000000,
      "N/TIME", "failed authentications per client address, beyond which it gets 429; 0: no throttle", NULL },
    { "auth-refused-cache", OPTION_DURATION, GROUP_AUTH, ON_RELOAD, FIELD(auth_refused_cache_ms), "5s", 0, HOURS(1),
      "TIME", "how long a refused credential is not asked for again", NULL },
    { "auth-timeout", OPTION_DURATION, GROUP_AUTH, ON_RELOAD, FIELD(auth_timeout_ms), "2s", 100, MINUTES(1),
      "TIME", "how long an HTTP hook may take", NULL },
    { "body-timeout", OPTION_DURATION, GROUP_CONNECTIONS, ON_RELOAD, FIELD(body_timeout_ms), "30s", 100, HOURS(1),
      "TIME", "how long a request's body may take to arrive", NULL },
    { "config", OPTION_STRING, GROUP_PROCESS, NEEDS_RESTART, FIELD(config_file), "", ANY_LENGTH,
      "FILE", "JSON object of options by their names, lists as arrays; flags and environment win over it", NULL },
    { "cors-origins", OPTION_STRINGS, GROUP_CONNECTIONS, ON_RELOAD, FIELD(cors_origins), "", 0, 64,
      "ORIGIN", "origins whose browsers may call the HTTP routes that are meant for it; * for all; may be repeated", NULL },
    { "daemon", OPTION_BOOL, GROUP_PROCESS, NEEDS_RESTART, FIELD(daemon), "false", 0, 1,
      NULL, "run in the background, once everything has started", NULL },
    { "data", OPTION_STRING, GROUP_PROCESS, NEEDS_RESTART, FIELD(data), "", ANY_LENGTH,
      "DIR", "where the private Redis keeps its data when --redis is not given (default ${XDG_STATE_HOME:-$HOME/.local/state}/signalbox, as root /var/lib/signalbox)", NULL },
    { "db", OPTION_STRING, GROUP_AUTH, NEEDS_RESTART, FIELD(db_name), "", ANY_LENGTH,
      "DRIVER", "database that holds the table ws_token: sqlite3 or mysql; needs --dsn", NULL },
    { "drain-rate", OPTION_INT, GROUP_PROCESS, ON_RELOAD, FIELD(drain_rate), "500", 1, 100000,
      "N", "WebSockets closed per second when the node stops", NULL },
    { "drain-timeout", OPTION_DURATION, GROUP_PROCESS, ON_RELOAD, FIELD(drain_timeout_ms), "30s", 0, HOURS(1),
      "TIME", "how long a node that stops waits for connections and requests to end", NULL },
    { "dsn", OPTION_SECRET, GROUP_AUTH, NEEDS_RESTART, FIELD(dsn), "", ANY_LENGTH,
      "DSN", "sqlite3: a path or file:PATH; mysql: USER:PASSWORD@tcp(HOST:PORT)/DATABASE; needs --db", NULL },
    { "feed-keep", OPTION_INT, GROUP_REDIS, ON_RELOAD, FIELD(feed_keep), "1024", 1, 1048576,
      "N", "delivered messages a feed keeps for nodes that are behind", NULL },
    { "feed-keep-time", OPTION_DURATION, GROUP_REDIS, ON_RELOAD, FIELD(feed_keep_ms), "60s", 100, HOURS(24),
      "TIME", "and how long it keeps them", NULL },
    { "header-timeout", OPTION_DURATION, GROUP_CONNECTIONS, ON_RELOAD, FIELD(header_timeout_ms), "10s", 100, MINUTES(10),
      "TIME", "how long a request's head may take to arrive", NULL },
    { "idle-timeout", OPTION_DURATION, GROUP_CONNECTIONS, ON_RELOAD, FIELD(idle_timeout_ms), "75s", 100, HOURS(1),
      "TIME", "how long an HTTP connection may wait for its next request", NULL },
    { "job-ttl", OPTION_DURATION, GROUP_MAILBOX, ON_RELOAD, FIELD(job_ttl_ms), "5s", 100, HOURS(1),
      "TIME", "how long a job counts as alive after a poll", NULL },
    { "live-bound", OPTION_INT, GROUP_REDIS, ON_RELOAD, FIELD(live_bound), "4096", 16, 1048576,
      "N", "messages that may wait in a channel somebody listens to, or whose listener may still come back", NULL },
    { "log-file", OPTION_STRING, GROUP_PROCESS, ON_RELOAD, FIELD(log_file), "", ANY_LENGTH,
      "FILE", "append the log to this file, opened again on SIGHUP (default standard error)", NULL },
    { "log-format", OPTION_CHOICE, GROUP_PROCESS, ON_RELOAD, FIELD(log_format), "text", 0, 0,
      "FORMAT", "form of the log's lines", log_formats },
    { "log-level", OPTION_CHOICE, GROUP_PROCESS, ON_RELOAD, FIELD(log_level), "info", 0, 0,
      "LEVEL", "the least level that is logged", log_levels },
    { "mailbox-cap", OPTION_INT, GROUP_MAILBOX, ON_RELOAD, FIELD(mailbox_cap), "100", 1, 100000,
      "N", "commands that may wait for a job; beyond it the oldest goes", NULL },
    { "max-body", OPTION_SIZE, GROUP_CONNECTIONS, ON_RELOAD, FIELD(max_body), "1MiB", KIB(1), MIB(64),
      "SIZE", "largest body of a request; beyond it 413", NULL },
    { "max-connections", OPTION_INT, GROUP_CONNECTIONS, ON_RELOAD, FIELD(max_conns_total), "0", 0, 10000000,
      "N", "sockets in all; 0: as many as the descriptor limit allows", NULL },
    { "max-conns", OPTION_INT, GROUP_PUSH, ON_RELOAD, FIELD(max_conns), "5", 1, 10000,
      "N", "connections of one player, over all nodes", NULL },
    { "max-conns-per-ip", OPTION_INT, GROUP_CONNECTIONS, ON_RELOAD, FIELD(max_conns_per_ip), "0", 0, 10000000,
      "N", "sockets from one client address; 0: no limit", NULL },
    { "max-header", OPTION_SIZE, GROUP_CONNECTIONS, ON_RELOAD, FIELD(max_header), "16KiB", KIB(1), KIB(64),
      "SIZE", "largest head of a request; beyond it 431", NULL },
    { "max-queued", OPTION_INT, GROUP_PUSH, ON_RELOAD, FIELD(max_queued), "100", 0, 100000,
      "N", "messages that may wait for a player; beyond it the oldest goes", NULL },
    { "max-ttl", OPTION_DURATION, GROUP_PUSH, ON_RELOAD, FIELD(max_ttl_ms), "24h", SECONDS(1), HOURS(720),
      "TIME", "largest ttl a publish may ask for", NULL },
    { "offline-ttl", OPTION_DURATION, GROUP_PUSH, ON_RELOAD, FIELD(offline_ttl_ms), "10s", 100, HOURS(720),
      "TIME", "how long a message waits for a player", NULL },
    { "origins", OPTION_STRINGS, GROUP_PUSH, ON_RELOAD, FIELD(origins), "", 0, 64,
      "ORIGIN", "origins from which players may connect (default all); may be repeated", NULL },
    { "pid-file", OPTION_STRING, GROUP_PROCESS, NEEDS_RESTART, FIELD(pid_file), "", ANY_LENGTH,
      "FILE", "write the process id there while running", NULL },
    { "ping-interval", OPTION_DURATION, GROUP_CONNECTIONS, ON_RELOAD, FIELD(ping_interval_ms), "30s", 100, HOURS(1),
      "TIME", "how often a WebSocket is pinged", NULL },
    { "queue-max", OPTION_INT, GROUP_RELAY, ON_RELOAD, FIELD(queue_max), "8", 0, 100000,
      "N", "messages that may wait per channel and direction; beyond it the oldest goes", NULL },
    { "rate-limit", OPTION_INT, GROUP_PUSH, ON_RELOAD, FIELD(rate_limit), "10", 0, 1000000,
      "N", "messages a server token may send per --rate-period, over all nodes; 0: no limit", NULL },
    { "rate-period", OPTION_DURATION, GROUP_PUSH, ON_RELOAD, FIELD(rate_period_ms), "1s", 1, HOURS(24),
      "TIME", "the period of --rate-limit", NULL },
    { "reconnect-grace", OPTION_DURATION, GROUP_REDIS, ON_RELOAD, FIELD(reconnect_grace_ms), "10s", 0, MINUTES(10),
      "TIME", "how long a channel whose listener broke off keeps the live bound", NULL },
    { "redis", OPTION_SECRET, GROUP_REDIS, NEEDS_RESTART, FIELD(redis), "", ANY_LENGTH,
      "URL", "redis://[[USER]:PASSWORD@]HOST[:PORT][/DB] or unix:///PATH[?db=N] (default a private redis-server in --data)", NULL },
    { "redis-pending-bytes", OPTION_SIZE, GROUP_REDIS, ON_RELOAD, FIELD(redis_pending_bytes), "64MiB", MIB(20), MIB(1024),
      "SIZE", "bytes of operations without an answer; beyond it requests fail as unavailable", NULL },
    { "redis-pending-max", OPTION_INT, GROUP_REDIS, ON_RELOAD, FIELD(redis_pending_max), "65536", 16, 16777216,
      "N", "operations without an answer; beyond it requests fail as unavailable", NULL },
    { "redis-timeout", OPTION_DURATION, GROUP_REDIS, ON_RELOAD, FIELD(redis_timeout_ms), "5s", 100, MINUTES(5),
      "TIME", "how long Redis may take to answer before the link is given up", NULL },
    { "redis-wait", OPTION_DURATION, GROUP_REDIS, ON_RELOAD, FIELD(redis_wait_ms), "1s", 0, MINUTES(1),
      "TIME", "how long an operation may wait for a link", NULL },
    { "relay-handshake", OPTION_DURATION, GROUP_RELAY, ON_RELOAD, FIELD(relay_handshake_ms), "60s", 100, HOURS(1),
      "TIME", "how long a client may take to say what it is", NULL },
    { "relay-max-message", OPTION_SIZE, GROUP_RELAY, ON_RELOAD, FIELD(relay_max_message), "2097152", KIB(1), MIB(15),
      "SIZE", "largest message; beyond it the connection is closed", NULL },
    { "relay-ttl", OPTION_DURATION, GROUP_RELAY, ON_RELOAD, FIELD(relay_ttl_ms), "24h", SECONDS(1), HOURS(720),
      "TIME", "how long a message waits", NULL },
    { "revalidate-period", OPTION_DURATION, GROUP_AUTH, ON_RELOAD, FIELD(revalidate_period_ms), "1m", 100, HOURS(24),
      "TIME", "how often SQL and the hook are asked again about an open connection's token", NULL },
    { "settle-delay", OPTION_DURATION, GROUP_REDIS, ON_RELOAD, FIELD(settle_delay_ms), "20ms", 1, SECONDS(10),
      "TIME", "how long deliveries are gathered before they are settled", NULL },
    { "silence-timeout", OPTION_DURATION, GROUP_CONNECTIONS, ON_RELOAD, FIELD(silence_timeout_ms), "60s", 200, HOURS(2),
      "TIME", "a WebSocket from which nothing has come for so long is closed", NULL },
    { "tls-addr", OPTION_ADDRESSES, GROUP_PROCESS, NEEDS_RESTART, FIELD(tls_addr), "", 0, 16,
      "HOST:PORT", "where to listen with TLS; needs --tls-cert and --tls-key; may be repeated", NULL },
    { "tls-cert", OPTION_STRING, GROUP_PROCESS, ON_RELOAD, FIELD(tls_cert), "", ANY_LENGTH,
      "FILE", "certificate chain (PEM), read again on SIGHUP", NULL },
    { "tls-key", OPTION_STRING, GROUP_PROCESS, ON_RELOAD, FIELD(tls_key), "", ANY_LENGTH,
      "FILE", "its private key (PEM), read again on SIGHUP", NULL },
    { "token-auth-url", OPTION_URL, GROUP_AUTH, ON_RELOAD, FIELD(token_auth_url), "", ANY_LENGTH,
      "URL", "HTTP hook that is asked about player and server tokens", NULL },
    { "trust-proxy", OPTION_BOOL, GROUP_CONNECTIONS, ON_RELOAD, FIELD(trust_proxy), "false", 0, 1,
      NULL, "the client's address is the last one in X-Forwarded-For", NULL },
    { "universe-auth-url", OPTION_URL, GROUP_AUTH, ON_RELOAD, FIELD(universe_auth_url), "", ANY_LENGTH,
      "URL", "HTTP hook that is asked about universe keys", NULL },
    { "workers", OPTION_INT, GROUP_PROCESS, NEEDS_RESTART, FIELD(workers), "1", 1, 64,
      "N", "processes that share the port, each a node of its own", NULL },
    { "write-timeout", OPTION_DURATION, GROUP_CONNECTIONS, ON_RELOAD, FIELD(write_timeout_ms), "5s", 100, MINUTES(5),
      "TIME", "how long a write may wait for a peer that does not read", NULL },
    { "ws-deflate", OPTION_BOOL, GROUP_CONNECTIONS, NEEDS_RESTART, FIELD(ws_deflate), "false", 0, 1,
      NULL, "offer permessage-deflate to WebSocket clients", NULL },
    { "ws-pending-max", OPTION_SIZE, GROUP_CONNECTIONS, ON_RELOAD, FIELD(ws_pending_max), "256KiB", KIB(4), MIB(64),
      "SIZE", "bytes that may wait for a WebSocket's peer to read", NULL },
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
