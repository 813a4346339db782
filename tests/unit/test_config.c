/* SPDX-License-Identifier: MIT */
/* Where options come from and which source wins, what is refused and in which words, and reload. */
#include "support.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "config_option.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static char path[] = "/tmp/sb-config-XXXXXX";
static struct buf complaints, notes;

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* Cuts `line` into words; they live until the third next call. */
static char **words_of(const char *line, const char *between, int *count_out)
{
    static char texts[4][512], *lists[4][32];
    static int turn;
    int at = turn++ % 4, count = 0;
    char *rest;

    snprintf(texts[at], sizeof texts[at], "%s", line);
    for (char *word = strtok_r(texts[at], between, &rest); word != NULL;
         word = strtok_r(NULL, between, &rest))
        lists[at][count++] = word;
    lists[at][count] = NULL;
    *count_out = count;
    return lists[at];
}

/* Arguments are separated by blanks, variables by semicolons. */
static struct config *load_with(const char *flags, const char *environment)
{
    int argc, ignored;
    char **argv = words_of(flags, " ", &argc);
    char **variables = words_of(environment, ";", &ignored);

    buf_clear(&complaints);
    return config_load(argc, argv, variables, &complaints);
}

static const char *complained(void)
{
    buf_add_byte(&complaints, '\0');
    return complaints.data;
}

static struct config *load_good(const char *flags, const char *environment)
{
    struct config *config = load_with(flags, environment);

    if (config == NULL)
        fail_msg("%s: %s", flags, complained());
    return config;
}

static void the_defaults_are_those_of_the_page(void **state)
{
    struct config *config = load_good("", "");

    (void)state;
    assert_int_equal(config->addr.count, 1);
    assert_string_equal(config->addr.items[0], ":8080");
    assert_null(config->redis);
    assert_non_null(config->data);
    assert_int_equal(config->max_header, 16384);
    assert_int_equal(config->relay_max_message, 2097152);
    assert_int_equal(config->max_ttl_ms, 86400000);
    assert_int_equal(config->auth_failures.count, 60);
    assert_int_equal(config->auth_failures.per_ms, 60000);
    assert_int_equal(config->log_level, LOG_INFO);
    assert_int_equal(config->db, SQL_NONE);
    config_free(&config);
    assert_null(config);
}

/* ---- one option at a time --------------------------------------------------------------------- */

#define NUMBER(member) offsetof(struct config, member)

static const struct {
    const char *name, *flags;
    size_t offset;
    uint32_t want;
} numbers[] = {
    { "one dash", "-max-conns 7", NUMBER(max_conns), 7 },
    { "two dashes", "--max-conns 7", NUMBER(max_conns), 7 },
    { "an equals sign", "--max-conns=7", NUMBER(max_conns), 7 },
    { "one dash and an equals sign", "-max-conns=7", NUMBER(max_conns), 7 },
    { "the last one wins", "--max-conns 7 --max-conns 8", NUMBER(max_conns), 8 },
    { "bytes", "--max-body 65536", NUMBER(max_body), 65536 },
    { "KiB", "--max-body 64KiB", NUMBER(max_body), 65536 },
    { "MiB", "--max-body 2MiB", NUMBER(max_body), 2097152 },
    { "milliseconds", "--body-timeout 500ms", NUMBER(body_timeout_ms), 500 },
    { "seconds", "--body-timeout 10s", NUMBER(body_timeout_ms), 10000 },
    { "minutes", "--body-timeout 1m", NUMBER(body_timeout_ms), 60000 },
    { "hours", "--max-ttl 48h", NUMBER(max_ttl_ms), 172800000 },
    { "as Go prints it", "--max-ttl 1h30m0s", NUMBER(max_ttl_ms), 5400000 },
    { "a fraction", "--body-timeout 1.5s", NUMBER(body_timeout_ms), 1500 },
    { "zero without a unit", "--auth-cache 0", NUMBER(auth_cache_ms), 0 },
    { "at the lower bound", "--live-bound 100", NUMBER(live_bound), 100 },
    { "at the upper bound", "--workers 64", NUMBER(workers), 64 },
    { "a level", "--log-level debug", NUMBER(log_level), LOG_DEBUG },
    { "a level of the original", "-log-level WARNING", NUMBER(log_level), LOG_WARN },
    { "a format", "--log-format json", NUMBER(log_format), LOG_JSON },
    { "no throttle", "--auth-failures 0", NUMBER(auth_failures), 0 },
    { "a driver", "--db sqlite3 --dsn x", NUMBER(db), SQL_SQLITE },
    { "the original's default driver", "-db sqlite -dsn x", NUMBER(db), SQL_SQLITE },
    { "the other driver", "--db mysql --dsn x", NUMBER(db), SQL_MYSQL },
};

