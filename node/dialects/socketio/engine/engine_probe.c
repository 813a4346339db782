/* SPDX-License-Identifier: MIT */
/*
 * The owner's side of an upgrade: one WebSocket at a time may probe a connection. From its probe on
 * a held GET returns within a moment, so that the client, which waits for that, can say 5. Then the
 * connection goes to the WebSocket, or with everything that it is to the node that has it.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "engine_inner.h"

enum { NOOP_MS = 100 };

enum engine_verdict engine_probe_begin(struct engine *engine, struct slice sid,
                                       enum engine_version version,
                                       const struct engine_probe_ops *ops,
                                       struct engine_probe *probe)
{
    struct engine_conn *conn;
    enum engine_verdict verdict = engine_find(engine, sid, version, &conn);

    if (verdict != ENGINE_FOUND)
        return verdict;
    if (conn->state == CONN_CLOSING)
        return ENGINE_UNKNOWN;
    if (conn->probe != NULL)
        return ENGINE_BUSY;
    *probe = (struct engine_probe){ .ops = ops, .conn = conn };
    deadline_init(&probe->noop);
    conn->probe = probe;
    return ENGINE_FOUND;
}

static struct engine_conn *take_out(struct engine_probe *probe)
{
    struct engine_conn *conn = probe->conn;

    deadline_clear(&probe->noop);
    conn->probe = NULL;
    probe->conn = NULL;
    return conn;
}

static void on_noop_due(struct deadline *deadline)
{
    struct engine_probe *probe = LIST_ENTRY(deadline, struct engine_probe, noop);

    engine_probe_heard(probe);
    engine_conn_let_return(probe->conn);
}

void engine_probe_heard(struct engine_probe *probe)
{
    if (probe->conn != NULL)
        deadline_set(probe->conn->engine->deadlines, &probe->noop, NOOP_MS, on_noop_due);
}

void engine_probe_attach(struct engine_probe *probe, struct carrier *carrier)
{
    carrier_attach(carrier, take_out(probe));
}

/* ---- to another node -------------------------------------------------------------------------------------- */

static void pack(struct engine_conn *conn)
{
    struct engine_probe *probe = conn->probe;
    struct buf image;

    buf_init(&image, ENGINE_IMAGE_MAX);
    if (!engine_image_pack(conn, &image)) {
        engine_close(conn, ENGINE_TRANSPORT_ERROR); /* the probe hears of it */
    } else {
        conn->has_upper = false; /* its last call was pack() */
        take_out(probe);
        conn->engine->node->metrics.engine_moves[0]++;
        engine_conn_enter(conn, CONN_MOVED);
        probe->ops->on_packed(probe, buf_slice(&image));
    }
    buf_fini(&image);
}

void engine_probe_take(struct engine_probe *probe)
{
    struct engine_conn *conn = probe->conn;

    deadline_clear(&probe->noop);
    engine_conn_enter(conn, CONN_LEAVING);
    if (conn->engine->ops->is_at_rest(conn->upper))
        pack(conn);
}

void engine_rested(struct engine_conn *conn)
{
    if (conn->state == CONN_LEAVING)
        pack(conn);
}

/* ---- its end ------------------------------------------------------------------------------------------------ */

void engine_probe_leave(struct engine_probe *probe)
{
    struct engine_conn *conn = probe->conn;

    if (conn == NULL)
        return;
    take_out(probe);
    if (conn->state == CONN_LEAVING) /* the client polls no more */
        engine_close(conn, ENGINE_TRANSPORT_CLOSE);
}

void engine_probe_conn_ended(struct engine_conn *conn)
{
    struct engine_probe *probe = conn->probe;

    if (probe == NULL)
        return;
    take_out(probe);
    probe->ops->on_over(probe);
}

/* ---- a home on this node -------------------------------------------------------------------------------------- */

struct home_here {
    struct home home;
    struct engine_probe probe;
};

static void on_probed(struct home *home)
{
    engine_probe_heard(&((struct home_here *)home)->probe);
}

static void on_commit(struct home *home)
{
    struct home_here *here = (struct home_here *)home;
    struct carrier *carrier = home->carrier;

    engine_probe_attach(&here->probe, carrier);
    free(here);
}

static void on_leave(struct home *home)
{
    engine_probe_leave(&((struct home_here *)home)->probe);
    free(home);
}

static const struct home_ops home_ops = {
    .probed = on_probed,
    .commit = on_commit,
    .leave = on_leave,
};

static void on_over(struct engine_probe *probe)
{
    struct home_here *here = LIST_ENTRY(probe, struct home_here, probe);
    struct carrier *carrier = here->home.carrier;

    free(here);
    carrier_refuse(carrier);
}

static const struct engine_probe_ops probe_ops = { .on_over = on_over };

enum engine_verdict engine_home_here(struct engine *engine, struct slice sid,
                                     enum engine_version version, struct home **home_out)
{
    struct home_here *here = xcalloc(1, sizeof *here);
    enum engine_verdict verdict =
        engine_probe_begin(engine, sid, version, &probe_ops, &here->probe);

    here->home.ops = &home_ops;
    if (verdict == ENGINE_FOUND)
        *home_out = &here->home;
    else
        free(here);
    return verdict;
}
