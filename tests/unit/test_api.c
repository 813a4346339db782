/* SPDX-License-Identifier: MIT */
/* The api over a store and clients that do something when the test says so. */
#include "store/channel.h"
#include "store/nodes.h"
#include "store/rooms.h"

union op_done {
    channel_appended_fn *appended;
    nodes_live_fn *nodes;
    room_count_fn *counted;
    room_list_fn *listed;
};

#include "dialect_rig.h"

#include "api.h"
#include "api_room.h"
#include "sio_entry.h"
#include "sio_inner.h"

/* ---- the store ----------------------------------------------------------------------------------------------- */

static void note_texts(const char *what, const struct sio_texts *texts)
{
    char line[512] = "";

    for (size_t i = 0; i < texts->count; i++) {
        strcat(line, " ");
        strncat(line, texts->items[i].data, texts->items[i].len);
    }
    if (texts->count > 0)
        note("  %s%s", what, line);
}

static void note_entry(struct slice payload)
{
    static const char *const kinds[SIO_ENTRY_KINDS] = { "event",      "join",  "leave",
                                                        "disconnect", "close", "supersede" };
    struct sio_entry entry;

    assert_true(sio_entry_read(payload, &entry));
    note("  %s%s %.*s", kinds[entry.kind], entry.is_volatile ? " volatile" : "",
         (int)entry.packet.len, entry.packet.len > 0 ? entry.packet.data : "");
    note_texts("rooms", &entry.rooms);
    note_texts("except", &entry.except);
    note_texts("names", &entry.names);
    note_texts("attachments", &entry.attachments);
    sio_entry_fini(&entry);
}

void channel_append(struct store *store, const struct channel_id *id,
                    const struct channel_message *message, channel_appended_fn *done, void *ctx,
                    struct store_op **slot)
{
    (void)store;
    note("append %s %.*s %.*s ttl=%u%s%.*s", id->kind == CHANNEL_ROOM ? "room" : "namespace",
         (int)id->realm.len, id->realm.data, (int)id->id.len, id->id.data, message->ttl_ms,
         message->once.data != NULL ? " once=" : "", (int)message->once.len,
         message->once.data != NULL ? message->once.data : "");
    note_entry(message->payload);
    op_add("append", (union op_done){ .appended = done }, ctx, slot);
}

static void answer_append(enum result result, uint32_t listeners)
{
    const struct channel_appended appended = { .listeners = listeners };
    struct store_op *op = rig_op("append");

    op->done.appended(result, &appended, op->ctx);
    free(op);
}

void nodes_list_live(struct store *store, nodes_live_fn *done, void *ctx, struct store_op **slot)
{
    (void)store;
    note("nodes");
    op_add("nodes", (union op_done){ .nodes = done }, ctx, slot);
}

static void answer_nodes(enum result result)
{
    static const struct slice ids[] = { { "n1", 2 }, { "n2", 2 } };
    struct store_op *op = rig_op("nodes");

    op->done.nodes(result, ids, result == RESULT_OK ? 2 : 0, op->ctx);
    free(op);
}

void room_count(struct store *store, const struct room_id *id, const struct room_live *live,
                room_count_fn *done, void *ctx, struct store_op **slot)
{
    (void)store;
    note("count %.*s %.*s of %zu", (int)id->realm.len, id->realm.data, (int)id->room.len,
         id->room.data, live->count);
    op_add("count", (union op_done){ .counted = done }, ctx, slot);
}

static void answer_count(enum result result, uint64_t members)
{
    struct store_op *op = rig_op("count");

    op->done.counted(result, members, op->ctx);
    free(op);
}

void room_list(struct store *store, const struct room_id *id, const struct room_live *live,
               uint64_t cursor, uint32_t limit, room_list_fn *done, void *ctx,
               struct store_op **slot)
{
    (void)store;
    note("list %.*s from %llu, %u of %zu", (int)id->room.len, id->room.data,
         (unsigned long long)cursor, limit, live->count);
    op_add("list", (union op_done){ .listed = done }, ctx, slot);
}

static void answer_list(enum result result, uint64_t next)
{
    static const struct slice sockets[] = { { "s1", 2 }, { "s\"2", 3 } };
    const struct room_page page = { sockets, 2, next };
    struct store_op *op = rig_op("list");

    op->done.listed(result, &page, op->ctx);
    free(op);
}

/* ---- questions -------------------------------------------------------------------------------------------------- */

static struct sio_ask {
    sio_asked_fn *done;
    void *ctx;
    struct sio_ask **slot;
} asked;

