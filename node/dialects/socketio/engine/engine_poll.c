/* SPDX-License-Identifier: MIT */
/*
 * Polling, whatever node the requests came to. A client has at most one GET and one POST in flight;
 * one that has more has lost its way, and its connection ends. A GET returns as soon as something
 * waits: at the latest the next ping.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "engine_inner.h"

enum {
    ANSWER_BYTES_MAX = 1024 * 1024,       /* in one answer, unless one packet alone is larger   */
    TOGETHER_BYTES_MAX = 4 * 1024 * 1024, /* … and of what belongs into one answer        */
    JSONP_INDEX_MAX = 16,
};

/* ---- answers -------------------------------------------------------------------------------------------- */

void engine_poll_forget(struct poll *poll)
{
    struct engine_conn *conn = poll->conn;

    if (conn == NULL)
        return;
    if (conn->get == poll)
        conn->get = NULL;
    if (conn->post == poll)
        conn->post = NULL;
    poll->conn = NULL;
}

static void answer(struct poll *poll, const struct poll_answer *answer)
{
    engine_poll_forget(poll);
    poll->ops->answer(poll, answer);
}

static void answer_form(struct poll *poll, int status, enum poll_form form)
{
    answer(poll, &(struct poll_answer){ .status = status, .form = form });
}

void engine_poll_refuse(struct poll *poll, enum engine_verdict verdict)
{
    assert(verdict != ENGINE_FOUND);
    if (verdict == ENGINE_UNREACHABLE) {
        answer_form(poll, 503, POLL_EMPTY);
        return;
    }
    answer(poll,
           &(struct poll_answer){ .status = 400,
                                  .form = POLL_ERROR,
                                  .error = verdict == ENGINE_UNKNOWN ? ENGINE_ERROR_SID
                                                                     : ENGINE_ERROR_REQUEST });
}

/* ---- payloads ------------------------------------------------------------------------------------------- */

/* The packets of one answer, and the frames that they were borrowed from. */
struct payload {
    struct eio_packet *packets;
    struct ws_item *items;
    size_t count, item_count;
    size_t max; /* packets, besides those that belong together */
    size_t bytes;
};

static void payload_init(struct payload *payload, const struct engine_conn *conn)
{
    size_t max = 2; /* an open packet, last words */

    if (conn->queue != NULL)
        max += conn->queue->count;
    if (max > conn->engine->settings.poll_packets)
        max = conn->engine->settings.poll_packets;
    if (max < 2)
        max = 2;
    *payload = (struct payload){
        .packets = xcalloc(max + conn->together, sizeof *payload->packets),
        .items = xcalloc(max + conn->together, sizeof *payload->items),
        .max = max,
    };
}

static void payload_fini(struct payload *payload)
{
    for (size_t i = 0; i < payload->item_count; i++)
        frame_unref(&payload->items[i].frame);
    free(payload->items);
    free(payload->packets);
}

static void payload_add(struct payload *payload, enum eio_type type, struct slice data)
{
    payload->packets[payload->count++] = (struct eio_packet){ .type = type, .data = data };
}

static struct eio_packet packet_of_item(const struct ws_item *item)
{
    struct slice bytes = frame_slice(item->frame);

    if (item->kind == WS_BINARY)
        return (struct eio_packet){ EIO_MESSAGE, true, bytes };
    return (struct eio_packet){ (enum eio_type)(bytes.data[0] - '0'),
                                false,
                                { bytes.data + 1, bytes.len - 1 } };
}

static bool has_room(const struct payload *payload, const struct engine_conn *conn)
{
    if (conn->together > 0)
        return payload->bytes < TOGETHER_BYTES_MAX;
    return payload->count < payload->max && payload->bytes < ANSWER_BYTES_MAX;
}

static void payload_add_waiting(struct payload *payload, struct engine_conn *conn)
{
    struct ws_item *item = &payload->items[payload->item_count];

    while (has_room(payload, conn) && engine_conn_take_waiting(conn, item)) {
        payload->packets[payload->count++] = packet_of_item(item);
        payload->bytes += item->frame->len;
        item = &payload->items[++payload->item_count];
    }
}

