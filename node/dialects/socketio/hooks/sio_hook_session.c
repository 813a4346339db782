/* SPDX-License-Identifier: MIT */
/*
 * What Redis knows of a session is written until it is known to be there: what could not be said is in the
 * list of what is to do, and tried again with every tick. A session that is over stays until Redis has
 * taken that, too.
 *
 *     written: no ─► maybe ─► yes        no: nothing was sent; maybe: no answer came
 *     over:    no ─► ended, or never was
 *
 * Those that live are in their shard's list, the one that was renewed longest ago at its head.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sio_hook.h"
#include "sio_hook_body.h"
#include "store/ends.h"

enum {
    TICK_MS = 1000,
    RENEW_MS = 10000, /* a third of the shortest lease */
    TRIES_PER_TICK = 512,
    ABOUT_MAX = 16 * 1024, /* claims are smaller than their token, JWT_TOKEN_MAX */
    OWNER_MAX = NODE_ID_LEN + 24,
};

#define STAY_DATA "hooks.stay"

enum written { WRITTEN_NO, WRITTEN_MAYBE, WRITTEN_YES };

struct sio_hook_session {
    struct sio_hook_sessions *sessions;
    struct list node;  /* shard.live, or sessions->todo */
    UT_hash_handle hh; /* by owner: one for each stay of a session at a node */
    struct store_op *op;
    store_done_fn *begun;
    void *ctx;
    char *name, *about;
    const char *reason; /* it has ended so; "": it never was; NULL: it is not over */
    int64_t ended_ms, renewed_ms;
    uint32_t grace_ms;
    enum written written;
    bool is_renewing;
    char owner[OWNER_MAX];
    char delivery[HOOK_ID_LEN + 1];
};

struct shard {
    struct sio_hook_sessions *sessions;
    struct list live;
    struct store_op *op; /* renews those at the head that are marked */
    int64_t sent_ms;
};

struct sio_hook_sessions {
    struct node *node;
    struct deadlines *deadlines;
    struct deadline tick;
    struct sio_hook_session *by_owner; /* uthash: all */
    struct list todo;
    struct shard shards[ENDS_SHARDS];
    uint64_t owners; /* numbers given out */
};

static void session_go(struct sio_hook_session *session);
static void shard_renew(struct shard *shard);

static int64_t now_ms(const struct sio_hook_sessions *sessions)
{
    return store_now_ms(sessions->node->store);
}

static struct end_session id_of(const struct sio_hook_session *session)
{
    return (struct end_session){ slice_of(session->name), slice_of(session->owner) };
}

static void session_free(struct sio_hook_session *session)
{
    HASH_DEL(session->sessions->by_owner, session);
    list_remove(&session->node);
    store_cancel(&session->op);
    free(session->name);
    free(session->about);
    free(session);
}

/* ---- writing ----------------------------------------------------------------------------------------- */

static void on_begun(enum result result, void *ctx)
{
    struct sio_hook_session *session = ctx;
    struct sio_hook_sessions *sessions = session->sessions;
    store_done_fn *begun = session->begun;

    session->begun = NULL;
    if (result == RESULT_OK) {
        session->written = WRITTEN_YES;
        session->renewed_ms = now_ms(sessions);
        list_remove(&session->node);
        list_append(&sessions->shards[ends_shard(slice_of(session->name))].live, &session->node);
    } else if (result != RESULT_UNAVAILABLE) {
        session->written = WRITTEN_MAYBE;
    }
    if (session->reason == NULL && begun != NULL)
        begun(result, session->ctx);
    else if (session->reason != NULL && (result == RESULT_OK || *session->reason == '\0'))
        session_go(session);
}

static void on_over(enum result result, void *ctx)
{
    struct sio_hook_session *session = ctx;

    if (result == RESULT_OK || result == RESULT_CONFLICT)
        session_free(session);
}

static void write_begin(struct sio_hook_session *session, store_done_fn *done,
                        struct store_op **slot)
{
    const struct node *node = session->sessions->node;
    const struct end_session id = id_of(session);
    const struct end_begin begin = {
        .delivery = slice_of(session->delivery),
        .about = slice_of(session->about),
        .lease_ms = sio_hook_lease_ms(node->config),
    };

    ends_begin(node->store, &id, &begin, done, session, slot);
}