void sio_ask(struct sio *sio, const struct sio_emit *emit, uint32_t timeout_ms, sio_asked_fn *done,
             void *ctx, struct sio_ask **slot)
{
    (void)sio;
    note("ask %.*s %.*s for %u ms", emit->to.room_count > 0 ? (int)emit->to.rooms[0].len : 3,
         emit->to.room_count > 0 ? emit->to.rooms[0].data : "all", (int)emit->items.len,
         emit->items.data, timeout_ms);
    asked = (struct sio_ask){ done, ctx, slot };
    *slot = &asked;
}

void sio_ask_cancel(struct sio_ask **slot)
{
    if (*slot != NULL)
        note("cancel ask");
    *slot = NULL;
}

static void answer_ask(enum result result, const struct sio_answers *answers)
{
    *asked.slot = NULL;
    asked.done(result, answers, asked.ctx);
}

/* ---- a socket --------------------------------------------------------------------------------------------------- */

static struct {
    struct sio_socket socket;
    bool may_join, may_emit;
    struct sio_task *task;
    sio_joined_fn *joined;
    void *ctx;
} one;

struct slice sio_id(const struct sio_socket *socket)
{
    return slice_of(socket->id);
}

const char *engine_sid(const struct engine_conn *conn)
{
    (void)conn;
    return "";
}

struct slice sio_realm(const struct sio_socket *socket)
{
    (void)socket;
    return SLICE_LITERAL("default");
}

struct slice sio_namespace(const struct sio_socket *socket)
{
    (void)socket;
    return SLICE_LITERAL("/n");
}

bool sio_allows(const struct sio_socket *socket, struct slice room, enum jwt_right right)
{
    (void)socket;
    (void)room;
    return right == JWT_RIGHT_JOIN ? one.may_join : one.may_emit;
}

struct json sio_argument(const struct sio_event *event, size_t index)
{
    struct json item = { .type = JSON_ABSENT };
    size_t offset = 0;

    for (size_t i = 0; i < index + 2; i++) {
        if (!json_next(event->items, &offset, &item))
            return (struct json){ .type = JSON_ABSENT };
    }
    return item;
}

void sio_ack(struct sio_socket *socket, uint64_t ack_id, struct slice args)
{
    assert_ptr_equal(socket, &one.socket);
    note("ack %llu %.*s", (unsigned long long)ack_id, (int)args.len, args.data);
}

void sio_task_begin(struct sio_socket *socket, struct sio_task *task,
                    void (*on_gone)(struct sio_task *))
{
    task->socket = socket;
    task->on_gone = on_gone;
    one.task = task;
}

void sio_task_end(struct sio_task *task)
{
    assert_ptr_equal(task, one.task);
    one.task = NULL;
}

void sio_join(struct sio_socket *socket, struct slice room, sio_joined_fn *done, void *ctx)
{
    (void)socket;
    note("join %.*s", (int)room.len, room.data);
    one.joined = done;
    one.ctx = ctx;
}

void sio_leave(struct sio_socket *socket, struct slice room)
{
    (void)socket;
    note("leave %.*s", (int)room.len, room.len > 0 ? room.data : "");
}

/* ---- the rig ----------------------------------------------------------------------------------------------------- */

static struct sio sio;

static void *open_api(struct node *node)
{
    sio.node = node;
    return api_app.open(node, &sio);
}

static void configure_api(void *api)
{
    (void)api;
}

static void close_api(void *api)
{
    api_app.close(api);
}

static const struct dialect dialect = { .open = open_api,
                                        .configure = configure_api,
                                        .close = close_api };

static int set_up(void **state)
{
    (void)state;
    memset(&one, 0, sizeof one);
    rig.config.socketio_max_payload = 150;
    rig.config.socketio_max_attachments = 2;
    rig_open(&dialect);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_close(&dialect);
    return 0;
}

#define TOKEN "bearer: secret\n"

static struct http_request *call(http_handle_fn *handle, const char *param, const char *body)
{
    const struct http_request request = {
        .name = "r", .headers = TOKEN, .param = param, .body = body
    };

    return rig_request(&request, handle);
}

/* ---- emitting ----------------------------------------------------------------------------------------------------- */

