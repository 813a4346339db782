/* SPDX-License-Identifier: MIT */
/*
 * Upgrades of connections of ours whose WebSocket is another node's: see engine_move.h. A guest is the probe of such a
 * WebSocket; it lives as long as its guard's question is open.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "engine_move.h"

static const struct slice nothing = { "", 0 };

/* Without room between its members: it is hashed as it lies. */
struct guest_key {
    char node[16];
    uint64_t number;
};
_Static_assert(sizeof(struct guest_key) == 16 + sizeof(uint64_t) && NODE_ID_LEN <= 16, "see above");

struct guest {
    UT_hash_handle hh;
    struct guest_key key;
    struct engine_moves *moves;
    struct engine_probe probe;
    struct call_asked *guard;
    bool is_taken;
};

static void guest_free(struct guest *guest)
{
    engine_probe_leave(&guest->probe);
    HASH_DELETE(hh, guest->moves->guests, guest);
    free(guest);
}

/* The guard's answer, and with it the end. */
static void guest_end(struct guest *guest, struct slice image)
{
    struct call_asked *guard = guest->guard;

    guest_free(guest);
    call_answer(guard, image);
}

static void on_over(struct engine_probe *probe)
{
    guest_end(LIST_ENTRY(probe, struct guest, probe), nothing);
}

static void on_packed(struct engine_probe *probe, struct slice image)
{
    guest_end(LIST_ENTRY(probe, struct guest, probe), image);
}

static const struct engine_probe_ops probe_ops = { .on_over = on_over, .on_packed = on_packed };

static void on_guard_gone(void *ctx)
{
    guest_free(ctx);
}

static void guest_create(struct engine_moves *moves, const struct guest_key *key,
                         struct call_asked *asked)
{
    struct guest *guest = xcalloc(1, sizeof *guest);

    guest->moves = moves;
    guest->key = *key;
    guest->guard = asked;
    deadline_init(&guest->probe.noop);
    HASH_ADD(hh, moves->guests, key, sizeof guest->key, guest);
    call_wait(asked, on_guard_gone, guest);
}

static enum engine_verdict begin(struct guest *guest, struct unpack *question)
{
    struct slice sid = unpack_slice(question);
    enum engine_version version = unpack_number(question) == ENGINE_3 ? ENGINE_3 : ENGINE_4;

    if (!unpack_is_done(question) || !engine_is_sid(sid))
        return ENGINE_UNREACHABLE;
    return engine_probe_begin(guest->moves->engine, sid, version, &probe_ops, &guest->probe);
}

static void on_begin(struct guest *guest, struct call_asked *asked, struct unpack *question)
{
    enum engine_verdict verdict = guest != NULL ? begin(guest, question) : ENGINE_UNREACHABLE;
    struct buf text;

    buf_init(&text, MOVE_QUESTION_MAX);
    pack_number(&text, verdict);
    call_answer(asked, buf_slice(&text));
    buf_fini(&text);
    if (guest != NULL && verdict != ENGINE_FOUND)
        guest_end(guest, nothing);
}

static void on_commit(struct guest *guest)
{
    if (guest->probe.conn == NULL || guest->is_taken)
        return;
    guest->is_taken = true;
    engine_probe_take(&guest->probe); /* the guest may be gone */
}

static void answer_nothing(struct call_asked *asked)
{
    call_answer(asked, nothing);
}

/* What has ended meanwhile has no guest any more. */
static void on_question(struct engine_moves *moves, enum move_question question,
                        const struct guest_key *key, struct call_asked *asked,
                        struct unpack *unpack)
{
    struct guest *guest;

    HASH_FIND(hh, moves->guests, key, sizeof *key, guest);
    switch (question) {
    case ASK_GUARD:
        if (guest == NULL)
            guest_create(moves, key, asked);
        else
            answer_nothing(asked);
        break;
    case ASK_BEGIN:
        on_begin(guest, asked, unpack);
        break;
    case ASK_PROBED:
        answer_nothing(asked);
        if (guest != NULL)
            engine_probe_heard(&guest->probe);
        break;
    default:
        answer_nothing(asked);
        if (guest != NULL)
            on_commit(guest);
        break;
    }
}

void guests_on_asked(struct call_asked *asked, struct slice text, void *moves)
{
    struct slice asker = call_asker(asked);
    struct guest_key key = { .number = 0 };
    enum move_question question;
    struct unpack unpack;

    unpack_init(&unpack, text);
    question = (enum move_question)unpack_number_max(&unpack, MOVE_QUESTIONS - 1);
    key.number = unpack_number(&unpack);
    if (unpack.is_broken || asker.len != NODE_ID_LEN) {
        log_peer(LOG_WARN, NULL, "engine.move_question", "bytes=%zu", text.len);
        answer_nothing(asked);
        return;
    }
    memcpy(key.node, asker.data, asker.len);
    on_question(moves, question, &key, asked, &unpack);
}

void guests_release(struct engine_moves *moves)
{
    struct guest *guest, *next;

    HASH_ITER (hh, moves->guests, guest, next)
        guest_end(guest, nothing);
}