/* Says what Redis does not know yet, unless something is being said already. */
static void session_go(struct sio_hook_session *session)
{
    struct store *store = session->sessions->node->store;
    const struct end_session id = id_of(session);
    bool never_was = session->reason != NULL && *session->reason == '\0';

    if (session->op != NULL)
        return;
    if (session->reason != NULL || session->written != WRITTEN_YES) {
        list_remove(&session->node);
        list_append(&session->sessions->todo, &session->node);
    }
    if (never_was && session->written == WRITTEN_NO)
        session_free(session);
    else if (never_was)
        ends_forget(store, &id, on_over, session, &session->op);
    else if (session->written != WRITTEN_YES)
        write_begin(session, on_begun, &session->op);
    else if (session->reason != NULL)
        ends_set(store, &id, slice_of(session->reason), session->ended_ms, session->grace_ms,
                 on_over, session, &session->op);
}

/* ---- renewing ----------------------------------------------------------------------------------------- */

/* Its end has been told by others, who took this node for dead, or Redis has lost it: a new one begins. */
static void session_lost(struct sio_hook_session *session)
{
    session->sessions->node->metrics.hook_sessions_lost++;
    log_peer(LOG_WARN, NULL, "hook.session_lost", "delivery=%s", session->delivery);
    hook_make_id(session->delivery);
    session->written = WRITTEN_NO;
    session_go(session);
}

/* Those that were marked and are still there: they are at the head. */
static void shard_unmark(struct shard *shard, bool are_renewed)
{
    LIST_EACH (node, spare, &shard->live) {
        struct sio_hook_session *session = LIST_ENTRY(node, struct sio_hook_session, node);

        if (!session->is_renewing)
            return;
        session->is_renewing = false;
        if (!are_renewed)
            continue;
        session->renewed_ms = shard->sent_ms;
        list_remove(node);
        list_append(&shard->live, node);
    }
}

static void on_renewed(enum result result, const struct slice *lost, size_t count, void *ctx)
{
    struct shard *shard = ctx;

    shard_unmark(shard, result == RESULT_OK);
    for (size_t i = 0; i < count; i++) {
        struct sio_hook_session *session;

        HASH_FIND(hh, shard->sessions->by_owner, lost[i].data, lost[i].len, session);
        if (session != NULL && session->reason == NULL)
            session_lost(session);
    }
    if (result == RESULT_OK)
        shard_renew(shard);
}

static void shard_renew(struct shard *shard)
{
    struct sio_hook_sessions *sessions = shard->sessions;
    struct end_session batch[ENDS_RENEW_MAX];
    int64_t now = now_ms(sessions);
    size_t count = 0;

    if (shard->op != NULL)
        return;
    LIST_EACH (node, spare, &shard->live) {
        struct sio_hook_session *session = LIST_ENTRY(node, struct sio_hook_session, node);

        if (count == ENDS_RENEW_MAX || now - session->renewed_ms < RENEW_MS)
            break;
        session->is_renewing = true;
        batch[count++] = id_of(session);
    }
    shard->sent_ms = now;
    if (count > 0)
        ends_renew(sessions->node->store, (unsigned)(shard - sessions->shards),
                   sio_hook_lease_ms(sessions->node->config), batch, count, on_renewed, shard,
                   &shard->op);
}

static void on_tick(struct deadline *tick)
{
    struct sio_hook_sessions *sessions = LIST_ENTRY(tick, struct sio_hook_sessions, tick);
    int tries = TRIES_PER_TICK;

    deadline_set(sessions->deadlines, tick, TICK_MS, on_tick);
    LIST_EACH (node, spare, &sessions->todo) {
        if (tries-- == 0)
            break;
        session_go(LIST_ENTRY(node, struct sio_hook_session, node));
    }
    for (size_t i = 0; i < ENDS_SHARDS; i++)
        shard_renew(&sessions->shards[i]);
    if (sessions->by_owner == NULL)
        deadline_clear(tick);
}

/* ---- the door ------------------------------------------------------------------------------------------ */

/* With protocol 3 a client that leaves a namespace and comes again has the id that it had, and yet it is another
 * session: a random word, which moves with the socket, tells them apart. Nothing where the id is new each time. */
static struct slice stay_of(struct sio_socket *socket, bool is_new)
{
    char word[HOOK_ID_LEN + 1], json[HOOK_ID_LEN + 3];

    if (sio_handshake(socket)->version != ENGINE_3)
        return (struct slice){ NULL, 0 };
    if (is_new) {
        hook_make_id(word);
        snprintf(json, sizeof json, "\"%s\"", word);
        sio_set_data(socket, STAY_DATA, slice_of(json));
    }
    return sio_data(socket, STAY_DATA);
}

static char *name_of(struct sio_socket *socket, bool is_new)
{
    struct slice stay = stay_of(socket, is_new);
    struct buf name;
    char *text;

    buf_init(&name, ENDS_NAME_MAX);
    buf_add_slice(&name, sio_namespace(socket));
    buf_add_byte(&name, '\t');
    buf_add_slice(&name, sio_id(socket));
    buf_add_slice(&name, stay);
    assert(!name.has_overflowed);
    text = slice_dup(buf_slice(&name));
    buf_fini(&name);
    return text;
}