static void test_emits(void **state)
{
    (void)state;
    call(api_room_emit_handle, "news", "{\"event\":\"hi\",\"args\":[1,{\"a\":null}]}");
    rig_expect("append room default /#news ttl=0", "  event 42[\"hi\",1,{\"a\":null}]");
    answer_append(RESULT_OK, 2);
    rig_expect("r: 202 json {\"nodes\":2}");

    call(api_room_emit_handle, "a#b",
         "{\"event\":\"hi\",\"namespace\":\"/n\",\"volatile\":true,\"except\":[\"x\",\"y\"]}");
    rig_expect("append namespace default /n ttl=1000", "  event volatile 42/n,[\"hi\"]",
               "  rooms a#b", "  except x y");
    answer_append(RESULT_OK, 0);
    rig_expect("r: 202 json {\"nodes\":0}");

    call(api_emit_handle, NULL, "{\"event\":\"h\\u0069\",\"args\":[],\"id\":\"m1\"}");
    rig_expect("append namespace default / ttl=0 once=m1", "  event 42[\"h\\u0069\"]");
    answer_append(RESULT_UNCERTAIN, 0);
    rig_expect("r: 503 error The store did not answer: it may have happened.");

    call(api_emit_handle, NULL,
         "{\"rooms\":[\"x\",\"y\"],\"event\":\"b\",\"args\":[{\"_placeholder\":true,\"num\":0}],"
         "\"attachments\":[\"YWJj\"]}");
    rig_expect("append namespace default / ttl=0",
               "  event 451-[\"b\",{\"_placeholder\":true,\"num\":0}]", "  rooms x y",
               "  attachments abc");
    answer_append(RESULT_UNAVAILABLE, 0);
    rig_expect("r: 503 error The store is unavailable.");
}

static void test_duplicate(void **state)
{
    const struct channel_appended appended = { .is_duplicate = true };
    struct store_op *op;

    (void)state;
    call(api_room_emit_handle, "news", "{\"event\":\"hi\",\"id\":\"m1\"}");
    rig_expect("append room default /#news ttl=0 once=m1", "  event 42[\"hi\"]");
    op = rig_op("append");
    op->done.appended(RESULT_OK, &appended, op->ctx);
    free(op);
    rig_expect("r: 202 json {\"nodes\":0,\"duplicate\":true}");
}

static void test_questions(void **state)
{
    static const struct slice buffer = { "abc", 3 };
    static const struct sio_answer items[] = {
        { { "s1", 2 }, { "[1]", 3 }, NULL, 0 },
        { { "s2", 2 }, { "[{}]", 4 }, &buffer, 1 },
    };
    const struct sio_answers answers = { false, 3, items, 2 }, none = { true, 0, NULL, 0 };
    struct http_request *gone;

    (void)state;
    call(api_room_emit_handle, "quiz", "{\"event\":\"q\",\"ack\":{\"timeout\":500}}");
    rig_expect("ask quiz [\"q\"] for 500 ms");
    answer_ask(RESULT_OK, &answers);
    rig_expect("r: 200 json "
               "{\"complete\":false,\"clients\":3,\"answers\":[{\"socket\":\"s1\",\"args\":[1]},"
               "{\"socket\":\"s2\",\"args\":[{}],\"attachments\":[\"YWJj\"]}]}");
    call(api_emit_handle, NULL, "{\"event\":\"q\",\"ack\":{\"timeout\":1}}");
    rig_expect("ask all [\"q\"] for 1 ms");
    answer_ask(RESULT_OK, &none);
    rig_expect("r: 200 json {\"complete\":true,\"clients\":0,\"answers\":[]}");
    call(api_emit_handle, NULL, "{\"event\":\"q\",\"ack\":{\"timeout\":60000}}");
    rig_expect("ask all [\"q\"] for 60000 ms");
    answer_ask(RESULT_UNAVAILABLE, &none);
    rig_expect("r: 503 error The store is unavailable.");
    gone = call(api_emit_handle, NULL, "{\"event\":\"q\",\"ack\":{\"timeout\":9}}");
    rig_expect("ask all [\"q\"] for 9 ms");
    rig_gone(gone);
    rig_expect("cancel ask");
}

/* ---- orders ---------------------------------------------------------------------------------------------------------- */

