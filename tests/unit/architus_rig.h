/* SPDX-License-Identifier: MIT */
#ifndef SB_TESTS_ARCHITUS_RIG_H
#define SB_TESTS_ARCHITUS_RIG_H

#include "support.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "architus.h"
#include "architus_room.h"
#include "base/clock.h"
#include "base/mem.h"
#include "hook.h"
#include "sio_emit.h"
#include "store/kept.h"
#include "store/limits.h"
#include "store/nodes.h"
#include "store/rpc.h"
#include "store/topic.h"

/*
 * The app on sockets that only note what is done to them, over a store and a back end that answer when the test
 * says so. Everything is noted, a line of text each:
 *
 *     rig_say()      a client says an event
 *     rig_pool()     the oldest look into a pool is answered
 *     rig_done()     the oldest operation of that name is answered with nothing but a result
 *     rig_back()     the oldest question to the back end is answered
 *     rig_pass()     time passes
 *     rig_expect()   everything that was noted since the last time
 *
 * Included by exactly one file of a test.
 */
enum { OPS_MAX = 256, CALLS_MAX = 64, TIMERS_MAX = 128, ROOMS_MAX = 8, NOTES_MAX = 1 << 24 };

struct sio_socket {
    const char *name;
    struct jwt *identity;
    char rooms[ROOMS_MAX][64];
    char *data;
    struct list tasks;
    bool is_full;
    struct engine_handshake handshake;
};

union op_done {
    pool_answer_fn *answer;
    store_done_fn *done;
    pool_staged_fn *staged;
    kept_fn *kept;
    rate_taken_fn *taken;
    nodes_live_fn *nodes;
    rpc_taken_fn *letters;
    sio_emitted_fn *emitted;
};

struct store_op {
    const char *name;
    union op_done done;
    void *ctx;
    struct store_op **slot;
};

struct hook_call {
    hook_done_fn *done;
    void *ctx;
    struct hook_call **slot;
};

static struct rig {
    struct config config;
    struct node node;
    void *app;
    struct sio_socket sockets[4];
    struct buf notes;
    struct store_op *ops[OPS_MAX]; /* oldest first */
    size_t op_count;
    struct hook_call *calls[CALLS_MAX]; /* oldest first */
    size_t call_count;
    struct {
        struct deadline *deadline;
        int64_t due_ms;
        deadline_fn *on_due;
    } timers[TIMERS_MAX];
    size_t timer_count;
    int64_t now_ms;
    struct store_stats stats;
    struct topic *topic;
    bool has_tokens; /* are any accepted at all? */
    inbox_fn *on_word;
    void *word_ctx;
    const char **items; /* of the answer that is being given */
} rig;

static void note(const char *format, ...) PRINTF_LIKE(1, 2);
static void note(const char *format, ...)
{
    char line[8192];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    assert_true(buf_printf(&rig.notes, "%s\n", line));
}

#define rig_expect(...) rig_expect_at(__LINE__, __VA_ARGS__, NULL)

static inline void rig_expect_at(int line, ...)
{
    const char *text;
    struct buf want;
    va_list args;

    buf_init(&want, NOTES_MAX);
    va_start(args, line);
    while ((text = va_arg(args, const char *)) != NULL)
        buf_printf(&want, "%s\n", text);
    va_end(args);
    if (!slice_equals(buf_slice(&want), buf_slice(&rig.notes)))
        fail_msg("line %d: wanted\n%.*sgot\n%.*s", line, (int)want.len, want.data,
                 (int)rig.notes.len, rig.notes.len > 0 ? rig.notes.data : "");
    buf_fini(&want);
    buf_clear(&rig.notes);
}

#define rig_expect_nothing() assert_int_equal(rig.notes.len, 0)

/* ---- sockets -------------------------------------------------------------------------------------- */

struct slice sio_id(const struct sio_socket *socket)
{
    return slice_of(socket->name);
}

struct slice sio_namespace(const struct sio_socket *socket)
{
    (void)socket;
    return SLICE_LITERAL("/");
}

struct slice sio_default_realm(void)
{
    return SLICE_LITERAL("default");
}

struct slice sio_realm(const struct sio_socket *socket)
{
    (void)socket;
    return sio_default_realm();
}

const struct engine_handshake *sio_handshake(const struct sio_socket *socket)
{
    return &socket->handshake;
}

struct jwt *sio_identity(const struct sio_socket *socket)
{
    return socket->identity;
}

void sio_set_identity(struct sio_socket *socket, struct jwt *identity)
{
    note("%s is %s", socket->name, identity != NULL ? identity->subject : "nobody");
    socket->identity = identity;
}

