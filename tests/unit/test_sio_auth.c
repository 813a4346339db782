/* SPDX-License-Identifier: MIT */
/*
 * Who sockets are: the app of tokens on sockets that only note what is done to them. Tokens are real; so is
 * the issuer, where a check has to take its time.
 */
#include "jwt_maker.h"

#include <inttypes.h>

#include "http_stub.h"
#include "sio_auth.h"
#include "sio_inner.h"
#include "sio_session.h"

#define SECRET   "a secret that is not short"
#define HS256    "{\"alg\":\"HS256\"}"
#define ALL_JOIN "\"rooms\":{\"*\":[\"join\"]}"

enum { NOW_S = 1800000000, LEEWAY_MS = 60000, WARN_MS = 30000, NOTES_MAX = 8192 };

static struct rig {
    uv_loop_t loop;
    struct config config;
    struct node node;
    struct sio sio;
    struct sio_socket socket;
    struct engine_handshake handshake;
    void *app;
    int64_t now_ms;
    deadline_fn *on_due;
    int64_t due_ms;
    uint32_t step_ms; /* the last one that was asked for */
    const char *auth, *cookie, *query;
    bool is_in;
    unsigned saves;
    void (*on_gone)(void *ctx); /* of the admission */
    void *gone_ctx;
    struct buf notes;
} rig;