static void test_orders(void **state)
{
    static const struct {
        const char *name;
        http_handle_fn *handle;
        const char *param, *body, *channel, *entry, *rooms, *names;
    } rows[] = {
        { "a socket joins", api_room_join_handle, "r", "{\"sockets\":[\"s1\"]}",
          "append room default /#s1 ttl=0", "  join ", NULL, "  names r" },
        { "two sockets join", api_room_join_handle, "r", "{\"sockets\":[\"s1\",\"s2\"]}",
          "append namespace default / ttl=0", "  join ", "  rooms s1 s2", "  names r" },
        { "a room joins", api_room_join_handle, "r", "{\"rooms\":[\"q\"],\"namespace\":\"/n\"}",
          "append room default /n#q ttl=0", "  join ", NULL, "  names r" },
        { "a socket leaves", api_room_leave_handle, "r", "{\"sockets\":[\"s1\"]}",
          "append room default /#s1 ttl=0", "  leave ", NULL, "  names r" },
        { "everybody leaves", api_room_leave_handle, "r", "", "append room default /#r ttl=0",
          "  leave ", NULL, "  names r" },
        { "a socket joins rooms", api_socket_join_handle, "s1", "{\"rooms\":[\"q\",\"r\"]}",
          "append room default /#s1 ttl=0", "  join ", NULL, "  names q r" },
        { "a socket leaves rooms", api_socket_leave_handle, "s1", "{\"rooms\":[\"q\"]}",
          "append room default /#s1 ttl=0", "  leave ", NULL, "  names q" },
        { "a socket is disconnected", api_socket_disconnect_handle, "s1", "",
          "append room default /#s1 ttl=0", "  disconnect ", NULL, NULL },
        { "with its connection", api_socket_disconnect_handle, "s1", "{\"close\":true}",
          "append room default /#s1 ttl=0", "  close ", NULL, NULL },
        { "a room is disconnected", api_room_disconnect_handle, "r", "{\"close\":false}",
          "append room default /#r ttl=0", "  disconnect ", NULL, NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("  %s\n", rows[i].name);
        call(rows[i].handle, rows[i].param, rows[i].body);
        if (rows[i].rooms != NULL)
            rig_expect(rows[i].channel, rows[i].entry, rows[i].rooms, rows[i].names);
        else
            rig_expect(rows[i].channel, rows[i].entry, rows[i].names);
        answer_append(RESULT_OK, 1);
        rig_expect("r: 202 json {\"nodes\":1}");
    }
}

static void test_socket_that_is_nowhere(void **state)
{
    (void)state;
    call(api_socket_disconnect_handle, "s1", "");
    rig_expect("append room default /#s1 ttl=0", "  disconnect ");
    answer_append(RESULT_OK, 0);
    rig_expect("r: 404 error There is no such socket.");
    call(api_socket_join_handle, "s1", "{\"rooms\":[\"q\"]}");
    rig_expect("append room default /#s1 ttl=0", "  join ", "  names q");
    answer_append(RESULT_UNAVAILABLE, 0);
    rig_expect("r: 503 error The store is unavailable.");
    call(api_room_disconnect_handle, "r", "");
    rig_expect("append room default /#r ttl=0", "  disconnect ");
    answer_append(RESULT_OK, 0); /* a room may be empty */
    rig_expect("r: 202 json {\"nodes\":0}");
}

/* ---- who is there -------------------------------------------------------------------------------------------------------- */

static struct http_request *get(http_handle_fn *handle, const char *query)
{
    const struct http_request request = {
        .name = "r", .headers = TOKEN, .param = "news", .query = query
    };

    return rig_request(&request, handle);
}

static void test_counts(void **state)
{
    (void)state;
    get(api_count_handle, NULL);
    rig_expect("nodes");
    answer_nodes(RESULT_OK);
    rig_expect("count default /#news of 2");
    answer_count(RESULT_OK, 12);
    rig_expect("r: 200 json {\"room\":\"news\",\"namespace\":\"/\",\"members\":12}");
    get(api_count_handle, "namespace=/n");
    rig_expect("nodes");
    answer_nodes(RESULT_OK);
    rig_expect("count default /n#news of 2");
    answer_count(RESULT_UNCERTAIN, 0);
    rig_expect("r: 503 error The store did not answer: it may have happened.");
    get(api_count_handle, NULL);
    rig_expect("nodes");
    answer_nodes(RESULT_UNAVAILABLE);
    rig_expect("r: 503 error The store is unavailable.");
}

static void test_pages(void **state)
{
    (void)state;
    get(api_members_handle, NULL);
    rig_expect("nodes");
    answer_nodes(RESULT_OK);
    rig_expect("list /#news from 0, 100 of 2");
    answer_list(RESULT_OK, 0);
    rig_expect("r: 200 json {\"room\":\"news\",\"namespace\":\"/\",\"members\":[\"s1\",\"s\\\"2\"],"
               "\"cursor\":null}");
    get(api_members_handle, "cursor=18446744073709551615");
    rig_expect("nodes");
    answer_nodes(RESULT_OK);
    rig_expect("list /#news from 18446744073709551615, 100 of 2");
    answer_list(RESULT_OK, 7);
    rig_expect("r: 200 json {\"room\":\"news\",\"namespace\":\"/\",\"members\":[\"s1\",\"s\\\"2\"],"
               "\"cursor\":\"7\"}");
    get(api_members_handle, "limit=1000");
    rig_expect("nodes");
    answer_nodes(RESULT_OK);
    rig_expect("list /#news from 0, 1000 of 2");
    answer_list(RESULT_UNAVAILABLE, 0);
    rig_expect("r: 503 error The store is unavailable.");
}

/* ---- what is refused --------------------------------------------------------------------------------------------------------- */

#define NAMES_RULE "1 to 128 bytes without control characters"
#define NAMESPACE_RULE                                                                             \
    "namespace: must begin with /, and have at most 128 bytes without control characters and #"

static void test_bad_bodies(void **state)
{
    static const struct {
        const char *name;
        http_handle_fn *handle;
        const char *param, *body, *error;
    } rows[] = {
        { "no JSON", api_emit_handle, NULL, "{", "body: is not JSON, or nested too deeply" },
        { "no object", api_emit_handle, NULL, "[]", "body: must be a JSON object" },
        { "nothing", api_emit_handle, NULL, "", "event: is missing" },
        { "no event", api_emit_handle, NULL, "{\"args\":[]}", "event: is missing" },
        { "an event that is no text", api_emit_handle, NULL, "{\"event\":7}",
          "event: must be a string" },
        { "an empty event", api_emit_handle, NULL, "{\"event\":\"\"}",
          "event: must be a string of " NAMES_RULE },
        { "a reserved event", api_emit_handle, NULL, "{\"event\":\"disconnect\"}",
          "event: 'disconnect' is reserved" },
        { "a reserved event, escaped", api_emit_handle, NULL, "{\"event\":\"\\u0063onnect\"}",
          "event: 'connect' is reserved" },
        { "args that are no array", api_emit_handle, NULL, "{\"event\":\"e\",\"args\":{}}",
          "args: must be an array" },
        { "args that are too large", api_emit_handle, NULL,
          "{\"event\":\"e\",\"args\":[\"0123456789012345678901234567890123456789012345678901234567"
          "89012345678901234567890123456789012345678901234567890123456789012345678901234567890123"
          "4567890123456789012345678901234567890123456789\"]}",
          "args, attachments: must have at most 150 bytes together" },
        { "a namespace that is no text", api_emit_handle, NULL, "{\"event\":\"e\",\"namespace\":1}",
          "namespace: must be a string" },
        { "a namespace without a slash", api_emit_handle, NULL,
          "{\"event\":\"e\",\"namespace\":\"n\"}", NAMESPACE_RULE },
        { "a namespace with a room's sign", api_emit_handle, NULL,
          "{\"event\":\"e\",\"namespace\":\"/n#r\"}", NAMESPACE_RULE },
        { "rooms that are no array", api_emit_handle, NULL, "{\"event\":\"e\",\"rooms\":\"r\"}",
          "rooms: must be an array of at most 1000 strings" },
        { "a room that is no text", api_emit_handle, NULL, "{\"event\":\"e\",\"rooms\":[1]}",
          "rooms: must be an array of at most 1000 strings" },
        { "a room without a name", api_emit_handle, NULL, "{\"event\":\"e\",\"rooms\":[\"\"]}",
          "rooms: each must be " NAMES_RULE },
        { "a room of the path without a name", api_room_emit_handle, "", "{\"event\":\"e\"}",
          "rooms: each must be " NAMES_RULE },
        { "an exception without a name", api_emit_handle, NULL,
          "{\"event\":\"e\",\"except\":[\"\\u0001\"]}", "except: each must be " NAMES_RULE },
        { "exceptions that are none", api_emit_handle, NULL, "{\"event\":\"e\",\"except\":{}}",
          "except: must be an array of at most 1000 strings" },
        { "volatile that is neither", api_emit_handle, NULL, "{\"event\":\"e\",\"volatile\":1}",
          "volatile: must be true or false" },
        { "an id that is no text", api_emit_handle, NULL, "{\"event\":\"e\",\"id\":1}",
          "id: must be a string" },
        { "an empty id", api_emit_handle, NULL, "{\"event\":\"e\",\"id\":\"\"}",
          "id: must be " NAMES_RULE },
        { "attachments that are none", api_emit_handle, NULL,
          "{\"event\":\"e\",\"attachments\":[\"%\"]}",
          "attachments: must be an array of base64 texts" },
        { "too many attachments", api_emit_handle, NULL,
          "{\"event\":\"e\",\"attachments\":[\"\",\"\",\"\"]}", "attachments: must be at most 2" },
        { "a placeholder of nothing", api_emit_handle, NULL,
          "{\"event\":\"e\",\"args\":[{\"_placeholder\":true,\"num\":1}],\"attachments\":[\"\"]}",
          "args: a placeholder names an attachment that is not there" },
        { "no time to answer", api_emit_handle, NULL, "{\"event\":\"e\",\"ack\":{\"timeout\":0}}",
          "ack: must be {\"timeout\":<whole milliseconds from 1 to 60000>}" },
        { "too much time to answer", api_emit_handle, NULL,
          "{\"event\":\"e\",\"ack\":{\"timeout\":60001}}",
          "ack: must be {\"timeout\":<whole milliseconds from 1 to 60000>}" },
        { "an ack that is no object", api_emit_handle, NULL, "{\"event\":\"e\",\"ack\":true}",
          "ack: must be {\"timeout\":<whole milliseconds from 1 to 60000>}" },
        { "an ack and an id", api_emit_handle, NULL,
          "{\"event\":\"e\",\"id\":\"m\",\"ack\":{\"timeout\":5}}",
          "id, ack: exclude one another" },
        { "nobody joins", api_room_join_handle, "r", "{}",
          "sockets, rooms: one of them must say who" },
        { "nobody at all joins", api_room_join_handle, "r", "{\"sockets\":[]}",
          "sockets, rooms: one of them must say who" },
        { "nobody at all leaves", api_room_leave_handle, "r", "{\"sockets\":[]}",
          "sockets, rooms: one of them must say who" },
        { "sockets and rooms join", api_room_join_handle, "r",
          "{\"sockets\":[\"s\"],\"rooms\":[\"q\"]}", "sockets, rooms: exclude one another" },
        { "a room that cannot be joined", api_room_join_handle, "\x01", "{\"sockets\":[\"s\"]}",
          "rooms: each must be " NAMES_RULE },
        { "a socket that cannot be", api_room_join_handle, "r", "{\"sockets\":[\"\"]}",
          "rooms: each must be " NAMES_RULE },
        { "a socket joins nothing", api_socket_join_handle, "s", "{}",
          "rooms: must be 1 to 100 rooms" },
        { "close that is neither", api_socket_disconnect_handle, "s", "{\"close\":\"yes\"}",
          "close: must be true or false" },
        { "a count of no room", api_count_handle, "", NULL,
          "room, namespace: must be " NAMES_RULE "; a namespace begins with /" },
        { "members of no room", api_members_handle, "\x7f", NULL,
          "room, namespace: must be " NAMES_RULE "; a namespace begins with /" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char want[256];

        snprintf(want, sizeof want, "r: 400 error %s", rows[i].error);
        rig.request_count = 0;
        call(rows[i].handle, rows[i].param, rows[i].body);
        if (!slice_is((struct slice){ rig.notes.data, rig.notes.len - 1 }, want))
            fail_msg("%s: %.*s", rows[i].name, (int)rig.notes.len, rig.notes.data);
        buf_clear(&rig.notes);
    }
}

static void test_too_many_rooms(void **state)
{
    struct buf body;

    (void)state;
    buf_init(&body, 4096);
    buf_add_text(&body, "{\"event\":\"e\",\"rooms\":[\"r\"");
    for (int i = 0; i < SIO_TARGET_MAX; i++)
        buf_add_text(&body, ",\"r\"");
    buf_add_text(&body, "]}");
    buf_add_byte(&body, '\0');
    call(api_emit_handle, NULL, body.data);
    rig_expect("r: 400 error rooms: must be at most 100");
    buf_fini(&body);
}

static void test_bad_queries(void **state)
{
    static const char *const queries[] = { "cursor=x",   "cursor=-1", "limit=0",
                                           "limit=1001", "limit=",    "cursor=%" };

    (void)state;
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        get(api_members_handle, queries[i]);
        rig_expect("r: 400 error cursor, limit: must be whole numbers; limit from 1 to 1000");
    }
    get(api_count_handle, "namespace=n");
    rig_expect("r: 400 error room, namespace: must be " NAMES_RULE "; a namespace begins with /");
}

static void test_who_may_not(void **state)
{
    static const struct {
        enum auth_answer answer;
        const char *want;
    } rows[] = {
        { AUTH_REFUSED, "r: 403 error Invalid credentials." },
        { AUTH_UNKNOWN, "r: 503 error Authentication is unavailable." },
        { AUTH_THROTTLED,
          "r: 429 application/json {\"error\":\"Too many failed attempts.\"} after 7" },
    };
    static const struct http_request nobody = { .name = "r", .param = "r", .body = "{}" };

    (void)state;
    rig_request(&nobody, api_emit_handle);
    rig_expect("r: 401 error Missing credentials.");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rig_auth(rows[i].answer);
        call(api_emit_handle, NULL, "{");
        rig_expect(rows[i].want);
        rig_auth(AUTH_PENDING);
        call(api_emit_handle, NULL, "{");
        rig_expect_nothing();
        rig_auth(rows[i].answer);
        rig_expect(rows[i].want);
    }
}

