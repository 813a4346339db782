/* SPDX-License-Identifier: MIT */
/*
 * Upgrades whose WebSocket came here while the connection lives elsewhere: see engine_move.h. The move is the
 * WebSocket's home until it has the connection, or is turned away.
 *
 *     beginning ──> probing ──5──> taking ──the WebSocket goes──> orphaned
 */
#include "engine_move.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"

enum { LATE_MS = 60000 };

enum move_state {
    MOVE_BEGINNING, /* may it probe?                                                        */
    MOVE_PROBING,   /* it has a home                                                        */
    MOVE_TAKING,    /* "5" was said                                                         */
    MOVE_ORPHANED,  /* and then the WebSocket went: the connection will end here            */
    MOVE_STATES
};

/* Before it may probe it is the caller's slot that has it, then its home. */
struct move {
    struct home home;
    struct list node;
    struct engine_moves *moves;
    enum move_state state;
    uint64_t key;
    struct move **slot;
    engine_home_fn *done;
    void *ctx;
    struct call *guarding, *asking;
    struct deadline limit; /* of ORPHANED */
    char owner[NODE_ID_LEN + 1];
};

static void move_enter(struct move *move, enum move_state to)
{
#define TO(state) (1u << (state))
    static const struct {
        const char *name;
        unsigned next;
    } rules[MOVE_STATES] = {
        [MOVE_BEGINNING] = { "beginning", TO(MOVE_PROBING) },
        [MOVE_PROBING] = { "probing", TO(MOVE_TAKING) },
        [MOVE_TAKING] = { "taking", TO(MOVE_ORPHANED) },
        [MOVE_ORPHANED] = { "orphaned", 0 },
    };

    assert(rules[move->state].next & TO(to));
#undef TO
    log_debug(NULL, "engine.move", "owner=%s from=%s to=%s", move->owner, rules[move->state].name,
              rules[to].name);
    move->state = to;
}

static void move_free(struct move *move)
{
    list_remove(&move->node);
    call_cancel(&move->guarding);
    call_cancel(&move->asking);
    deadline_clear(&move->limit);
    if (move->slot != NULL)
        *move->slot = NULL;
    free(move);
}

/* ---- its end: nothing, or the connection ----------------------------------------------------------------- */

static void move_refuse(struct move *move)
{
    struct carrier *carrier = move->home.carrier;
    bool has_carrier = move->state == MOVE_PROBING || move->state == MOVE_TAKING;

    move_free(move);
    if (has_carrier)
        carrier_refuse(carrier);
}

/* Nobody carries it: the upper layer has to hear of its end. */
static void end_orphan(struct engine_conn *conn)
{
    engine_close(conn, ENGINE_TRANSPORT_CLOSE);
    engine_conn_enter(conn, CONN_SOCKET);
}

static void move_arrive(struct move *move, struct slice image)
{
    struct engine *engine = move->moves->engine;
    struct carrier *carrier = move->home.carrier;
    struct engine_conn *conn = engine_image_unpack(engine, image);

    if (conn == NULL) {
        log_warn(NULL, "engine.move_broken", "owner=%s bytes=%zu", move->owner, image.len);
        move_refuse(move);
    } else if (move->state == MOVE_ORPHANED) {
        move_free(move);
        end_orphan(conn);
    } else {
        move_free(move);
        carrier_attach(carrier, conn);
    }
}

static void on_guarded(enum result result, struct slice image, void *ctx)
{
    struct move *move = ctx;

    if (move->state == MOVE_BEGINNING) /* what is answered to begin says why */
        return;
    if (result == RESULT_OK && image.len > 0 && move->state != MOVE_PROBING)
        move_arrive(move, image);
    else
        move_refuse(move);
}

static void on_late(struct deadline *deadline)
{
    struct move *move = LIST_ENTRY(deadline, struct move, limit);

    log_warn(NULL, "engine.move_late", "owner=%s", move->owner);
    move_free(move);
}

/* ---- questions ------------------------------------------------------------------------------------------- */

static void ask(struct move *move, enum move_question question, struct slice sid,
                enum engine_version version, call_done_fn *done, struct call **slot)
{
    struct engine_moves *moves = move->moves;
    struct buf text;

    buf_init(&text, MOVE_QUESTION_MAX);
    pack_number(&text, question);
    pack_number(&text, move->key);
    if (question == ASK_BEGIN) {
        pack_slice(&text, sid);
        pack_number(&text, version);
    }
    assert(!text.has_overflowed);
    call_start(moves->engine->node->calls, slice_of(move->owner), moves->topic, buf_slice(&text),
               done, move, slot);
    buf_fini(&text);
}

