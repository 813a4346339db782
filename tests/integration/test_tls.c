/* SPDX-License-Identifier: MIT */
/*
 * TLS in front of HTTP: a client of OpenSSL's own on the other end of a socket pair, certificates made
 * here.
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <signal.h>

#include "http_fixture.h"
#include "tls.h"

enum { LARGE = 1 << 20 };

#define REQUEST(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define HELLO         "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"

static struct fixture fixture;
static struct tls *tls;
static char folder[64], cert_path[96], key_path[96];

/* A self-signed certificate for a new key, with this serial number. */
static void make_certificate(long serial)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    FILE *file;

    ASN1_INTEGER_set(X509_get_serialNumber(cert), serial);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    assert_int_not_equal(X509_sign(cert, key, EVP_sha256()), 0);
    file = fopen(cert_path, "w");
    assert_int_equal(PEM_write_X509(file, cert), 1);
    fclose(file);
    file = fopen(key_path, "w");
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static int start(void **state)
{
    struct why why;

    (void)state;
    fixture_start(&fixture);
    support_folder_make(folder, sizeof folder, "tls");
    snprintf(cert_path, sizeof cert_path, "%s/cert.pem", folder);
    snprintf(key_path, sizeof key_path, "%s/key.pem", folder);
    fixture.config.tls_cert = cert_path;
    fixture.config.tls_key = key_path;
    make_certificate(1);
    tls = tls_create(&fixture.node, fixture.http, &why);
    assert_non_null(tls);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    http_destroy(&fixture.http);
    tls_destroy(&tls);
    support_folder_remove(folder);
    fixture_stop(&fixture);
    return 0;
}

/* ---- the client ------------------------------------------------------------------------------------ */

struct secure {
    SSL_CTX *context;
    SSL *ssl;
    int fd;
    int result; /* of the last call that did not succeed: SSL_get_error() */
    size_t want, len;
    char *got; /* LARGE and some */
};

static void secure_open(struct secure *secure)
{
    struct peer peer;
    int ends[2];

    assert_true(peer_parse(&peer, "192.0.2.7"));
    *secure = (struct secure){ .context = SSL_CTX_new(TLS_client_method()) };
    SSL_CTX_set_mode(secure->context, SSL_MODE_ENABLE_PARTIAL_WRITE);
    secure->got = xmalloc(2 * LARGE);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    secure->fd = ends[0];
    secure->ssl = SSL_new(secure->context);
    SSL_set_fd(secure->ssl, secure->fd);
    tls_on_accepted(ends[1], &peer, tls);
}

static void secure_close(struct secure *secure)
{
    SSL_free(secure->ssl);
    SSL_CTX_free(secure->context);
    close(secure->fd);
    free(secure->got);
}

static bool is_connected(void *ctx)
{
    struct secure *secure = ctx;

    ERR_clear_error();
    return SSL_connect(secure->ssl) == 1;
}

static void secure_connect(struct secure *secure)
{
    secure_open(secure);
    support_wait(&fixture.loop, is_connected, secure, SUPPORT_WAIT_MS, "the handshake");
}

static void secure_send(struct secure *secure, const char *text)
{
    assert_int_equal(SSL_write(secure->ssl, text, (int)strlen(text)), strlen(text));
}

static bool has_read(void *ctx)
{
    struct secure *secure = ctx;
    int got;

    ERR_clear_error();
    while (secure->len < secure->want) {
        got = SSL_read(secure->ssl, secure->got + secure->len, (int)(secure->want - secure->len));
        if (got <= 0) {
            secure->result = SSL_get_error(secure->ssl, got);
            break;
        }
        secure->len += (size_t)got;
    }
    return secure->len == secure->want;
}

static void secure_expect(struct secure *secure, const char *want)
{
    secure->len = 0;
    secure->want = strlen(want);
    support_wait(&fixture.loop, has_read, secure, SUPPORT_WAIT_MS, want);
    assert_memory_equal(secure->got, want, secure->want);
}