/* Nothing is left behind, wherever it stands. */
static void test_back_end_goes_away(void **state)
{
    struct http_request *request;

    (void)state;
    rig_auth(AUTH_PENDING);
    rig_gone(call(api_emit_handle, NULL, "{}"));
    rig_auth(AUTH_OK);
    request = call(api_emit_handle, NULL, "{\"event\":\"e\"}");
    rig_expect("append namespace default / ttl=0", "  event 42[\"e\"]");
    rig_gone(request);
    rig_expect("cancel append");
    request = get(api_members_handle, NULL);
    rig_expect("nodes");
    rig_gone(request);
    rig_expect("cancel nodes");
    request = get(api_members_handle, NULL);
    rig_expect("nodes");
    answer_nodes(RESULT_OK);
    rig_expect("list /#news from 0, 100 of 2");
    rig_gone(request);
    rig_expect("cancel list");
}

/* ---- clients' events ----------------------------------------------------------------------------------------------------- */

static bool say(const char *name, const char *items, const struct slice *attachments, size_t count)
{
    struct sio_event event = {
        .name = slice_of(name),
        .attachments = attachments,
        .attachment_count = count,
        .wants_ack = true,
        .ack_id = 5,
    };

    assert_true(json_parse(slice_of(items), &event.items));
    return api_on_event(&one.socket, &event, rig.dialect);
}

