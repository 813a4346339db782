/* SPDX-License-Identifier: MIT */
/*
 * Each question is a job. A job takes a free connection to a thread of the pool, and comes back with
 * what it read; without a free connection it waits. A thread touches its job and its connection,
 * nothing else of ours.
 *
 *     busy connections ≤ SQL_CONNECTIONS, jobs wait only while all are busy
 */
#include "auth_sql.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "auth_sql_driver.h"
#include "auth_time.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"

enum { RETRY_MS = 1000 };

struct sql_connection {
    void *link; /* the driver's; NULL: not connected */
    bool is_busy;
};

struct sql {
    uv_loop_t *loop;
    const struct config *config;
    const struct sql_driver_ops *driver;
    char *dsn;
    uv_timer_t retry;
    struct sql_connection connections[SQL_CONNECTIONS];
    struct list waiting; /* of sql_job */
    size_t waiting_count, busy_count;
    bool is_reached, is_closed, is_timer_closed;
};

struct sql_job {
    struct source_call call;
    struct list node;
    uv_work_t work;
    struct sql *sql;
    struct sql_connection *connection;
    enum credential_kind kind;
    int64_t deadline_ms;
    uint32_t timeout_ms;
    size_t token_len;
    char token[CREDENTIAL_SECRET_MAX];
    enum sql_fetched fetched;
    struct sql_row row;
    char error[SQL_ERROR_MAX];
};

static void start_waiting(struct sql *sql);

static void job_free(struct sql_job *job)
{
    OPENSSL_cleanse(job->token, sizeof job->token);
    free(job);
}

/* ---- on a thread of the pool -------------------------------------------------------------------- */

static void query(struct sql_job *job)
{
    const struct sql_driver_ops *driver = job->sql->driver;
    struct slice token = { job->token, job->token_len };
    void **link = &job->connection->link;

    if (*link == NULL)
        *link = driver->connect(job->sql->dsn, job->timeout_ms, job->error);
    if (*link == NULL)
        return;
    job->fetched = driver->fetch(*link, token, &job->row, job->error);
    if (job->fetched == SQL_FAILED) {
        driver->disconnect(*link);
        *link = NULL;
    }
}

static void run(uv_work_t *work)
{
    struct sql_job *job = work->data;
    bool was_connected = job->connection->link != NULL;

    query(job);
    /* The other side may have ended an idle connection. Not when it was too slow, though. */
    if (job->fetched == SQL_FAILED && was_connected && clock_ms() < job->deadline_ms)
        query(job);
}

/* ---- what a row means ---------------------------------------------------------------------------- */

static void answer_row(struct sql_job *job)
{
    struct source_subject subject = { .subject = slice_of(job->row.subject) };
    bool is_server = job->kind == CREDENTIAL_SERVER;

    if (job->row.is_server == is_server && job->row.has_subject &&
        key_id_is_valid(subject.subject) && job->row.has_expiry &&
        auth_time_parse(slice_of(job->row.expires_at), &subject.expires_ms))
        source_answer(&job->call, SOURCE_ACCEPTS, &subject);
    else
        source_answer(&job->call, SOURCE_REFUSES, NULL);
}

static void answer(struct sql_job *job)
{
    switch (job->fetched) {
    case SQL_ROW:
        answer_row(job);
        break;
    case SQL_NO_ROW:
        source_answer(&job->call, SOURCE_KNOWS_NOT, NULL);
        break;
    case SQL_FAILED:
        source_answer(&job->call, SOURCE_SILENT, NULL);
        break;
    }
}

/* ---- jobs on their way ---------------------------------------------------------------------------- */

static void release_if_done(struct sql *sql)
{
    if (!sql->is_closed || sql->busy_count > 0 || !sql->is_timer_closed)
        return;
    for (size_t i = 0; i < SQL_CONNECTIONS; i++)
        sql->driver->disconnect(sql->connections[i].link);
    free(sql->dsn);
    free(sql);
}

static void note_reached(struct sql *sql, const struct sql_job *job)
{
    if (job->fetched == SQL_FAILED) {
        log_peer(LOG_WARN, NULL, "auth.sql_silent", "error=%s",
                 log_quote(job->error, strlen(job->error)));
    } else if (!sql->is_reached) {
        sql->is_reached = true;
        log_info(NULL, "auth.sql_reached", "db=%s",
                 sql->config->db == SQL_SQLITE ? "sqlite3" : "mysql");
    }
}

static void on_ran(uv_work_t *work, int status)
{
    struct sql_job *job = work->data;
    struct sql *sql = job->sql;

    job->connection->is_busy = false;
    sql->busy_count--;
    if (!sql->is_closed) {
        if (status == 0)
            note_reached(sql, job);
        answer(job);
        start_waiting(sql);
    }
    job_free(job);
    release_if_done(sql);
}

