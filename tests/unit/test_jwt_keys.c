/* SPDX-License-Identifier: MIT */
/* Tokens that are signed with an issuer's keys, and how its document is fetched. */
#include "jwt_maker.h"

#include "base/clock.h"
#include "http_stub.h"
#include "jwt.h"
#include "jwt_keys.h"

#define CLAIMS "{\"sub\":\"ann\",\"iss\":\"https://a\"}"

enum { NOW_S = 1800000000, CACHE_MS = 600000, DOCUMENT_MAX = 65536 };

static uv_loop_t loop;
static struct http_stub *stub;
static struct config config;
static struct jwts *jwts;
static int64_t clock_now_ms;
static char url[64], other_url[64];
static struct maker_key rsa, ec; /* "one", "two": made once, because that takes long */

int64_t store_now_ms(const struct store *store)
{
    (void)store;
    return NOW_S * INT64_C(1000);
}

/* ---- the issuer ----------------------------------------------------------------------------------- */

/* Serves these JWKs from now on. */
static void serve(size_t count, ...)
{
    static char document[DOCUMENT_MAX];
    va_list jwks;
    size_t len = (size_t)snprintf(document, sizeof document, "{\"keys\":[");

    va_start(jwks, count);
    for (size_t i = 0; i < count; i++) {
        char *jwk = va_arg(jwks, char *);

        len +=
            (size_t)snprintf(document + len, sizeof document - len, "%s%s", i > 0 ? "," : "", jwk);
        free(jwk);
    }
    va_end(jwks);
    snprintf(document + len, sizeof document - len, "]}");
    http_stub_answer(stub, "200 OK", document);
}

static int make_keys(void **state)
{
    (void)state;
    setenv("no_proxy", "*", 1);
    rsa = maker_rsa("one", 2048);
    ec = maker_ec("two", "P-256");
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    maker_free(&rsa);
    maker_free(&ec);
    return 0;
}

static int start(void **state)
{
    static char first[] = "https://a", second[] = "https://b";
    static char *issuers[] = { first, second };

    (void)state;
    uv_loop_init(&loop);
    clock_now_ms = 1000000;
    clock_hold(clock_now_ms);
    stub = http_stub_start(&loop);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/jwks", http_stub_port(stub));
    snprintf(other_url, sizeof other_url, "http://127.0.0.1:%d/other", http_stub_port(stub));
    config = (struct config){
        .jwt_jwks_url = url,
        .jwt_issuer = { issuers, 2 },
        .jwks_cache_ms = CACHE_MS,
        .auth_timeout_ms = 5000,
    };
    serve(2, maker_jwk(&rsa, ""), maker_jwk(&ec, ""));
    jwts = jwts_create(&loop, NULL, &config);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    clock_release();
    jwts_destroy(&jwts);
    http_stub_stop(&stub);
    support_loop_close(&loop);
    return 0;
}

static void pass(int64_t ms)
{
    clock_now_ms += ms;
    clock_hold(clock_now_ms);
}

/* ---- checks --------------------------------------------------------------------------------------- */

struct reply {
    struct jwt_check *slot;
    unsigned count;
    enum jwt_answer answer;
    char subject[64];
    struct reply *cancels, *repeats; /* when it comes */
    char *token;
};

static void ask(struct reply *reply, const char *token);

static void take(struct reply *reply, enum jwt_answer answer, const struct jwt *jwt)
{
    reply->count++;
    reply->answer = answer;
    assert_int_equal(answer == JWT_OK, jwt != NULL);
    if (jwt != NULL)
        snprintf(reply->subject, sizeof reply->subject, "%s", jwt->subject);
}

static void on_checked(enum jwt_answer answer, struct jwt *jwt, void *ctx)
{
    struct reply *reply = ctx;

    assert_null(reply->slot);
    take(reply, answer, jwt);
    if (reply->cancels != NULL)
        jwt_cancel(&reply->cancels->slot);
    if (reply->repeats != NULL)
        ask(reply->repeats, reply->repeats->token);
}

static void ask(struct reply *reply, const char *token)
{
    struct jwt *jwt;
    enum jwt_answer answer =
        jwt_check(jwts, slice_of(token), &jwt, on_checked, reply, &reply->slot);

    assert_int_equal(answer == JWT_PENDING, reply->slot != NULL);
    if (answer != JWT_PENDING)
        take(reply, answer, jwt);
    jwt_unref(&jwt);
}