#define JOIN(room) "[\"signalbox:join\",{\"room\":" room "}]"

static void test_clients_join_and_leave(void **state)
{
    static const struct {
        enum result result;
        const char *want;
    } rows[] = {
        { RESULT_OK, "ack 5 [{\"ok\":true}]" },
        { RESULT_REFUSED, "ack 5 [{\"error\":\"too many rooms\"}]" },
        { RESULT_UNAVAILABLE, "ack 5 [{\"error\":\"unavailable\"}]" },
    };

    (void)state;
    assert_false(say("chat", "[\"chat\"]", NULL, 0));
    one.may_join = true;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(say("signalbox:join", JOIN("\"n\\u0065ws\""), NULL, 0));
        rig_expect("join news");
        assert_non_null(one.task);
        one.joined(rows[i].result, one.ctx);
        rig_expect(rows[i].want);
        assert_null(one.task);
    }
    say("signalbox:leave", "[\"signalbox:leave\",{\"room\":\"news\"}]", NULL, 0);
    rig_expect("leave news", "ack 5 [{\"ok\":true}]");
    say("signalbox:leave", "[\"signalbox:leave\"]", NULL, 0);
    rig_expect("leave ", "ack 5 [{\"ok\":true}]");
    say("signalbox:join", JOIN("\"gone\""), NULL, 0);
    rig_expect("join gone");
    one.task->on_gone(one.task); /* the socket ends */
}

