/* SPDX-License-Identifier: MIT */
/* Tokens with a shared secret: which are good, what they say, and what they allow. */
#include "jwt_maker.h"

#include "jwt.h"

#define SECRET "a secret that is not short"
#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

enum { NOW_S = 1800000000, LEEWAY_S = 60 };

static uv_loop_t loop;
static struct config config;
static struct jwts *jwts;
static int64_t now_ms;

int64_t store_now_ms(const struct store *store)
{
    (void)store;
    return now_ms;
}

static int start(void **state)
{
    static char secret[] = SECRET, claim[] = "rooms";

    (void)state;
    uv_loop_init(&loop);
    now_ms = NOW_S * INT64_C(1000);
    config = (struct config){
        .jwt_secret = secret,
        .jwt_rooms_claim = claim,
        .jwt_leeway_ms = LEEWAY_S * 1000,
        .jwks_cache_ms = 600000,
    };
    jwts = jwts_create(&loop, NULL, &config);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    jwts_destroy(&jwts);
    support_loop_close(&loop);
    return 0;
}

static void never(enum jwt_answer answer, struct jwt *jwt, void *ctx)
{
    (void)answer;
    (void)jwt;
    (void)ctx;
    fail_msg("it was answered at once");
}

static enum jwt_answer check(struct slice token, struct jwt **jwt_out)
{
    struct jwt_check *slot = NULL;
    enum jwt_answer answer = jwt_check(jwts, token, jwt_out, never, NULL, &slot);

    assert_null(slot);
    assert_int_equal(answer == JWT_OK, *jwt_out != NULL);
    return answer;
}

static enum jwt_answer answer_to(char *token)
{
    struct jwt *jwt;
    enum jwt_answer answer = check(slice_of(token), &jwt);

    jwt_unref(&jwt);
    free(token);
    return answer;
}

static struct jwt *good(const char *claims)
{
    char *token = maker_secret_token(SECRET, HEADER, claims);
    struct jwt *jwt;

    if (check(slice_of(token), &jwt) != JWT_OK)
        fail_msg("not good: %s", claims);
    free(token);
    return jwt;
}

static void expect(const char *name, enum jwt_answer got, enum jwt_answer want)
{
    if (got != want)
        fail_msg("%s: got %s, wanted %s", name, jwt_answer_text(got), jwt_answer_text(want));
}

/* ---- what is a token ------------------------------------------------------------------------------ */

/* Of architus: it ended on 2026-01-09T03:04:05.678Z. */
static const char vector[] =
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJhY2Nlc3NfdG9rZW4iOiJBVCIsInJlZnJlc2hfdG9rZW4iOiJSVCIs"
    "ImV4cGlyZXNfaW4iOjYwNDgwMCwiaXNzdWVkX2F0IjoiMjAyNi0wMS0wMlQwMzowNDowNS42Nzg5MDEiLCJpZCI6MjE0"
    "MDM3MTM0NDc3MjMwMDgwLCJwZXJtaXNzaW9ucyI6Mjc0fQ.U1n3Hp8DuFF-eS5QwyQNfgkPhC0sp83fctYQ7TNYc00";

static void the_vector_of_architus(void **state)
{
    static char secret[] = "architus-test-secret";
    struct jwt *jwt;

    (void)state;
    config.jwt_secret = secret;
    now_ms = 1767927845678;
    assert_int_equal(check(slice_of(vector), &jwt), JWT_OK);
    assert_string_equal(jwt->subject, "214037134477230080");
    assert_int_equal(jwt->expires_ms, 1767927845678);
    assert_true(slice_is(jwt->claims,
                         "{\"access_token\":\"AT\",\"refresh_token\":\"RT\",\"expires_in\":604800,"
                         "\"issued_at\":\"2026-01-02T03:04:05.678901\",\"id\":214037134477230080,"
                         "\"permissions\":274}"));
    jwt_unref(&jwt);
    now_ms += LEEWAY_S * 1000;
    assert_int_equal(check(slice_of(vector), &jwt), JWT_EXPIRED);
}

