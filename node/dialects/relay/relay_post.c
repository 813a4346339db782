/* SPDX-License-Identifier: MIT */
/*
 * A message from the peer: put into its delivered form, appended to its channel, acknowledged. Stores
 * may answer later than we do ourselves, so acknowledgements stand in a line and leave it from the
 * front. The line is bounded: while it is full nothing is read from the peer.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "relay_conn.h"

enum {
    ACKS_MAX = 1024,
    ACK_BYTES_MAX = 8 << 20, /* of messages that wait for Redis */
    ACK_TEXT_MAX = 1024,
};

/* A message whose acknowledgement is not out. */
struct ack {
    struct list node; /* conn->acks */
    struct relay_conn *conn;
    struct store_op *op; /* its append; NULL: it is known how that ended */
    size_t bytes;
    enum relay_status status;
    size_t msg_id_len; /* 0: it was malformed */
    char msg_id[];
};

static struct ack *ack_create(struct relay_conn *conn, size_t bytes, struct slice msg_id)
{
    struct ack *ack = xcalloc(1, sizeof *ack + msg_id.len);

    ack->conn = conn;
    ack->bytes = bytes;
    ack->msg_id_len = msg_id.len;
    if (msg_id.len > 0)
        memcpy(ack->msg_id, msg_id.data, msg_id.len);
    list_append(&conn->acks, &ack->node);
    conn->ack_count++;
    conn->ack_bytes += bytes;
    return ack;
}

static void ack_free(struct ack *ack)
{
    store_cancel(&ack->op);
    ack->conn->ack_count--;
    ack->conn->ack_bytes -= ack->bytes;
    list_remove(&ack->node);
    free(ack);
}

static void ack_send(const struct ack *ack)
{
    struct relay_conn *conn = ack->conn;
    struct slice msg_id = { ack->msg_id, ack->msg_id_len };
    struct buf out;

    if (msg_id.len == 0) {
        ws_answer(conn->ws, relay_error_text(RELAY_BAD_MESSAGE));
        return;
    }
    buf_init(&out, ACK_TEXT_MAX);
    relay_ack_write(&out, ack->status, conn->sender.side, msg_id);
    ws_answer(conn->ws, buf_slice(&out));
    buf_fini(&out);
}

/* Reads on, or not, as the line is long. Between its marks everything stays as it is. */
static void watch_line(struct relay_conn *conn)
{
    if (!conn->is_paused && (conn->ack_count >= ACKS_MAX || conn->ack_bytes >= ACK_BYTES_MAX)) {
        conn->is_paused = true;
        ws_pause(conn->ws);
    } else if (conn->is_paused && conn->ack_count <= ACKS_MAX / 2 &&
               conn->ack_bytes <= ACK_BYTES_MAX / 2) {
        conn->is_paused = false;
        ws_continue(conn->ws);
    }
}

static void send_acks(struct relay_conn *conn)
{
    while (!list_is_empty(&conn->acks)) {
        struct ack *ack = LIST_ENTRY(conn->acks.next, struct ack, node);

        if (ack->op != NULL)
            break;
        ack_send(ack);
        ack_free(ack);
    }
    watch_line(conn);
}

static enum relay_status status_of(enum result result, const struct channel_appended *appended)
{
    if (result != RESULT_OK)
        return RELAY_FAILED; /* uncertain too: the sender repeats, a receiver knows the msg_id */
    return appended->listeners > 0 ? RELAY_COMPLETED : RELAY_QUEUED;
}

static void on_appended(enum result result, const struct channel_appended *appended, void *ctx)
{
    struct ack *ack = ctx;
    struct relay_conn *conn = ack->conn;

    ack->status = status_of(result, appended);
    conn->relay->node->metrics.relay_messages[conn->sender.side][ack->status]++;
    send_acks(conn);
}

static void pass_on(struct relay_conn *conn, const struct relay_message *message, size_t bytes,
                    int64_t received_ms)
{
    struct relay_times times = { received_ms, clock_wall_ms() };
    struct ack *ack = ack_create(conn, bytes, message->msg_id);
    struct channel_id to = {
        .kind = conn->sender.side == RELAY_MOD ? CHANNEL_BOT : CHANNEL_MODS,
        .realm = relay_conn_realm(conn),
        .id = slice_of(message->channel_id),
    };
    struct channel_message delivery = { 0 };
    struct buf payload;

    buf_init(&payload, bytes + RELAY_DELIVERY_EXTRA);
    buf_reserve(&payload, bytes + RELAY_DELIVERY_EXTRA);
    relay_delivery_write(&payload, conn->sender.side, message, &times);
    assert(!payload.has_overflowed);
    delivery.payload = buf_slice(&payload);
    channel_append(conn->relay->node->store, &to, &delivery, on_appended, ack, &ack->op);
    buf_fini(&payload);
}

static bool is_good(struct relay_conn *conn, struct slice text, enum ws_kind kind,
                    struct relay_message *message)
{
    return kind == WS_TEXT && relay_message_parse(text, &conn->sender, message) &&
           (conn->bot == NULL || relay_bot_has(conn->bot, message->channel_id));
}

void relay_post(struct relay_conn *conn, struct slice text, enum ws_kind kind)
{
    int64_t received_ms = clock_wall_ms();
    struct relay_message message;

    if (is_good(conn, text, kind, &message)) {
        pass_on(conn, &message, text.len, received_ms);
    } else {
        conn->relay->node->metrics.relay_malformed++;
        ack_create(conn, 0, (struct slice){ 0 });
    }
    send_acks(conn);
}

void relay_posts_forget(struct relay_conn *conn)
{
    LIST_EACH (node, spare, &conn->acks)
        ack_free(LIST_ENTRY(node, struct ack, node));
}