static char *about_of(const struct sio_socket *socket, int64_t connected_ms)
{
    struct buf about;
    char *text;

    buf_init(&about, ABOUT_MAX);
    sio_hook_write_about(&about, socket, connected_ms);
    assert(!about.has_overflowed);
    text = slice_dup(buf_slice(&about));
    buf_fini(&about);
    return text;
}

struct sio_hook_session *sio_hook_session_begin(struct sio_hook_sessions *sessions,
                                                struct sio_socket *socket, bool is_back,
                                                store_done_fn *begun, void *ctx)
{
    struct sio_hook_session *session = xcalloc(1, sizeof *session);

    session->sessions = sessions;
    session->begun = begun;
    session->ctx = ctx;
    session->name = name_of(socket, !is_back);
    session->about = about_of(socket, now_ms(sessions));
    list_init(&session->node);
    hook_make_id(session->delivery);
    snprintf(session->owner, sizeof session->owner, "%s.%llu", sessions->node->id,
             (unsigned long long)++sessions->owners);
    HASH_ADD_STR(sessions->by_owner, owner, session);
    if (!deadline_is_set(&sessions->tick))
        deadline_set(sessions->deadlines, &sessions->tick, TICK_MS, on_tick);
    session_go(session);
    return session;
}

uint32_t sio_hook_lease_ms(const struct config *config)
{
    uint32_t grace = config->recovery_ms > 0 ? config->disconnect_grace_ms + RENEW_MS : 0;

    return grace > ENDS_LEASE_MIN_MS ? grace : ENDS_LEASE_MIN_MS;
}

bool sio_hook_is_goodbye(const char *reason)
{
    return strcmp(reason, "client namespace disconnect") == 0 ||
           strcmp(reason, "server namespace disconnect") == 0;
}

static uint32_t grace_ms(const struct config *config, const char *reason)
{
    if (config->recovery_ms == 0 || sio_hook_is_goodbye(reason))
        return 0;
    return config->disconnect_grace_ms;
}

static void session_over(struct sio_hook_session **session, const char *reason, int64_t ended_ms)
{
    struct sio_hook_session *over = *session;

    if (over == NULL)
        return;
    *session = NULL;
    over->begun = NULL;
    over->reason = reason;
    over->ended_ms = ended_ms;
    over->grace_ms = grace_ms(over->sessions->node->config, reason);
    session_go(over);
}

void sio_hook_session_end(struct sio_hook_session **session, const char *reason, int64_t ended_ms)
{
    bool is_wanted =
        *session != NULL && (*session)->sessions->node->config->disconnect_hook != NULL;

    session_over(session, is_wanted ? reason : "", ended_ms);
}

void sio_hook_session_forget(struct sio_hook_session **session)
{
    session_over(session, "", 0);
}

void sio_hook_session_release(struct sio_hook_session **session)
{
    if (*session != NULL)
        session_free(*session);
    *session = NULL;
}

struct sio_hook_sessions *sio_hook_sessions_create(struct node *node, struct deadlines *deadlines)
{
    struct sio_hook_sessions *sessions = xcalloc(1, sizeof *sessions);

    sessions->node = node;
    sessions->deadlines = deadlines;
    deadline_init(&sessions->tick);
    list_init(&sessions->todo);
    for (size_t i = 0; i < ENDS_SHARDS; i++) {
        sessions->shards[i].sessions = sessions;
        list_init(&sessions->shards[i].live);
    }
    return sessions;
}

/* What may have been said is said again: that is safe, and this time nobody waits for an answer. */
static void say_last_words(struct sio_hook_session *session)
{
    struct store *store = session->sessions->node->store;
    const struct end_session id = id_of(session);

    if (session->reason == NULL)
        return;
    if (*session->reason == '\0') {
        ends_forget(store, &id, NULL, NULL, NULL);
        return;
    }
    if (session->written != WRITTEN_YES)
        write_begin(session, NULL, NULL);
    ends_set(store, &id, slice_of(session->reason), session->ended_ms, session->grace_ms, NULL,
             NULL, NULL);
}

void sio_hook_sessions_destroy(struct sio_hook_sessions **sessions)
{
    struct sio_hook_sessions *gone = *sessions;

    *sessions = NULL;
    deadline_clear(&gone->tick);
    while (gone->by_owner != NULL) {
        struct sio_hook_session *session = gone->by_owner;

        store_cancel(&session->op);
        say_last_words(session);
        session_free(session);
    }
    for (size_t i = 0; i < ENDS_SHARDS; i++)
        store_cancel(&gone->shards[i].op);
    free(gone);
}