static void what_is_no_token(void **state)
{
    static const char *const cases[] = {
        "",
        ".",
        "..",
        "...",
        "hello",
        "a.b",
        "e30.e30.",             /* no signature */
        ".e30.AAAA",            /* no header */
        "e30..AAAA",            /* no claims */
        "e30.e30.AAAA.AAAA",    /* five parts are for encrypted ones */
        "e30.e30.AA=A",         /* padding */
        "e30.e30.AAAAA",        /* no number of bytes has so many digits */
        "e30.e30.A+/A",         /* the other alphabet */
        "e30.e30.AA AA",        /* a blank */
        "e30.e31.AAAA",         /* bits that mean nothing */
        "bnVsbA.e30.AAAA",      /* null */
        "e30.W10.AAAA",         /* [] */
        "e30.eyJhIjoxfSB4.AAAA" /* {"a":1} x */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect(cases[i], answer_to(xstrdup(cases[i])), JWT_MALFORMED);
    assert_int_equal(jwts_stats(jwts)->answers[JWT_MALFORMED], sizeof cases / sizeof cases[0]);
}

static void names_that_stand_twice(void **state)
{
    static const struct {
        const char *name, *header, *claims;
    } cases[] = {
        { "two subjects", HEADER, "{\"sub\":\"ann\",\"sub\":\"bob\"}" },
        { "one of them escaped", HEADER, "{\"sub\":\"ann\",\"s\\u0075b\":\"bob\"}" },
        { "two algorithms", "{\"alg\":\"none\",\"alg\":\"HS256\"}", "{\"sub\":\"ann\"}" },
        { "one deep down", HEADER, "{\"rooms\":{\"a\":[],\"a\":[\"join\"]}}" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect(cases[i].name,
               answer_to(maker_secret_token(SECRET, cases[i].header, cases[i].claims)),
               JWT_MALFORMED);
}

static void tokens_have_a_size_limit(void **state)
{
    static char claims[3 * JWT_TOKEN_MAX / 4];
    char *token;

    (void)state;
    for (size_t fill = 1000;; fill++) {
        snprintf(claims, sizeof claims, "{\"a\":\"%0*d\"}", (int)fill, 0);
        token = maker_secret_token(SECRET, HEADER, claims);
        if (strlen(token) > JWT_TOKEN_MAX)
            break;
        if (strlen(token) < JWT_TOKEN_MAX - 2) /* as large as may be, soon */
            fill += (JWT_TOKEN_MAX - 2 - strlen(token)) * 3 / 8;
        expect("not too long", answer_to(token), JWT_OK);
    }
    expect("too long", answer_to(token), JWT_MALFORMED);
}

static void nests_no_deeper_than_we_read(void **state)
{
    char claims[512] = "{\"a\":";

    (void)state;
    memset(claims + 5, '[', 70);
    memset(claims + 75, ']', 70);
    strcpy(claims + 145, "}");
    expect("too deep", answer_to(maker_secret_token(SECRET, HEADER, claims)), JWT_MALFORMED);
}

/* ---- which is good -------------------------------------------------------------------------------- */

static char *with_signature_of(const char *token, const char *other)
{
    size_t len = (size_t)(strrchr(token, '.') - token);
    char *mixed = xcalloc(1, strlen(other) + strlen(token) + 1);

    memcpy(mixed, token, len);
    strcpy(mixed + len, strrchr(other, '.'));
    return mixed;
}

static void signatures(void **state)
{
    static const struct {
        const char *name, *secret, *header;
        enum jwt_answer want;
    } cases[] = {
        { "a good one", SECRET, HEADER, JWT_OK },
        { "without a type", SECRET, "{\"alg\":\"HS256\"}", JWT_OK },
        { "with a key id", SECRET, "{\"alg\":\"HS256\",\"kid\":\"x\"}", JWT_OK },
        { "another secret", "another secret", HEADER, JWT_REFUSED },
        { "no secret", "", HEADER, JWT_REFUSED },
        { "no algorithm", SECRET, "{}", JWT_REFUSED },
        { "alg none", SECRET, "{\"alg\":\"none\"}", JWT_REFUSED },
        { "alg None", SECRET, "{\"alg\":\"None\"}", JWT_REFUSED },
        { "alg in small letters", SECRET, "{\"alg\":\"hs256\"}", JWT_REFUSED },
        { "another hash", SECRET, "{\"alg\":\"HS512\"}", JWT_REFUSED },
        { "alg is a number", SECRET, "{\"alg\":256}", JWT_REFUSED },
        { "a public key where there are none", SECRET, "{\"alg\":\"RS256\"}", JWT_REFUSED },
        { "a demand that we do not know", SECRET,
          "{\"alg\":\"HS256\",\"crit\":[\"exp\"],\"exp\":1}", JWT_REFUSED },
        { "another type", SECRET, "{\"alg\":\"HS256\",\"typ\":\"secevent+jwt\"}", JWT_REFUSED },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect(cases[i].name,
               answer_to(maker_secret_token(cases[i].secret, cases[i].header, "{\"sub\":\"a\"}")),
               cases[i].want);
}

static void forged_claims(void **state)
{
    char *ann = maker_secret_token(SECRET, HEADER, "{\"sub\":\"ann\"}");
    char *bob = maker_secret_token("x", HEADER, "{\"sub\":\"bob\"}");

    (void)state;
    expect("bob with ann's signature", answer_to(with_signature_of(bob, ann)), JWT_REFUSED);
    free(ann);
    free(bob);
}

static void nothing_is_good_without_configuration(void **state)
{
    (void)state;
    assert_true(jwts_is_configured(jwts));
    config.jwt_secret = NULL;
    assert_false(jwts_is_configured(jwts));
    expect("none is accepted", answer_to(maker_secret_token(SECRET, HEADER, "{}")), JWT_REFUSED);
}

/* In seconds from now. */
static void times(void **state)
{
    static const struct {
        const char *name, *before;
        int offset_s;
        const char *behind;
        enum jwt_answer want;
    } cases[] = {
        { "ends later", "{\"exp\":", 10, "}", JWT_OK },
        { "just ended", "{\"exp\":", 1 - LEEWAY_S, "}", JWT_OK },
        { "ended", "{\"exp\":", -LEEWAY_S, "}", JWT_EXPIRED },
        { "ended, with a fraction", "{\"exp\":", -LEEWAY_S, ".5}", JWT_OK },
        { "ended long ago", "{\"exp\":", -NOW_S, "}", JWT_EXPIRED },
        { "ended before there was time", "{\"exp\":", -NOW_S - 5, "}", JWT_EXPIRED },
        { "ends as a text", "{\"exp\":\"", 10, "\"}", JWT_REFUSED },
        { "does not end", "{\"exp\":null,\"x\":", 0, "}", JWT_REFUSED },
        { "begins soon", "{\"nbf\":", LEEWAY_S, "}", JWT_OK },
        { "begins later", "{\"nbf\":", LEEWAY_S + 1, "}", JWT_REFUSED },
        { "begins as a text", "{\"nbf\":\"", 0, "\"}", JWT_REFUSED },
        { "issued, and lasts", "{\"issued_at\":", -100, ",\"expires_in\":50}", JWT_OK },
        { "issued, and ended", "{\"issued_at\":", -110, ",\"expires_in\":50}", JWT_EXPIRED },
        { "issued, and nobody says for how long", "{\"issued_at\":", -110, "}", JWT_OK },
        { "the earlier end counts", "{\"issued_at\":", -110,
          ",\"expires_in\":50,\"exp\":2000000000}", JWT_EXPIRED },
        { "lasts as a text", "{\"issued_at\":", 0, ",\"expires_in\":\"50\"}", JWT_REFUSED },
        { "issued on no date", "{\"issued_at\":\"x", 0, "\",\"expires_in\":50}", JWT_REFUSED },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char claims[200];

        snprintf(claims, sizeof claims, "%s%d%s", cases[i].before, NOW_S + cases[i].offset_s,
                 cases[i].behind);
        expect(cases[i].name, answer_to(maker_secret_token(SECRET, HEADER, claims)), cases[i].want);
    }
}

static void ends(void **state)
{
    static const struct {
        const char *claims;
        int64_t want_ms;
    } cases[] = {
        { "{}", 0 },
        { "{\"exp\":1900000000}", 1900000000000 },
        { "{\"exp\":1900000000.25}", 1900000000250 },
        { "{\"exp\":9e18}", 253402300799000 },
        { "{\"exp\":1900000000,\"issued_at\":\"2027-01-15T08:00:00\",\"expires_in\":5}",
          1800000005000 },
        { "{\"issued_at\":\"2027-01-15T08:00:00.250000\",\"expires_in\":5}", 1800000005250 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct jwt *jwt = good(cases[i].claims);

        assert_int_equal(jwt->expires_ms, cases[i].want_ms);
        jwt_unref(&jwt);
    }
}

static void subjects(void **state)
{
    static const struct {
        const char *claims, *want;
    } cases[] = {
        { "{\"sub\":\"ann\"}", "ann" },
        { "{\"sub\":\"\\u00e4\"}", "\xc3\xa4" },
        { "{\"sub\":\"ann\",\"id\":5}", "ann" },
        { "{\"id\":9223372036854775807}", "9223372036854775807" },
        { "{\"id\":9007199254740993}", "9007199254740993" },
        { "{\"id\":\"007\"}", "007" },
        { "{}", "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct jwt *jwt = good(cases[i].claims);

        assert_string_equal(jwt->subject, cases[i].want);
        jwt_unref(&jwt);
    }
    expect("a number as sub", answer_to(maker_secret_token(SECRET, HEADER, "{\"sub\":5}")),
           JWT_REFUSED);
    expect("half an id", answer_to(maker_secret_token(SECRET, HEADER, "{\"id\":1.5}")),
           JWT_REFUSED);
}

static void issuers_and_audiences(void **state)
{
    static char first[] = "https://a", second[] = "https://b", audience[] = "game";
    static char *issuers[] = { first, second };
    static const struct {
        const char *name, *claims;
        enum jwt_answer want;
    } cases[] = {
        { "both", "{\"iss\":\"https://a\",\"aud\":\"game\"}", JWT_OK },
        { "the other issuer", "{\"iss\":\"https://b\",\"aud\":\"game\"}", JWT_OK },
        { "one of several", "{\"iss\":\"https://a\",\"aud\":[\"web\",\"game\"]}", JWT_OK },
        { "another issuer", "{\"iss\":\"https://c\",\"aud\":\"game\"}", JWT_REFUSED },
        { "no issuer", "{\"aud\":\"game\"}", JWT_REFUSED },
        { "several issuers", "{\"iss\":[\"https://a\"],\"aud\":\"game\"}", JWT_REFUSED },
        { "another audience", "{\"iss\":\"https://a\",\"aud\":\"web\"}", JWT_REFUSED },
        { "none of several", "{\"iss\":\"https://a\",\"aud\":[\"web\",5]}", JWT_REFUSED },
        { "no audience", "{\"iss\":\"https://a\"}", JWT_REFUSED },
        { "an audience of no kind", "{\"iss\":\"https://a\",\"aud\":{\"game\":1}}", JWT_REFUSED },
    };

    (void)state;
    config.jwt_issuer = (struct strings){ issuers, 2 };
    config.jwt_audience = audience;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect(cases[i].name, answer_to(maker_secret_token(SECRET, HEADER, cases[i].claims)),
               cases[i].want);
}

/* ---- what it is good for -------------------------------------------------------------------------- */

static void patterns(void **state)
{
    static const struct {
        const char *pattern, *text;
        bool want;
    } cases[] = {
        { "", "", true },
        { "", "a", false },
        { "a", "a", true },
        { "a", "ab", false },
        { "a", "", false },
        { "*", "", true },
        { "*", "anything", true },
        { "job:*", "job:", true },
        { "job:*", "job:1", true },
        { "job:*", "jobs", false },
        { "*:1", "job:1", true },
        { "*:1", "job:1:1", true },
        { "*:1", "job:12", false },
        { "a*b*c", "abc", true },
        { "a*b*c", "aXbXbXc", true },
        { "a*b*c", "acb", false },
        { "**a**", "xa", true },
        { "*ab", "aab", true },
        { "*aab", "aaab", true },
        { "*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
        { "{sub}", "{sub}", true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (pattern_matches(slice_of(cases[i].pattern), slice_of(cases[i].text)) != cases[i].want)
            fail_msg("%s %s", cases[i].pattern, cases[i].text);
}

static void rights(void **state)
{
    static const struct {
        const char *name, *claims, *room;
        bool may_join, may_emit;
    } cases[] = {
        { "no claim", "{\"sub\":\"ann\"}", "a", false, false },
        { "a claim of no kind", "{\"rooms\":[\"a\"]}", "a", false, false },
        { "one right", "{\"rooms\":{\"a\":[\"join\"]}}", "a", true, false },
        { "the other right", "{\"rooms\":{\"a\":[\"emit\"]}}", "a", false, true },
        { "both", "{\"rooms\":{\"a\":[\"join\",\"emit\"]}}", "a", true, true },
        { "by two patterns", "{\"rooms\":{\"a*\":[\"join\"],\"*a\":[\"emit\"]}}", "a", true, true },
        { "rights of no kind", "{\"rooms\":{\"a\":\"join\"}}", "a", false, false },
        { "rights that we do not know", "{\"rooms\":{\"a\":[\"JOIN\",5]}}", "a", false, false },
        { "another room", "{\"rooms\":{\"a\":[\"join\"]}}", "ab", false, false },
        { "a pattern", "{\"rooms\":{\"job:*\":[\"join\"]}}", "job:1", true, false },
        { "its own room", "{\"sub\":\"ann\",\"rooms\":{\"u:{sub}:x\":[\"join\"]}}", "u:ann:x", true,
          false },
        { "another's room", "{\"sub\":\"ann\",\"rooms\":{\"u:{sub}\":[\"join\"]}}", "u:bob", false,
          false },
        { "a star as subject is no pattern", "{\"sub\":\"*\",\"rooms\":{\"u:{sub}\":[\"join\"]}}",
          "u:bob", false, false },
        { "but itself", "{\"sub\":\"*\",\"rooms\":{\"u:{sub}\":[\"join\"]}}", "u:*", true, false },
        { "nobody has no room of his own", "{\"rooms\":{\"u:{sub}\":[\"join\"]}}", "u:", false,
          false },
        { "behind a star", "{\"sub\":\"bo\",\"rooms\":{\"*{sub}\":[\"join\"]}}", "bobobo", true,
          false },
        { "escaped", "{\"r\\u006foms\":{\"\\u0061\":[\"j\\u006fin\"]}}", "a", true, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct jwt *jwt = good(cases[i].claims);
        struct slice room = slice_of(cases[i].room);

        if (jwt_allows(jwt, &config, room, JWT_RIGHT_JOIN) != cases[i].may_join ||
            jwt_allows(jwt, &config, room, JWT_RIGHT_EMIT) != cases[i].may_emit)
            fail_msg("%s", cases[i].name);
        jwt_unref(&jwt);
    }
}

static void holders(void **state)
{
    static const struct {
        const char *a, *b;
        bool is_same;
    } cases[] = {
        { "{\"sub\":\"ann\"}", "{\"sub\":\"ann\",\"exp\":1900000000}", true },
        { "{\"sub\":\"ann\"}", "{\"sub\":\"bob\"}", false },
        { "{\"sub\":\"5\"}", "{\"id\":5}", true },
        { "{\"sub\":\"ann\",\"iss\":\"a\"}", "{\"sub\":\"ann\",\"iss\":\"\\u0061\"}", true },
        { "{\"sub\":\"ann\",\"iss\":\"a\"}", "{\"sub\":\"ann\",\"iss\":\"b\"}", false },
        { "{\"sub\":\"ann\",\"iss\":\"a\"}", "{\"sub\":\"ann\"}", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct jwt *a = good(cases[i].a), *b = good(cases[i].b);

        if (jwt_is_same_holder(a, b) != cases[i].is_same)
            fail_msg("%s %s", cases[i].a, cases[i].b);
        jwt_unref(&a);
        jwt_unref(&b);
    }
}

static void moves_to_another_node(void **state)
{
    struct jwt *jwt = good("{\"sub\":\"ann\",\"exp\":1900000000}"), *other;
    struct unpack unpack;
    struct buf image;

    (void)state;
    buf_init(&image, 4096);
    jwt_pack(NULL, &image);
    jwt_pack(jwt, &image);
    for (size_t len = 0; len < image.len; len++) {
        unpack_init(&unpack, (struct slice){ image.data, len });
        assert_null(jwt_unpack(&unpack));
        assert_null(jwt_unpack(&unpack));
        assert_int_equal(unpack.is_broken, true);
    }
    unpack_init(&unpack, buf_slice(&image));
    assert_null(jwt_unpack(&unpack));
    other = jwt_unpack(&unpack);
    assert_true(unpack_is_done(&unpack));
    assert_true(slice_equals(other->claims, jwt->claims));
    assert_string_equal(other->subject, "ann");
    assert_int_equal(other->expires_ms, 1900000000000);
    assert_memory_equal(other->sha256, jwt->sha256, sizeof jwt->sha256);
    buf_fini(&image);
    jwt_unref(&other);
    jwt_unref(&jwt);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_vector_of_architus),
        CASE(what_is_no_token),
        CASE(names_that_stand_twice),
        CASE(tokens_have_a_size_limit),
        CASE(nests_no_deeper_than_we_read),
        CASE(signatures),
        CASE(forged_claims),
        CASE(nothing_is_good_without_configuration),
        CASE(times),
        CASE(ends),
        CASE(subjects),
        CASE(issuers_and_audiences),
        CASE(patterns),
        CASE(rights),
        CASE(holders),
        CASE(moves_to_another_node),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