struct slice sio_data(const struct sio_socket *socket, const char *app)
{
    assert_string_equal(app, "architus");
    return slice_of(socket->data);
}

void sio_set_data(struct sio_socket *socket, const char *app, struct slice json)
{
    char *old = socket->data;

    assert_string_equal(app, "architus");
    socket->data = json.data != NULL ? slice_dup(json) : NULL;
    free(old);
}

void sio_send(struct sio_socket *socket, struct slice items)
{
    note("%s < %.*s", socket->name, (int)items.len, items.data);
}

void sio_ack(struct sio_socket *socket, uint64_t ack_id, struct slice args)
{
    note("%s ack %" PRIu64 " %.*s", socket->name, ack_id, (int)args.len, args.data);
}

bool sio_can_take(const struct sio_socket *socket)
{
    return !socket->is_full;
}

static char *room_of(struct sio_socket *socket, struct slice room)
{
    for (size_t i = 0; i < ROOMS_MAX; i++)
        if (slice_is(room, socket->rooms[i]))
            return socket->rooms[i];
    return NULL;
}

bool sio_is_in(const struct sio_socket *socket, struct slice room)
{
    return room_of(&rig.sockets[socket - rig.sockets], room) != NULL;
}

void sio_join(struct sio_socket *socket, struct slice room, sio_joined_fn *done, void *ctx)
{
    note("%s joins %.*s", socket->name, (int)room.len, room.data);
    for (size_t i = 0; i < ROOMS_MAX && !sio_is_in(socket, room); i++)
        if (socket->rooms[i][0] == '\0')
            memcpy(socket->rooms[i], room.data, room.len);
    if (done != NULL) {
        struct store_op *op = xcalloc(1, sizeof *op);

        *op = (struct store_op){ "join", { .done = done }, ctx, NULL };
        rig.ops[rig.op_count++] = op;
    }
}

void sio_leave(struct sio_socket *socket, struct slice room)
{
    char *found = room_of(socket, room);

    if (found == NULL)
        return;
    note("%s leaves %.*s", socket->name, (int)room.len, room.data);
    memset(found, 0, 64);
}

struct json sio_argument(const struct sio_event *event, size_t index)
{
    struct json item = { .type = JSON_ABSENT };
    size_t offset = 0;

    for (size_t i = 0; i <= index + 1; i++)
        if (!json_next(event->items, &offset, &item))
            return (struct json){ .type = JSON_ABSENT };
    return item;
}

void sio_task_begin(struct sio_socket *socket, struct sio_task *task,
                    void (*on_gone)(struct sio_task *))
{
    assert_null(task->socket);
    task->socket = socket;
    task->on_gone = on_gone;
    list_append(&socket->tasks, &task->node);
}

void sio_task_end(struct sio_task *task)
{
    if (task->socket != NULL)
        list_remove(&task->node);
    task->socket = NULL;
}

/* Admission is not looked at here. */
struct sio_socket *sio_admission_socket(struct sio_admission *admission)
{
    (void)admission;
    return NULL;
}

void sio_admit(struct sio_admission *admission)
{
    (void)admission;
}

void sio_admission_wait(struct sio_admission *admission, void (*on_gone)(void *ctx), void *ctx)
{
    (void)admission;
    (void)on_gone;
    (void)ctx;
}

bool engine_query(const struct engine_handshake *handshake, const char *name, struct buf *out)
{
    (void)handshake;
    (void)name;
    (void)out;
    return false;
}

/* ---- operations -------------------------------------------------------------------------------------- */

static void op_add(const char *name, union op_done done, void *ctx, struct store_op **slot)
{
    struct store_op *op = xcalloc(1, sizeof *op);

    assert_true(slot == NULL || *slot == NULL);
    assert_true(rig.op_count < OPS_MAX);
    *op = (struct store_op){ name, done, ctx, slot };
    if (slot != NULL)
        *slot = op;
    rig.ops[rig.op_count++] = op;
}

static struct store_op *op_take(size_t at)
{
    struct store_op *op = rig.ops[at];

    memmove(&rig.ops[at], &rig.ops[at + 1], (--rig.op_count - at) * sizeof rig.ops[0]);
    if (op->slot != NULL)
        *op->slot = NULL;
    return op;
}

static struct store_op *op_oldest(const char *name)
{
    for (size_t i = 0; i < rig.op_count; i++)
        if (strcmp(rig.ops[i]->name, name) == 0)
            return op_take(i);
    fail_msg("nobody waits for %s", name);
    return NULL;
}

void store_cancel(struct store_op **slot)
{
    for (size_t i = 0; *slot != NULL && i < rig.op_count; i++)
        if (rig.ops[i] == *slot) {
            note("cancel %s", (*slot)->name);
            free(op_take(i));
            return;
        }
}