static void numbers_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(numbers); i++) {
        struct config *config = load_good(numbers[i].flags, "");
        uint32_t got;

        memcpy(&got, (char *)config + numbers[i].offset, sizeof got);
        if (got != numbers[i].want)
            fail_msg("%s: %u, not %u", numbers[i].name, got, numbers[i].want);
        config_free(&config);
    }
}

static const struct {
    const char *name, *flags, *want;
} wrongs[] = {
    { "no such option", "--nope 1", "--nope: there is no such option\n" },
    { "no option at all", "nope", "nope: this is no option\n" },
    { "a dash", "-", "-: this is no option\n" },
    { "two dashes", "--", "--: this is no option\n" },
    { "no value", "--max-conns", "--max-conns: needs a value\n" },
    { "an empty number", "--max-conns=", "--max-conns \"\": must be a number from 1 to 10000\n" },
    { "below", "--max-conns 0", "--max-conns \"0\": must be a number from 1 to 10000\n" },
    { "above", "--max-conns 10001", "--max-conns \"10001\": must be a number from 1 to 10000\n" },
    { "negative", "--max-conns -1", "--max-conns \"-1\": must be a number from 1 to 10000\n" },
    { "words", "--max-conns five", "--max-conns \"five\": must be a number from 1 to 10000\n" },
    { "digits and more", "--max-conns 5x",
      "--max-conns \"5x\": must be a number from 1 to 10000\n" },
    { "far above", "--max-conns 99999999999999999999999",
      "--max-conns \"99999999999999999999999\": must be a number from 1 to 10000\n" },
    { "a size with a wrong unit", "--max-body 1MB",
      "--max-body \"1MB\": must be a size from 1KiB to 64MiB\n" },
    { "more than a channel's entry holds", "--relay-max-message 16MiB",
      "--relay-max-message \"16MiB\": must be a size from 1KiB to 15MiB\n" },
    { "a size that wraps around", "--max-body 4294967295GiB",
      "--max-body \"4294967295GiB\": must be a size from 1KiB to 64MiB\n" },
    { "a time without a unit", "--body-timeout 10",
      "--body-timeout \"10\": must be a time from 100ms to 1h\n" },
    { "a time with half a unit", "--body-timeout 1m30",
      "--body-timeout \"1m30\": must be a time from 100ms to 1h\n" },
    { "a time with a bare point", "--body-timeout 1.s",
      "--body-timeout \"1.s\": must be a time from 100ms to 1h\n" },
    { "a time that wraps around", "--body-timeout 1193h2m47.396s",
      "--body-timeout \"1193h2m47.396s\": must be a time from 100ms to 1h\n" },
    { "a choice", "--log-format xml", "--log-format \"xml\": must be one of text, json\n" },
    { "a choice hides its aliases", "--log-level loud",
      "--log-level \"loud\": must be one of debug, info, warn, error\n" },
    { "a bool", "--daemon=yes", "--daemon \"yes\": must be true or false\n" },
    { "a rate without a time", "--auth-failures 60",
      "--auth-failures \"60\": must be 0, or COUNT/TIME with a count from 1 to 1000000\n" },
    { "a rate of no time", "--auth-failures 60/0",
      "--auth-failures \"60/0\": must be 0, or COUNT/TIME with a count from 1 to 1000000\n" },
    { "an address without a port", "--addr localhost",
      "--addr \"localhost\": must be HOST:PORT, :PORT, [IPV6]:PORT or unix:///PATH, at most 16 of "
      "them\n" },
    { "an address with a wrong port", "--addr :65536",
      "--addr \":65536\": must be HOST:PORT, :PORT, [IPV6]:PORT or unix:///PATH, at most 16 of "
      "them\n" },
    { "a bare IPv6 address", "--addr ::1:80",
      "--addr \"::1:80\": must be HOST:PORT, :PORT, [IPV6]:PORT or unix:///PATH, at most 16 of "
      "them\n" },
    { "a URL is not shown", "--token-auth-url ftp://user:secret@host",
      "--token-auth-url: must be a URL that begins with http:// or https:// of at most 4096 "
      "bytes\n" },
    { "all at once", "--max-conns 0 --nope=1 --log-format xml",
      "--max-conns \"0\": must be a number from 1 to 10000\n--nope=1: there is no such option\n"
      "--log-format \"xml\": must be one of text, json\n" },
    { "TLS without a certificate", "--tls-addr :8443",
      "--tls-addr: needs --tls-cert and --tls-key\n" },
    { "a certificate without its key", "--tls-addr :8443 --tls-cert a",
      "--tls-addr: needs --tls-cert and --tls-key\n--tls-cert and --tls-key: one needs the "
      "other\n" },
    { "a certificate without an address", "--tls-cert a --tls-key b",
      "--tls-cert and --tls-key: need --tls-addr\n" },
    { "a driver without a name", "--db sqlite3", "--db: needs --dsn\n" },
    { "a name without a driver", "--dsn a", "--dsn: needs --db\n" },
    { "silence before the ping", "--silence-timeout 10s",
      "--silence-timeout: must be longer than --ping-interval\n" },
    { "an offline ttl above the largest", "--max-ttl 1s",
      "--offline-ttl: must not be longer than --max-ttl\n" },
    { "a live bound below a cap", "--live-bound 16",
      "--live-bound: must not be below --mailbox-cap, --queue-max and --max-queued\n" },
    { "workers on a free port", "--addr :0 --workers 2",
      "--workers: processes cannot share port 0 or a unix socket\n" },
    { "workers on a unix socket", "--addr unix:///tmp/x --workers 2",
      "--workers: processes cannot share port 0 or a unix socket\n" },
    { "a Redis of another kind", "--redis http://h",
      "--redis: a Redis URL begins with redis:// or unix://\n" },
    { "keys of nobody", "--jwt-jwks-url http://h/jwks", "--jwt-jwks-url: needs --jwt-issuer\n" },
    { "tokens required, and none accepted", "--socketio-auth required",
      "--socketio-auth required: needs --jwt-secret or --jwt-jwks-url\n" },
    { "nowhere to listen", "--addr=", "--addr: nowhere to listen\n" },
    { "a hook without a URL", "--hook chat",
      "--hook: wants [NAMESPACE#]EVENT=URL, with http:// or https://\n" },
    { "a hook of another kind", "--hook chat=ftp://user:secret@host",
      "--hook: wants [NAMESPACE#]EVENT=URL, with http:// or https://\n" },
    { "a hook without a host", "--hook chat=http:///x", "--hook: chat: the URL has no host\n" },
    { "a hook without an event", "--hook /a#=http://h", "--hook: \"\" is no name of an event\n" },
    { "a hook with nothing but a namespace", "--hook /a=http://h",
      "--hook: a namespace wants its event: NAMESPACE#EVENT=URL\n" },
    { "a hook twice", "--hook a=http://h --hook /#a=http://user:secret@other",
      "--hook: /#a stands there twice\n" },
    { "a hook of no event", "--hook connect=http://h",
      "--hook: connect is no event: --connect-hook is for that\n" },
};

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(wrongs); i++) {
        struct config *config = load_with(wrongs[i].flags, "");

        if (config != NULL)
            fail_msg("%s: was taken", wrongs[i].name);
        assert_string_equal(complained(), wrongs[i].want);
    }
}

