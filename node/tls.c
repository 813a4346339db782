/* SPDX-License-Identifier: MIT */
/*
 * What all TLS connections share: certificate, key and rules. A reload makes a new context; who is
 * connected keeps the old one, which OpenSSL counts references of.
 */
#include "tls.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "tls_inner.h"

static bool fail(struct why *why, const char *what, const char *path)
{
    unsigned long error = ERR_get_error();
    const char *reason = ERR_reason_error_string(error);

    ERR_clear_error();
    return why_set(why, "%s %s: %s", what, path, reason != NULL ? reason : "not usable");
}

/* HTTP/1.1 is all there is; who offers only something else is told nothing and may go on. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                   const unsigned char *offered, unsigned offered_len, void *ctx)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;

    (void)ssl, (void)ctx;
    if (SSL_select_next_proto(&chosen, out_len, ours, sizeof ours - 1, offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static bool load_files(SSL_CTX *context, const struct config *config, struct why *why)
{
    if (config->tls_cert == NULL || config->tls_key == NULL)
        return why_set(why, "--tls-addr needs --tls-cert and --tls-key");
    if (SSL_CTX_use_certificate_chain_file(context, config->tls_cert) != 1)
        return fail(why, "--tls-cert", config->tls_cert);
    if (SSL_CTX_use_PrivateKey_file(context, config->tls_key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1)
        return fail(why, "--tls-key", config->tls_key);
    return true;
}

static SSL_CTX *context_create(const struct config *config, struct why *why)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    if (context == NULL) {
        fail(why, "TLS", "");
        return NULL;
    }
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    /* What ends a message is HTTP's and WebSocket's business: a client that just hangs up is no error. */
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(context, on_alpn, NULL);
    if (load_files(context, config, why))
        return context;
    SSL_CTX_free(context);
    return NULL;
}

struct tls *tls_create(struct node *node, struct http *http, struct why *why)
{
    SSL_CTX *context = context_create(node->config, why);
    struct tls *tls;

    if (context == NULL)
        return NULL;
    tls = xcalloc(1, sizeof *tls);
    tls->node = node;
    tls->http = http;
    tls->context = context;
    tls->deadlines = deadlines_create(node->loop);
    list_init(&tls->conns);
    return tls;
}

bool tls_reload(struct tls *tls, struct why *why)
{
    SSL_CTX *context = context_create(tls->node->config, why);

    if (context == NULL)
        return false;
    SSL_CTX_free(tls->context);
    tls->context = context;
    return true;
}

void tls_release(struct tls *tls)
{
    if (tls->is_destroyed && tls->count == 0)
        free(tls);
}

void tls_destroy(struct tls **tls_ref)
{
    struct tls *tls = *tls_ref;

    if (tls == NULL)
        return;
    *tls_ref = NULL;
    tls->is_destroyed = true;
    tls_pump_stop_all(tls);
    deadlines_destroy(&tls->deadlines);
    SSL_CTX_free(tls->context);
    tls->context = NULL;
    tls_release(tls);
}

size_t tls_connections(const struct tls *tls)
{
    return tls->count;
}

void tls_on_accepted(int fd, const struct peer *peer, void *ctx)
{
    struct tls *tls = ctx;
    struct conn_place place;

    if (http_admit(tls->http, peer, &place))
        tls_pump_start(tls, fd, peer, place);
    else
        close(fd);
}