const struct store_stats *store_stats(const struct store *store)
{
    (void)store;
    return &rig.stats;
}

int64_t store_now_ms(const struct store *store)
{
    (void)store;
    return rig.now_ms;
}

static inline void rig_done(const char *name, enum result result)
{
    struct store_op *op = op_oldest(name);

    op->done.done(result, op->ctx);
    free(op);
}

/* ---- pools --------------------------------------------------------------------------------------------- */

static void add_ids(struct buf *text, const struct slice *ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_printf(text, " %.*s", (int)ids[i].len, ids[i].data);
    buf_add_byte(text, '\0');
}

static void note_read(const char *how, const struct pool_id *id, const struct pool_asker *asker,
                      const char *what)
{
    note("%s %.*s/%s for %.*s%s", how, (int)id->guild.len, id->guild.data, pool_type_name(id->type),
         (int)asker->user.len, asker->user.data, what);
}

void pool_look(struct store *store, const struct pool_id *id, const struct pool_asker *asker,
               pool_answer_fn *done, void *ctx, struct store_op **slot)
{
    (void)store;
    note_read("look", id, asker, "");
    op_add("pool", (union op_done){ .answer = done }, ctx, slot);
}

void pool_get(struct store *store, const struct pool_id *id, const struct pool_asker *asker,
              const struct slice *ids, size_t count, pool_answer_fn *done, void *ctx,
              struct store_op **slot)
{
    struct buf text;

    (void)store;
    buf_init(&text, NOTES_MAX);
    add_ids(&text, ids, count);
    note_read("get", id, asker, text.data);
    buf_fini(&text);
    op_add("pool", (union op_done){ .answer = done }, ctx, slot);
}

void pool_page(struct store *store, const struct pool_id *id, const struct pool_asker *asker,
               struct slice cursor, pool_answer_fn *done, void *ctx, struct store_op **slot)
{
    char text[64];

    (void)store;
    snprintf(text, sizeof text, " at %.*s", (int)cursor.len, cursor.data);
    note_read("page", id, asker, text);
    op_add("pool", (union op_done){ .answer = done }, ctx, slot);
}

void pool_find(struct store *store, const struct pool_id *id, const struct pool_asker *asker,
               struct slice folded, size_t count, pool_answer_fn *done, void *ctx,
               struct store_op **slot)
{
    char text[256];

    (void)store;
    snprintf(text, sizeof text, " %zu like %.*s", count, (int)folded.len, folded.data);
    note_read("find", id, asker, text);
    op_add("pool", (union op_done){ .answer = done }, ctx, slot);
}

enum pool_item pool_answer_item(const struct pool_answer *answer, size_t index,
                                struct slice *entity_out)
{
    (void)answer;
    *entity_out = slice_of(rig.items[index]);
    if (strcmp(rig.items[index], "absent") == 0)
        return POOL_ABSENT;
    return strcmp(rig.items[index], "missing") == 0 ? POOL_MISSING : POOL_FOUND;
}

/* Items end with NULL. */
static inline void rig_pool_answer(struct pool_answer answer, const char **items)
{
    struct store_op *op = op_oldest("pool");

    rig.items = items;
    while (items[answer.count] != NULL)
        answer.count++;
    op->done.answer(RESULT_OK, &answer, op->ctx);
    free(op);
}
#define rig_pool(...)                                                                              \
    rig_pool_answer(                                                                               \
        (struct pool_answer){                                                                      \
            .access = POOL_ALLOWED, .rights = 0x112, .changes = 7, .next = SLICE_LITERAL("0") },   \
        (const char *[]){ __VA_ARGS__, NULL })
#define rig_access(what, bits)                                                                     \
    rig_pool_answer(                                                                               \
        (struct pool_answer){ .access = (what), .rights = (bits), .next = SLICE_LITERAL("0") },    \
        (const char *[]){ NULL })
#define rig_page(pool_state, at, ...)                                                              \
    rig_pool_answer((struct pool_answer){ .access = POOL_ALLOWED,                                  \
                                          .state = (pool_state),                                   \
                                          .changes = 7,                                            \
                                          .next = SLICE_LITERAL(at) },                             \
                    (const char *[]){ __VA_ARGS__, NULL })

static inline void rig_pool_fails(enum result result)
{
    struct store_op *op = op_oldest("pool");
    struct pool_answer answer = { .next = SLICE_LITERAL("0") };

    op->done.answer(result, &answer, op->ctx);
    free(op);
}