static void test_clients_may_not_join(void **state)
{
    static const struct {
        const char *name, *items, *error;
    } rows[] = {
        { "no argument", "[\"signalbox:join\"]", "room: must be a string of " NAMES_RULE },
        { "no object", "[\"signalbox:join\",\"news\"]", "room: must be a string of " NAMES_RULE },
        { "a room that is no text", JOIN("7"), "room: must be a string of " NAMES_RULE },
        { "a control character", JOIN("\"\\n\""), "room: must be a string of " NAMES_RULE },
        { "another's own room", JOIN("\"0123456789-bcdef_hij\""), "room: is reserved" },
        { "a room named after another", JOIN("\"0123456789abcdefghij_auth\""),
          "room: is reserved" },
        { "another's own room, protocol 4", JOIN("\"/n#0123456789abcdefghij\""),
          "room: is reserved" },
        { "one that it has no right to", JOIN("\"news\""), "not allowed" },
        { "20 characters that are no id", JOIN("\"0123456789 bcdefghij\""), "not allowed" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char want[256];

        snprintf(want, sizeof want, "ack 5 [{\"error\":\"%s\"}]\n", rows[i].error);
        say("signalbox:join", rows[i].items, NULL, 0);
        if (!slice_is(buf_slice(&rig.notes), want))
            fail_msg("%s: %.*s", rows[i].name, (int)rig.notes.len, rig.notes.data);
        buf_clear(&rig.notes);
    }
}

#define EMIT(rest) "[\"signalbox:emit\",{\"room\":\"news\"," rest "}]"

static void test_clients_emit(void **state)
{
    static const struct slice buffer = { "abc", 3 };

    (void)state;
    say("signalbox:emit", EMIT("\"event\":\"e\""), NULL, 0);
    rig_expect("ack 5 [{\"error\":\"not allowed\"}]");
    one.may_emit = true;
    say("signalbox:emit", EMIT("\"event\":\"e\",\"args\":[1,2]"), NULL, 0);
    rig_expect("append room default /n#news ttl=0", "  event 42/n,[\"e\",1,2]");
    answer_append(RESULT_OK, 1);
    rig_expect("ack 5 [{\"ok\":true}]");
    say("signalbox:emit", EMIT("\"event\":\"b\",\"args\":[{\"_placeholder\":true,\"num\":0}]"),
        &buffer, 1);
    rig_expect("append room default /n#news ttl=0",
               "  event 451-/n,[\"b\",{\"_placeholder\":true,\"num\":0}]", "  attachments abc");
    answer_append(RESULT_UNCERTAIN, 0);
    rig_expect("ack 5 [{\"error\":\"unavailable\"}]");
    say("signalbox:emit", EMIT("\"event\":\"connect\""), NULL, 0);
    rig_expect("ack 5 [{\"error\":\"event: 'connect' is reserved\"}]");
    say("signalbox:emit", EMIT("\"event\":\"e\",\"args\":{}"), NULL, 0);
    rig_expect("ack 5 [{\"error\":\"event, args: must be a string and an array\"}]");
    say("signalbox:emit", EMIT("\"args\":[]"), NULL, 0);
    rig_expect("ack 5 [{\"error\":\"event, args: must be a string and an array\"}]");
    say("signalbox:emit", EMIT("\"event\":\"e\""), NULL, 0);
    rig_expect("append room default /n#news ttl=0", "  event 42/n,[\"e\"]");
    one.task->on_gone(one.task);
    rig_expect("cancel append");
}

static void test_clients_ask_for_too_much(void **state)
{
    static struct sio_task *tasks[API_WISHES_MAX];
    uint64_t *limit = &rig.node.metrics.limits[LIMIT_SOCKETIO_WISHES];

    (void)state;
    one.may_join = one.may_emit = true;
    for (size_t i = 0; i < API_WISHES_MAX; i++) {
        say("signalbox:join", JOIN("\"news\""), NULL, 0);
        rig_expect("join news");
        tasks[i] = one.task;
        one.task = NULL;
    }
    say("signalbox:join", JOIN("\"news\""), NULL, 0);
    rig_expect("ack 5 [{\"error\":\"too many at once\"}]");
    say("signalbox:emit", EMIT("\"event\":\"e\""), NULL, 0);
    rig_expect("ack 5 [{\"error\":\"too many at once\"}]");
    assert_int_equal(*limit, 2);
    tasks[0]->on_gone(tasks[0]);
    say("signalbox:join", JOIN("\"news\""), NULL, 0);
    rig_expect("join news");
    tasks[0] = one.task;
    for (size_t i = 0; i < API_WISHES_MAX; i++)
        tasks[i]->on_gone(tasks[i]);
    one.task = NULL;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(test_emits),
        TEST(test_duplicate),
        TEST(test_questions),
        TEST(test_orders),
        TEST(test_socket_that_is_nowhere),
        TEST(test_counts),
        TEST(test_pages),
        TEST(test_bad_bodies),
        TEST(test_too_many_rooms),
        TEST(test_bad_queries),
        TEST(test_who_may_not),
        TEST(test_back_end_goes_away),
        TEST(test_clients_join_and_leave),
        TEST(test_clients_may_not_join),
        TEST(test_clients_emit),
        TEST(test_clients_ask_for_too_much),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