static bool has_ended(void *ctx)
{
    struct secure *secure = ctx;

    secure->len = 0;
    secure->want = 1;
    assert_false(has_read(secure));
    return secure->result != SSL_ERROR_WANT_READ;
}

static bool is_nobody_connected(void *ctx)
{
    (void)ctx;
    return tls_connections(tls) == 0;
}

static void wait_nobody(void)
{
    support_wait(&fixture.loop, is_nobody_connected, NULL, SUPPORT_WAIT_MS, "all to be closed");
    assert_int_equal(fixture.node.metrics.http_connections_open, 0);
}

/* ---- tests ----------------------------------------------------------------------------------------- */

static void test_requests(void **state)
{
    struct secure secure;

    (void)state;
    secure_connect(&secure);
    secure_send(&secure, REQUEST("/hello") REQUEST("/hello"));
    secure_expect(&secure, HELLO HELLO);
    secure_send(&secure, REQUEST("/peer"));
    secure_expect(&secure, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                           "Content-Length: 9\r\n\r\n192.0.2.7");
    secure_close(&secure);
    wait_nobody();
}

static void test_the_end_is_passed_on_to_the_client(void **state)
{
    struct secure secure;

    (void)state;
    secure_connect(&secure);
    secure_send(&secure, "GET /hello HTTP/1.0\r\n\r\n");
    secure_expect(&secure, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"
                           "Connection: close\r\n\r\nhello");
    support_wait(&fixture.loop, has_ended, &secure, SUPPORT_WAIT_MS, "the end");
    assert_int_equal(secure.result, SSL_ERROR_ZERO_RETURN);
    wait_nobody();
    secure_close(&secure);
}

static void test_the_end_is_passed_on_to_the_handler(void **state)
{
    struct secure secure;

    (void)state;
    secure_connect(&secure);
    secure_send(&secure, REQUEST("/hold"));
    fixture_wait_held(&fixture);
    SSL_shutdown(secure.ssl);
    fixture_wait_gone(&fixture);
    wait_nobody();
    secure_close(&secure);
}

static void test_client_hangs_up(void **state)
{
    struct secure secure;

    (void)state;
    secure_connect(&secure);
    secure_send(&secure, REQUEST("/hold"));
    fixture_wait_held(&fixture);
    secure_close(&secure);
    fixture_wait_gone(&fixture);
    wait_nobody();
}

static void test_much_in_both_directions(void **state)
{
    static const char request[] =
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n";
    static const char answer[] =
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1048576\r\n\r\n";
    struct secure secure;
    char *body = xmalloc(LARGE);
    size_t sent = 0;

    (void)state;
    fixture.config.max_body = LARGE;
    for (size_t i = 0; i < LARGE; i++)
        body[i] = (char)(i * 31 >> 3);
    secure_connect(&secure);
    secure_send(&secure, request);
    while (sent < LARGE) {
        int result = SSL_write(secure.ssl, body + sent, (int)(LARGE - sent));

        if (result > 0)
            sent += (size_t)result;
        else
            assert_int_equal(SSL_get_error(secure.ssl, result), SSL_ERROR_WANT_WRITE);
        uv_run(&fixture.loop, UV_RUN_NOWAIT);
    }
    for (int i = 0; i < 50; i++) /* nobody reads: the answer backs up */
        uv_run(&fixture.loop, UV_RUN_NOWAIT);
    assert_int_equal(http_open_requests(fixture.http), 1);
    secure_expect(&secure, answer);
    secure.len = 0;
    secure.want = LARGE;
    support_wait(&fixture.loop, has_read, &secure, SUPPORT_WAIT_MS, "the body");
    assert_memory_equal(secure.got, body, LARGE);
    secure_close(&secure);
    wait_nobody();
    free(body);
}

