/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <string.h>

#include "auth_sql_driver.h"

#define LONG_256                                                                                   \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
    "xxxxxx"                                                                                       \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
    "xxxxxx"                                                                                       \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct {
    const char *name, *dsn;
    struct mysql_dsn want;
} good[] = {
    { "all of it",
      "site:secret@tcp(db.example:3307)/game?parseTime=true",
      { .user = "site",
        .password = "secret",
        .host = "db.example",
        .port = 3307,
        .database = "game" } },
    { "a UNIX socket",
      "site:secret@unix(/run/mysqld/mysqld.sock)/game",
      { .user = "site",
        .password = "secret",
        .socket = "/run/mysqld/mysqld.sock",
        .port = 3306,
        .database = "game" } },
    { "no password",
      "site@tcp(db)/game",
      { .user = "site", .host = "db", .port = 3306, .database = "game" } },
    { "an empty password",
      "site:@tcp(db)/game",
      { .user = "site", .host = "db", .port = 3306, .database = "game" } },
    { "a password with everything in it",
      "site:p@s:s/w(o)r?d@tcp(db:1)/game",
      { .user = "site",
        .password = "p@s:s/w(o)r?d",
        .host = "db",
        .port = 1,
        .database = "game" } },
    { "no user", "tcp(db)/game", { .host = "db", .port = 3306, .database = "game" } },
    { "no address",
      "site@tcp/game",
      { .user = "site", .host = "127.0.0.1", .port = 3306, .database = "game" } },
    { "an empty address",
      "site@tcp()/game",
      { .user = "site", .host = "127.0.0.1", .port = 3306, .database = "game" } },
    { "no protocol",
      "site@/game",
      { .user = "site", .host = "127.0.0.1", .port = 3306, .database = "game" } },
    { "the usual socket",
      "site@unix/game",
      { .user = "site", .socket = "/tmp/mysql.sock", .port = 3306, .database = "game" } },
    { "a database alone", "/game", { .host = "127.0.0.1", .port = 3306, .database = "game" } },
    { "IPv6",
      "site@tcp([2001:db8::1])/game",
      { .user = "site", .host = "2001:db8::1", .port = 3306, .database = "game" } },
    { "IPv6 with a port",
      "site@tcp([2001:db8::1]:3307)/game",
      { .user = "site", .host = "2001:db8::1", .port = 3307, .database = "game" } },
    { "TLS",
      "site@tcp(db)/game?charset=utf8mb4&tls=true",
      { .user = "site",
        .host = "db",
        .port = 3306,
        .database = "game",
        .tls = MYSQL_TLS_VERIFIED } },
    { "TLS with whoever answers",
      "site@tcp(db)/game?tls=skip-verify&loc=UTC",
      { .user = "site",
        .host = "db",
        .port = 3306,
        .database = "game",
        .tls = MYSQL_TLS_UNVERIFIED } },
    { "an empty list of parameters",
      "site@tcp(db)/game?",
      { .user = "site", .host = "db", .port = 3306, .database = "game" } },
};

static const struct {
    const char *name, *dsn, *why;
} bad[] = {
    { "nothing", "", "a slash and the database are missing" },
    { "no slash", "site:secret@tcp(db)", "a slash and the database are missing" },
    { "no database", "site@tcp(db)/", "it names no database" },
    { "only parameters", "site@tcp(db)/?tls=true", "it names no database" },
    { "another protocol", "site@udp(db)/game", "the protocol must be tcp(…) or unix(…)" },
    { "a URL", "mysql://site@db/game", "the protocol must be tcp(…) or unix(…)" },
    { "an open parenthesis", "site@tcp(db/game", "the address has no closing parenthesis" },
    { "nothing behind the parenthesis", "site@tcp(/game",
      "the address has no closing parenthesis" },
    { "an open bracket", "site@tcp([::1)/game", "the address has no closing bracket" },
    { "more behind the bracket", "site@tcp([::1]x:1)/game", "the address has no closing bracket" },
    { "a port alone", "site@tcp(:3306)/game", "the address names no host" },
    { "an empty port", "site@tcp(db:)/game", "\"\" is no port" },
    { "port 0", "site@tcp(db:0)/game", "\"0\" is no port" },
    { "port 65536", "site@tcp(db:65536)/game", "\"65536\" is no port" },
    { "a parameter without a value", "site@tcp(db)/game?tls", "a parameter is name=value" },
    { "another tls", "site@tcp(db)/game?tls=custom",
      "tls must be true, false, skip-verify or preferred" },
    { "a long user", LONG_256 "@tcp(db)/game", "the user is longer than 255 bytes" },
    { "a long database", "/" LONG_256, "the database is longer than 255 bytes" },
};

static void test_mysql_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        const struct mysql_dsn *want = &good[i].want;
        struct mysql_dsn got;
        struct why why = { "" };

        if (!mysql_dsn_parse(good[i].dsn, &got, &why))
            fail_msg("%s: %s", good[i].name, why.text);
        if (strcmp(got.user, want->user) != 0 || strcmp(got.password, want->password) != 0 ||
            strcmp(got.host, want->host) != 0 || strcmp(got.socket, want->socket) != 0 ||
            strcmp(got.database, want->database) != 0 || got.port != want->port ||
            got.tls != want->tls)
            fail_msg("%s: got %s:%s host %s:%u socket %s database %s tls %d", good[i].name,
                     got.user, got.password, got.host, got.port, got.socket, got.database, got.tls);
    }
}

static void test_mysql_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct mysql_dsn ignored;
        struct why why = { "" };

        if (mysql_dsn_parse(bad[i].dsn, &ignored, &why) || strcmp(why.text, bad[i].why) != 0)
            fail_msg("%s: got \"%s\", want \"%s\"", bad[i].name, why.text, bad[i].why);
    }
}

/* `name` NULL: refused. */
static const struct {
    const char *what, *dsn, *name;
} files[] = {
    { "a path", "/var/lib/site/ws.db", "/var/lib/site/ws.db" },
    { "a relative path", "ws.db", "ws.db" },
    { "the driver's own parameters", "ws.db?_busy_timeout=5000", "ws.db" },
    { "a URI keeps its parameters", "file:ws.db?mode=ro&cache=shared",
      "file:ws.db?mode=ro&cache=shared" },
    { "nothing", "", NULL },
    { "parameters alone", "?mode=ro", NULL },
    { "a URI of nothing", "file:", NULL },
    { "a URI of parameters", "file:?mode=ro", NULL },
    { "a path as long as few", LONG_256, LONG_256 },
};

static void test_sqlite(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char name[SQL_PATH_MAX] = "";
        struct why why = { "" };
        bool is_good = sqlite_dsn_parse(files[i].dsn, name, &why);

        if (is_good != (files[i].name != NULL) || (is_good && strcmp(name, files[i].name) != 0))
            fail_msg("%s: got \"%s\" (%s)", files[i].what, name, why.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mysql_good),
        cmocka_unit_test(test_mysql_bad),
        cmocka_unit_test(test_sqlite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
