/* SPDX-License-Identifier: MIT */
/*
 * The whole of /metrics, read by a small parser of the text format: every sample belongs to the family
 * above it, no series comes twice, counters are named as counters, histograms add up.
 */
#include "support.h"

#include <ctype.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node.h"

/* ---- fakes: what the other rooms count -------------------------------------------------------- */

static struct channel_stats channels;
static struct hub_stats hub_numbers;
static struct auth_stats auth_numbers;
static struct hook_stats hook_numbers;
static struct jwt_stats jwt_numbers;
static struct call_stats call_numbers;
static struct store_verb_stats verbs[] = {
    { .name = "channel_append",
      .results = { 7, 0, 0, 0, 0, 2, 1 },
      .buckets = { 3, 4 },
      .sum_us = 2500 },
    { .name = "credential_find" },
};
static struct store_stats store_numbers = {
    .connects = 3, .losses = 1, .refused = { 15, 16 }, .verbs = verbs, .verb_count = 2
};

const uint32_t store_bucket_us[STORE_BUCKETS] = {
    100,   250,   500,    1000,   2500,   5000,    10000,
    25000, 50000, 100000, 250000, 500000, 1000000, UINT32_MAX,
};

const struct store_stats *store_stats(const struct store *store)
{
    (void)store;
    return &store_numbers;
}

bool store_is_up(const struct store *store)
{
    (void)store;
    return true;
}

const struct channel_stats *channel_stats(const struct store *store)
{
    (void)store;
    return &channels;
}

const char *channel_kind_name(enum channel_kind kind)
{
    static const char *const names[] = { "node",    "player", "broadcast", "mods", "bot",
                                         "mailbox", "room",   "namespace", "fleet" };

    return names[kind];
}

const char *channel_drop_name(enum channel_drop reason)
{
    static const char *const names[] = { "offline_cap", "live_bound", "expired" };

    return names[reason];
}

const char *credential_kind_name(enum credential_kind kind)
{
    static const char *const names[] = {
        "universe", "relay", "player", "server", "agent", "admin"
    };

    return names[kind];
}

const struct hub_stats *hub_stats(const struct hub *hub)
{
    (void)hub;
    return &hub_numbers;
}

const struct auth_stats *auth_stats(const struct auth *auth)
{
    (void)auth;
    return &auth_numbers;
}

const struct hook_stats *hooks_stats(const struct hooks *hooks)
{
    (void)hooks;
    return &hook_numbers;
}

const struct call_stats *calls_stats(const struct calls *calls)
{
    (void)calls;
    return &call_numbers;
}

const struct jwt_stats *jwts_stats(const struct jwts *jwts)
{
    (void)jwts;
    return &jwt_numbers;
}

bool auth_is_ready(const struct auth *auth)
{
    (void)auth;
    return true;
}

bool inbox_is_healthy(const struct inbox *inbox)
{
    (void)inbox;
    return false;
}

/* ---- a parser of the format ------------------------------------------------------------------- */

enum { SERIES_MAX = 2000 };

struct page {
    char *text;
    char *lines[SERIES_MAX];
    size_t count;
};