static void note_change(const char *what, const struct pool_id *id,
                        const struct pool_entity *entities, size_t count)
{
    char text[4096] = "";

    for (size_t i = 0; i < count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), " %.*s",
                 (int)entities[i].json.len, entities[i].json.data);
    note("%s %.*s/%s%s", what, (int)id->guild.len, id->guild.data, pool_type_name(id->type), text);
}

void pool_fill(struct store *store, const struct pool_id *id, const struct pool_change *fill,
               uint64_t changes, uint32_t max, store_done_fn *done, void *ctx,
               struct store_op **slot)
{
    (void)store;
    assert_int_equal(changes, 7);
    assert_int_equal(max, rig.config.pool_max);
    note_change("fill", id, fill->entities, fill->entity_count);
    for (size_t i = 0; i < fill->removed_count; i++)
        note("  not %.*s", (int)fill->removed[i].len, fill->removed[i].data);
    op_add("fill", (union op_done){ .done = done }, ctx, slot);
}

void pool_stage(struct store *store, const struct pool_id *id, struct slice stage,
                const struct pool_entity *entities, size_t count, uint32_t max,
                pool_staged_fn *done, void *ctx, struct store_op **slot)
{
    (void)store;
    (void)stage;
    (void)max;
    note_change("stage", id, entities, count);
    op_add("stage", (union op_done){ .staged = done }, ctx, slot);
}

static inline void rig_staged(enum result result)
{
    struct store_op *op = op_oldest("stage");

    op->done.staged(result, 99, op->ctx);
    free(op);
}

void pool_replace(struct store *store, const struct pool_id *id,
                  const struct pool_replacement *replacement, store_done_fn *done, void *ctx,
                  struct store_op **slot)
{
    (void)store;
    note("replace %.*s/%s by %zu if changed %" PRIu64 " times", (int)id->guild.len, id->guild.data,
         pool_type_name(id->type), replacement->count, replacement->changes);
    op_add("replace", (union op_done){ .done = done }, ctx, slot);
}

void pool_know(struct store *store, struct slice realm, struct slice guild, struct slice user,
               enum pool_standing standing, store_done_fn *done, void *ctx, struct store_op **slot)
{
    static const char *const words[] = { "no", "a", "an administrating" };

    (void)store;
    (void)realm;
    note("%.*s is %s member of %.*s", (int)user.len, user.data, words[standing], (int)guild.len,
         guild.data);
    op_add("know", (union op_done){ .done = done }, ctx, slot);
}

void pool_change(struct store *store, const struct pool_id *id, const struct pool_change *change,
                 uint32_t max, store_done_fn *done, void *ctx, struct store_op **slot)
{
    (void)store;
    (void)max;
    note_change("change", id, change->entities, change->entity_count);
    op_add("change", (union op_done){ .done = done }, ctx, slot);
}

void pool_set_rights(struct store *store, struct slice realm, struct slice guild,
                     const struct pool_grant *grants, size_t count, store_done_fn *done, void *ctx,
                     struct store_op **slot)
{
    (void)store;
    (void)realm;
    (void)grants;
    note("%zu rights of %.*s", count, (int)guild.len, guild.data);
    op_add("rights", (union op_done){ .done = done }, ctx, slot);
}

const char *pool_type_name(enum pool_type type)
{
    static const char *const names[] = { "member",      "channel",      "role",
                                         "customEmoji", "autoResponse", "settingValue" };

    return names[type];
}

bool pool_type_find(struct slice name, enum pool_type *type_out)
{
    for (*type_out = 0; *type_out < POOL_TYPES; (*type_out)++)
        if (slice_is(name, pool_type_name(*type_out)))
            return true;
    return false;
}

/* ---- the rest of the store ------------------------------------------------------------------------------- */

static const char *const kept_names[] = { "user", "no user", "guilds", "nonce" };

void kept_put(struct store *store, enum kept_kind kind, struct slice realm, struct slice id,
              struct slice text, store_done_fn *done, void *ctx, struct store_op **slot)
{
    (void)store;
    (void)realm;
    note("keep %s %.*s %.*s", kept_names[kind], (int)id.len, id.data, (int)text.len,
         text.len > 0 ? text.data : "");
    op_add("keep", (union op_done){ .done = done }, ctx, slot);
}

void kept_get(struct store *store, enum kept_kind kind, struct slice realm, struct slice id,
              kept_fn *done, void *ctx, struct store_op **slot)
{
    (void)store;
    (void)realm;
    note("kept %s %.*s?", kept_names[kind], (int)id.len, id.data);
    op_add("kept", (union op_done){ .kept = done }, ctx, slot);
}

void kept_take(struct store *store, enum kept_kind kind, struct slice realm, struct slice id,
               kept_fn *done, void *ctx, struct store_op **slot)
{
    (void)store;
    (void)realm;
    note("take %s %.*s", kept_names[kind], (int)id.len, id.data);
    op_add("kept", (union op_done){ .kept = done }, ctx, slot);
}