static void payload_answer(struct payload *payload, const struct engine_conn *conn,
                           struct poll *poll)
{
    const struct eio_style style = { .version = conn->handshake->version,
                                     .has_b64 = conn->has_b64 || conn->is_jsonp };
    struct poll_answer good = { .status = 200, .form = POLL_TEXT };
    struct buf body, index;

    buf_init(&index, JSONP_INDEX_MAX);
    if (conn->is_jsonp) {
        engine_query(conn->handshake, "j", &index);
        good.jsonp = index.len > 0 ? buf_slice(&index) : SLICE_LITERAL("");
    }
    if (eio_is_octets(slice_of(eio_write(&body, &style, payload->packets, payload->count))))
        good.form = POLL_BINARY;
    good.body = buf_slice(&body);
    answer(poll, &good);
    buf_fini(&body);
    buf_fini(&index);
}

void engine_conn_welcome(struct engine_conn *conn, struct poll *poll)
{
    struct payload payload;
    struct buf text;

    buf_init(&text, ENGINE_OPEN_MAX);
    engine_conn_describe(conn, &text);
    payload_init(&payload, conn);
    payload_add(&payload, EIO_OPEN, buf_slice(&text));
    if (conn->handshake->version == ENGINE_3) /* its "40" saves the client a round trip */
        payload_add_waiting(&payload, conn);
    payload_answer(&payload, conn, poll);
    payload_fini(&payload);
    buf_fini(&text);
    engine_conn_enter(conn, CONN_POLLING);
    engine_conn_drained(conn);
}

void engine_conn_greet(struct engine_conn *conn, struct poll *poll)
{
    bool is_awaited = conn->engine->ops->speaks_first && conn->handshake->version == ENGINE_3 &&
                      conn->queue == NULL && conn->end == ENGINE_ENDS;

    if (!is_awaited) {
        engine_conn_welcome(conn, poll);
        return;
    }
    poll->conn = conn;
    conn->get = poll;
    engine_conn_enter(conn, CONN_GREETING);
}

static void answer_waiting(struct engine_conn *conn, struct poll *poll)
{
    struct payload payload;

    payload_init(&payload, conn);
    payload_add_waiting(&payload, conn);
    payload_answer(&payload, conn, poll);
    payload_fini(&payload);
}

static void answer_word(struct engine_conn *conn, struct poll *poll, enum eio_type word)
{
    struct payload payload;

    payload_init(&payload, conn);
    payload_add(&payload, word, (struct slice){ NULL, 0 });
    payload_answer(&payload, conn, poll);
    payload_fini(&payload);
}

void engine_conn_answer_held(struct engine_conn *conn)
{
    if (conn->state == CONN_GREETING)
        engine_conn_welcome(conn, conn->get);
    else
        answer_waiting(conn, conn->get);
}

void engine_conn_farewell(struct engine_conn *conn, struct poll *poll)
{
    answer_word(conn, poll, engine_conn_last_word(conn));
}

void engine_conn_dismiss(struct engine_conn *conn)
{
    if (conn->post != NULL)
        engine_poll_forget(conn->post);
    if (conn->get != NULL)
        engine_poll_refuse(conn->get, ENGINE_WRONG_TRANSPORT);
}

void engine_conn_let_return(struct engine_conn *conn)
{
    if (conn->get != NULL)
        answer_word(conn, conn->get, EIO_NOOP);
}

/* ---- GET ------------------------------------------------------------------------------------------------- */

/* What waits, then the last words: alone they come with a noop, as a client that is not closing
 * would not understand a lone close. */
static void answer_last(struct engine_conn *conn, struct poll *poll)
{
    enum eio_type word = engine_conn_last_word(conn);
    struct payload payload;

    payload_init(&payload, conn);
    payload_add_waiting(&payload, conn);
    if (conn->queue == NULL && payload.count < payload.max) {
        if (payload.count == 0 && word != EIO_NOOP)
            payload_add(&payload, EIO_NOOP, (struct slice){ NULL, 0 });
        payload_add(&payload, word, (struct slice){ NULL, 0 });
        engine_conn_enter(conn, CONN_OVER);
    }
    payload_answer(&payload, conn, poll);
    payload_fini(&payload);
}