static bool has_come(void *ctx)
{
    return ((struct reply *)ctx)->count > 0;
}

static void wait_for(struct reply *reply)
{
    support_wait(&loop, has_come, reply, SUPPORT_WAIT_MS, "a token is checked");
    assert_int_equal(reply->count, 1);
}

static bool is_requested(void *ctx)
{
    return http_stub_requests(stub) >= *(int *)ctx;
}

static void wait_for_request(int count)
{
    support_wait(&loop, is_requested, &count, SUPPORT_WAIT_MS, "the document is asked for");
}

/* Frees the token. */
static enum jwt_answer answer_to(char *token)
{
    struct reply reply = { .count = 0 };

    ask(&reply, token);
    wait_for(&reply);
    free(token);
    return reply.answer;
}

#define expect(token, want)                                                                        \
    assert_string_equal(jwt_answer_text(answer_to(token)), jwt_answer_text(want))
#define expect_fetches(want) assert_int_equal(http_stub_requests(stub), want)

/* ---- which is good -------------------------------------------------------------------------------- */

static void both_kinds_of_keys(void **state)
{
    (void)state;
    expect(maker_key_token(&rsa, CLAIMS), JWT_OK);
    expect(maker_key_token(&ec, CLAIMS), JWT_OK);
    expect_fetches(1);
    assert_non_null(strstr(http_stub_last(stub), "GET /jwks HTTP/1.1\r\n"));
    assert_int_equal(jwts_stats(jwts)->answers[JWT_OK], 2);
    assert_int_equal(jwts_stats(jwts)->fetches[true], 1);
}

static char *with_header(const struct maker_key *key, const char *header)
{
    return maker_signed(key, header, CLAIMS);
}

static void nothing_is_fetched_for_what_is_not_allowed(void **state)
{
    static char secret[] = "a secret";

    (void)state;
    config.jwt_secret = secret;
    expect(maker_key_token(&rsa, "{\"iss\":\"https://evil\"}"), JWT_REFUSED);
    expect(maker_key_token(&rsa, "{\"sub\":\"ann\"}"), JWT_REFUSED);
    expect(with_header(&rsa, "{\"alg\":\"RS512\",\"kid\":\"one\"}"), JWT_REFUSED);
    expect(with_header(&rsa, "{\"alg\":\"PS256\",\"kid\":\"one\"}"), JWT_REFUSED);
    expect(with_header(&rsa, "{\"alg\":\"none\",\"kid\":\"one\"}"), JWT_REFUSED);
    expect(with_header(&rsa, "{\"alg\":\"RS256\",\"kid\":\"one\",\"crit\":[\"x\"]}"), JWT_REFUSED);
    expect(maker_secret_token("x", "{\"alg\":\"HS256\",\"kid\":\"one\"}", CLAIMS), JWT_REFUSED);
    config.jwt_issuer.count = 0;
    expect(maker_key_token(&rsa, CLAIMS), JWT_REFUSED);
    expect_fetches(0);
    assert_int_equal(jwts_stats(jwts)->answers[JWT_REFUSED], 8);
}

/* A public key is known to everybody: whoever takes it for a secret believes everybody. */
static void a_public_key_is_no_secret(void **state)
{
    static char secret[] = "a secret";
    BIO *out = BIO_new(BIO_s_mem());
    char *pem, *data;

    (void)state;
    assert_int_equal(PEM_write_bio_PUBKEY(out, rsa.pair), 1);
    pem = xstrndup(data, (size_t)BIO_get_mem_data(out, &data));
    BIO_free(out);
    expect(maker_key_token(&rsa, CLAIMS), JWT_OK);
    for (int round = 0; round < 2; round++) {
        expect(maker_secret_token(pem, "{\"alg\":\"HS256\",\"kid\":\"one\"}", CLAIMS), JWT_REFUSED);
        expect(maker_secret_token(pem, "{\"alg\":\"RS256\",\"kid\":\"one\"}", CLAIMS), JWT_REFUSED);
        config.jwt_secret = secret;
    }
    free(pem);
}