static void note(const char *format, ...) PRINTF_LIKE(1, 2);
static void note(const char *format, ...)
{
    char line[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    assert_true(buf_printf(&rig.notes, "%s\n", line));
}

static void expect(const char *want)
{
    buf_add_byte(&rig.notes, '\0');
    assert_string_equal(rig.notes.data, want);
    buf_clear(&rig.notes);
}

/* ---- what the app stands on ------------------------------------------------------------------- */

int64_t store_now_ms(const struct store *store)
{
    (void)store;
    return rig.now_ms;
}

void deadline_set(struct deadlines *deadlines, struct deadline *deadline, uint32_t after_ms,
                  deadline_fn *on_due)
{
    (void)deadlines;
    assert_ptr_equal(deadline, &rig.socket.expiry);
    assert_int_equal(after_ms & (after_ms - 1), 0);
    rig.on_due = on_due;
    rig.due_ms = rig.now_ms + after_ms;
    rig.step_ms = after_ms;
}

void deadline_clear(struct deadline *deadline)
{
    assert_ptr_equal(deadline, &rig.socket.expiry);
    rig.on_due = NULL;
}

struct sio_socket *sio_admission_socket(struct sio_admission *admission)
{
    (void)admission;
    return &rig.socket;
}

struct slice sio_admission_auth(const struct sio_admission *admission)
{
    (void)admission;
    return slice_of(rig.auth);
}

void sio_admission_wait(struct sio_admission *admission, void (*on_gone)(void *ctx), void *ctx)
{
    (void)admission;
    rig.on_gone = on_gone;
    rig.gone_ctx = ctx;
}

void sio_admit(struct sio_admission *admission)
{
    const struct jwt *identity = sio_identity(&rig.socket);

    (void)admission;
    rig.on_gone = NULL;
    note("in as %s", identity != NULL ? identity->subject : "nobody");
}

void sio_refuse(struct sio_admission *admission, struct slice message, struct slice data)
{
    (void)admission;
    rig.on_gone = NULL;
    note("refused: %.*s %.*s", (int)message.len, message.data, (int)data.len, data.data);
}

const struct engine_handshake *sio_handshake(const struct sio_socket *socket)
{
    (void)socket;
    return &rig.handshake;
}

bool engine_query(const struct engine_handshake *handshake, const char *name, struct buf *out)
{
    (void)handshake;
    assert_string_equal(name, "token");
    return rig.query != NULL && buf_add_text(out, rig.query);
}

struct slice engine_cookie(const struct engine_handshake *handshake, const char *name)
{
    (void)handshake;
    assert_string_equal(name, "biscuit");
    return slice_of(rig.cookie);
}

void sio_join(struct sio_socket *socket, struct slice room, sio_joined_fn *done, void *ctx)
{
    (void)socket;
    (void)ctx;
    assert_null(done);
    if (!rig.is_in)
        note("joins %.*s", (int)room.len, room.data);
    rig.is_in = true;
}

void sio_leave(struct sio_socket *socket, struct slice room)
{
    rig.is_in = false;
    note("leaves %.*s", (int)room.len, room.data);
    LIST_EACH (node, spare, &socket->members) {
        if (slice_equals(LIST_ENTRY(node, struct sio_member, node)->room, room))
            list_remove(node);
    }
}

bool sio_is_in(const struct sio_socket *socket, struct slice room)
{
    (void)socket;
    assert_true(slice_is(room, "strangers"));
    return rig.is_in;
}

void sio_send(struct sio_socket *socket, struct slice items)
{
    (void)socket;
    note("%.*s", (int)items.len, items.data);
}

void sio_part(struct sio_socket *socket)
{
    (void)socket;
    note("part");
}

void sio_disconnect(struct sio_socket *socket, bool closes)
{
    assert_false(closes);
    note("disconnect");
    socket->state = SIO_OVER;
    sio_auth_end(socket);
}

void sio_ack(struct sio_socket *socket, uint64_t ack_id, struct slice args)
{
    (void)socket;
    note("ack %" PRIu64 " %.*s", ack_id, (int)args.len, args.data);
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

void sio_session_save(struct sio_socket *socket)
{
    assert_ptr_equal(socket, &rig.socket);
    rig.saves++;
}

/* ---- the rig ------------------------------------------------------------------------------------ */

static int start(void **state)
{
    static char secret[] = SECRET, cookie[] = "biscuit", claim[] = "rooms", room[] = "strangers";
    static char lobby[] = "lobby:*", empty[] = "";
    static char *patterns[] = { lobby };

    (void)state;
    memset(&rig, 0, sizeof rig);
    uv_loop_init(&rig.loop);
    buf_init(&rig.notes, NOTES_MAX);
    rig.now_ms = NOW_S * INT64_C(1000);
    rig.config = (struct config){
        .jwt_secret = secret,
        .jwt_cookie = cookie,
        .jwt_rooms_claim = claim,
        .jwt_leeway_ms = LEEWAY_MS,
        .jwt_warn_ms = WARN_MS,
        .jwks_cache_ms = 600000,
        .auth_timeout_ms = 5000,
        .auth_failures = { 3, 60000 },
        .unauthenticated_room = room,
        .unauthenticated_rooms = { patterns, 1 },
    };
    rig.auth = "{}";
    rig.handshake.authorization = empty;
    rig.node.config = &rig.config;
    rig.node.jwts = jwts_create(&rig.loop, NULL, &rig.config);
    rig.sio.node = &rig.node;
    rig.socket.sio = &rig.sio;
    list_init(&rig.socket.tasks);
    list_init(&rig.socket.members);
    rig.app = sio_auth_app.open(&rig.node, &rig.sio);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    assert_int_equal(rig.notes.len, 0);
    while (!list_is_empty(&rig.socket.tasks)) {
        struct sio_task *task = LIST_ENTRY(rig.socket.tasks.next, struct sio_task, node);

        sio_task_end(task);
        task->on_gone(task);
    }
    sio_auth_end(&rig.socket);
    sio_auth_app.close(rig.app);
    jwts_destroy(&rig.node.jwts);
    support_loop_close(&rig.loop);
    buf_fini(&rig.notes);
    return 0;
}

/* Each text lives until the fourth next call. */
static const char *token(const char *secret, const char *claims)
{
    static char texts[4][2048];
    static unsigned next;
    char *text = maker_secret_token(secret, HS256, claims);

    snprintf(texts[++next % 4], sizeof texts[0], "%s", text);
    free(text);
    return texts[next % 4];
}

static const char *good(const char *subject)
{
    char claims[128];

    snprintf(claims, sizeof claims, "{\"sub\":\"%s\"," ALL_JOIN "}", subject);
    return token(SECRET, claims);
}

static const char *ending(const char *subject, int after_s)
{
    char claims[128];

    snprintf(claims, sizeof claims, "{\"sub\":\"%s\",\"exp\":%d}", subject, NOW_S + after_s);
    return token(SECRET, claims);
}

static const char *payload(const char *text)
{
    static char json[4096];

    snprintf(json, sizeof json, "{\"x\":1,\"token\":\"%s\"}", text);
    return json;
}

static void bear(const char *text)
{
    static char header[4096];

    snprintf(header, sizeof header, "bearer  %s", text);
    rig.handshake.authorization = header;
}

static void admit(void)
{
    jwt_unref(&rig.socket.identity);
    rig.socket.state = SIO_ADMITTING;
    sio_auth_app.admit(NULL, rig.app);
}

static void connect_as(const char *text)
{
    rig.auth = text != NULL ? payload(text) : "{}";
    admit();
    buf_clear(&rig.notes);
    rig.socket.state = SIO_CONNECTED;
    sio_auth_app.on_connect(&rig.socket, false, rig.app);
}

/* The event with these arguments; wants an ack, number 7. */
static bool say(const char *name, const char *args)
{
    struct sio_event event = { .name = slice_of(name), .wants_ack = true, .ack_id = 7 };
    char items[4096];

    snprintf(items, sizeof items, "[\"%s\"%s]", name, args);
    assert_true(json_parse(slice_of(items), &event.items));
    return sio_auth_app.on_event(&rig.socket, &event, rig.app);
}

static void renew(const char *text)
{
    char args[4096];

    snprintf(args, sizeof args, ",{\"token\":\"%s\"}", text);
    assert_true(say(SIO_AUTH_RENEW, args));
}

static void pass(int64_t ms)
{
    int64_t until_ms = rig.now_ms + ms;

    while (rig.on_due != NULL && rig.due_ms <= until_ms) {
        deadline_fn *on_due = rig.on_due;

        rig.now_ms = rig.due_ms;
        rig.on_due = NULL;
        on_due(&rig.socket.expiry);
    }
    rig.now_ms = until_ms;
}

/* ---- admission ---------------------------------------------------------------------------------- */

static void a_token_from_each_place(void **state)
{
    (void)state;
    rig.auth = payload(good("payload"));
    bear(good("header"));
    rig.cookie = good("cookie");
    rig.query = good("query");
    admit();
    expect("in as payload\n");
    rig.auth = "{}";
    admit();
    expect("in as header\n");
    rig.handshake.authorization[0] = '\0';
    admit();
    expect("in as cookie\n");
    rig.cookie = NULL;
    admit();
    expect("in as query\n");
    rig.query = NULL;
    admit();
    expect("in as nobody\n");
}

static void a_bad_token_in_the_payload_is_refused(void **state)
{
    static char large[2 * JWT_TOKEN_MAX];
    static const struct {
        const char *auth, *want;
    } cases[] = {
        { "{\"token\":\"hello\"}", "Token malformed {\"code\":\"TOKEN_INVALID\"}" },
        { "{\"token\":5}", "Token malformed {\"code\":\"TOKEN_INVALID\"}" },
        { "{\"token\":{}}", "Token malformed {\"code\":\"TOKEN_INVALID\"}" },
        { large, "Token malformed {\"code\":\"TOKEN_INVALID\"}" },
    };
    char want[256];

    (void)state;
    snprintf(large, sizeof large, "{\"token\":\"%0*d\"}", JWT_TOKEN_MAX + 10, 0);
    rig.config.auth_failures.count = 0;
    rig.cookie = good("cookie"); /* does not help */
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rig.auth = cases[i].auth;
        admit();
        snprintf(want, sizeof want, "refused: %s\n", cases[i].want);
        expect(want);
    }
    rig.auth = payload(token("another", "{\"sub\":\"ann\"}"));
    admit();
    expect("refused: Token refused {\"code\":\"TOKEN_INVALID\"}\n");
    rig.auth = payload(ending("ann", -60));
    admit();
    expect("refused: Token expired {\"code\":\"TOKEN_EXPIRED\"}\n");
}

static void no_token_is_none(void **state)
{
    static const char *const cases[] = { "{}", "{\"token\":null}", "{\"token\":\"\"}", "[]" };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rig.auth = cases[i];
        admit();
        expect("in as nobody\n");
    }
}