/* ---- the home -------------------------------------------------------------------------------------------- */

static const struct slice nothing = { NULL, 0 };

static void on_probe_told(enum result result, struct slice text, void *ctx)
{
    (void)result; /* the guard tells what matters */
    (void)text;
    (void)ctx;
}

static void on_probed(struct home *home)
{
    struct move *move = (struct move *)home;

    if (move->asking == NULL) /* else it is being told already */
        ask(move, ASK_PROBED, nothing, ENGINE_4, on_probe_told, &move->asking);
}

/* Never sent: the owner still has it, and polling may go on. Otherwise the guard tells. */
static void on_commit_told(enum result result, struct slice text, void *ctx)
{
    (void)text;
    if (result == RESULT_UNAVAILABLE)
        move_refuse(ctx);
}

static void on_commit(struct home *home)
{
    struct move *move = (struct move *)home;

    move_enter(move, MOVE_TAKING);
    call_cancel(&move->asking);
    ask(move, ASK_COMMIT, nothing, ENGINE_4, on_commit_told, &move->asking);
}

/* Once "5" was said the connection may be on its way. */
static void on_leave(struct home *home)
{
    struct move *move = (struct move *)home;

    if (move->state == MOVE_PROBING) {
        move_free(move);
        return;
    }
    move_enter(move, MOVE_ORPHANED);
    deadline_set(move->moves->engine->deadlines, &move->limit, LATE_MS, on_late);
}

static const struct home_ops home_ops = {
    .probed = on_probed,
    .commit = on_commit,
    .leave = on_leave,
};

static enum engine_verdict verdict_of(enum result result, struct slice text)
{
    struct unpack unpack;
    enum engine_verdict verdict;

    if (result == RESULT_NOT_FOUND || result == RESULT_INVALID)
        return ENGINE_UNKNOWN;
    unpack_init(&unpack, text);
    verdict = (enum engine_verdict)unpack_number_max(&unpack, ENGINE_VERDICTS - 1);
    return result == RESULT_OK && unpack_is_done(&unpack) ? verdict : ENGINE_UNREACHABLE;
}

static void on_begun(enum result result, struct slice text, void *ctx)
{
    struct move *move = ctx;
    enum engine_verdict verdict = verdict_of(result, text);
    engine_home_fn *done = move->done;
    void *done_ctx = move->ctx;

    if (verdict == ENGINE_FOUND && move->guarding == NULL) /* it has ended meanwhile */
        verdict = ENGINE_UNKNOWN;
    *move->slot = NULL;
    move->slot = NULL;
    if (verdict == ENGINE_FOUND) {
        move_enter(move, MOVE_PROBING);
        done(verdict, &move->home, done_ctx);
    } else {
        move_free(move);
        done(verdict, NULL, done_ctx);
    }
}

void engine_move_begin(struct engine_moves *moves, struct slice sid, enum engine_version version,
                       engine_home_fn *done, void *ctx, struct move **slot)
{
    struct move *move = xcalloc(1, sizeof *move);

    assert(*slot == NULL);
    *slot = move;
    move->home.ops = &home_ops;
    move->moves = moves;
    move->key = ++moves->last_key;
    move->slot = slot;
    move->done = done;
    move->ctx = ctx;
    deadline_init(&move->limit);
    list_append(&moves->moves, &move->node);
    engine_owner(sid, move->owner);
    ask(move, ASK_GUARD, sid, version, on_guarded, &move->guarding);
    ask(move, ASK_BEGIN, sid, version, on_begun, &move->asking);
}

void engine_move_cancel(struct move **slot)
{
    if (*slot != NULL)
        move_free(*slot);
}

/* ---- life ------------------------------------------------------------------------------------------------ */

struct engine_moves *engine_moves_create(struct engine *engine)
{
    struct engine_moves *moves = xcalloc(1, sizeof *moves);
    int len = snprintf(moves->topic, sizeof moves->topic, "%s-move", engine->ops->name);

    assert(len > 0 && (size_t)len < sizeof moves->topic);
    moves->engine = engine;
    list_init(&moves->moves);
    call_handle(engine->node->calls, moves->topic, guests_on_asked, moves);
    return moves;
}

void engine_moves_destroy(struct engine_moves **moves)
{
    struct engine_moves *old = *moves;

    if (old == NULL)
        return;
    *moves = NULL;
    LIST_EACH (node, spare, &old->moves)
        move_free(LIST_ENTRY(node, struct move, node));
    guests_release(old);
    free(old);
}