/* NULL: there is none. */
static inline void rig_kept(const char *text)
{
    struct store_op *op = op_oldest("kept");

    op->done.kept(text != NULL ? RESULT_OK : RESULT_NOT_FOUND, slice_of(text), op->ctx);
    free(op);
}

void rate_take(struct store *store, struct slice realm, struct slice subject,
               const struct rate_limit *limit, uint32_t tokens, rate_taken_fn *done, void *ctx,
               struct store_op **slot)
{
    (void)store;
    (void)realm;
    note("take %u of %u for %.*s", tokens, limit->count, (int)subject.len, subject.data);
    op_add("rate", (union op_done){ .taken = done }, ctx, slot);
}

static inline void rig_taken(enum result result)
{
    struct store_op *op = op_oldest("rate");

    op->done.taken(result, 100, op->ctx);
    free(op);
}

void nodes_list_live(struct store *store, nodes_live_fn *done, void *ctx, struct store_op **slot)
{
    (void)store;
    op_add("nodes", (union op_done){ .nodes = done }, ctx, slot);
}

void inbox_handle(struct inbox *inbox, const char *topic, inbox_fn *on_message, void *ctx)
{
    (void)inbox;
    assert_string_equal(topic, "architus");
    rig.on_word = on_message;
    rig.word_ctx = ctx;
}

void inbox_deliver(struct inbox *inbox, struct slice node_id, const char *topic, struct slice text,
                   channel_appended_fn *done, void *ctx, struct store_op **slot)
{
    (void)inbox;
    (void)topic;
    note("to %.*s: %.*s", (int)node_id.len, node_id.data, (int)text.len, text.data);
    op_add("word", (union op_done){ .emitted = done }, ctx, slot);
}

/* ---- tokens ------------------------------------------------------------------------------------------------- */

bool jwts_is_configured(const struct jwts *jwts)
{
    (void)jwts;
    return rig.has_tokens;
}

struct jwt *jwt_ref(struct jwt *jwt)
{
    jwt->refs++;
    return jwt;
}

void jwt_unref(struct jwt **jwt)
{
    if (*jwt != NULL)
        (*jwt)->refs--;
    *jwt = NULL;
}

void jwt_cancel(struct jwt_check **slot)
{
    *slot = NULL;
}

const char *jwt_answer_text(enum jwt_answer answer)
{
    (void)answer;
    return "no good";
}

static char me[] = "214037134477230080", you[] = "109462069484486656";
#define LOGIN(claims_text, who)                                                                    \
    {                                                                                              \
        .refs = 1, .claims = { claims_text, sizeof claims_text - 1 }, .subject = who               \
    }
static struct jwt my_login = LOGIN("{\"permissions\":274,\"access_token\":\"AT\"}", me);
static struct jwt your_login = LOGIN("{\"permissions\":274}", you);

/* "me" and "you" are good tokens. */
enum jwt_answer jwt_check(struct jwts *jwts, struct slice token, struct jwt **jwt_out,
                          jwt_done_fn *done, void *ctx, struct jwt_check **slot)
{
    (void)jwts;
    (void)done;
    (void)ctx;
    (void)slot;
    if (!slice_is(token, "me") && !slice_is(token, "you"))
        return JWT_REFUSED;
    *jwt_out = jwt_ref(slice_is(token, "me") ? &my_login : &your_login);
    return JWT_OK;
}

/* ---- the back end --------------------------------------------------------------------------------------------- */

void hook_call(struct hooks *hooks, const struct hook_request *request, hook_done_fn *done,
               void *ctx, struct hook_call **slot)
{
    struct hook_call *call = xcalloc(1, sizeof *call);
    const char *from = strstr(request->body.data, "\"method\":"), *to;

    (void)hooks;
    assert_non_null(from);
    to = strstr(from, ",\"guild_id\":");
    note("ask %.*s", (int)(to - from) - 9, from + 9);
    *call = (struct hook_call){ done, ctx, slot };
    *slot = call;
    rig.calls[rig.call_count++] = call;
}

static void call_remove(size_t at)
{
    *rig.calls[at]->slot = NULL;
    memmove(&rig.calls[at], &rig.calls[at + 1], (--rig.call_count - at) * sizeof rig.calls[0]);
}

void hook_cancel(struct hook_call **slot)
{
    for (size_t i = 0; *slot != NULL && i < rig.call_count; i++)
        if (rig.calls[i] == *slot) {
            struct hook_call *call = rig.calls[i];

            note("cancel the question");
            call_remove(i);
            free(call);
            return;
        }
}