static void a_bad_token_elsewhere_is_like_none(void **state)
{
    (void)state;
    bear("hello");
    rig.cookie = ending("ann", -60);
    rig.query = good("query");
    admit();
    expect("in as query\n");
    rig.query = "hello";
    admit();
    expect("in as nobody\n");
    rig.handshake.authorization[0] = 'x'; /* another scheme */
    admit();
    expect("in as nobody\n");
}

static void a_token_is_required(void **state)
{
    (void)state;
    rig.config.socketio_auth = SOCKETIO_AUTH_REQUIRED;
    rig.cookie = "hello";
    admit();
    expect("refused: Token required {\"code\":\"TOKEN_REQUIRED\"}\n");
    rig.cookie = good("ann");
    admit();
    expect("in as ann\n");
}

static void nothing_is_configured(void **state)
{
    (void)state;
    rig.config.jwt_secret = NULL;
    rig.auth = payload("hello");
    admit();
    expect("in as nobody\n");
    connect_as(NULL);
    expect("");
    assert_true(sio_allows(&rig.socket, slice_of("any"), JWT_RIGHT_JOIN));
    assert_false(sio_allows(&rig.socket, slice_of("any"), JWT_RIGHT_EMIT));
    renew(good("ann"));
    expect("ack 7 [{\"error\":\"Tokens are not accepted here\",\"code\":\"TOKEN_INVALID\"}]\n");
}

