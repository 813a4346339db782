/* SPDX-License-Identifier: MIT */
/*
 * ws_token in MariaDB or MySQL, by a prepared statement over the binary protocol. Times are read as
 * text in UTC, so that they mean the same whatever the server's zone is.
 */
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth_sql_driver.h"
#include "base/mem.h"

struct mysql {
    MYSQL *link;
    MYSQL_STMT *select;
};

static const char select_text[] = "SELECT player_id, subject_id, is_server, expires_at "
                                  "FROM ws_token WHERE token = ?";

static bool check(const char *dsn, struct why *why)
{
    struct mysql_dsn parsed;

    mysql_library_init(0, NULL, NULL); /* once, before any thread needs it */
    return mysql_dsn_parse(dsn, &parsed, why);
}

static void disconnect(void *connection)
{
    struct mysql *mysql = connection;

    if (mysql == NULL)
        return;
    if (mysql->select != NULL)
        mysql_stmt_close(mysql->select);
    if (mysql->link != NULL)
        mysql_close(mysql->link);
    free(mysql);
}

static void configure(MYSQL *link, const struct mysql_dsn *dsn, uint32_t timeout_ms)
{
    unsigned seconds = (timeout_ms + 999) / 1000, no_files = 0;
    my_bool is_enforced = dsn->tls >= MYSQL_TLS_UNVERIFIED;
    my_bool is_verified = dsn->tls == MYSQL_TLS_VERIFIED;

    mysql_options(link, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
    mysql_options(link, MYSQL_OPT_READ_TIMEOUT, &seconds);
    mysql_options(link, MYSQL_OPT_WRITE_TIMEOUT, &seconds);
    mysql_options(link, MYSQL_OPT_LOCAL_INFILE, &no_files);
    mysql_options(link, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_options(link, MYSQL_INIT_COMMAND, "SET time_zone = '+00:00'");
    if (dsn->tls != MYSQL_TLS_OFF) {
        mysql_ssl_set(link, NULL, NULL, NULL, NULL, NULL); /* where the server has it */
        mysql_options(link, MYSQL_OPT_SSL_ENFORCE, &is_enforced);
        mysql_options(link, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &is_verified);
    }
}

static bool open_link(struct mysql *mysql, const struct mysql_dsn *dsn, uint32_t timeout_ms,
                      char error[SQL_ERROR_MAX])
{
    const char *host = dsn->host[0] != '\0' ? dsn->host : NULL;
    const char *socket = dsn->socket[0] != '\0' ? dsn->socket : NULL;

    configure(mysql->link, dsn, timeout_ms);
    if (mysql_real_connect(mysql->link, host, dsn->user, dsn->password, dsn->database, dsn->port,
                           socket, 0) == NULL) {
        snprintf(error, SQL_ERROR_MAX, "%s", mysql_error(mysql->link));
        return false;
    }
    /* The library goes on in the clear when the server has no TLS, even where it is enforced. */
    if (dsn->tls >= MYSQL_TLS_UNVERIFIED && mysql_get_ssl_cipher(mysql->link) == NULL) {
        snprintf(error, SQL_ERROR_MAX, "the server has no TLS");
        return false;
    }
    return true;
}

static bool prepare(struct mysql *mysql, char error[SQL_ERROR_MAX])
{
    mysql->select = mysql_stmt_init(mysql->link);
    if (mysql->select != NULL &&
        mysql_stmt_prepare(mysql->select, select_text, sizeof select_text - 1) == 0)
        return true;
    snprintf(error, SQL_ERROR_MAX, "%s", mysql_error(mysql->link));
    return false;
}

static void *connect_to(const char *dsn, uint32_t timeout_ms, char error[SQL_ERROR_MAX])
{
    struct mysql *mysql = xcalloc(1, sizeof *mysql);
    struct mysql_dsn parsed;

    snprintf(error, SQL_ERROR_MAX, "no connection");
    mysql->link = mysql_init(NULL);
    if (mysql->link != NULL && mysql_dsn_parse(dsn, &parsed, NULL) &&
        open_link(mysql, &parsed, timeout_ms, error) && prepare(mysql, error))
        return mysql;
    disconnect(mysql);
    return NULL;
}

/* One column of the answer, as text. */
struct column {
    char text[SQL_TEXT_MAX];
    unsigned long len;
    my_bool is_null;
};

static MYSQL_BIND bind_text(struct column *column)
{
    return (MYSQL_BIND){
        .buffer_type = MYSQL_TYPE_STRING,
        .buffer = column->text,
        .buffer_length = sizeof column->text,
        .length = &column->len,
        .is_null = &column->is_null,
    };
}

/* False when the column is NULL or too long to be one of ours. */
static bool read_text(const struct column *column, char out[SQL_TEXT_MAX])
{
    if (column->is_null || column->len >= SQL_TEXT_MAX)
        return false;
    snprintf(out, SQL_TEXT_MAX, "%.*s", (int)column->len, column->text);
    return true;
}

/* 0 when a row was read, MYSQL_NO_DATA, or an error. */
static int fetch_row(MYSQL_STMT *select, struct sql_row *row)
{
    struct column player, subject, expires;
    int is_server = 0;
    my_bool is_server_null = 0;
    MYSQL_BIND columns[] = {
        bind_text(&player),
        bind_text(&subject),
        { .buffer_type = MYSQL_TYPE_LONG, .buffer = &is_server, .is_null = &is_server_null },
        bind_text(&expires),
    };
    int status;

    if (mysql_stmt_bind_result(select, columns) != 0)
        return 1;
    status = mysql_stmt_fetch(select);
    if (status != 0 && status != MYSQL_DATA_TRUNCATED)
        return status;
    row->has_subject = read_text(player.is_null ? &subject : &player, row->subject);
    row->has_expiry = read_text(&expires, row->expires_at);
    row->is_server = !is_server_null && is_server != 0;
    return 0;
}

static bool execute(MYSQL_STMT *select, struct slice token)
{
    unsigned long len = token.len;
    char copy[512];
    MYSQL_BIND parameter = {
        .buffer_type = MYSQL_TYPE_BLOB,
        .buffer = copy,
        .buffer_length = len,
        .length = &len,
    };

    if (len > sizeof copy)
        return false;
    memcpy(copy, token.data, len);
    return mysql_stmt_bind_param(select, &parameter) == 0 && mysql_stmt_execute(select) == 0;
}

static enum sql_fetched fetch(void *connection, struct slice token, struct sql_row *row_out,
                              char error[SQL_ERROR_MAX])
{
    struct mysql *mysql = connection;
    enum sql_fetched fetched = SQL_FAILED;
    int status = execute(mysql->select, token) ? fetch_row(mysql->select, row_out) : 1;

    if (status == 0)
        fetched = SQL_ROW;
    else if (status == MYSQL_NO_DATA)
        fetched = SQL_NO_ROW;
    else
        snprintf(error, SQL_ERROR_MAX, "%s", mysql_stmt_error(mysql->select));
    mysql_stmt_free_result(mysql->select);
    return fetched;
}

const struct sql_driver_ops sql_mysql = {
    .check = check,
    .connect = connect_to,
    .fetch = fetch,
    .disconnect = disconnect,
};
