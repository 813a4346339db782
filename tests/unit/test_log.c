/* SPDX-License-Identifier: MIT */
/* Lines as text and as JSON, what may stand in them, rotation, and files that take nothing more. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"

#define AT "2026-01-31T12:34:56.789Z"
static const int64_t at_ms = 1769862896789;

static char folder[64];
static char path[96], other_path[96];

static char *slurp(const char *name)
{
    static char text[16384];
    FILE *file = fopen(name, "r");
    size_t len;

    assert_non_null(file);
    len = fread(text, 1, sizeof text - 1, file);
    text[len] = '\0';
    fclose(file);
    return text;
}

static void start_log(enum log_format format, enum log_level level)
{
    struct why why = { "" };

    unlink(path);
    if (!log_open(path, format, level, &why))
        fail_msg("%s", why.text);
}

static const struct {
    const char *name, *fields, *text, *json;
} lines[] = {
    { "no fields", "", "", "" },
    { "a number and a word", "a=1 b=word", " a=1 b=word", ",\"a\":1,\"b\":\"word\"" },
    { "a negative number", "a=-17", " a=-17", ",\"a\":-17" },
    { "a fraction", "a=0.25", " a=0.25", ",\"a\":0.25" },
    { "booleans", "a=true b=false", " a=true b=false", ",\"a\":true,\"b\":false" },
    { "an id that looks like an exponent", "node=12e5", " node=12e5", ",\"node\":\"12e5\"" },
    { "a leading zero", "a=007", " a=007", ",\"a\":\"007\"" },
    { "digits that a double would round", "a=12345678901234567", " a=12345678901234567",
      ",\"a\":\"12345678901234567\"" },
    { "not quite numbers", "a=1. b=.5 c=- d=1.2.3", " a=1. b=.5 c=- d=1.2.3",
      ",\"a\":\"1.\",\"b\":\".5\",\"c\":\"-\",\"d\":\"1.2.3\"" },
    { "a quoted value", "a=\"x y\" b=2", " a=\"x y\" b=2", ",\"a\":\"x y\",\"b\":2" },
    { "escapes in a quoted value", "a=\"x \\\"y\\\" \\u0007\\n\" b=2",
      " a=\"x \\\"y\\\" \\u0007\\n\" b=2", ",\"a\":\"x \\\"y\\\" \\u0007\\n\",\"b\":2" },
    { "wrong escapes", "a=\"\\x \\u12\"", " a=\"\\x \\u12\"", ",\"a\":\"\\\\x \\\\u12\"" },
    { "a quote that never ends", "a=\"x", " a=\"x", ",\"a\":\"\\\"x\"" },
    { "an empty value", "a= b=\"\"", " a= b=\"\"", ",\"a\":\"\",\"b\":\"\"" },
    { "free text", "hello there a=1", " hello there a=1", ",\"text\":\"hello there a=1\"" },
    { "control characters", "a=x\ny", " a=x y", ",\"a\":\"x\\u000ay\"" },
    { "control characters in quotes", "a=\"x\ny\"", " a=\"x y\"", ",\"a\":\"x\\u000ay\"" },
    { "UTF-8", "a=\xce\xb1\xf0\x9f\x98\x80", " a=\xce\xb1\xf0\x9f\x98\x80",
      ",\"a\":\"\xce\xb1\xf0\x9f\x98\x80\"" },
    { "no UTF-8", "a=\xff\xc3(", " a=\xff\xc3(", ",\"a\":\"\\u00ff\\u00c3(\"" },
};

static void lines_are_text(void **state)
{
    char want[512];

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        start_log(LOG_TEXT, LOG_INFO);
        log_write(LOG_INFO, NULL, "unit.test", "%s", lines[i].fields);
        snprintf(want, sizeof want, AT " info unit.test%s\n", lines[i].text);
        assert_string_equal(slurp(path), want);
    }
}

static void lines_are_json(void **state)
{
    char want[512];

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        start_log(LOG_JSON, LOG_INFO);
        log_write(LOG_WARN, NULL, "unit.test", "%s", lines[i].fields);
        snprintf(want, sizeof want,
                 "{\"time\":\"" AT "\",\"level\":\"warn\",\"event\":\"unit.test\"%s}\n",
                 lines[i].json);
        assert_string_equal(slurp(path), want);
    }
}

static void the_context_comes_first(void **state)
{
    const struct log log = { "conn=71 dialect=push" };

    (void)state;
    start_log(LOG_JSON, LOG_INFO);
    log_info(&log, "ws.close", "reason=%s", "normal");
    assert_string_equal(slurp(path),
                        "{\"time\":\"" AT "\",\"level\":\"info\",\"event\":\"ws.close\""
                        ",\"conn\":71,\"dialect\":\"push\",\"reason\":\"normal\"}\n");
}

static void levels_are_obeyed(void **state)
{
    (void)state;
    start_log(LOG_TEXT, LOG_WARN);
    log_info(NULL, "unit.info", "a=%d", 1);
    assert_string_equal(slurp(path), "");
    log_set_level(LOG_DEBUG);
    log_debug(NULL, "unit.debug", "a=%d", 1);
    assert_string_equal(slurp(path), AT " debug unit.debug a=1\n");
}

static void a_long_line_is_cut(void **state)
{
    static char word[8000];

    (void)state;
    memset(word, 'x', sizeof word - 1);
    start_log(LOG_TEXT, LOG_INFO);
    log_info(NULL, "unit.long", "a=1 word=%s", word);
    assert_in_range(strlen(slurp(path)), 4000, 4096);
    start_log(LOG_JSON, LOG_INFO);
    log_info(NULL, "unit.long", "a=1 word=%s", word);
    assert_string_equal(slurp(path), "{\"time\":\"" AT
                                     "\",\"level\":\"info\",\"event\":\"unit.long\",\"a\":1}\n");
}

static const struct {
    const char *name, *value, *want;
} quotes[] = {
    { "plain", "abc", "\"abc\"" },
    { "quote and backslash", "a\"b\\", "\"a\\\"b\\\\\"" },
    { "controls", "\t\x7f\x1b[1m", "\"\\u0009\\u007f\\u001b[1m\"" },
    { "C1 control", "\xc2\x9b", "\"\\u00c2\\u009b\"" },
    { "cut at 64 bytes", "0123456789012345678901234567890123456789012345678901234567890123xyz",
      "\"0123456789012345678901234567890123456789012345678901234567890123\"" },
    { "never within a character",
      "012345678901234567890123456789012345678901234567890123456789012\xce\xb1",
      "\"012345678901234567890123456789012345678901234567890123456789012\"" },
};

static void values_are_quoted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof quotes / sizeof quotes[0]; i++)
        assert_string_equal(log_quote(quotes[i].value, strlen(quotes[i].value)), quotes[i].want);
    assert_string_equal(log_quote("a\0b", 3), "\"a\\u0000b\"");
    assert_string_equal(log_quote(NULL, 0), "\"\"");
}

static void four_quotes_live_together(void **state)
{
    const char *a = log_quote("a", 1), *b = log_quote("b", 1), *c = log_quote("c", 1),
               *d = log_quote("d", 1);

    (void)state;
    assert_string_equal(a, "\"a\"");
    assert_string_equal(b, "\"b\"");
    assert_string_equal(c, "\"c\"");
    assert_string_equal(d, "\"d\"");
}

static void say(int times)
{
    for (int i = 0; i < times; i++)
        log_peer(LOG_INFO, NULL, "unit.peer", "n=%d", 1);
}

static void what_peers_cause_is_limited(void **state)
{
    size_t lines_seen = 0;

    (void)state;
    start_log(LOG_TEXT, LOG_INFO);
    say(25);
    for (const char *at = slurp(path); (at = strchr(at, '\n')) != NULL; at++)
        lines_seen++;
    assert_int_equal(lines_seen, 10);
    start_log(LOG_TEXT, LOG_INFO);
    clock_hold(at_ms + 1000);
    say(1);
    clock_hold(at_ms);
    assert_non_null(strstr(slurp(path), " n=1 suppressed=15\n"));
}

static void a_rotated_file_is_reopened(void **state)
{
    struct why why = { "" };

    (void)state;
    start_log(LOG_TEXT, LOG_INFO);
    log_info(NULL, "unit.one", "a=%d", 1);
    assert_int_equal(rename(path, other_path), 0);
    log_info(NULL, "unit.two", "a=%d", 2);
    assert_true(log_reopen(&why));
    log_info(NULL, "unit.three", "a=%d", 3);
    assert_string_equal(slurp(other_path), AT " info unit.one a=1\n" AT " info unit.two a=2\n");
    assert_string_equal(slurp(path), AT " info unit.three a=3\n");
}

static void a_path_that_fails_is_told(void **state)
{
    struct why why = { "" };

    (void)state;
    start_log(LOG_TEXT, LOG_INFO);
    assert_false(log_open("/nowhere/at/all.log", LOG_TEXT, LOG_INFO, &why));
    assert_non_null(strstr(why.text, "/nowhere/at/all.log"));
    log_info(NULL, "unit.still", "a=%d", 1);
    assert_string_equal(slurp(path), AT " info unit.still a=1\n");
}

static void a_full_disk_only_loses_lines(void **state)
{
    struct why why = { "" };

    (void)state;
    assert_true(log_open("/dev/full", LOG_TEXT, LOG_INFO, &why));
    log_info(NULL, "unit.lost", "a=%d", 1);
    log_info(NULL, "unit.lost", "a=%d", 2);
    start_log(LOG_TEXT, LOG_INFO);
    log_info(NULL, "unit.back", "a=%d", 3);
    assert_string_equal(slurp(path), AT " warn log.lost lines=2\n" AT " info unit.back a=3\n");
}

/* A named pipe whose reader sleeps: the classic way to hang a program by its log. */
static void a_full_pipe_does_not_block(void **state)
{
    struct why why = { "" };
    char drain[65536];
    int reader;

    (void)state;
    unlink(other_path);
    assert_int_equal(mkfifo(other_path, 0600), 0);
    reader = open(other_path, O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    assert_true(log_open(other_path, LOG_TEXT, LOG_INFO, &why));
    for (int i = 0; i < 3000; i++)
        log_info(NULL, "unit.flood", "i=%d", i);
    while (read(reader, drain, sizeof drain) > 0)
        ;
    log_info(NULL, "unit.after", "a=%d", 1);
    memset(drain, 0, sizeof drain);
    assert_true(read(reader, drain, sizeof drain - 1) > 0);
    assert_non_null(strstr(drain, " warn log.lost lines="));
    assert_non_null(strstr(drain, " info unit.after a=1\n"));
    start_log(LOG_TEXT, LOG_INFO);
    close(reader);
}

static int set_up(void **state)
{
    (void)state;
    clock_hold(at_ms);
    support_folder_make(folder, sizeof folder, "log");
    snprintf(path, sizeof path, "%s/a.log", folder);
    snprintf(other_path, sizeof other_path, "%s/b.log", folder);
    return 0;
}

static int tear_down(void **state)
{
    struct why why;

    (void)state;
    support_folder_remove(folder);
    clock_release();
    return log_open(NULL, LOG_TEXT, LOG_INFO, &why) ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_text),
        cmocka_unit_test(lines_are_json),
        cmocka_unit_test(the_context_comes_first),
        cmocka_unit_test(levels_are_obeyed),
        cmocka_unit_test(a_long_line_is_cut),
        cmocka_unit_test(values_are_quoted),
        cmocka_unit_test(four_quotes_live_together),
        cmocka_unit_test(what_peers_cause_is_limited),
        cmocka_unit_test(a_rotated_file_is_reopened),
        cmocka_unit_test(a_path_that_fails_is_told),
        cmocka_unit_test(a_full_disk_only_loses_lines),
        cmocka_unit_test(a_full_pipe_does_not_block),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
