/* SPDX-License-Identifier: MIT */
#include "sql_cases.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include "base/clock.h"

static uv_loop_t loop;
static struct sql *sql;
static struct config config;
static char folder[128], path[160], dsn[192];

static void execute(const char *statement)
{
    sqlite3 *file;
    char *error = NULL;

    assert_int_equal(sqlite3_open(path, &file), SQLITE_OK);
    if (sqlite3_exec(file, statement, NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s: %s", statement, error);
    sqlite3_close(file);
}

static void insert(const char *values)
{
    char statement[512];

    snprintf(statement, sizeof statement,
             "INSERT INTO ws_token (token, player_id, subject_id, is_server, expires_at) "
             "VALUES (%s)",
             values);
    execute(statement);
}

static void create_table(void)
{
    execute("CREATE TABLE ws_token (token VARBINARY(32) PRIMARY KEY, player_id INT, "
            "subject_id VARCHAR(64), expires_at DATETIME, is_server TINYINT(1) DEFAULT 0)");
}

static int start(void **state)
{
    (void)state;
    uv_loop_init(&loop);
    support_folder_make(folder, sizeof folder, "sqlite");
    snprintf(path, sizeof path, "%s/ws.db", folder);
    snprintf(dsn, sizeof dsn, "%s", path);
    config = (struct config){ .db = SQL_SQLITE, .dsn = dsn, .auth_timeout_ms = 2000 };
    return 0;
}

static int stop(void **state)
{
    (void)state;
    sql_destroy(&sql);
    support_loop_close(&loop);
    support_folder_remove(folder);
    return 0;
}

static void open_sql(void)
{
    struct why why = { "" };

    sql = sql_create(&loop, &config, &why);
    if (sql == NULL)
        fail_msg("%s", why.text);
}

static bool is_reached(void *ctx)
{
    return sql_is_reached(ctx);
}

static struct sql_reply ask(const char *token)
{
    return sql_answer_to(&loop, sql, CREDENTIAL_PLAYER, token);
}

static void test_cases(void **state)
{
    (void)state;
    create_table();
    for (size_t i = 0; i < sql_insert_count; i++)
        insert(sql_inserts[i]);
    open_sql();
    sql_check_cases(&loop, sql);
    assert_true(sql_is_reached(sql));
}

/* SQLite keeps whatever type was written. */
static const struct {
    const char *name, *values, *token;
    int64_t expires_ms;
} types[] = {
    { "a token as bytes", "CAST('bytes' AS BLOB), 7, NULL, 0, '2030-01-01 00:00:00'", "bytes",
      1893456000000 },
    { "RFC 3339", "'rfc', 7, NULL, 0, '2030-01-01T00:00:00Z'", "rfc", 1893456000000 },
    { "as Go writes it", "'go', 7, NULL, 0, '2030-01-01 00:00:00.5+00:00'", "go", 1893456000500 },
    { "seconds", "'s', 7, NULL, 0, 1893456000", "s", 1893456000000 },
    { "milliseconds", "'ms', 7, NULL, 0, 1893456000001", "ms", 1893456000001 },
    { "a player as text", "'text', '7', NULL, 0, '2030-01-01 00:00:00'", "text", 1893456000000 },
};

static void test_types(void **state)
{
    (void)state;
    create_table();
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        insert(types[i].values);
    open_sql();
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct sql_reply got = ask(types[i].token);

        if (got.answer != SOURCE_ACCEPTS || strcmp(got.subject, "7") != 0 ||
            got.expires_ms != types[i].expires_ms)
            fail_msg("%s: got %d \"%s\" %lld", types[i].name, got.answer, got.subject,
                     (long long)got.expires_ms);
    }
}

static void test_subject_is_too_long(void **state)
{
    char values[400];

    (void)state;
    create_table();
    snprintf(values, sizeof values, "'long', NULL, '%0300d', 0, '2030-01-01 00:00:00'", 0);
    insert(values);
    snprintf(values, sizeof values, "'longish', NULL, '%0129d', 0, '2030-01-01 00:00:00'", 0);
    insert(values);
    open_sql();
    assert_int_equal(ask("long").answer, SOURCE_REFUSES);
    assert_int_equal(ask("longish").answer, SOURCE_REFUSES);
}

/* The file is not there at first; it is not made, and found as soon as it is. */
static void test_reached_later(void **state)
{
    (void)state;
    open_sql();
    assert_int_equal(ask("player").answer, SOURCE_SILENT);
    assert_false(sql_is_reached(sql));
    assert_int_equal(access(path, F_OK), -1);
    create_table();
    support_wait(&loop, is_reached, sql, SUPPORT_WAIT_MS, "the table is read");
    insert(sql_inserts[0]);
    assert_int_equal(ask("player").answer, SOURCE_ACCEPTS);
}

static void test_table_is_missing_and_comes_back(void **state)
{
    (void)state;
    create_table();
    insert(sql_inserts[0]);
    open_sql();
    assert_int_equal(ask("player").answer, SOURCE_ACCEPTS);
    execute("ALTER TABLE ws_token RENAME TO away");
    assert_int_equal(ask("player").answer, SOURCE_SILENT);
    execute("ALTER TABLE away RENAME TO ws_token");
    assert_int_equal(ask("player").answer, SOURCE_ACCEPTS);
    assert_true(sql_is_reached(sql));
}

static void test_no_database(void **state)
{
    int file = open(path, O_WRONLY | O_CREAT, 0600);

    (void)state;
    assert_int_equal(write(file, "this is no database, however long it may be", 43), 43);
    close(file);
    open_sql();
    assert_int_equal(ask("player").answer, SOURCE_SILENT);
}

static void test_locked_for_too_long(void **state)
{
    sqlite3 *other;
    int64_t start_ms;

    (void)state;
    create_table();
    open_sql();
    support_wait(&loop, is_reached, sql, SUPPORT_WAIT_MS, "the table is read");
    config.auth_timeout_ms = 200;
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    start_ms = clock_ms();
    assert_int_equal(ask("player").answer, SOURCE_SILENT);
    assert_in_range(clock_ms() - start_ms, 0, 5000);
    sqlite3_close(other);
    assert_int_equal(ask("player").answer, SOURCE_KNOWS_NOT);
}

/* ---- many at a time ------------------------------------------------------------------------------------ */

enum { MANY = SQL_CONNECTIONS + SQL_WAITING_MAX + 10 };
static struct sql_reply many[MANY];

static bool all_have_come(void *ctx)
{
    (void)ctx;
    for (int i = 0; i < MANY; i++) {
        if (many[i].slot != NULL)
            return false;
    }
    return true;
}

static void test_bounds(void **state)
{
    int silent = 0;

    (void)state;
    create_table();
    insert(sql_inserts[0]);
    open_sql();
    support_wait(&loop, is_reached, sql, SUPPORT_WAIT_MS, "the table is read");
    memset(many, 0, sizeof many);
    for (int i = 0; i < MANY; i++)
        sql_put(sql, &many[i], CREDENTIAL_PLAYER, "player");
    for (int i = 0; i < MANY; i++)
        silent += many[i].count;
    assert_int_equal(silent, 10); /* those for whom there was no room */
    for (int i = 0; i < 50; i++)
        source_drop(&many[i].slot);
    support_wait(&loop, all_have_come, NULL, SUPPORT_WAIT_MS, "all are answered");
    for (int i = 50; i < MANY - 10; i++)
        assert_int_equal(many[i].count, 1);
}

static void test_ends_with_questions_under_way(void **state)
{
    (void)state;
    create_table();
    open_sql();
    memset(many, 0, sizeof many);
    for (int i = 0; i < 20; i++)
        sql_put(sql, &many[i], CREDENTIAL_PLAYER, "player");
    for (int i = 0; i < SQL_CONNECTIONS; i++)
        source_drop(&many[i].slot); /* those that run belong to whoever asked */
    sql_destroy(&sql);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(many[i].count, 0);
        assert_null(many[i].slot);
    }
}

static void test_dsn_makes_no_sense(void **state)
{
    struct why why = { "" };

    (void)state;
    dsn[0] = '\0';
    assert_null(sql_create(&loop, &config, &why));
    assert_string_equal(why.text, "--dsn makes no sense for --db: it names no file");
    config.dsn = NULL;
    assert_null(sql_create(&loop, &config, &why));
    assert_string_equal(why.text, "--dsn makes no sense for --db: it is missing");
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_cases),
        TEST(test_types),
        TEST(test_subject_is_too_long),
        TEST(test_reached_later),
        TEST(test_table_is_missing_and_comes_back),
        TEST(test_no_database),
        TEST(test_locked_for_too_long),
        TEST(test_bounds),
        TEST(test_ends_with_questions_under_way),
        TEST(test_dsn_makes_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