static void an_unknown_driver_is_no_wrong_usage(void **state)
{
    struct config *config = load_good("--db oracle --dsn x", "");
    struct why why = { "" };

    (void)state;
    assert_false(config_has_known_driver(config, &why));
    assert_string_equal(why.text, "--db \"oracle\": must be sqlite3 or mysql");
    config_free(&config);
    config = load_good("--db mysql --dsn x", "");
    assert_true(config_has_known_driver(config, &why));
    config_free(&config);
    config = load_good("", "");
    assert_true(config_has_known_driver(config, &why));
    config_free(&config);
}

static void bools_need_no_value(void **state)
{
    struct config *config = load_good("-daemon --trust-proxy --ws-deflate=false --max-conns 6", "");

    (void)state;
    assert_true(config->daemon);
    assert_true(config->trust_proxy);
    assert_false(config->ws_deflate);
    assert_int_equal(config->max_conns, 6);
    config_free(&config);
}

static void lists_grow_within_a_source(void **state)
{
    const char *env = "SIGNALBOX_ADDR=:1, :2,";
    struct config *config = load_good("", env);

    (void)state;
    assert_int_equal(config->addr.count, 2);
    assert_string_equal(config->addr.items[1], ":2");
    config_free(&config);
    config = load_good("--addr [::1]:3 -addr unix:///tmp/a --addr localhost:4", env);
    assert_int_equal(config->addr.count, 3);
    assert_string_equal(config->addr.items[0], "[::1]:3");
    assert_string_equal(config->addr.items[2], "localhost:4");
    config_free(&config);
}