static void guessing_is_throttled(void **state)
{
    (void)state;
    rig.auth = payload("hello");
    for (int i = 0; i < 3; i++)
        admit();
    buf_clear(&rig.notes);
    admit();
    assert_non_null(strstr(rig.notes.data, "refused: Too many failed attempts "
                                           "{\"code\":\"TRY_AGAIN\",\"retryAfter\":"));
    buf_clear(&rig.notes);
    assert_int_equal(rig.node.metrics.limits[LIMIT_TOKEN_FAILURES], 1);
    rig.auth = payload(good("ann")); /* many may have one address */
    admit();
    expect("in as ann\n");
    rig.handshake.peer.ip[3] = 1;
    rig.auth = payload("hello");
    admit();
    expect("refused: Token malformed {\"code\":\"TOKEN_INVALID\"}\n");
}

/* ---- what it may -------------------------------------------------------------------------------- */

static void rights(void **state)
{
    (void)state;
    connect_as(token(SECRET, "{\"sub\":\"ann\",\"rooms\":{\"u:{sub}\":[\"join\",\"emit\"]}}"));
    assert_true(sio_allows(&rig.socket, slice_of("u:ann"), JWT_RIGHT_JOIN));
    assert_true(sio_allows(&rig.socket, slice_of("u:ann"), JWT_RIGHT_EMIT));
    assert_false(sio_allows(&rig.socket, slice_of("u:bob"), JWT_RIGHT_JOIN));
    assert_false(sio_allows(&rig.socket, slice_of("lobby:1"), JWT_RIGHT_JOIN));
    expect("");
    connect_as(NULL);
    assert_false(sio_allows(&rig.socket, slice_of("u:"), JWT_RIGHT_JOIN));
    assert_true(sio_allows(&rig.socket, slice_of("lobby:1"), JWT_RIGHT_JOIN));
    assert_false(sio_allows(&rig.socket, slice_of("lobby:1"), JWT_RIGHT_EMIT));
    expect("joins strangers\n");
}

static void the_room_of_the_unauthenticated(void **state)
{
    struct jwt *ann;

    (void)state;
    connect_as(NULL);
    expect("joins strangers\n");
    renew(token(SECRET, "{\"sub\":\"ann\"}"));
    expect("leaves strangers\nack 7 [{\"ok\":true,\"expires\":null}]\n");
    assert_int_equal(rig.saves, 2); /* nobody, then somebody */
    ann = jwt_ref(sio_identity(&rig.socket));
    sio_set_identity(&rig.socket, NULL); /* signed out */
    expect("joins strangers\n");
    sio_set_identity(&rig.socket, ann);
    expect("leaves strangers\n");
    jwt_unref(&ann);
    rig.config.unauthenticated_room = NULL;
    connect_as(NULL);
    expect("");
}

/* Who may do less is in no room any more that only the rights of before opened; a back end's word goes beyond them. */
static void rights_that_are_withdrawn(void **state)
{
    static const char *const rooms[] = { "u:ann", "news", "team", "lobby:1" };
    struct sio_member members[4] = { { .from = 0 } };

    (void)state;
    rig.config.unauthenticated_room = NULL;
    connect_as(
        token(SECRET, "{\"sub\":\"ann\",\"rooms\":{\"u:{sub}\":[\"join\"],\"news\":[\"join\"]}}"));
    for (size_t i = 0; i < 4; i++) {
        members[i].room = slice_of(rooms[i]);
        list_append(&rig.socket.members, &members[i].node);
    }
    renew(
        token(SECRET, "{\"sub\":\"ann\",\"rooms\":{\"u:{sub}\":[\"join\"],\"news\":[\"emit\"]}}"));
    expect("leaves news\nack 7 [{\"ok\":true,\"expires\":null}]\n");
    renew(ending("bob", 100)); /* is refused */
    expect("ack 7 [{\"error\":\"Token of another subject\",\"code\":\"TOKEN_INVALID\"}]\n");
    sio_set_identity(&rig.socket, NULL);
    expect("leaves u:ann\n");
    renew(token(SECRET, "{\"sub\":\"ann\"}"));
    expect("leaves lobby:1\nack 7 [{\"ok\":true,\"expires\":null}]\n");
    assert_ptr_equal(rig.socket.members.next, &members[2].node); /* team */
    list_remove(&members[2].node);
    assert_true(list_is_empty(&rig.socket.members));
}

