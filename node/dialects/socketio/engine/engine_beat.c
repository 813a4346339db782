/* SPDX-License-Identifier: MIT */
/*
 * Heartbeat.
 *
 *     EIO4   we ping, an interval after the open or the last pong; a pong is due within the time-out
 *     EIO3   the client pings; the next one is due within interval and time-out
 *
 * The deadline says what comes next: our ping, or the end. While a pong is due, another packet of
 * the client's gives it the whole time-out again, once: the pong may stand behind a large message.
 */
#include <stdlib.h>

#include "engine_inner.h"

enum {
    LATE_MAX_MS = 15, /* of a timer that is made up for: few durations stay few    */
    REST_STEPS = 16,  /* what is left of an interval after a move, as parts of it  */
};

static uint32_t interval_ms(const struct engine_conn *conn)
{
    return conn->engine->settings.ping_interval_ms;
}

static uint32_t timeout_ms(const struct engine_conn *conn)
{
    return conn->engine->settings.ping_timeout_ms;
}

static bool is_ours(const struct engine_conn *conn)
{
    return conn->handshake->version == ENGINE_4;
}

/* At its end the client is given up. */
static bool is_clients_turn(const struct engine_conn *conn)
{
    return !is_ours(conn) || conn->is_pinged;
}

static void on_silence(struct deadline *deadline)
{
    engine_close(LIST_ENTRY(deadline, struct engine_conn, beat), ENGINE_PING_TIMEOUT);
}

static void wait_for_client(struct engine_conn *conn, uint32_t ms)
{
    deadline_set(conn->engine->deadlines, &conn->beat, ms, on_silence);
}

static void on_ping_due(struct deadline *deadline)
{
    struct engine_conn *conn = LIST_ENTRY(deadline, struct engine_conn, beat);
    int64_t late_ms = (int64_t)uv_now(conn->engine->node->loop) - deadline->due_ms;
    uint32_t made_up = late_ms > 0 && late_ms <= LATE_MAX_MS ? (uint32_t)late_ms : 0;

    conn->is_pinged = true;
    conn->is_spared = false;
    wait_for_client(conn, timeout_ms(conn) - made_up);
    engine_conn_send_control(conn, EIO_PING, (struct slice){ NULL, 0 });
}

static void wait_to_ping(struct engine_conn *conn, uint32_t ms)
{
    conn->is_pinged = false;
    deadline_set(conn->engine->deadlines, &conn->beat, ms, on_ping_due);
}

void engine_beat_start(struct engine_conn *conn)
{
    if (is_ours(conn))
        wait_to_ping(conn, interval_ms(conn));
    else
        wait_for_client(conn, interval_ms(conn) + timeout_ms(conn));
}

bool engine_beat_answer(struct engine_conn *conn, const struct eio_packet *packet)
{
    if (packet->type != (is_ours(conn) ? EIO_PONG : EIO_PING))
        return false;
    engine_beat_start(conn);
    if (packet->type == EIO_PING)
        engine_conn_send_pong(conn, packet->data);
    return true;
}

void engine_beat_spare(struct engine_conn *conn)
{
    if (!conn->is_pinged || conn->is_spared)
        return;
    conn->is_spared = true;
    wait_for_client(conn, timeout_ms(conn));
}

/* A pong may be on its way by the other transport. */
void engine_beat_switched(struct engine_conn *conn)
{
    if (conn->is_pinged)
        wait_for_client(conn, timeout_ms(conn));
}

bool engine_beat_is_over(const struct engine_conn *conn)
{
    return deadline_is_set(&conn->beat) && is_clients_turn(conn) &&
           conn->beat.due_ms <= (int64_t)uv_now(conn->engine->node->loop);
}

/* ---- moving --------------------------------------------------------------------------------------------- */

/* What is left until our ping; the client's own time starts anew on the other node. It may be more than an interval:
 * that of before a reload. */
void engine_beat_pack(const struct engine_conn *conn, struct buf *image)
{
    int64_t left_ms = conn->beat.due_ms - (int64_t)uv_now(conn->engine->node->loop);
    int64_t steps = left_ms / (interval_ms(conn) / REST_STEPS + 1);
    bool is_to_ping = is_ours(conn) && !conn->is_pinged && left_ms > 0;

    if (steps > REST_STEPS)
        steps = REST_STEPS;
    pack_number(image, conn->is_pinged);
    pack_number(image, is_to_ping ? (uint64_t)steps : 0);
}

void engine_beat_unpack(struct engine_conn *conn, struct unpack *image)
{
    uint32_t step_ms = interval_ms(conn) / REST_STEPS + 1;
    bool is_pinged = unpack_number_max(image, 1) == 1;
    uint32_t steps = (uint32_t)unpack_number_max(image, REST_STEPS);

    if (is_pinged) {
        conn->is_pinged = true;
        wait_for_client(conn, timeout_ms(conn));
    } else if (is_ours(conn)) {
        wait_to_ping(conn, steps * step_ms);
    } else {
        engine_beat_start(conn);
    }
}