static void keys_that_do_not_fit(void **state)
{
    struct maker_key other = maker_rsa("one", 2048);

    (void)state;
    expect(maker_key_token(&other, CLAIMS), JWT_REFUSED);
    expect(with_header(&rsa, "{\"alg\":\"RS256\",\"kid\":\"two\"}"), JWT_REFUSED);
    expect(with_header(&ec, "{\"alg\":\"ES256\",\"kid\":\"one\"}"), JWT_REFUSED);
    expect(with_header(&ec, "{\"alg\":\"RS256\",\"kid\":\"one\"}"), JWT_REFUSED);
    expect_fetches(1);
    maker_free(&other);
}

static void a_token_without_a_key_id(void **state)
{
    (void)state;
    expect(with_header(&rsa, "{\"alg\":\"RS256\"}"), JWT_OK);
    expect(with_header(&ec, "{\"alg\":\"ES256\"}"), JWT_OK);
    serve(2, maker_jwk(&rsa, ""), maker_jwk(&rsa, ""));
    pass(CACHE_MS);
    expect(with_header(&rsa, "{\"alg\":\"RS256\"}"), JWT_REFUSED); /* which of both? */
    expect_fetches(2);
}

static void keys_for_other_things(void **state)
{
    struct maker_key small = maker_rsa("small", 1024), curve = maker_ec("curve", "P-384");
    static const char *const odd[] = {
        "null",
        "5",
        "{}",
        "{\"kty\":5}",
        "{\"kty\":\"oct\",\"kid\":\"odd\",\"k\":\"AAAA\"}",
        "{\"kty\":\"RSA\",\"kid\":\"odd\",\"n\":\"AAAA\",\"e\":\"AQAB\"}",
        "{\"kty\":\"RSA\",\"kid\":\"odd\",\"n\":5}",
        "{\"kty\":\"EC\",\"kid\":\"odd\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}",
        /* 32 bytes each, and no point of the curve */
        "{\"kty\":\"EC\",\"kid\":\"odd\",\"crv\":\"P-256\",\"x\":"
        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"y\":"
        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        serve(2, xstrdup(odd[i]), maker_jwk(&rsa, ""));
        pass(CACHE_MS);
        expect(maker_key_token(&rsa, CLAIMS), JWT_OK); /* the others still count */
        expect(with_header(&ec, "{\"alg\":\"ES256\",\"kid\":\"odd\"}"), JWT_UNKNOWN);
    }
    serve(4, maker_jwk(&small, ""), maker_jwk(&curve, ""), maker_jwk(&rsa, ",\"use\":\"enc\""),
          maker_jwk(&ec, ",\"alg\":\"ECDH-ES\""));
    pass(CACHE_MS);
    expect(maker_key_token(&rsa, CLAIMS), JWT_REFUSED);
    pass(JWT_KEYS_RETRY_MS);
    expect(maker_key_token(&small, CLAIMS), JWT_REFUSED);
    pass(JWT_KEYS_RETRY_MS);
    expect(maker_key_token(&ec, CLAIMS), JWT_REFUSED);
    serve(2, maker_jwk(&rsa, ",\"use\":\"sig\",\"alg\":\"RS256\""),
          maker_jwk(&ec, ",\"use\":\"sig\",\"alg\":\"ES256\""));
    pass(JWT_KEYS_RETRY_MS);
    expect(maker_key_token(&rsa, CLAIMS), JWT_OK);
    maker_free(&small);
    maker_free(&curve);
}

/* ---- when the document is fetched ----------------------------------------------------------------- */

static void a_new_key(void **state)
{
    struct maker_key third = maker_ec("three", "P-256");

    (void)state;
    expect(maker_key_token(&rsa, CLAIMS), JWT_OK);
    serve(1, maker_jwk(&third, ""));
    pass(JWT_KEYS_RETRY_MS - 1);
    expect(maker_key_token(&third, CLAIMS), JWT_UNKNOWN); /* fetched just now: perhaps too early */
    expect_fetches(1);
    pass(1);
    expect(maker_key_token(&third, CLAIMS), JWT_OK);
    expect_fetches(2);
    pass(JWT_KEYS_RETRY_MS);
    expect(maker_key_token(&rsa, CLAIMS), JWT_REFUSED); /* it was withdrawn */
    expect_fetches(3);
    maker_free(&third);
}

static void the_document_is_kept(void **state)
{
    (void)state;
    expect(maker_key_token(&rsa, CLAIMS), JWT_OK);
    pass(CACHE_MS - 1);
    expect(maker_key_token(&rsa, CLAIMS), JWT_OK);
    expect_fetches(1);
    serve(1, maker_jwk(&ec, ""));
    pass(1);
    expect(maker_key_token(&rsa, CLAIMS), JWT_REFUSED);
    expect_fetches(2);
}

