/* SPDX-License-Identifier: MIT */
/*
 * Spectating: a socket watches one guild. Its right is looked at when it begins, whenever somebody says that
 * rights have changed, and once a minute; the rooms it is in follow from what it may:
 *
 *     guild_<id>        members
 *     guild_<id>_logs   with logs, and the right to see public ones
 *     guild_<id>_plogs  with logs, and the right to see private ones
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "metrics.h"
#include "request.h"
#include "session_data.h"

enum { ROOM_MAX = 64, CHECK_EVERY_MS = 60000, ACK_MAX = 256 };

/* The sessions that watch a guild. */
struct audience {
    UT_hash_handle hh;
    struct list watches;
    bool is_held; /* somebody goes through it */
    char *guild;
};

struct watch {
    struct session *session;
    struct audience *audience;
    struct list node; /* audience->watches */
    bool has_logs;
    bool is_on;     /* it may: it is in the rooms */
    bool has_right; /* to hear logs, of any kind */
    bool has_asked; /* a back end, whether the user is a member */
    bool is_stale;  /* while it was looked at, rights have changed */
    struct pending_ack ack;
    struct store_op *looking;
    struct flight_wait membership;
    struct deadline check;
};

struct slice watch_guild(const struct session *session)
{
    return session->watch != NULL ? slice_of(session->watch->audience->guild)
                                  : (struct slice){ NULL, 0 };
}

bool watch_has_logs(const struct session *session)
{
    return session->watch != NULL && session->watch->has_logs;
}

struct pending_ack watch_ack(const struct session *session)
{
    return session->watch != NULL ? session->watch->ack : (struct pending_ack){ 0 };
}

/* ---- beginning and end -------------------------------------------------------------------------------- */

static struct audience *audience_of(struct architus *app, struct slice guild)
{
    struct audience *audience;

    HASH_FIND(hh, app->audiences, guild.data, guild.len, audience);
    if (audience != NULL)
        return audience;
    audience = xcalloc(1, sizeof *audience);
    audience->guild = slice_dup(guild);
    list_init(&audience->watches);
    HASH_ADD_KEYPTR(hh, app->audiences, audience->guild, guild.len, audience);
    return audience;
}

static void audience_end(struct architus *app, struct audience *audience)
{
    if (!list_is_empty(&audience->watches) || audience->is_held)
        return;
    HASH_DEL(app->audiences, audience);
    free(audience->guild);
    free(audience);
}

void watch_forget(struct session *session)
{
    struct watch *gone = session->watch;

    session->watch = NULL;
    if (gone == NULL)
        return;
    store_cancel(&gone->looking);
    flight_leave(&gone->membership);
    deadline_clear(&gone->check);
    list_remove(&gone->node);
    audience_end(session->app, gone->audience);
    free(gone);
}

/* ---- rooms --------------------------------------------------------------------------------------------- */

static void watch_confirm(struct session *session)
{
    struct watch *watch = session->watch;
    struct pending_ack ack;
    struct buf object;

    if (watch == NULL || !watch->is_on || session->joins > 0)
        return;
    ack = watch->ack;
    if (ack.is_wanted) {
        watch->ack.is_wanted = false;
        session_save(session);
    }
    buf_init(&object, ACK_MAX);
    buf_printf(&object, "{\"guild_id\":\"%s\",\"logs\":%s}", watch->audience->guild,
               watch->has_logs && watch->has_right ? "true" : "false");
    session_ack(session, ack, buf_slice(&object));
    buf_fini(&object);
}

static void on_joined(enum result result, void *ctx)
{
    struct session *session = ctx;

    (void)result; /* too many rooms: then it hears less */
    session->joins--;
    watch_confirm(session);
}

static void set_room(struct watch *watch, const char *suffix, bool is_wanted)
{
    struct session *session = watch->session;
    char name[ROOM_MAX];
    int len = snprintf(name, sizeof name, "guild_%s%s", watch->audience->guild, suffix);
    struct slice room = { name, (size_t)len };

    if (is_wanted && !sio_is_in(session->socket, room)) {
        session->joins++;
        sio_join(session->socket, room, on_joined, session);
    } else if (!is_wanted && sio_is_in(session->socket, room)) {
        sio_leave(session->socket, room);
    }
}

static void set_rooms(struct watch *watch, bool is_member, uint32_t rights)
{
    set_room(watch, "", is_member);
    set_room(watch, "_logs", is_member && watch->has_logs && (rights & POOL_RIGHT_PUBLIC_LOGS));
    set_room(watch, "_plogs", is_member && watch->has_logs && (rights & POOL_RIGHT_PRIVATE_LOGS));
}

static void ack_error(struct session *session, struct pending_ack ack, const char *error)
{
    struct buf object;

    buf_init(&object, ACK_MAX);
    buf_printf(&object, "{\"error\":\"%s\"}", error);
    session_ack(session, ack, buf_slice(&object));
    buf_fini(&object);
}

/* Whoever still waits for the acknowledgement hears that something else came first. */
void watch_end(struct session *session)
{
    struct pending_ack ack;

    if (session->watch == NULL)
        return;
    ack = session->watch->ack;
    set_rooms(session->watch, false, 0);
    watch_forget(session);
    session_save(session);
    ack_error(session, ack, "ended");
}

static void watch_refuse(struct watch *watch, enum refusal refusal, const char *error)
{
    struct session *session = watch->session;
    struct pending_ack ack = watch->ack;

    watch->ack.is_wanted = false;
    watch_end(session);
    session_refuse(session, refusal, NULL, NULL);
    ack_error(session, ack, error);
}