/* ---- sources ---------------------------------------------------------------------------------- */

static void later_sources_win(void **state)
{
    char env[256];
    struct config *config;

    (void)state;
    snprintf(env, sizeof env,
             "SIGNALBOX_CONFIG=%s;SIGNALBOX_MAX_CONNS=20;SIGNALBOX_MAX_QUEUED=21;"
             "SIGNALBOX_RATE_LIMIT=;SIGNALBOX_SERVICE_HOST=10.0.0.1",
             path);
    write_file("{\"max-conns\": 10, \"max-queued\": \"11\", \"rate-limit\": 12, "
               "\"origins\": [\"http://a\", \"http://b\"], \"daemon\": true}");
    config = load_good("--max-conns 30", env);
    assert_int_equal(config->max_conns, 30);
    assert_int_equal(config->max_queued, 21);
    assert_int_equal(config->rate_limit, 12);
    assert_int_equal(config->origins.count, 2);
    assert_true(config->daemon);
    config_free(&config);
}

static const struct {
    const char *name, *file, *want;
} files[] = {
    { "an unknown member", "{\"nope\": 1}", "nope: there is no such option\n" },
    { "a file in the file", "{\"config\": \"x\"}", "config: there is no such option\n" },
    { "a wrong value", "{\"max-conns\": 0}",
      "max-conns \"0\": must be a number from 1 to 10000\n" },
    { "a negative number", "{\"max-conns\": -3}",
      "max-conns \"-3\": must be a number from 1 to 10000\n" },
    { "a list for a single value", "{\"max-conns\": [1, 0]}",
      "max-conns \"0\": must be a number from 1 to 10000\n" },
    { "a fraction", "{\"max-conns\": 1.5}",
      "max-conns: must be a text, a whole number, true, false, or a list of them\n" },
    { "null", "{\"redis\": null}",
      "redis: must be a text, a whole number, true, false, or a list of them\n" },
    { "an object", "{\"addr\": {}}",
      "addr: must be a text, a whole number, true, false, or a list of them\n" },
    { "no object", "[]", "must be a JSON object\n" },
    { "twice the same", "{\"max-conns\": 1, \"max-conns\": 2}",
      "line 1: duplicate object key near '\"max-conns\"'\n" },
};