static void it_moves(void **state)
{
    struct unpack unpack;
    struct buf image;

    (void)state;
    buf_init(&image, 4096);
    connect_as(ending("ann", 100));
    sio_auth_pack(&rig.socket, &image);
    sio_auth_end(&rig.socket);
    assert_null(rig.on_due);
    assert_null(sio_identity(&rig.socket));
    unpack_init(&unpack, buf_slice(&image));
    assert_true(sio_auth_unpack(&rig.socket, &unpack));
    sio_auth_app.on_connect(&rig.socket, true, rig.app);
    assert_string_equal(sio_identity(&rig.socket)->subject, "ann");
    assert_non_null(rig.on_due);
    buf_fini(&image);
}

/* ---- its end ------------------------------------------------------------------------------------ */

#define EXPIRING(seconds) "[\"signalbox:token_expiring\",{\"expires\":18000" #seconds "000}]\n"

static void an_end_is_told_of(void **state)
{
    (void)state;
    connect_as(ending("ann", 100));
    pass(100000 - WARN_MS - 1);
    expect("");
    pass(64);
    expect(EXPIRING(00100));
    pass(WARN_MS + LEEWAY_MS - 65);
    expect("");
    assert_false(sio_auth_has_ended(&rig.socket));
    pass(65);
    expect("part\n[\"signalbox:token_expired\",{}]\ndisconnect\n");
    assert_null(rig.on_due);
    assert_int_equal(rig.node.metrics.socketio_tokens[SOCKETIO_TOKEN_EXPIRING], 1);
    assert_int_equal(rig.node.metrics.socketio_tokens[SOCKETIO_TOKEN_EXPIRED], 1);
}

static void nobody_wants_a_warning(void **state)
{
    (void)state;
    rig.config.jwt_warn_ms = 0;
    connect_as(ending("ann", 100));
    pass(100000 + LEEWAY_MS - 1);
    expect("");
    pass(65);
    expect("part\n[\"signalbox:token_expired\",{}]\ndisconnect\n");
}

static void an_end_that_came_elsewhere(void **state)
{
    (void)state;
    connect_as(ending("ann", 100));
    rig.now_ms += 100000 + LEEWAY_MS - 1;
    assert_false(sio_auth_has_ended(&rig.socket));
    rig.now_ms++;
    assert_true(sio_auth_has_ended(&rig.socket));
}

static void a_token_without_end(void **state)
{
    (void)state;
    connect_as(good("ann"));
    assert_null(rig.on_due);
    assert_false(sio_auth_has_ended(&rig.socket));
}

/* Renewed at each warning, they are not renewed without a pause. */
static void a_short_token(void **state)
{
    (void)state;
    connect_as(ending("ann", 10));
    pass(2500);
    expect("");
    pass(2564);
    expect(EXPIRING(00010));
}

static void far_ends_share_few_queues(void **state)
{
    (void)state;
    connect_as(ending("ann", 20000000));
    assert_int_equal(rig.step_ms, 1 << 30);
    pass(20000000000 - WARN_MS - 1);
    expect("");
    pass(100);
    expect("[\"signalbox:token_expiring\",{\"expires\":1820000000000}]\n");
}

/* ---- renewal ------------------------------------------------------------------------------------ */

static void a_renewed_token_counts(void **state)
{
    (void)state;
    connect_as(ending("ann", 100));
    renew(ending("ann", 1000));
    expect("ack 7 [{\"ok\":true,\"expires\":1800001000000}]\n");
    pass(900000);
    expect("");
    pass(100000);
    expect(EXPIRING(01000));
    assert_int_equal(rig.node.metrics.socketio_tokens[SOCKETIO_TOKEN_RENEWED], 1);
}

static void note_renewed(struct sio_socket *socket, void *app)
{
    note("%s is told of %s", (const char *)app, sio_identity(socket)->subject);
}