/* ---- looking ---------------------------------------------------------------------------------------------- */

static void watch_look(struct watch *watch);

static void on_check_due(struct deadline *deadline)
{
    watch_look(LIST_ENTRY(deadline, struct watch, check));
}

/* Nobody could say: who watches goes on until the next time. */
static void watch_put_off(struct watch *watch)
{
    watch->has_asked = false;
    if (watch->is_on)
        deadline_set(watch->session->app->deadlines, &watch->check, CHECK_EVERY_MS, on_check_due);
    else
        watch_refuse(watch, REFUSAL_STORE, "unavailable");
}

static void watch_settle(struct watch *watch, uint32_t rights)
{
    watch->is_on = true;
    watch->has_right = (rights & (POOL_RIGHT_PUBLIC_LOGS | POOL_RIGHT_PRIVATE_LOGS)) != 0;
    watch->has_asked = false;
    set_rooms(watch, true, rights);
    deadline_set(watch->session->app->deadlines, &watch->check, CHECK_EVERY_MS, on_check_due);
    watch_confirm(watch->session);
}

static void on_membership(struct flight_wait *wait, struct flight *flight)
{
    struct watch *watch = LIST_ENTRY(wait, struct watch, membership);

    if (flight->status == 200)
        watch_look(watch);
    else
        watch_put_off(watch);
}

static void watch_ask(struct watch *watch, const struct jwt *identity)
{
    if (watch->has_asked) { /* the answer could not be kept */
        watch_put_off(watch);
        return;
    }
    watch->has_asked = true;
    membership_ask(watch->session->app, sio_realm(watch->session->socket),
                   slice_of(watch->audience->guild), identity_user(identity), &watch->membership,
                   on_membership);
}

static void on_looked(enum result result, const struct pool_answer *answer, void *ctx)
{
    struct watch *watch = ctx;
    struct jwt *identity = session_identity(watch->session);

    if (identity == NULL)
        watch_refuse(watch, REFUSAL_NOT_AUTHENTICATED, "not authenticated");
    else if (watch->is_stale)
        watch_look(watch);
    else if (result != RESULT_OK)
        watch_put_off(watch);
    else if (answer->access == POOL_ALLOWED)
        watch_settle(watch, answer->rights);
    else if (answer->access == POOL_UNKNOWN)
        watch_ask(watch, identity);
    else
        watch_refuse(watch, REFUSAL_NOT_A_MEMBER, "not a member");
}

static void watch_look(struct watch *watch)
{
    struct session *session = watch->session;
    struct jwt *identity = session_identity(session);
    struct pool_id pool = { sio_realm(session->socket), slice_of(watch->audience->guild),
                            POOL_MEMBER };
    struct pool_asker asker = { .needs = 0 };

    watch->is_stale = watch->looking != NULL;
    if (watch->is_stale || watch->membership.flight != NULL)
        return;
    deadline_clear(&watch->check);
    if (identity == NULL) {
        watch_refuse(watch, REFUSAL_NOT_AUTHENTICATED, "not authenticated");
        return;
    }
    asker.user = identity_user(identity);
    asker.limit = identity_limit(identity);
    pool_look(session->app->node->store, &pool, &asker, on_looked, watch, &watch->looking);
}

void watch_check_guild(struct architus *app, struct slice guild)
{
    struct audience *audience;

    HASH_FIND(hh, app->audiences, guild.data, guild.len, audience);
    if (audience == NULL)
        return;
    audience->is_held = true; /* whoever may no more leaves it at once */
    LIST_EACH (node, spare, &audience->watches) {
        watch_look(LIST_ENTRY(node, struct watch, node));
    }
    audience->is_held = false;
    audience_end(app, audience);
}

/* ---- spectate ---------------------------------------------------------------------------------------------- */

void watch_begin(struct session *session, struct slice guild, bool has_logs, struct pending_ack ack)
{
    struct watch *watch;

    watch_end(session);
    watch = session->watch = xcalloc(1, sizeof *watch);
    watch->session = session;
    watch->audience = audience_of(session->app, guild);
    watch->has_logs = has_logs;
    watch->ack = ack;
    deadline_init(&watch->check);
    list_append(&watch->audience->watches, &watch->node);
    session_save(session);
    watch_look(watch);
}

void watch_handle(struct session *session, const struct sio_event *event)
{
    struct pending_ack ack = ack_of(event);
    struct spectate spectate;

    if (!session_may_say(session)) {
        session->app->node->metrics.limits[LIMIT_ARCHITUS_RATE]++;
        session_refuse(session, REFUSAL_TOO_OFTEN, NULL, NULL);
        ack_error(session, ack, "too many requests");
        return;
    }
    if (!spectate_parse(sio_argument(event, 0), &spectate)) {
        session_refuse(session, REFUSAL_MALFORMED, "a guild's id is wanted", NULL);
        ack_error(session, ack, "invalid request");
    } else if (session_identity(session) == NULL) {
        session_refuse(session, REFUSAL_NOT_AUTHENTICATED, "session did not contain jwt", NULL);
        ack_error(session, ack, "not authenticated");
    } else if (spectate.guild.data == NULL) {
        watch_end(session);
        session_ack(session, ack, SLICE_LITERAL("{\"guild_id\":null,\"logs\":false}"));
    } else {
        watch_begin(session, spectate.guild, spectate.has_logs, ack);
    }
    buf_fini(&spectate.text);
}