/* The new request first: the one that was held is told that it is over. */
static void refuse_second(struct engine_conn *conn, struct poll *poll)
{
    answer_form(poll, 400, POLL_EMPTY);
    engine_close(conn, ENGINE_TRANSPORT_ERROR);
}

void engine_conn_get(struct engine_conn *conn, struct poll *poll)
{
    if (conn->state == CONN_CLOSING) {
        answer_last(conn, poll);
    } else if (conn->get != NULL) {
        refuse_second(conn, poll);
    } else if (conn->queue != NULL) {
        answer_waiting(conn, poll);
        engine_conn_drained(conn);
    } else {
        poll->conn = conn;
        conn->get = poll;
    }
}

/* ---- POST ------------------------------------------------------------------------------------------------ */

static void read_payload(struct engine_conn *conn, struct slice body, bool is_octets)
{
    const struct eio_style style = {
        .version = conn->handshake->version,
        .has_b64 = conn->has_b64,
        .jsonp = conn->is_jsonp ? SLICE_LITERAL("") : (struct slice){ NULL, 0 },
    };
    enum eio_step step = EIO_PACKET;
    struct eio_reader reader;
    struct eio_packet packet;

    eio_reader_init(&reader, &style,
                    is_octets ? SLICE_LITERAL("application/octet-stream")
                              : SLICE_LITERAL("text/plain"),
                    body, conn->engine->settings.post_packets);
    while (engine_conn_is_live(conn) && (step = eio_read(&reader, &packet)) == EIO_PACKET)
        engine_conn_receive(conn, &packet);
    if (step == EIO_BROKEN) {
        conn->engine->node->metrics.limits[LIMIT_SOCKETIO_POST_PACKETS] += reader.packets_left == 0;
        engine_close(conn, ENGINE_PARSE_ERROR);
    }
    eio_reader_fini(&reader);
}

/* Two at a time: the one that has begun is cut. */
static void refuse_second_post(struct engine_conn *conn, struct poll *poll)
{
    answer_form(conn->post, 0, POLL_CUT);
    refuse_second(conn, poll);
}

void engine_conn_post(struct engine_conn *conn, struct poll *poll, struct slice body,
                      bool is_octets)
{
    engine_poll_forget(poll);
    if (conn->post != NULL) {
        refuse_second_post(conn, poll);
    } else if (is_octets && conn->handshake->version == ENGINE_4) {
        refuse_second(conn, poll);
    } else {
        read_payload(conn, body, is_octets);
        answer_form(poll, 200, POLL_OK);
    }
}

static void post_arrives(struct engine_conn *conn, struct poll *poll)
{
    if (conn->state != CONN_POLLING)
        return;
    if (conn->post != NULL) {
        refuse_second_post(conn, poll);
    } else {
        poll->conn = conn;
        conn->post = poll;
    }
}

/* ---- which connection ------------------------------------------------------------------------------------ */

void engine_poll(struct engine *engine, const struct poll_request *request, struct poll *poll)
{
    struct engine_conn *conn;
    enum engine_verdict verdict = engine_find(engine, request->sid, request->version, &conn);

    engine->node->metrics.engine_polls[0]++;
    if (verdict != ENGINE_FOUND)
        engine_poll_refuse(poll, verdict);
    else if (request->is_post)
        engine_conn_post(conn, poll, request->body, request->is_octets);
    else
        engine_conn_get(conn, poll);
}

void engine_poll_arrives(struct engine *engine, const struct poll_request *request,
                         struct poll *poll)
{
    struct engine_conn *conn;

    if (engine_find(engine, request->sid, request->version, &conn) == ENGINE_FOUND)
        post_arrives(conn, poll);
}

void engine_poll_gone(struct poll *poll)
{
    struct engine_conn *conn = poll->conn;

    if (conn == NULL)
        return;
    engine_poll_forget(poll);
    engine_close(conn, ENGINE_TRANSPORT_ERROR);
}
