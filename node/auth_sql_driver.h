/* SPDX-License-Identifier: MIT */
#ifndef SB_AUTH_SQL_DRIVER_H
#define SB_AUTH_SQL_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/*
 * One database, as auth_sql.c sees it. Everything but `check` blocks and runs on a thread of the
 * pool, one thread per connection at a time.
 */
enum { SQL_TEXT_MAX = 256, SQL_ERROR_MAX = 256, SQL_PATH_MAX = 4096 };

/* A row of ws_token. Texts are NUL-terminated; what does not fit into SQL_TEXT_MAX is no row of ours. */
struct sql_row {
    char subject[SQL_TEXT_MAX], expires_at[SQL_TEXT_MAX];
    bool has_subject, has_expiry, is_server;
};

enum sql_fetched { SQL_ROW, SQL_NO_ROW, SQL_FAILED };

struct sql_driver_ops {
    /* Does the DSN make sense? */
    bool (*check)(const char *dsn, struct why *why);
    /* A connection with its statement prepared: NULL with the reason in `error`. */
    void *(*connect)(const char *dsn, uint32_t timeout_ms, char error[SQL_ERROR_MAX]);
    enum sql_fetched (*fetch)(void *connection, struct slice token, struct sql_row *row_out,
                              char error[SQL_ERROR_MAX]);
    void (*disconnect)(void *connection); /* accepts NULL */
};

extern const struct sql_driver_ops sql_sqlite, sql_mysql;

/* The name go-sqlite3 opens: the path, or the whole "file:" URI. False when there is none. */
bool sqlite_dsn_parse(const char *dsn, char name_out[SQL_PATH_MAX], struct why *why);

/*
 * [user[:password]@][protocol[(address)]]/database[?name=value&…], as go-sql-driver/mysql has it: the
 * password may hold '@', ':' and '/'. Of the parameters only `tls` matters here.
 */
enum mysql_tls { MYSQL_TLS_OFF, MYSQL_TLS_PREFERRED, MYSQL_TLS_UNVERIFIED, MYSQL_TLS_VERIFIED };

struct mysql_dsn {
    char user[SQL_TEXT_MAX], password[SQL_TEXT_MAX], database[SQL_TEXT_MAX];
    char host[SQL_TEXT_MAX], socket[SQL_TEXT_MAX]; /* one of them is empty */
    unsigned port;
    enum mysql_tls tls;
};

bool mysql_dsn_parse(const char *dsn, struct mysql_dsn *dsn_out, struct why *why);

#endif