/* {"sc":200,"resp":…} */
static inline void rig_back(const char *body)
{
    struct hook_answer answer = { 200, slice_of(body) };
    struct hook_call *call = rig.calls[0];

    assert_true(rig.call_count > 0);
    call_remove(0);
    call->done(RESULT_OK, &answer, call->ctx);
    free(call);
}

static inline void rig_back_fails(enum result result)
{
    struct hook_call *call = rig.calls[0];

    assert_true(rig.call_count > 0);
    call_remove(0);
    call->done(result, NULL, call->ctx);
    free(call);
}

struct discord *discord_create(uv_loop_t *loop, const struct config *config)
{
    (void)loop;
    (void)config;
    return NULL;
}

void discord_destroy(struct discord **discord)
{
    (void)discord;
}

bool discord_ask(struct discord *discord, struct slice access_token, discord_done_fn *done,
                 void *ctx, struct discord_call **slot)
{
    (void)discord;
    (void)access_token;
    (void)done;
    (void)ctx;
    (void)slot;
    return false;
}

void discord_cancel(struct discord_call **slot)
{
    (void)slot;
}

/* ---- lists in Redis: not looked at here --------------------------------------------------------------------------- */

void rpc_queue_key(struct key *key, struct slice realm, struct slice queue)
{
    key_make(key, "rpc", realm, queue, "q");
}

void rpc_answers_key(struct key *key, struct slice realm, struct slice node_id)
{
    key_make(key, "inbox", realm, node_id, "rpc");
}

void rpc_push(struct store *store, struct slice realm, struct slice queue, struct slice text,
              store_done_fn *done, void *ctx, struct store_op **slot)
{
    (void)store;
    (void)realm;
    note("push %.*s: %.*s", (int)queue.len, queue.data, (int)text.len, text.data);
    op_add("push", (union op_done){ .done = done }, ctx, slot);
}

void rpc_take(struct store *store, const struct key *list, rpc_taken_fn *done, void *ctx,
              struct store_op **slot)
{
    (void)store;
    note("look into %s", list->text);
    op_add("letters", (union op_done){ .letters = done }, ctx, slot);
}

/* NULL: there is none. */
static inline void rig_letter(const char *text)
{
    struct store_op *op = op_oldest("letters");
    struct slice letter = slice_of(text);

    op->done.letters(RESULT_OK, &letter, text != NULL, op->ctx);
    free(op);
}

void rpc_answer(struct store *store, struct slice list, struct slice text, store_done_fn *done,
                void *ctx, struct store_op **slot)
{
    (void)store;
    (void)done;
    (void)ctx;
    (void)slot;
    note("answer %.*s: %.*s", (int)list.len, list.data, (int)text.len, text.data);
}

struct topic {
    topic_fn *on_news;
    void *ctx;
};

struct topic *topic_subscribe(struct store *store, enum topic_kind kind, const char *key,
                              topic_fn *on_news, void *ctx)
{
    struct topic *topic = xcalloc(1, sizeof *topic);

    (void)store;
    assert_int_equal(kind, TOPIC_KEY);
    note("follow %s", key);
    *topic = (struct topic){ on_news, ctx };
    rig.topic = topic;
    return topic;
}

void topic_unsubscribe(struct topic **topic)
{
    free(*topic);
    *topic = NULL;
}

/* ---- back ends over HTTP --------------------------------------------------------------------------------------------- */

struct http_request {
    const char *name, *token, *guild, *type, *full, *body;
    http_gone_fn *on_gone;
    void *ctx;
    bool is_over;
};

struct slice http_bearer(const struct http_request *request)
{
    return slice_of(request->token);
}

struct slice http_param(const struct http_request *request, size_t index)
{
    return slice_of(index == 0 ? request->guild : request->type);
}

struct slice http_body(const struct http_request *request)
{
    return slice_of(request->body);
}

struct slice http_query(struct http_request *request, const char *name)
{
    assert_string_equal(name, "full");
    return slice_of(request->full);
}

const struct peer *http_peer(const struct http_request *request)
{
    static const struct peer peer;

    (void)request;
    return &peer;
}

void http_wait(struct http_request *request, http_gone_fn *on_gone, void *ctx)
{
    request->on_gone = on_gone;
    request->ctx = ctx;
}

static void http_end(struct http_request *request)
{
    assert_false(request->is_over);
    request->is_over = true;
}

void http_reply(struct http_request *request, const struct http_reply *reply)
{
    http_end(request);
    note("%s: %d", request->name, reply->status);
}

void http_reply_error(struct http_request *request, int status, const char *error)
{
    http_end(request);
    note("%s: %d %s", request->name, status, error);
}