static void wrong_files_are_refused(void **state)
{
    char flags[64], want[256];

    (void)state;
    snprintf(flags, sizeof flags, "--config %s", path);
    for (size_t i = 0; i < COUNT(files); i++) {
        write_file(files[i].file);
        if (load_with(flags, "") != NULL)
            fail_msg("%s: was taken", files[i].name);
        snprintf(want, sizeof want, "%s: %s", path, files[i].want);
        if (strncmp(complained(), want, strlen(want)) != 0)
            fail_msg("%s: %s", files[i].name, complained());
    }
    assert_null(load_with("--config /nowhere/at/all", ""));
    assert_non_null(strstr(complained(), "/nowhere/at/all"));
}

static void a_wrong_environment_is_named(void **state)
{
    (void)state;
    assert_null(load_with("--max-conns 5", "SIGNALBOX_MAX_CONNS=none"));
    assert_string_equal(complained(),
                        "SIGNALBOX_MAX_CONNS \"none\": must be a number from 1 to 10000\n");
}

/* ---- other programs' names ---------------------------------------------------------------------- */

static const struct {
    const char *name, *flags, *environment;
    size_t offset;
    uint32_t want;
} aliases[] = {
    { "a flag", "--heartbeat 700", "", NUMBER(fleet_heartbeat_ms), 700 },
    { "a flag as we write times", "--heartbeat 2s", "", NUMBER(fleet_heartbeat_ms), 2000 },
    { "a variable", "", "FLEET_HEARTBEAT_MS=800", NUMBER(fleet_heartbeat_ms), 800 },
    { "the flag wins", "--heartbeat 700", "FLEET_HEARTBEAT_MS=800", NUMBER(fleet_heartbeat_ms),
      700 },
    { "our variable wins", "", "FLEET_HEARTBEAT_MS=800;SIGNALBOX_FLEET_HEARTBEAT=3s",
      NUMBER(fleet_heartbeat_ms), 3000 },
    { "no number", "", "FLEET_HEARTBEAT_MS=5s", NUMBER(fleet_heartbeat_ms), 5000 },
    { "an empty variable", "", "FLEET_HEARTBEAT_MS=", NUMBER(fleet_heartbeat_ms), 5000 },
    { "another time", "--command-timeout 1500", "", NUMBER(fleet_command_timeout_ms), 1500 },
    { "its variable", "", "FLEET_COMMAND_TIMEOUT_MS=1700", NUMBER(fleet_command_timeout_ms), 1700 },
    { "a level", "", "FLEET_LOG_LEVEL=trace", NUMBER(log_level), LOG_DEBUG },
};

static void aliases_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(aliases); i++) {
        struct config *config = load_good(aliases[i].flags, aliases[i].environment);
        uint32_t got;

        memcpy(&got, (char *)config + aliases[i].offset, sizeof got);
        if (got != aliases[i].want)
            fail_msg("%s: %u, not %u", aliases[i].name, got, aliases[i].want);
        config_free(&config);
    }
}

static const struct {
    const char *name, *flags, *environment;
    size_t offset;
    bool want;
} alias_bools[] = {
    { "true in capitals", "", "FLEET_SSE_QUERY_AUTH=TRUE", NUMBER(sse_query_auth), true },
    { "neither true nor false", "", "FLEET_SSE_QUERY_AUTH=1", NUMBER(sse_query_auth), false },
    { "a proxy", "", "FLEET_TRUST_PROXY=true", NUMBER(trust_proxy), true },
    { "by default", "", "", NUMBER(fleet_api), true },
    { "the opposite", "--no-api", "", NUMBER(fleet_api), false },
    { "the opposite of no", "--no-api=false", "", NUMBER(fleet_api), true },
};

static void alias_bools_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(alias_bools); i++) {
        struct config *config = load_good(alias_bools[i].flags, alias_bools[i].environment);
        bool got;

        memcpy(&got, (char *)config + alias_bools[i].offset, sizeof got);
        if (got != alias_bools[i].want)
            fail_msg("%s: %d", alias_bools[i].name, got);
        config_free(&config);
    }
}

