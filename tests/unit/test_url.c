/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "store/url.h"

static const struct {
    const char *name, *text;
    const char *host, *port, *path, *user, *password;
    uint32_t db;
} good[] = {
    { "host alone", "redis://h", "h", "6379", NULL, NULL, NULL, 0 },
    { "port", "redis://h:7000", "h", "7000", NULL, NULL, NULL, 0 },
    { "port with noughts before it", "redis://h:00000000000065535", "h", "65535", NULL, NULL, NULL,
      0 },
    { "database", "redis://h:7000/3", "h", "7000", NULL, NULL, NULL, 3 },
    { "empty database", "redis://h/", "h", "6379", NULL, NULL, NULL, 0 },
    { "password", "redis://:secret@h", "h", "6379", NULL, NULL, "secret", 0 },
    { "user", "redis://u:p@h/1", "h", "6379", NULL, "u", "p", 1 },
    { "escapes", "redis://a%40b:%2fc%25@h", "h", "6379", NULL, "a@b", "/c%", 0 },
    { "@ in the password", "redis://:a@b@h", "h", "6379", NULL, NULL, "a@b", 0 },
    { "colon in the password", "redis://u:a:b@h", "h", "6379", NULL, "u", "a:b", 0 },
    { "IPv6", "redis://[::1]", "::1", "6379", NULL, NULL, NULL, 0 },
    { "IPv6 and port", "redis://[fe80::1]:7000/2", "fe80::1", "7000", NULL, NULL, NULL, 2 },
    { "socket", "unix:///run/r.sock", NULL, "6379", "/run/r.sock", NULL, NULL, 0 },
    { "socket and database", "unix:///r?db=5", NULL, "6379", "/r", NULL, NULL, 5 },
    { "socket and password", "unix://:p@/r", NULL, "6379", "/r", NULL, "p", 0 },
    { "@ in the path", "unix:///a@b", NULL, "6379", "/a@b", NULL, NULL, 0 },
};

static void expect(const char *name, const char *what, const char *got, const char *wanted)
{
    if (!slice_equals(slice_of(got), slice_of(wanted)) || (got == NULL) != (wanted == NULL))
        fail_msg("%s: %s is %s, wanted %s", name, what, got != NULL ? got : "(none)",
                 wanted != NULL ? wanted : "(none)");
}

static void takes_urls_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct why why = { "" };
        struct url url;

        if (!url_parse(&url, good[i].text, &why))
            fail_msg("%s: %s", good[i].name, why.text);
        expect(good[i].name, "host", url.host, good[i].host);
        expect(good[i].name, "port", url.port, good[i].port);
        expect(good[i].name, "path", url.path, good[i].path);
        expect(good[i].name, "user", url.user, good[i].user);
        expect(good[i].name, "password", url.password, good[i].password);
        assert_int_equal(url.db, good[i].db);
        url_fini(&url);
    }
}

static const struct {
    const char *name, *text;
} bad[] = {
    { "empty", "" },
    { "no scheme", "localhost:6379" },
    { "another scheme", "http://h" },
    { "no host", "redis://" },
    { "no host but a port", "redis://:6379" },
    { "no host but a database", "redis:///1" },
    { "port is text", "redis://h:x" },
    { "port is 0", "redis://h:0" },
    { "port is too large", "redis://h:65536" },
    { "port is empty", "redis://h:" },
    { "database is text", "redis://h/x" },
    { "database is negative", "redis://h/-1" },
    { "database is too large", "redis://h/99999999999" },
    { "IPv6 without end", "redis://[::1" },
    { "text behind IPv6", "redis://[::1]x" },
    { "user without a password", "redis://u@h" },
    { "cut escape", "redis://:a%4@h" },
    { "no hex", "redis://:a%zz@h" },
    { "NUL in the password", "redis://:a%00@h" },
    { "relative path", "unix://r.sock" },
    { "no path", "unix://" },
    { "root alone", "unix:///" },
    { "another query", "unix:///r?x=1" },
    { "empty query", "unix:///r?" },
    { "query without number", "unix:///r?db=" },
    { "path is too long",
      "unix:///"
      "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234"
      "567890123456789012345678901234567890" },
};

static void says_what_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct why why = { "" };
        struct url url;

        if (url_parse(&url, bad[i].text, &why))
            fail_msg("%s: taken", bad[i].name);
        assert_string_not_equal(why.text, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_urls_apart),
        cmocka_unit_test(says_what_is_wrong),
    };

    return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