/* Only those apps that know of the socket. */
static void apps_hear_of_a_renewal(void **state)
{
    static const struct sio_app silent, hears = { .on_renewed = note_renewed };
    static const struct sio_app *const apps[] = { &silent, &hears, &hears };
    static char names[][2] = { "a", "b", "c" };
    void *opened[] = { names[0], names[1], names[2] };

    (void)state;
    connect_as(NULL);
    rig.sio.apps = (struct sio_app_list){ apps, 3 };
    rig.sio.opened = opened;
    rig.socket.told_count = 2;
    renew(ending("ann", 1000));
    expect("joins strangers\nleaves strangers\nb is told of ann\nack 7 "
           "[{\"ok\":true,\"expires\":1800001000000}]\n");
    renew(ending("bob", 1000));
    expect("ack 7 [{\"error\":\"Token of another subject\",\"code\":\"TOKEN_INVALID\"}]\n");
}

static void a_renewal_that_fails_changes_nothing(void **state)
{
    static const struct {
        const char *args, *want;
    } cases[] = {
        { "", "Token required\",\"code\":\"TOKEN_REQUIRED\"" },
        { ",null", "Token required\",\"code\":\"TOKEN_REQUIRED\"" },
        { ",\"hello\"", "Token required\",\"code\":\"TOKEN_REQUIRED\"" },
        { ",{\"token\":\"\"}", "Token required\",\"code\":\"TOKEN_REQUIRED\"" },
        { ",{\"token\":\"hello\"}", "Token malformed\",\"code\":\"TOKEN_INVALID\"" },
        { ",{\"token\":[]}", "Token malformed\",\"code\":\"TOKEN_INVALID\"" },
    };
    char want[256];

    (void)state;
    connect_as(ending("ann", 100));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(say(SIO_AUTH_RENEW, cases[i].args));
        snprintf(want, sizeof want, "ack 7 [{\"error\":\"%s}]\n", cases[i].want);
        expect(want);
    }
    renew(ending("bob", 1000));
    expect("ack 7 [{\"error\":\"Token of another subject\",\"code\":\"TOKEN_INVALID\"}]\n");
    renew(ending("ann", -100));
    expect("ack 7 [{\"error\":\"Token expired\",\"code\":\"TOKEN_EXPIRED\"}]\n");
    assert_string_equal(sio_identity(&rig.socket)->subject, "ann");
    assert_int_equal(sio_identity(&rig.socket)->expires_ms, (NOW_S + 100) * INT64_C(1000));
    assert_false(say("signalbox:other", ""));
}

/* ---- checks that take their time ------------------------------------------------------------------ */

static struct http_stub *stub;
static struct maker_key key;
static char *jwks_token;

static int start_slowly(void **state)
{
    static char url[64], issuer[] = "https://a";
    static char *issuers[] = { issuer };
    char document[4096], *jwk;

    start(state);
    setenv("no_proxy", "*", 1);
    key = maker_ec("one", "P-256");
    jwk = maker_jwk(&key, "");
    snprintf(document, sizeof document, "{\"keys\":[%s]}", jwk);
    free(jwk);
    stub = http_stub_start(&rig.loop);
    http_stub_answer(stub, "200 OK", document);
    http_stub_hold(stub);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", http_stub_port(stub));
    rig.config.jwt_jwks_url = url;
    rig.config.jwt_issuer = (struct strings){ issuers, 1 };
    jwks_token = maker_key_token(&key, "{\"sub\":\"ann\",\"iss\":\"https://a\"}");
    return 0;
}

static int stop_slowly(void **state)
{
    http_stub_stop(&stub);
    maker_free(&key);
    free(jwks_token);
    return stop(state);
}

static bool has_notes(void *ctx)
{
    (void)ctx;
    return rig.notes.len > 0;
}

static void wait_for_notes(void)
{
    support_wait(&rig.loop, has_notes, NULL, SUPPORT_WAIT_MS, "something happens");
}

static void an_admission_waits_for_keys(void **state)
{
    (void)state;
    bear("hello");
    rig.cookie = jwks_token;
    admit();
    expect("");
    assert_non_null(rig.on_gone);
    http_stub_release(stub);
    wait_for_notes();
    expect("in as ann\n");
}