static void test_client_that_stops_reading(void **state)
{
    struct secure secure;

    (void)state;
    fixture.config.write_timeout_ms = 30;
    fixture.large = (struct slice){ xcalloc(1, LARGE), LARGE };
    secure_connect(&secure);
    secure_send(&secure, REQUEST("/large"));
    wait_nobody();
    assert_int_equal(fixture.node.metrics.limits[LIMIT_WRITE_TIME] > 0, 1);
    secure_close(&secure);
    free((void *)(uintptr_t)fixture.large.data);
}

static void test_handshake_that_never_comes(void **state)
{
    struct secure secure;

    (void)state;
    fixture.config.header_timeout_ms = 20;
    secure_open(&secure);
    wait_nobody();
    assert_int_equal(fixture.node.metrics.limits[LIMIT_HANDSHAKE_TIME], 1);
    secure_close(&secure);
}

static void test_handshake_that_is_none(void **state)
{
    struct secure secure;

    (void)state;
    secure_open(&secure);
    assert_int_equal(send(secure.fd, REQUEST("/hello"), sizeof REQUEST("/hello") - 1, 0),
                     sizeof REQUEST("/hello") - 1);
    wait_nobody();
    assert_int_equal(fixture.handled, 0);
    secure_close(&secure);
}

static void test_places_are_counted(void **state)
{
    struct secure first, second;
    char byte;

    (void)state;
    fixture.config.max_conns_per_ip = 1;
    secure_connect(&first);
    secure_open(&second);
    assert_int_equal(recv(second.fd, &byte, 1, 0), 0);
    assert_int_equal(fixture.node.metrics.limits[LIMIT_CONNECTIONS_PER_IP], 1);
    secure_close(&second);
    secure_close(&first);
    wait_nobody();
    secure_connect(&first);
    secure_close(&first);
    wait_nobody();
}

static long serial_of(const struct secure *secure)
{
    X509 *cert = SSL_get1_peer_certificate(secure->ssl);
    long serial = ASN1_INTEGER_get(X509_get0_serialNumber(cert));

    X509_free(cert);
    return serial;
}

static void test_reload(void **state)
{
    struct secure old, new;
    struct why why = { "" };

    (void)state;
    secure_connect(&old);
    make_certificate(2);
    assert_true(tls_reload(tls, &why));
    secure_connect(&new);
    assert_int_equal(serial_of(&old), 1);
    assert_int_equal(serial_of(&new), 2);
    secure_send(&old, REQUEST("/hello"));
    secure_expect(&old, HELLO);
    secure_close(&old);
    secure_close(&new);

    unlink(key_path);
    assert_false(tls_reload(tls, &why));
    assert_non_null(strstr(why.text, "--tls-key"));
    secure_connect(&new);
    assert_int_equal(serial_of(&new), 2);
    secure_close(&new);
    wait_nobody();
}

static void test_key_of_another_certificate(void **state)
{
    char kept_path[128];
    struct why why = { "" };

    (void)state;
    snprintf(kept_path, sizeof kept_path, "%s/kept.pem", folder);
    assert_int_equal(rename(cert_path, kept_path), 0);
    make_certificate(3);
    assert_int_equal(rename(kept_path, cert_path), 0);
    assert_false(tls_reload(tls, &why));
    assert_non_null(strstr(why.text, "key"));
}

static void test_stop_with_connections(void **state)
{
    struct secure ready, half;

    (void)state;
    secure_connect(&ready);
    secure_send(&ready, REQUEST("/hold"));
    fixture_wait_held(&fixture);
    secure_open(&half);
    http_destroy(&fixture.http);
    tls_destroy(&tls);
    assert_int_equal(fixture.held.gone, 1);
    secure_close(&ready);
    secure_close(&half);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_requests),
        TEST(test_the_end_is_passed_on_to_the_client),
        TEST(test_the_end_is_passed_on_to_the_handler),
        TEST(test_client_hangs_up),
        TEST(test_much_in_both_directions),
        TEST(test_client_that_stops_reading),
        TEST(test_handshake_that_never_comes),
        TEST(test_handshake_that_is_none),
        TEST(test_places_are_counted),
        TEST(test_reload),
        TEST(test_key_of_another_certificate),
        TEST(test_stop_with_connections),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