static void each_issuer_has_its_own(void **state)
{
    (void)state;
    expect(maker_key_token(&rsa, CLAIMS), JWT_OK);
    expect(maker_key_token(&rsa, "{\"iss\":\"https://b\"}"), JWT_OK);
    expect(maker_key_token(&ec, "{\"iss\":\"https://b\"}"), JWT_OK);
    expect_fetches(2);
}

static void another_url_after_a_reload(void **state)
{
    struct reply reply = { .count = 0 };
    char *token = maker_key_token(&rsa, CLAIMS);

    (void)state;
    expect(maker_key_token(&rsa, CLAIMS), JWT_OK);
    config.jwt_jwks_url = other_url;
    http_stub_hold(stub);
    ask(&reply, token);
    wait_for_request(2);
    assert_non_null(strstr(http_stub_last(stub), "GET /other HTTP/1.1\r\n"));
    config.jwt_jwks_url = url; /* and again, while it is on its way */
    http_stub_release(stub);
    wait_for(&reply);
    assert_int_equal(reply.answer, JWT_UNKNOWN);
    expect(maker_key_token(&rsa, CLAIMS), JWT_OK);
    expect_fetches(3);
    free(token);
}

static void what_is_no_document(void **state)
{
    static char large[JWT_KEYS_BYTES_MAX + 2];
    static const struct {
        const char *name, *status, *body;
    } cases[] = {
        { "closed", NULL, NULL },
        { "not found", "404 Not Found", "{\"keys\":[]}" },
        { "moved", "302 Found\r\nLocation: /other", "" },
        { "empty", "200 OK", "" },
        { "no JSON", "200 OK", "<html>" },
        { "another document", "200 OK", "{\"issuer\":\"https://a\"}" },
        { "no list", "200 OK", "{\"keys\":{}}" },
        { "too large", "200 OK", large },
    };

    (void)state;
    memset(large, ' ', sizeof large - 1);
    memcpy(large, "{\"keys\":[]}", 11);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        http_stub_answer(stub, cases[i].status, cases[i].body);
        if (answer_to(maker_key_token(&rsa, CLAIMS)) != JWT_UNKNOWN)
            fail_msg("%s", cases[i].name);
        assert_int_equal(jwts_stats(jwts)->fetches[false], i + 1);
        pass(JWT_KEYS_RETRY_MS);
    }
    serve(1, maker_jwk(&rsa, ""));
    expect(maker_key_token(&rsa, CLAIMS), JWT_OK);
}

static void a_document_has_a_limit(void **state)
{
    static char document[DOCUMENT_MAX];
    char *jwk = maker_jwk(&rsa, "");

    (void)state;
    for (size_t count = 100; count <= 101; count++) {
        size_t len = (size_t)snprintf(document, sizeof document, "{\"keys\":[%s", jwk);

        for (size_t i = 1; i < count; i++)
            len += (size_t)snprintf(document + len, sizeof document - len, ",{}");
        snprintf(document + len, sizeof document - len, "]}");
        http_stub_answer(stub, "200 OK", document);
        pass(CACHE_MS);
        expect(maker_key_token(&rsa, CLAIMS), JWT_OK);
        assert_int_equal(jwts_stats(jwts)->fetches[false], count - 100);
    }
    free(jwk);
}

static void old_keys_are_used_while_there_are_no_new_ones(void **state)
{
    (void)state;
    expect(maker_key_token(&rsa, CLAIMS), JWT_OK);
    http_stub_answer(stub, "503 Service Unavailable", "");
    pass(CACHE_MS);
    expect(maker_key_token(&rsa, CLAIMS), JWT_OK);
    expect(maker_key_token(&rsa, CLAIMS), JWT_OK);
    expect_fetches(2); /* not for every token */
    expect(with_header(&rsa, "{\"alg\":\"RS256\",\"kid\":\"new\"}"), JWT_UNKNOWN);
    pass(JWT_KEYS_RETRY_MS);
    expect(with_header(&rsa, "{\"alg\":\"RS256\",\"kid\":\"new\"}"), JWT_UNKNOWN);
    expect_fetches(3);
    serve(1, maker_jwk(&ec, ""));
    pass(JWT_KEYS_RETRY_MS);
    expect(maker_key_token(&rsa, CLAIMS), JWT_REFUSED);
    expect_fetches(4);
}

