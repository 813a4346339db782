/* SPDX-License-Identifier: MIT */
#ifndef SB_TESTS_SQL_CASES_H
#define SB_TESTS_SQL_CASES_H

#include <stdio.h>
#include <string.h>

#include "support.h"

#include "auth_sql.h"

/* What both databases must answer alike: rows of ws_token (token, player_id, subject_id, is_server,
 * expires_at), and questions to them. */
static const char *const sql_inserts[] = {
    "'player', 7, NULL, 0, '2030-01-01 00:00:00'",
    "'both', 7, 'backend', 0, '2030-01-01 00:00:00'",
    "'server', NULL, 'backend', 1, '2030-01-01 00:00:00'",
    "'numbered server', 9, NULL, 1, '2030-01-01 00:00:00'",
    "'old', 7, NULL, 0, '2001-01-01 00:00:00'",
    "'no expiry', 7, NULL, 0, NULL",
    "'nobody', NULL, NULL, 0, '2030-01-01 00:00:00'",
    "'empty', NULL, '', 0, '2030-01-01 00:00:00'",
    "'Case', 1, NULL, 0, '2030-01-01 00:00:00'",
    "'case', 2, NULL, 0, '2030-01-01 00:00:00'",
    "'12345678901234567890123456789012', 3, NULL, 0, '2030-01-01 00:00:00'",
};
static const size_t sql_insert_count = sizeof sql_inserts / sizeof sql_inserts[0];

#define IN_2030 1893456000000
#define IN_2001 978307200000

static const struct {
    const char *name, *token;
    enum credential_kind kind;
    enum source_answer want;
    const char *subject;
    int64_t expires_ms;
} sql_cases[] = {
    { "a player", "player", CREDENTIAL_PLAYER, SOURCE_ACCEPTS, "7", IN_2030 },
    { "a player's token for a server", "player", CREDENTIAL_SERVER, SOURCE_REFUSES, "", 0 },
    { "player_id comes first", "both", CREDENTIAL_PLAYER, SOURCE_ACCEPTS, "7", IN_2030 },
    { "a server", "server", CREDENTIAL_SERVER, SOURCE_ACCEPTS, "backend", IN_2030 },
    { "a server's token for a player", "server", CREDENTIAL_PLAYER, SOURCE_REFUSES, "", 0 },
    { "a server with a number", "numbered server", CREDENTIAL_SERVER, SOURCE_ACCEPTS, "9",
      IN_2030 },
    { "what has expired says so", "old", CREDENTIAL_PLAYER, SOURCE_ACCEPTS, "7", IN_2001 },
    { "no expiry", "no expiry", CREDENTIAL_PLAYER, SOURCE_REFUSES, "", 0 },
    { "no subject", "nobody", CREDENTIAL_PLAYER, SOURCE_REFUSES, "", 0 },
    { "an empty subject", "empty", CREDENTIAL_PLAYER, SOURCE_REFUSES, "", 0 },
    { "upper case", "Case", CREDENTIAL_PLAYER, SOURCE_ACCEPTS, "1", IN_2030 },
    { "lower case", "case", CREDENTIAL_PLAYER, SOURCE_ACCEPTS, "2", IN_2030 },
    { "neither", "CASE", CREDENTIAL_PLAYER, SOURCE_KNOWS_NOT, "", 0 },
    { "as long as the column", "12345678901234567890123456789012", CREDENTIAL_PLAYER,
      SOURCE_ACCEPTS, "3", IN_2030 },
    { "longer than the column", "123456789012345678901234567890123", CREDENTIAL_PLAYER,
      SOURCE_KNOWS_NOT, "", 0 },
    { "a blank behind it", "player ", CREDENTIAL_PLAYER, SOURCE_KNOWS_NOT, "", 0 },
    { "SQL in it", "' OR '1'='1", CREDENTIAL_PLAYER, SOURCE_KNOWS_NOT, "", 0 },
    { "a wildcard", "%", CREDENTIAL_PLAYER, SOURCE_KNOWS_NOT, "", 0 },
    { "no text", "\xff\xfe", CREDENTIAL_PLAYER, SOURCE_KNOWS_NOT, "", 0 },
};

struct sql_reply {
    int count;
    enum source_answer answer;
    char subject[KEY_ID_MAX + 1];
    int64_t expires_ms;
    struct source_call *slot;
};

static inline void on_answered(enum source_answer answer, const struct source_subject *subject,
                               void *ctx)
{
    struct sql_reply *reply = ctx;

    assert_null(reply->slot);
    assert_int_equal(answer == SOURCE_ACCEPTS, subject != NULL);
    reply->count++;
    reply->answer = answer;
    if (subject == NULL)
        return;
    snprintf(reply->subject, sizeof reply->subject, "%.*s", (int)subject->subject.len,
             subject->subject.data);
    reply->expires_ms = subject->expires_ms;
}

static inline void sql_put(struct sql *sql, struct sql_reply *reply, enum credential_kind kind,
                           const char *token)
{
    struct source_question question = { .kind = kind, .secret = slice_of(token) };

    sql_ask(sql, &question, on_answered, reply, &reply->slot);
}

static inline bool sql_has_come(void *reply)
{
    return ((struct sql_reply *)reply)->count > 0;
}

static inline struct sql_reply sql_answer_to(uv_loop_t *loop, struct sql *sql,
                                             enum credential_kind kind, const char *token)
{
    struct sql_reply reply = { .count = 0 };

    sql_put(sql, &reply, kind, token);
    support_wait(loop, sql_has_come, &reply, SUPPORT_WAIT_MS, "the database answers");
    assert_int_equal(reply.count, 1);
    return reply;
}

static inline void sql_check_cases(uv_loop_t *loop, struct sql *sql)
{
    for (size_t i = 0; i < sizeof sql_cases / sizeof sql_cases[0]; i++) {
        struct sql_reply got = sql_answer_to(loop, sql, sql_cases[i].kind, sql_cases[i].token);

        if (got.answer != sql_cases[i].want || strcmp(got.subject, sql_cases[i].subject) != 0 ||
            got.expires_ms != sql_cases[i].expires_ms)
            fail_msg("%s: got %d \"%s\" %lld, want %d \"%s\" %lld", sql_cases[i].name, got.answer,
                     got.subject, (long long)got.expires_ms, sql_cases[i].want,
                     sql_cases[i].subject, (long long)sql_cases[i].expires_ms);
    }
}

#endif