static void keys_that_cannot_be_had(void **state)
{
    (void)state;
    http_stub_answer(stub, "500 Oops", "");
    http_stub_release(stub);
    rig.cookie = jwks_token;
    admit();
    wait_for_notes();
    expect("in as nobody\n");
    rig.config.socketio_auth = SOCKETIO_AUTH_REQUIRED;
    admit();
    expect("refused: Token cannot be checked now {\"code\":\"TRY_AGAIN\"}\n");
    rig.config.socketio_auth = SOCKETIO_AUTH_OPTIONAL;
    rig.auth = payload(jwks_token);
    admit();
    expect("refused: Token cannot be checked now {\"code\":\"TRY_AGAIN\"}\n");
}

static void a_client_that_goes_meanwhile(void **state)
{
    (void)state;
    rig.auth = payload(jwks_token);
    admit();
    rig.on_gone(rig.gone_ctx);
}

static void a_renewal_waits_for_keys(void **state)
{
    (void)state;
    connect_as(NULL);
    expect("joins strangers\n");
    renew(jwks_token);
    renew(jwks_token);
    expect("ack 7 [{\"error\":\"A renewal is under way\",\"code\":\"TRY_AGAIN\"}]\n");
    http_stub_release(stub);
    wait_for_notes();
    expect("leaves strangers\nack 7 [{\"ok\":true,\"expires\":null}]\n");
    assert_true(list_is_empty(&rig.socket.tasks));
}

/* The provider hangs, and the client renews again and again: its token ends all the same. */
static void renewals_do_not_keep_an_ended_token(void **state)
{
    char *old = maker_secret_token(SECRET, HS256,
                                   "{\"sub\":\"ann\",\"iss\":\"https://a\",\"exp\":1800000100}");

    (void)state;
    connect_as(old);
    free(old);
    pass(100000 + LEEWAY_MS - 1);
    expect(EXPIRING(00100));
    renew(jwks_token);
    pass(1000);
    expect("");
    renew(jwks_token);
    expect("ack 7 [{\"error\":\"Token expired\",\"code\":\"TOKEN_EXPIRED\"}]\n");
    pass(rig.config.auth_timeout_ms - 1000 - 1);
    expect("");
    pass(64 + 1);
    expect("part\n[\"signalbox:token_expired\",{}]\ndisconnect\n");
}

/* It has come in time: the socket is not ended while it is being checked. */
static void a_renewal_saves_its_socket(void **state)
{
    char *old = maker_secret_token(SECRET, HS256,
                                   "{\"sub\":\"ann\",\"iss\":\"https://a\",\"exp\":1800000100}");

    (void)state;
    connect_as(old);
    free(old);
    pass(100000);
    expect(EXPIRING(00100));
    renew(jwks_token);
    pass(LEEWAY_MS + 1000);
    expect("");
    http_stub_release(stub);
    wait_for_notes();
    expect("ack 7 [{\"ok\":true,\"expires\":null}]\n");
    assert_null(rig.on_due);
}

static void a_socket_that_goes_while_it_renews(void **state)
{
    (void)state;
    connect_as(NULL);
    buf_clear(&rig.notes);
    renew(jwks_token); /* stop() ends its tasks */
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, start, stop)
#define SLOW(test) cmocka_unit_test_setup_teardown(test, start_slowly, stop_slowly)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_token_from_each_place),
        CASE(a_bad_token_in_the_payload_is_refused),
        CASE(no_token_is_none),
        CASE(a_bad_token_elsewhere_is_like_none),
        CASE(a_token_is_required),
        CASE(nothing_is_configured),
        CASE(guessing_is_throttled),
        CASE(rights),
        CASE(the_room_of_the_unauthenticated),
        CASE(rights_that_are_withdrawn),
        CASE(it_moves),
        CASE(an_end_is_told_of),
        CASE(nobody_wants_a_warning),
        CASE(an_end_that_came_elsewhere),
        CASE(a_token_without_end),
        CASE(a_short_token),
        CASE(far_ends_share_few_queues),
        CASE(a_renewed_token_counts),
        CASE(apps_hear_of_a_renewal),
        CASE(a_renewal_that_fails_changes_nothing),
        SLOW(an_admission_waits_for_keys),
        SLOW(keys_that_cannot_be_had),
        SLOW(a_client_that_goes_meanwhile),
        SLOW(a_renewal_waits_for_keys),
        SLOW(a_renewal_saves_its_socket),
        SLOW(renewals_do_not_keep_an_ended_token),
        SLOW(a_socket_that_goes_while_it_renews),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