static const struct {
    const char *flags, *environment, *want; /* what is added to :8080 */
} addresses[] = {
    { "", "", NULL },
    { "--port 7000", "", "0.0.0.0:7000" },
    { "-H 127.0.0.1", "", "127.0.0.1:7350" },
    { "--host ::1 -p 1", "", "[::1]:1" },
    { "", "FLEET_HOST=localhost;FLEET_PORT=7001", "localhost:7001" },
    { "", "FLEET_PORT=tcp://10.0.0.1:80", NULL },
};

static void the_originals_address_is_added(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(addresses); i++) {
        struct config *config = load_good(addresses[i].flags, addresses[i].environment);

        assert_int_equal(config->addr.count, addresses[i].want != NULL ? 2 : 1);
        if (addresses[i].want != NULL)
            assert_string_equal(config->addr.items[1], addresses[i].want);
        config_free(&config);
    }
}

static void origins_are_a_list(void **state)
{
    static const struct {
        const char *flags, *environment;
    } rows[] = {
        { "--cors https://a.example --cors https://b.example", "" },
        { "--cors https://a.example --cors https://b.example", "FLEET_CORS_ORIGINS=*" },
        { "", "FLEET_CORS_ORIGINS=https://a.example, https://b.example" },
        { "", "FLEET_CORS_ORIGINS=*;SIGNALBOX_FLEET_CORS=https://a.example,https://b.example" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct config *config = load_good(rows[i].flags, rows[i].environment);

        assert_int_equal(config->fleet_cors.count, 2);
        assert_string_equal(config->fleet_cors.items[0], "https://a.example");
        assert_string_equal(config->fleet_cors.items[1], "https://b.example");
        config_free(&config);
    }
}

static void keys_are_lists_that_are_not_shown(void **state)
{
    struct config *config = load_good("--agent-key a --agent-key b", "FLEET_AGENT_KEY=x,y,z");

    (void)state;
    assert_int_equal(config->agent_keys.count, 2);
    assert_string_equal(config->agent_keys.items[1], "b");
    config_free(&config);
    config = load_good("", "FLEET_AGENT_KEY= x ,,y;FLEET_ADMIN_KEY=z");
    assert_int_equal(config->agent_keys.count, 2);
    assert_int_equal(config->admin_keys.count, 1);
    config_free(&config);
    assert_null(load_with("--agent-key secret=", ""));
    assert_null(strstr(complained(), "secret"));
    assert_non_null(strstr(complained(), "--agent-key"));
}

static const struct {
    const char *name, *flags;
    const char *want; /* NULL: it is good */
} key_cases[] = {
    { "long ones", "--agent-key 0123456789abcdef --admin-key 0123456789abcdeF", NULL },
    { "none", "", NULL },
    { "a short one for agents", "--agent-key 0123456789abcde", "--agent-key (FLEET_AGENT_KEY)" },
    { "a short one for callers", "--admin-key 0123456789abcde", "--admin-key (FLEET_ADMIN_KEY)" },
    { "one for both", "--agent-key 0123456789abcdef --admin-key 0123456789abcdef",
      "--agent-key and --admin-key" },
};

static void production_wants_safe_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(key_cases); i++) {
        struct config *config = load_good(key_cases[i].flags, "");
        struct why why = { "" };

        assert_true(config_has_safe_keys(config, &why));
        config_free(&config);
        config = load_good(key_cases[i].flags, "NODE_ENV=production");
        if (config_has_safe_keys(config, &why) != (key_cases[i].want == NULL))
            fail_msg("%s", key_cases[i].name);
        assert_true(key_cases[i].want == NULL || strstr(why.text, key_cases[i].want) == why.text);
        assert_null(strstr(why.text, "0123"));
        config_free(&config);
    }
}

/* ---- reload ----------------------------------------------------------------------------------- */

static struct config *load_from_file(const char *text)
{
    char flags[64];

    write_file(text);
    snprintf(flags, sizeof flags, "--config %s", path);
    return load_good(flags, "");
}

static bool reload(struct config *config, const char *text)
{
    write_file(text);
    buf_clear(&complaints);
    buf_clear(&notes);
    return config_reload(config, &complaints, &notes);
}

