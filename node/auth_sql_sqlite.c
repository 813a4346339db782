/* SPDX-License-Identifier: MIT */
/*
 * ws_token in a SQLite file. What the file must not become by being asked is another file: it is
 * never created. SQLite keeps the type that was written, so a token may lie there as text or as
 * bytes, and a time as text or as a number.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth_sql_driver.h"
#include "base/mem.h"

struct sqlite {
    sqlite3 *file;
    sqlite3_stmt *select;
};

static const char select_text[] = "SELECT player_id, subject_id, is_server, expires_at "
                                  "FROM ws_token WHERE token = ?1 OR token = ?2";

static bool check(const char *dsn, struct why *why)
{
    char name[SQL_PATH_MAX];

    return sqlite_dsn_parse(dsn, name, why);
}

static void disconnect(void *connection)
{
    struct sqlite *sqlite = connection;

    if (sqlite == NULL)
        return;
    sqlite3_finalize(sqlite->select);
    sqlite3_close(sqlite->file);
    free(sqlite);
}

static void *connect_to(const char *dsn, uint32_t timeout_ms, char error[SQL_ERROR_MAX])
{
    struct sqlite *sqlite = xcalloc(1, sizeof *sqlite);
    char name[SQL_PATH_MAX];
    bool is_named = sqlite_dsn_parse(dsn, name, NULL);

    if (is_named &&
        sqlite3_open_v2(name, &sqlite->file,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX,
                        NULL) == SQLITE_OK &&
        sqlite3_busy_timeout(sqlite->file, (int)timeout_ms) == SQLITE_OK &&
        sqlite3_prepare_v2(sqlite->file, select_text, -1, &sqlite->select, NULL) == SQLITE_OK)
        return sqlite;
    snprintf(error, SQL_ERROR_MAX, "%s", sqlite3_errmsg(sqlite->file));
    disconnect(sqlite);
    return NULL;
}

/* False when the column is NULL or too long to be one of ours. */
static bool read_text(sqlite3_stmt *select, int column, char out[SQL_TEXT_MAX])
{
    const unsigned char *text = sqlite3_column_text(select, column);

    if (text == NULL || sqlite3_column_bytes(select, column) >= SQL_TEXT_MAX)
        return false;
    snprintf(out, SQL_TEXT_MAX, "%s", (const char *)text);
    return true;
}

static void read_row(sqlite3_stmt *select, struct sql_row *row)
{
    int subject = sqlite3_column_type(select, 0) != SQLITE_NULL ? 0 : 1;

    row->has_subject = read_text(select, subject, row->subject);
    row->is_server = sqlite3_column_int(select, 2) != 0;
    row->has_expiry = read_text(select, 3, row->expires_at);
}

static enum sql_fetched fetch(void *connection, struct slice token, struct sql_row *row_out,
                              char error[SQL_ERROR_MAX])
{
    struct sqlite *sqlite = connection;
    enum sql_fetched fetched = SQL_FAILED;
    int status;

    sqlite3_bind_text(sqlite->select, 1, token.data, (int)token.len, SQLITE_STATIC);
    sqlite3_bind_blob(sqlite->select, 2, token.data, (int)token.len, SQLITE_STATIC);
    status = sqlite3_step(sqlite->select);
    if (status == SQLITE_ROW) {
        read_row(sqlite->select, row_out);
        fetched = SQL_ROW;
    } else if (status == SQLITE_DONE) {
        fetched = SQL_NO_ROW;
    } else {
        snprintf(error, SQL_ERROR_MAX, "%s", sqlite3_errmsg(sqlite->file));
    }
    sqlite3_reset(sqlite->select);
    sqlite3_clear_bindings(sqlite->select);
    return fetched;
}

const struct sql_driver_ops sql_sqlite = {
    .check = check,
    .connect = connect_to,
    .fetch = fetch,
    .disconnect = disconnect,
};
