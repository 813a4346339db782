/* SPDX-License-Identifier: MIT */
/*
 * Back-pressure of one socket to many channels: the first entry that the socket does not take blocks
 * all ears, until everything is with the kernel. Then those that were refused go on, the longest
 * waiting first; whoever is refused again waits behind the others. To go on is to read from Redis
 * again, so only some do at a time: else thousands would read what the socket takes from a few.
 */
#include "relay_ear.h"

enum { EARS_A_TURN = 32, TURN_MS = 2 };

static struct relay_ear *ear_of(struct hub_listener *listener)
{
    return LIST_ENTRY(listener, struct relay_ear, listener);
}

static void join(struct list *list, struct list *node)
{
    list_remove(node);
    list_append(list, node);
}

static void count_delivered(const struct relay_conn *conn)
{
    conn->relay->node->metrics.relay_delivered[conn->sender.side == RELAY_MOD]++;
}

static void note_written(struct relay_ear *ear)
{
    if (ear->on_written != NULL)
        ear->on_written(ear);
}

static enum hub_take on_entry(struct hub_listener *listener, const struct hub_entry *entry)
{
    struct relay_ear *ear = ear_of(listener);
    struct relay_conn *conn = ear->conn;
    enum ws_sent sent = WS_FULL;

    if (conn->state == RELAY_OPEN && !conn->is_blocked) {
        sent = ws_send(conn->ws, entry->frame, WS_TEXT);
        conn->is_blocked = sent == WS_FULL;
    }
    if (sent == WS_FULL) {
        join(&conn->full, &ear->full);
        return HUB_FULL;
    }
    count_delivered(conn);
    if (sent == WS_WRITTEN) {
        note_written(ear);
        return HUB_WRITTEN;
    }
    join(&conn->unwritten, &ear->unwritten);
    return HUB_TAKEN;
}

static void on_listening(struct hub_listener *listener)
{
    struct relay_ear *ear = ear_of(listener);

    ear->on_listening(ear);
}

static const struct hub_listener_ops ear_ops = {
    .on_entry = on_entry,
    .on_listening = on_listening,
};

void relay_ear_init(struct relay_ear *ear, struct relay_conn *conn,
                    void (*when_listening)(struct relay_ear *ear))
{
    *ear = (struct relay_ear){ .conn = conn, .on_listening = when_listening };
    list_init(&ear->full);
    list_init(&ear->unwritten);
}

void relay_ear_listen(struct relay_ear *ear, enum channel_kind kind, struct slice channel)
{
    struct channel_id id = { kind, relay_conn_realm(ear->conn), channel };

    hub_listen(ear->conn->relay->node->hub, &id, &ear->listener, &ear_ops);
}

void relay_ear_listen_after(struct relay_ear *ear, enum channel_kind kind, struct slice channel,
                            uint64_t number)
{
    struct channel_id id = { kind, relay_conn_realm(ear->conn), channel };

    hub_listen_after(ear->conn->relay->node->hub, &id, &ear->listener, &ear_ops, number);
}

void relay_ear_leave(struct relay_ear *ear, enum channel_leave how)
{
    list_remove(&ear->full);
    list_remove(&ear->unwritten);
    hub_leave(ear->conn->relay->node->hub, &ear->listener, how);
}

static void on_turn(struct deadline *deadline)
{
    struct relay_conn *conn = LIST_ENTRY(deadline, struct relay_conn, turn);

    if (!conn->is_blocked) /* else it goes on when the socket has drained */
        relay_ears_resume(conn);
}

void relay_ears_resume(struct relay_conn *conn)
{
    for (size_t i = 0; i < EARS_A_TURN && !list_is_empty(&conn->full); i++) {
        struct relay_ear *ear = LIST_ENTRY(conn->full.next, struct relay_ear, full);

        list_remove(&ear->full);
        hub_resume(conn->relay->node->hub, &ear->listener);
    }
    if (!list_is_empty(&conn->full))
        deadline_set(conn->relay->deadlines, &conn->turn, TURN_MS, on_turn);
}

void relay_ears_drained(struct relay_conn *conn)
{
    while (!list_is_empty(&conn->unwritten)) {
        struct relay_ear *ear = LIST_ENTRY(conn->unwritten.next, struct relay_ear, unwritten);

        list_remove(&ear->unwritten);
        hub_written(conn->relay->node->hub, &ear->listener);
        note_written(ear);
    }
    if (!conn->is_blocked)
        return;
    conn->is_blocked = false;
    relay_ears_resume(conn);
}