static struct sql_connection *free_connection(struct sql *sql)
{
    struct sql_connection *idle = NULL;

    for (size_t i = 0; i < SQL_CONNECTIONS; i++) {
        struct sql_connection *connection = &sql->connections[i];

        if (!connection->is_busy && (idle == NULL || connection->link != NULL))
            idle = connection;
    }
    return idle;
}

static void job_start(struct sql_job *job, struct sql_connection *connection)
{
    struct sql *sql = job->sql;

    connection->is_busy = true;
    sql->busy_count++;
    job->connection = connection;
    job->timeout_ms = sql->config->auth_timeout_ms;
    job->fetched = SQL_FAILED;
    job->work.data = job;
    uv_queue_work(sql->loop, &job->work, run, on_ran);
}

static void give_up(struct sql_job *job)
{
    source_answer(&job->call, SOURCE_SILENT, NULL);
    job_free(job);
}

static void start_waiting(struct sql *sql)
{
    struct sql_connection *connection;

    while (!list_is_empty(&sql->waiting) && (connection = free_connection(sql)) != NULL) {
        struct sql_job *job = LIST_ENTRY(sql->waiting.next, struct sql_job, node);

        list_remove(&job->node);
        sql->waiting_count--;
        if (job->call.slot == NULL || clock_ms() >= job->deadline_ms)
            give_up(job);
        else
            job_start(job, connection);
    }
}

static struct sql_job *job_create(struct sql *sql, enum credential_kind kind, struct slice token)
{
    struct sql_job *job = xcalloc(1, sizeof *job);

    assert(token.len <= sizeof job->token);
    job->sql = sql;
    job->kind = kind;
    job->deadline_ms = clock_ms() + sql->config->auth_timeout_ms;
    job->token_len = token.len;
    memcpy(job->token, token.data, token.len);
    list_init(&job->node);
    return job;
}

void sql_ask(struct sql *sql, const struct source_question *question, source_answered_fn *answered,
             void *ctx, struct source_call **slot)
{
    struct sql_job *job = job_create(sql, question->kind, question->secret);
    struct sql_connection *connection = free_connection(sql);

    source_call_init(&job->call, answered, ctx, slot);
    if (connection != NULL) {
        job_start(job, connection);
    } else if (sql->waiting_count < SQL_WAITING_MAX) {
        list_append(&sql->waiting, &job->node);
        sql->waiting_count++;
    } else {
        give_up(job);
    }
}

/* ---- reaching the table once ---------------------------------------------------------------------- */

static void on_retry(uv_timer_t *timer)
{
    struct sql *sql = timer->data;
    struct sql_connection *connection = free_connection(sql);

    if (sql->is_reached)
        uv_timer_stop(timer);
    else if (connection != NULL) /* a token that nobody has: nobody waits for the answer */
        job_start(job_create(sql, CREDENTIAL_PLAYER, SLICE_LITERAL("")), connection);
}

struct sql *sql_create(uv_loop_t *loop, const struct config *config, struct why *why)
{
    const struct sql_driver_ops *driver = config->db == SQL_SQLITE ? &sql_sqlite : &sql_mysql;
    struct sql *sql;
    struct why reason = { "" };

    assert(config->db != SQL_NONE);
    if (config->dsn == NULL || !driver->check(config->dsn, &reason)) {
        why_set(why, "--dsn makes no sense for --db: %s",
                config->dsn != NULL ? reason.text : "it is missing");
        return NULL;
    }
    sql = xcalloc(1, sizeof *sql);
    sql->loop = loop;
    sql->config = config;
    sql->driver = driver;
    sql->dsn = xstrdup(config->dsn);
    list_init(&sql->waiting);
    uv_timer_init(loop, &sql->retry);
    sql->retry.data = sql;
    uv_timer_start(&sql->retry, on_retry, 0, RETRY_MS);
    return sql;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct sql *sql = handle->data;

    sql->is_timer_closed = true;
    release_if_done(sql);
}

void sql_destroy(struct sql **sql)
{
    struct sql *mine = *sql;

    if (mine == NULL)
        return;
    *sql = NULL;
    mine->is_closed = true;
    while (!list_is_empty(&mine->waiting)) {
        struct sql_job *job = LIST_ENTRY(mine->waiting.next, struct sql_job, node);

        list_remove(&job->node);
        source_forget(&job->call);
        job_free(job);
    }
    uv_close((uv_handle_t *)&mine->retry, on_timer_closed);
}

bool sql_is_reached(const struct sql *sql)
{
    return sql->is_reached;
}