void http_reply_json(struct http_request *request, int status, struct slice json)
{
    http_end(request);
    note("%s: %d %.*s", request->name, status, (int)json.len, json.data);
}

void http_reply_unavailable(struct http_request *request, const char *error)
{
    http_reply_error(request, 503, error);
}

void http_reply_too_many(struct http_request *request, const char *type, struct slice body,
                         uint32_t retry_after_s)
{
    (void)type;
    (void)body;
    (void)retry_after_s;
    http_reply_error(request, 429, "");
}

/* The route that serves it. */
static inline void rig_http(struct http_request *request, enum http_method method, const char *path)
{
    for (size_t i = 0; i < architus_app.route_count; i++)
        if (architus_app.routes[i].method == method &&
            strcmp(architus_app.routes[i].path, path) == 0) {
            architus_app.routes[i].handle(request, rig.app);
            return;
        }
    fail_msg("nothing is served at %s", path);
}

static inline void rig_http_gone(struct http_request *request)
{
    http_end(request);
    request->on_gone(request->ctx);
}

/* "good" is a server's token. */
struct auth_outcome auth_check(struct auth *auth, const struct auth_request *request, auth_fn *done,
                               void *ctx, struct auth_check **slot)
{
    static char subject[] = "bot", realm[] = "default";
    static struct identity identity = { .refs = 1, .subject = subject, .realm = realm };

    (void)auth;
    (void)done;
    (void)ctx;
    (void)slot;
    assert_int_equal(request->kind, CREDENTIAL_SERVER);
    if (!slice_is(request->secret, "good"))
        return (struct auth_outcome){ .answer = AUTH_REFUSED };
    return (struct auth_outcome){ .answer = AUTH_OK, .identity = &identity };
}

void auth_cancel(struct auth_check **slot)
{
    *slot = NULL;
}

struct identity *identity_ref(struct identity *identity)
{
    identity->refs++;
    return identity;
}

void identity_unref(struct identity **identity)
{
    if (*identity != NULL)
        (*identity)->refs--;
    *identity = NULL;
}

bool sio_emit_check(const struct sio *sio, const struct sio_emit *emit, struct why *why)
{
    (void)sio;
    (void)emit;
    (void)why;
    return true;
}

void sio_emit(struct sio *sio, const struct sio_emit *emit, sio_emitted_fn *done, void *ctx,
              struct store_op **slot)
{
    (void)sio;
    assert_int_equal(emit->to.room_count, 1);
    note("emit to %.*s once %.*s: %.*s", (int)emit->to.rooms[0].len, emit->to.rooms[0].data,
         (int)emit->once.len, emit->once.data, (int)emit->items.len, emit->items.data);
    op_add("emit", (union op_done){ .emitted = done }, ctx, slot);
}

static void emit_answer(enum result result, struct channel_appended appended)
{
    struct store_op *op = op_oldest("emit");

    op->done.emitted(result, &appended, op->ctx);
    free(op);
}

static inline void rig_emitted(enum result result, uint32_t listeners)
{
    emit_answer(result, (struct channel_appended){ .number = 1, .listeners = listeners });
}

static inline void rig_emitted_before(void)
{
    emit_answer(RESULT_OK, (struct channel_appended){ .number = 1, .is_duplicate = true });
}

/* ---- time ------------------------------------------------------------------------------------------------------ */

struct deadlines *deadlines_create(uv_loop_t *loop)
{
    (void)loop;
    return NULL;
}

void deadlines_destroy(struct deadlines **deadlines)
{
    *deadlines = NULL;
    assert_int_equal(rig.timer_count, 0);
}

void deadline_init(struct deadline *deadline)
{
    list_init(&deadline->node);
}

void deadline_clear(struct deadline *deadline)
{
    for (size_t i = 0; i < rig.timer_count; i++)
        if (rig.timers[i].deadline == deadline)
            rig.timers[i] = rig.timers[--rig.timer_count];
    list_init(&deadline->node);
}

void deadline_set(struct deadlines *deadlines, struct deadline *deadline, uint32_t after_ms,
                  deadline_fn *on_due)
{
    (void)deadlines;
    deadline_clear(deadline);
    assert_true(rig.timer_count < TIMERS_MAX);
    rig.timers[rig.timer_count].deadline = deadline;
    rig.timers[rig.timer_count].due_ms = rig.now_ms + after_ms;
    rig.timers[rig.timer_count++].on_due = on_due;
    deadline->node.next = NULL; /* it is in no list, and yet it is set */
}

