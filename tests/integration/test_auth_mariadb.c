/* SPDX-License-Identifier: MIT */
#include "sql_cases.h"

#include <fcntl.h>
#include <mariadb/mysql.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

/* A MariaDB server of the test's own, on a UNIX socket in a fresh folder. Where none is installed the
 * tests are skipped, and say so. */
static uv_loop_t loop;
static struct sql *sql;
static struct config config;
static char folder[128], dsn[256];
static pid_t server;
static bool is_installed;

static void run(const char *command)
{
    if (system(command) != 0)
        fail_msg("failed: %s", command);
}

static MYSQL *connect_root(void)
{
    MYSQL *link = mysql_init(NULL);
    char socket[160];

    snprintf(socket, sizeof socket, "%s/sql.sock", folder);
    if (mysql_real_connect(link, NULL, "root", NULL, NULL, 0, socket, 0) != NULL)
        return link;
    mysql_close(link);
    return NULL;
}

static void execute(const char *statement)
{
    MYSQL *link = connect_root();

    assert_non_null(link);
    if (mysql_query(link, statement) != 0)
        fail_msg("%s: %s", statement, mysql_error(link));
    mysql_close(link);
}

static bool is_answering(void *ctx)
{
    MYSQL *link = connect_root();

    (void)ctx;
    if (link != NULL)
        mysql_close(link);
    else if (waitpid(server, NULL, WNOHANG) != 0)
        fail_msg("mariadbd has ended; see %s/sql.log", folder);
    return link != NULL;
}

static _Noreturn void become_server(pid_t parent)
{
    char data[160], socket[160], pid[160], log[160];
    int null = open("/dev/null", O_RDWR);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    snprintf(data, sizeof data, "--datadir=%s/data", folder);
    snprintf(socket, sizeof socket, "--socket=%s/sql.sock", folder);
    snprintf(pid, sizeof pid, "--pid-file=%s/sql.pid", folder);
    snprintf(log, sizeof log, "--log-error=%s/sql.log", folder);
    execlp("mariadbd", "mariadbd", "--no-defaults", "--user=root", "--skip-networking", data,
           socket, pid, log, "--default-time-zone=+05:00", "--innodb-fast-shutdown=2",
           (char *)NULL);
    _exit(127);
}

static void launch(void)
{
    pid_t parent = getpid();

    server = fork();
    assert_true(server >= 0);
    if (server == 0)
        become_server(parent);
    support_wait_outside(is_answering, NULL, 60000, "mariadbd answers");
}

static void kill_server(void)
{
    if (server > 0) {
        kill(server, SIGKILL);
        waitpid(server, NULL, 0);
    }
    server = 0;
}

static void fill(void)
{
    char statement[512];

    execute("CREATE DATABASE game");
    execute("CREATE USER site IDENTIFIED BY 'p@ss:w/rd'");
    execute("GRANT SELECT ON game.* TO site");
    execute("CREATE TABLE game.ws_token (token VARBINARY(32) PRIMARY KEY, player_id INT UNSIGNED "
            "NULL, subject_id VARCHAR(64) NULL, expires_at DATETIME NULL, is_server TINYINT(1) NOT "
            "NULL DEFAULT 0)");
    for (size_t i = 0; i < sql_insert_count; i++) {
        snprintf(statement, sizeof statement,
                 "INSERT INTO game.ws_token (token, player_id, subject_id, is_server, expires_at) "
                 "VALUES (%s)",
                 sql_inserts[i]);
        execute(statement);
    }
}

static int start_server(void **state)
{
    char command[512];

    (void)state;
    is_installed =
        system("command -v mariadbd >/dev/null && command -v mariadb-install-db >/dev/null") == 0;
    if (!is_installed)
        return 0;
    support_folder_make(folder, sizeof folder, "maria");
    snprintf(
        command, sizeof command,
        "mariadb-install-db --no-defaults --user=root --auth-root-authentication-method=normal "
        "--skip-test-db --datadir='%s/data' >'%s/install.log' 2>&1",
        folder, folder);
    run(command);
    launch();
    fill();
    return 0;
}

static int stop_server(void **state)
{
    (void)state;
    if (!is_installed)
        return 0;
    kill_server();
    support_folder_remove(folder);
    mysql_library_end();
    return 0;
}