static void a_reload_changes_what_it_may(void **state)
{
    struct config *config = load_from_file("{\"max-conns\": 10, \"redis\": \"unix:///a\"}");

    (void)state;
    assert_true(reload(config, "{\"max-queued\": 5, \"origins\": [\"http://a\"], \"redis\": "
                               "\"unix:///b\", \"addr\": \":1\"}"));
    assert_int_equal(config->max_conns, 5);
    assert_int_equal(config->max_queued, 5);
    assert_int_equal(config->origins.count, 1);
    assert_string_equal(config->redis, "unix:///a");
    assert_string_equal(config->addr.items[0], ":8080");
    assert_int_equal(notes.len, strlen("addr, redis"));
    assert_memory_equal(notes.data, "addr, redis", notes.len);
    config_free(&config);
}

static void a_bad_reload_changes_nothing(void **state)
{
    struct config *config = load_from_file("{\"max-conns\": 10}");

    (void)state;
    assert_false(reload(config, "{\"max-conns\": 11, \"max-queued\": -1}"));
    assert_non_null(strstr(complained(), "max-queued \"-1\": must be a number from 0"));
    assert_int_equal(config->max_conns, 10);
    assert_int_equal(config->max_queued, 100);
    assert_false(reload(config, "{\"max-conns\": 11,"));
    assert_int_equal(config->max_conns, 10);
    config_free(&config);
}

/* ---- the page --------------------------------------------------------------------------------- */

static void the_table_is_alphabetical(void **state)
{
    (void)state;
    for (size_t i = 1; i < option_count; i++)
        if (strcmp(options[i - 1].name, options[i].name) >= 0)
            fail_msg("%s stands before %s", options[i - 1].name, options[i].name);
}

static void the_page_in_docs_is_current(void **state)
{
    char source[] = __FILE__, name[512], text[65536];
    struct buf page;
    FILE *file;
    size_t len;

    (void)state;
    snprintf(name, sizeof name, "%s/../../docs/options.md", dirname(source));
    file = fopen(name, "r");
    assert_non_null(file);
    len = fread(text, 1, sizeof text, file);
    fclose(file);
    buf_init(&page, sizeof text);
    config_print_page(&page);
    assert_false(page.has_overflowed);
    if (page.len != len || memcmp(page.data, text, len) != 0)
        fail_msg("print it anew: signalbox help --markdown > docs/options.md");
    buf_fini(&page);
}

static void the_help_names_every_option(void **state)
{
    struct buf help;
    char name[80];

    (void)state;
    buf_init(&help, 65536);
    config_print_help(&help);
    buf_add_byte(&help, '\0');
    for (size_t i = 0; i < option_count; i++) {
        snprintf(name, sizeof name, "\n  --%s", options[i].name);
        assert_non_null(strstr(help.data, name));
    }
    buf_fini(&help);
}

static int set_up(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    buf_init(&complaints, 65536);
    buf_init(&notes, 4096);
    return fd >= 0 ? close(fd) : -1;
}

static int tear_down(void **state)
{
    (void)state;
    buf_fini(&complaints);
    buf_fini(&notes);
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_are_those_of_the_page),
        cmocka_unit_test(numbers_are_read),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(an_unknown_driver_is_no_wrong_usage),
        cmocka_unit_test(bools_need_no_value),
        cmocka_unit_test(lists_grow_within_a_source),
        cmocka_unit_test(later_sources_win),
        cmocka_unit_test(wrong_files_are_refused),
        cmocka_unit_test(a_wrong_environment_is_named),
        cmocka_unit_test(aliases_are_read),
        cmocka_unit_test(alias_bools_are_read),
        cmocka_unit_test(the_originals_address_is_added),
        cmocka_unit_test(origins_are_a_list),
        cmocka_unit_test(keys_are_lists_that_are_not_shown),
        cmocka_unit_test(production_wants_safe_keys),
        cmocka_unit_test(a_reload_changes_what_it_may),
        cmocka_unit_test(a_bad_reload_changes_nothing),
        cmocka_unit_test(the_table_is_alphabetical),
        cmocka_unit_test(the_page_in_docs_is_current),
        cmocka_unit_test(the_help_names_every_option),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