static void page_read(struct page *page, const struct node *node)
{
    struct buf out;
    char *rest;

    buf_init(&out, 1 << 20);
    metrics_print(node, &out);
    assert_false(out.has_overflowed);
    assert_int_equal(out.data[out.len - 1], '\n');
    page->text = slice_dup(buf_slice(&out));
    page->count = 0;
    buf_fini(&out);
    for (char *line = strtok_r(page->text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        assert_in_range(page->count, 0, SERIES_MAX - 1);
        page->lines[page->count++] = line;
    }
}

static bool matches(const char *text, const char *pattern)
{
    regex_t regex;
    bool does;

    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    does = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return does;
}

#define NAME  "[a-zA-Z_:][a-zA-Z0-9_:]*"
#define LABEL "[a-zA-Z_][a-zA-Z0-9_]*=\"[^\"\\\\]*\""

static bool ends_in(const char *text, const char *end)
{
    return strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

/* Does the sample's name belong to that family? */
static bool is_of(const char *line, const char *family, const char *type)
{
    size_t len = strlen(family);

    if (strncmp(line, family, len) != 0)
        return false;
    if (strcmp(type, "histogram") == 0)
        return matches(line + len, "^(_bucket|_sum|_count)[{]");
    if (strcmp(type, "summary") == 0)
        return matches(line + len, "^(_sum|_count) ");
    return line[len] == ' ' || line[len] == '{';
}

static void every_line_is_well_formed(void **state)
{
    struct node node = { .id = "0123456789" };
    struct page page;
    char family[128] = "", type[16] = "", help[128] = "", expected[160];

    (void)state;
    page_read(&page, &node);
    for (size_t i = 0; i < page.count; i++) {
        const char *line = page.lines[i];

        if (sscanf(line, "# HELP %127s", help) == 1) {
            if (!matches(line, "^# HELP " NAME " [^ ].*[.]$"))
                fail_msg("%s", line);
        } else if (sscanf(line, "# TYPE %127s %15s", family, type) == 2) {
            assert_string_equal(family, help); /* HELP stands right above TYPE */
            if (strcmp(type, "counter") == 0 && !ends_in(family, "_total"))
                fail_msg("a counter's name ends in _total: %s", family);
            if (strcmp(type, "gauge") == 0 && ends_in(family, "_total"))
                fail_msg("a gauge's name does not: %s", family);
        } else {
            snprintf(expected, sizeof expected, "^" NAME "([{]" LABEL "(," LABEL ")*[}])? %s$",
                     "[0-9]+([.][0-9]+)?");
            if (!matches(line, expected))
                fail_msg("malformed: %s", line);
            if (!is_of(line, family, type))
                fail_msg("below %s: %s", family, line);
        }
    }
    free(page.text);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void no_series_and_no_family_comes_twice(void **state)
{
    struct node node = { .id = "0123456789" };
    struct page page;

    (void)state;
    page_read(&page, &node);
    for (size_t i = 0; i < page.count; i++)
        if (page.lines[i][0] != '#')
            *strrchr(page.lines[i], ' ') = '\0';
    qsort(page.lines, page.count, sizeof page.lines[0], compare);
    for (size_t i = 1; i < page.count; i++)
        if (strcmp(page.lines[i - 1], page.lines[i]) == 0)
            fail_msg("twice: %s", page.lines[i]);
    free(page.text);
}

static const char *value_of(const struct page *page, const char *series)
{
    size_t len = strlen(series);

    for (size_t i = 0; i < page->count; i++)
        if (strncmp(page->lines[i], series, len) == 0 && page->lines[i][len] == ' ')
            return page->lines[i] + len + 1;
    return "(none)";
}

static const struct {
    const char *series, *want;
} samples[] = {
    { "signalbox_jwt_answers_total{answer=\"expired\"}", "20" },
    { "signalbox_jwks_fetches_total{result=\"failed\"}", "21" },
    { "signalbox_build_info{version=\"" SIGNALBOX_VERSION "\",node=\"0123456789\"}", "1" },
    { "signalbox_redis_up", "1" },
    { "signalbox_inbox_healthy", "0" },
    { "signalbox_draining", "1" },
    { "signalbox_http_requests_total{status=\"4xx\"}", "14" },
    { "signalbox_limit_total{limit=\"connections_per_ip\"}", "2" },
    { "signalbox_ws_closed_total{reason=\"slow_reader\"}", "3" },
    { "signalbox_relay_messages_total{from=\"bot\",status=\"queued\"}", "5" },
    { "ws_active_connections", "6" },
    { "ws_messages_published_total", "7" },
    { "ws_messages_delivered_total", "8" },
    { "signalbox_channel_appended_total{kind=\"bot\",mode=\"live\"}", "9" },
    { "signalbox_channel_dropped_total{kind=\"player\",reason=\"live_bound\"}", "10" },
    { "signalbox_hub_gaps_total{kind=\"mods\"}", "11" },
    { "signalbox_hub_losses_total", "17" },
    { "signalbox_store_refused_total{limit=\"redis_pending_max\"}", "15" },
    { "signalbox_store_refused_total{limit=\"redis_pending_bytes\"}", "16" },
    { "signalbox_auth_answers_total{kind=\"player\",answer=\"refused\"}", "12" },
    { "signalbox_auth_answers_total{kind=\"player\",answer=\"pending\"}", "(none)" },
    { "signalbox_hook_answers_total{status=\"none\"}", "18" },
    { "signalbox_hook_answers_total{status=\"5xx\"}", "19" },
    { "signalbox_redis_losses_total", "1" },
    { "signalbox_loop_lag_seconds", "0.001500" },
    { "signalbox_config_reloads_total{result=\"failed\"}", "13" },
    { "signalbox_fleet_instances{status=\"draining\"}", "22" },
    { "signalbox_fleet_instances_stale", "23" },
    { "signalbox_fleet_connections", "24" },
    { "signalbox_fleet_sse_streams", "25" },
    { "signalbox_fleet_rooms{type=\"a \\\\ b \\\"c\\\"\"}", "26" },
    { "signalbox_fleet_rooms{type=\"other\"}", "27" },
    { "signalbox_store_operations_total{operation=\"channel_append\",result=\"uncertain\"}", "1" },
    { "signalbox_store_operation_seconds_bucket{operation=\"channel_append\",le=\"0.0001\"}", "3" },
    { "signalbox_store_operation_seconds_bucket{operation=\"channel_append\",le=\"0.00025\"}",
      "7" },
    { "signalbox_store_operation_seconds_bucket{operation=\"channel_append\",le=\"+Inf\"}", "7" },
    { "signalbox_store_operation_seconds_count{operation=\"channel_append\"}", "7" },
    { "signalbox_store_operation_seconds_sum{operation=\"channel_append\"}", "0.002500" },
};

static void counters_stand_under_their_labels(void **state)
{
    static struct node node = { .id = "0123456789", .is_draining = true };
    struct page page;

    (void)state;
    node.metrics.http_requests[4] = 14;
    node.metrics.limits[LIMIT_CONNECTIONS_PER_IP] = 2;
    node.metrics.ws_closed[CLOSE_SLOW_READER] = 3;
    node.metrics.relay_messages[1][1] = 5;
    node.metrics.push_active = 6;
    node.metrics.push_published = 7;
    node.metrics.push_delivered = 8;
    node.metrics.loop_lag_us = 1500;
    node.metrics.config_reloads[0] = 13;
    channels.appended[CHANNEL_BOT][1] = 9;
    channels.dropped[CHANNEL_PLAYER][DROP_LIVE_BOUND] = 10;
    hub_numbers.gaps[CHANNEL_MODS] = 11;
    hub_numbers.losses = 17;
    auth_numbers.answers[CREDENTIAL_PLAYER][AUTH_REFUSED] = 12;
    hook_numbers.answers[0] = 18;
    hook_numbers.answers[5] = 19;
    jwt_numbers.answers[JWT_EXPIRED] = 20;
    jwt_numbers.fetches[false] = 21;
    node.metrics.fleet_instances[1] = 22;
    node.metrics.fleet_stale = 23;
    node.metrics.fleet_connections = 24;
    node.metrics.fleet_streams = 25;
    tally_add(&node.metrics.fleet_rooms, SLICE_LITERAL("a \\ b \"c\""), 26);
    tally_add(&node.metrics.fleet_rooms, SLICE_LITERAL("other"), 27);
    page_read(&page, &node);
    tally_take(&node.metrics.fleet_rooms, SLICE_LITERAL("a \\ b \"c\""), 26);
    tally_take(&node.metrics.fleet_rooms, SLICE_LITERAL("other"), 27);
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++)
        if (strcmp(value_of(&page, samples[i].series), samples[i].want) != 0)
            fail_msg("%s is %s, not %s", samples[i].series, value_of(&page, samples[i].series),
                     samples[i].want);
    free(page.text);
}

static void the_process_is_measured(void **state)
{
    struct node node = { .id = "0" };
    struct page page;

    (void)state;
    page_read(&page, &node);
    assert_true(strtod(value_of(&page, "process_resident_memory_bytes"), NULL) > 100000);
    assert_in_range(strtoul(value_of(&page, "process_open_fds"), NULL, 10), 3, 1000);
    assert_true(strtod(value_of(&page, "process_max_fds"), NULL) >= 64);
    free(page.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_is_well_formed),
        cmocka_unit_test(no_series_and_no_family_comes_twice),
        cmocka_unit_test(counters_stand_under_their_labels),
        cmocka_unit_test(the_process_is_measured),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