static void a_slow_issuer(void **state)
{
    struct reply reply = { .count = 0 };
    char *token = maker_key_token(&rsa, CLAIMS);

    (void)state;
    config.auth_timeout_ms = 100;
    http_stub_hold(stub);
    ask(&reply, token);
    wait_for(&reply);
    assert_int_equal(reply.answer, JWT_UNKNOWN);
    assert_int_equal(jwts_stats(jwts)->fetches[false], 1);
    free(token);
}

/* ---- several checks ------------------------------------------------------------------------------- */

static void checks_are_joined(void **state)
{
    enum { COUNT = 5 };
    struct reply replies[COUNT] = { { .count = 0 } };
    char *tokens[COUNT];

    (void)state;
    http_stub_hold(stub);
    for (size_t i = 0; i < COUNT; i++) {
        tokens[i] = i % 2 == 0 ? maker_key_token(&rsa, CLAIMS) : maker_key_token(&ec, CLAIMS);
        ask(&replies[i], tokens[i]);
        assert_non_null(replies[i].slot);
    }
    wait_for_request(1);
    jwt_cancel(&replies[1].slot);
    jwt_cancel(&replies[1].slot);
    replies[2].cancels = &replies[3]; /* while they are told */
    http_stub_release(stub);
    for (size_t i = 0; i < COUNT; i++) {
        if (i == 1 || i == 3)
            continue;
        wait_for(&replies[i]);
        assert_int_equal(replies[i].answer, JWT_OK);
        assert_string_equal(replies[i].subject, "ann");
    }
    assert_int_equal(replies[1].count + replies[3].count, 0);
    assert_null(replies[3].slot);
    expect_fetches(1);
    for (size_t i = 0; i < COUNT; i++)
        free(tokens[i]);
}

static void an_answer_may_lead_to_a_check(void **state)
{
    struct reply second = { .token = with_header(&rsa, "{\"alg\":\"RS256\",\"kid\":\"new\"}") };
    struct reply first = { .repeats = &second, .token = maker_key_token(&rsa, CLAIMS) };

    (void)state;
    ask(&first, first.token);
    wait_for(&first);
    assert_int_equal(second.count, 1); /* not so soon after the last fetch */
    assert_int_equal(second.answer, JWT_UNKNOWN);
    free(first.token);
    free(second.token);
}

static void a_fetch_under_way_does_not_outlive_us(void **state)
{
    struct reply reply = { .count = 0 };
    char *token = maker_key_token(&rsa, CLAIMS);

    (void)state;
    http_stub_hold(stub);
    ask(&reply, token);
    wait_for_request(1);
    jwt_cancel(&reply.slot);
    free(token);
}

static void no_more_wait_than_may(void **state)
{
    struct reply *replies = xcalloc(JWT_KEYS_WAITING_MAX + 1, sizeof *replies);
    char *token = maker_key_token(&rsa, CLAIMS);

    (void)state;
    http_stub_hold(stub);
    for (size_t i = 0; i <= JWT_KEYS_WAITING_MAX; i++)
        ask(&replies[i], token);
    assert_int_equal(replies[JWT_KEYS_WAITING_MAX].answer, JWT_UNKNOWN);
    for (size_t i = 1; i < JWT_KEYS_WAITING_MAX; i++)
        jwt_cancel(&replies[i].slot);
    wait_for_request(1);
    http_stub_release(stub);
    wait_for(&replies[0]);
    assert_int_equal(replies[0].answer, JWT_OK);
    free(token);
    free(replies);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(both_kinds_of_keys),
        CASE(nothing_is_fetched_for_what_is_not_allowed),
        CASE(a_public_key_is_no_secret),
        CASE(keys_that_do_not_fit),
        CASE(a_token_without_a_key_id),
        CASE(keys_for_other_things),
        CASE(a_new_key),
        CASE(the_document_is_kept),
        CASE(each_issuer_has_its_own),
        CASE(another_url_after_a_reload),
        CASE(what_is_no_document),
        CASE(a_document_has_a_limit),
        CASE(old_keys_are_used_while_there_are_no_new_ones),
        CASE(a_slow_issuer),
        CASE(checks_are_joined),
        CASE(an_answer_may_lead_to_a_check),
        CASE(a_fetch_under_way_does_not_outlive_us),
        CASE(no_more_wait_than_may),
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