static inline void rig_pass(uint32_t ms)
{
    int64_t until_ms = rig.now_ms + ms;

    for (;;) {
        size_t first = rig.timer_count;

        for (size_t i = 0; i < rig.timer_count; i++)
            if (rig.timers[i].due_ms <= until_ms &&
                (first == rig.timer_count || rig.timers[i].due_ms < rig.timers[first].due_ms))
                first = i;
        if (first == rig.timer_count)
            break;
        struct deadline *deadline = rig.timers[first].deadline;
        deadline_fn *on_due = rig.timers[first].on_due;

        rig.now_ms = rig.timers[first].due_ms;
        clock_hold(rig.now_ms);
        deadline_clear(deadline);
        on_due(deadline);
    }
    rig.now_ms = until_ms;
    clock_hold(rig.now_ms);
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

/* A client is there; with a login it is somebody. */
static inline struct sio_socket *rig_arrive(size_t index, const char *name, struct jwt *login,
                                            bool is_back)
{
    struct sio_socket *socket = &rig.sockets[index];

    socket->name = name;
    socket->identity = login;
    list_init(&socket->tasks);
    architus_app.on_connect(socket, is_back, rig.app);
    return socket;
}

/* As the socket layer does it. */
static inline void rig_leave(struct sio_socket *socket, bool has_moved)
{
    while (!list_is_empty(&socket->tasks)) {
        struct sio_task *task = LIST_ENTRY(socket->tasks.next, struct sio_task, node);

        assert_false(has_moved);
        sio_task_end(task);
        task->on_gone(task);
    }
    architus_app.on_disconnect(socket, "transport close", has_moved, rig.app);
}

static inline void rig_drain(struct sio_socket *socket)
{
    socket->is_full = false;
    LIST_EACH (node, spare, &socket->tasks) {
        struct sio_task *task = LIST_ENTRY(node, struct sio_task, node);

        if (task->on_drain != NULL)
            task->on_drain(task);
    }
}

/* `items` is the whole event: ["name",…]. With an acknowledgement when ack > 0. */
static inline void rig_say_at(struct sio_socket *socket, const char *items, uint64_t ack)
{
    struct sio_event event = { .wants_ack = ack > 0, .ack_id = ack };
    struct json name;
    struct buf text;
    size_t offset = 0;

    assert_true(json_parse(slice_of(items), &event.items));
    assert_true(json_next(event.items, &offset, &name));
    buf_init(&text, 256);
    json_text(name, &text);
    event.name = buf_slice(&text);
    assert_true(architus_app.on_event(socket, &event, rig.app));
    buf_fini(&text);
}
#define rig_say(socket, items) rig_say_at(socket, items, 0)

/* There are two, and this is how the word gets to them. */
static inline void rig_nodes_hear(enum result first, enum result second)
{
    static const struct slice ids[] = { { "n1", 2 }, { "n2", 2 } };
    struct store_op *op = op_oldest("nodes");

    op->done.nodes(RESULT_OK, ids, 2, op->ctx);
    free(op);
    for (int i = 0; i < 2; i++) {
        struct channel_appended appended = { .number = 1 };

        op = op_oldest("word");
        op->done.emitted(i == 0 ? first : second, &appended, op->ctx);
        free(op);
    }
}

static inline void rig_nodes(void)
{
    rig_nodes_hear(RESULT_OK, RESULT_OK);
}

static inline void rig_no_nodes(enum result result)
{
    struct store_op *op = op_oldest("nodes");

    op->done.nodes(result, NULL, 0, op->ctx);
    free(op);
}

static inline int rig_start(void **state)
{
    static char hook[] = "http://bot";

    (void)state;
    memset(&rig, 0, sizeof rig);
    buf_init(&rig.notes, NOTES_MAX);
    rig.now_ms = 1800000000000;
    clock_hold(rig.now_ms);
    rig.config.architus_hook = hook;
    rig.config.shards = 1;
    rig.config.pool_max = 1000;
    rig.node = (struct node){ .config = &rig.config, .id = "00000000a1" };
    rig.app = architus_app.open(&rig.node, NULL);
    architus_app.configure(rig.app);
    my_login.expires_ms = your_login.expires_ms = 0;
    return 0;
}

/* All sockets have gone, and nothing is left behind. */
static inline int rig_stop(void **state)
{
    (void)state;
    architus_app.close(rig.app);
    for (size_t i = 0; i < sizeof rig.sockets / sizeof rig.sockets[0]; i++)
        free(rig.sockets[i].data);
    assert_int_equal(rig.op_count, 0);
    assert_int_equal(rig.call_count, 0);
    assert_int_equal(my_login.refs, 1);
    assert_int_equal(your_login.refs, 1);
    buf_fini(&rig.notes);
    clock_release();
    return 0;
}

#endif