static int start(void **state)
{
    (void)state;
    if (!is_installed)
        return 0;
    uv_loop_init(&loop);
    snprintf(dsn, sizeof dsn, "site:p@ss:w/rd@unix(%s/sql.sock)/game?parseTime=true", folder);
    config = (struct config){ .db = SQL_MYSQL, .dsn = dsn, .auth_timeout_ms = 2000 };
    return 0;
}

static int stop(void **state)
{
    (void)state;
    if (!is_installed)
        return 0;
    sql_destroy(&sql);
    support_loop_close(&loop);
    return 0;
}

static void open_sql(void)
{
    struct why why = { "" };

    if (!is_installed) {
        print_message("skipped: mariadbd and mariadb-install-db are not installed\n");
        skip();
    }
    sql = sql_create(&loop, &config, &why);
    if (sql == NULL)
        fail_msg("%s", why.text);
}

static struct sql_reply ask(const char *token)
{
    return sql_answer_to(&loop, sql, CREDENTIAL_PLAYER, token);
}

/* The server's own time zone is five hours off: what it answers is UTC all the same. */
static void test_cases(void **state)
{
    (void)state;
    open_sql();
    sql_check_cases(&loop, sql);
    assert_true(sql_is_reached(sql));
}

static void test_subject_is_too_long(void **state)
{
    (void)state;
    open_sql();
    execute("ALTER TABLE game.ws_token MODIFY subject_id VARCHAR(400) NULL");
    execute("REPLACE INTO game.ws_token VALUES ('long', NULL, REPEAT('x', 300), '2030-01-01', 0)");
    assert_int_equal(ask("long").answer, SOURCE_REFUSES);
    assert_int_equal(ask("player").answer, SOURCE_ACCEPTS);
}

/* Idle connections that the server has ended are opened anew, and nobody notices. */
static void test_connections_are_ended(void **state)
{
    (void)state;
    open_sql();
    assert_int_equal(ask("player").answer, SOURCE_ACCEPTS);
    execute("KILL USER site");
    assert_int_equal(ask("player").answer, SOURCE_ACCEPTS);
}

static void test_wrong_password(void **state)
{
    (void)state;
    snprintf(dsn, sizeof dsn, "site:wrong@unix(%s/sql.sock)/game", folder);
    open_sql();
    assert_int_equal(ask("player").answer, SOURCE_SILENT);
    assert_false(sql_is_reached(sql));
}

/* This server has no TLS. */
static void test_tls_is_not_to_be_had(void **state)
{
    static const struct {
        const char *tls;
        enum source_answer want;
    } rows[] = {
        { "false", SOURCE_ACCEPTS },
        { "preferred", SOURCE_ACCEPTS },
        { "skip-verify", SOURCE_SILENT },
        { "true", SOURCE_SILENT },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum source_answer got;

        snprintf(dsn, sizeof dsn, "site:p@ss:w/rd@unix(%s/sql.sock)/game?tls=%s", folder,
                 rows[i].tls);
        open_sql();
        got = ask("player").answer;
        if (got != rows[i].want)
            fail_msg("tls=%s: got %d, want %d", rows[i].tls, got, rows[i].want);
        sql_destroy(&sql);
    }
}

static void test_server_is_killed(void **state)
{
    (void)state;
    open_sql();
    assert_int_equal(ask("player").answer, SOURCE_ACCEPTS);
    kill_server();
    assert_int_equal(ask("player").answer, SOURCE_SILENT);
    launch();
    assert_int_equal(ask("player").answer, SOURCE_ACCEPTS);
}

static void test_server_hangs(void **state)
{
    int64_t start_ms;

    (void)state;
    config.auth_timeout_ms = 1000;
    open_sql();
    assert_int_equal(ask("player").answer, SOURCE_ACCEPTS);
    kill(server, SIGSTOP);
    start_ms = clock_ms();
    assert_int_equal(ask("player").answer, SOURCE_SILENT);
    assert_in_range(clock_ms() - start_ms, 0, 5000);
    kill(server, SIGCONT);
    assert_int_equal(ask("player").answer, SOURCE_ACCEPTS);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_cases),
        TEST(test_subject_is_too_long),
        TEST(test_connections_are_ended),
        TEST(test_wrong_password),
        TEST(test_tls_is_not_to_be_had),
        TEST(test_server_is_killed),
        TEST(test_server_hangs),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
