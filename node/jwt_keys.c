/* SPDX-License-Identifier: MIT */
/*
 * A keyring is an issuer's document, and the fetch of the next one.
 *
 *     never tried → fetching → current ⇄ fetching
 *                            ↘ failed  ⇄ fetching       (what was there before stays)
 */
#include "jwt_keys.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "curl_loop.h"
#include "jwt_jwk.h"

struct jwt_keyring {
    struct jwt_keys *keys;
    char *url; /* where the document came from, or comes from */
    struct jwks *document;
    int64_t loaded_ms, tried_ms; /* clock_ms() time; 0: not yet */
    bool is_current;             /* the last fetch brought the document */
    CURL *easy;                  /* while it is fetched */
    struct buf body;
    struct list waits;
    size_t wait_count;
    UT_hash_handle hh;
    char issuer[];
};

struct jwt_keys {
    const struct config *config;
    struct curl_loop *curl;
    struct curl_slist *headers;
    struct jwt_keyring *rings; /* by issuer; as many as are, or were, configured */
    uint64_t *fetches;
};

/* ---- what is known ------------------------------------------------------------------------------ */

static void ring_forget(struct jwt_keyring *ring)
{
    if (ring->document != NULL)
        jwks_clear(ring->document);
    free(ring->document);
    ring->document = NULL;
    ring->is_current = false;
}

static void ring_set_url(struct jwt_keyring *ring)
{
    free(ring->url);
    ring->url = xstrdup(ring->keys->config->jwt_jwks_url);
    ring->tried_ms = 0;
}

static bool has_url_changed(const struct jwt_keyring *ring)
{
    const char *url = ring->keys->config->jwt_jwks_url;

    return url == NULL || strcmp(ring->url, url) != 0;
}

static struct jwt_keyring *ring_create(struct jwt_keys *keys, const char *issuer)
{
    size_t len = strlen(issuer);
    struct jwt_keyring *ring = xcalloc(1, sizeof *ring + len + 1);

    memcpy(ring->issuer, issuer, len);
    ring->keys = keys;
    list_init(&ring->waits);
    buf_init(&ring->body, JWT_KEYS_BYTES_MAX);
    ring_set_url(ring);
    HASH_ADD_KEYPTR(hh, keys->rings, ring->issuer, len, ring);
    return ring;
}

static struct jwt_keyring *ring_of(struct jwt_keys *keys, const char *issuer)
{
    struct jwt_keyring *ring;

    HASH_FIND(hh, keys->rings, issuer, strlen(issuer), ring);
    if (ring == NULL)
        return ring_create(keys, issuer);
    if (has_url_changed(ring)) { /* by a reload: these keys are not that provider's */
        ring_forget(ring);
        if (ring->easy == NULL)
            ring_set_url(ring);
    }
    return ring;
}

static const struct jwk *find_by_algorithm(const struct jwks *document, const char *algorithm,
                                           bool *is_ambiguous_out)
{
    const struct jwk *found = NULL;

    *is_ambiguous_out = false;
    for (size_t i = 0; i < document->count; i++) {
        if (strcmp(document->keys[i].algorithm, algorithm) != 0)
            continue;
        *is_ambiguous_out = found != NULL;
        found = &document->keys[i];
        if (*is_ambiguous_out)
            break;
    }
    return found;
}

static const struct jwk *find_by_id(const struct jwks *document, const char *id,
                                    const char *algorithm, bool *is_other_out)
{
    *is_other_out = false;
    for (size_t i = 0; i < document->count; i++) {
        const struct jwk *jwk = &document->keys[i];

        if (jwk->id == NULL || strcmp(jwk->id, id) != 0)
            continue;
        if (strcmp(jwk->algorithm, algorithm) == 0)
            return jwk;
        *is_other_out = true;
    }
    return NULL;
}

/* UNKNOWN: another document might have it. */
static enum jwt_keys_answer look_up(const struct jwt_keyring *ring,
                                    const struct jwt_keys_question *question, struct slice *pem_out)
{
    const struct jwk *jwk;
    bool is_hopeless;

    if (ring->document == NULL)
        return JWT_KEY_UNKNOWN;
    if (question->key_id != NULL)
        jwk = find_by_id(ring->document, question->key_id, question->algorithm, &is_hopeless);
    else
        jwk = find_by_algorithm(ring->document, question->algorithm, &is_hopeless);
    if (is_hopeless)
        return JWT_KEY_ABSENT;
    if (jwk == NULL)
        return JWT_KEY_UNKNOWN;
    *pem_out = slice_of(jwk->pem);
    return JWT_KEY_FOUND;
}

/* ---- fetching ----------------------------------------------------------------------------------- */

static size_t on_body_part(char *data, size_t size, size_t count, void *ctx)
{
    struct jwt_keyring *ring = ctx;

    return buf_add(&ring->body, data, size * count) ? size * count : 0;
}

static bool configure(struct jwt_keyring *ring)
{
    CURL *easy = ring->easy;
    long timeout_ms = (long)ring->keys->config->auth_timeout_ms;

    return curl_easy_setopt(easy, CURLOPT_URL, ring->url) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTPHEADER, ring->keys->headers) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body_part) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, ring) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PRIVATE, ring) == CURLE_OK;
}

static void fetch_end(struct jwt_keyring *ring)
{
    if (ring->easy != NULL)
        curl_easy_cleanup(ring->easy);
    ring->easy = NULL;
    buf_fini(&ring->body);
}

static bool fetch_start(struct jwt_keyring *ring)
{
    ring->tried_ms = clock_ms();
    ring->easy = curl_easy_init();
    if (ring->easy != NULL && configure(ring) && curl_loop_add(ring->keys->curl, ring->easy))
        return true;
    fetch_end(ring);
    ring->is_current = false;
    ring->keys->fetches[false]++;
    return false;
}

static bool take_document(struct jwt_keyring *ring, struct why *why)
{
    struct jwks *document;

    if (has_url_changed(ring))
        return why_set(why, "the URL was changed meanwhile");
    document = xcalloc(1, sizeof *document);
    if (!jwks_parse(document, buf_slice(&ring->body), why)) {
        free(document);
        return false;
    }
    ring_forget(ring);
    ring->document = document;
    ring->loaded_ms = clock_ms();
    return true;
}

static bool judge(struct jwt_keyring *ring, CURLcode code, struct why *why)
{
    long status = 0;

    curl_easy_getinfo(ring->easy, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK)
        return why_set(why, "%s", curl_easy_strerror(code));
    if (status != 200)
        return why_set(why, "status %ld", status);
    return take_document(ring, why);
}

static void tell(struct jwt_keyring *ring)
{
    struct list waits;

    list_init(&waits);
    list_splice(&waits, &ring->waits);
    while (!list_is_empty(&waits)) {
        struct jwt_keys_wait *wait = LIST_ENTRY(waits.next, struct jwt_keys_wait, node);

        list_remove(&wait->node);
        ring->wait_count--;
        wait->on_fetched(wait);
    }
}

static void on_transferred(CURL *easy, CURLcode code, void *ctx)
{
    struct jwt_keys *keys = ctx;
    struct jwt_keyring *ring;
    struct why why = { "" };

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&ring);
    ring->is_current = judge(ring, code, &why);
    keys->fetches[ring->is_current]++;
    if (ring->is_current)
        log_info(NULL, "jwt.keys", "issuer=%s keys=%zu",
                 log_quote(ring->issuer, strlen(ring->issuer)), ring->document->count);
    else
        log_peer(LOG_WARN, NULL, "jwt.no_keys", "issuer=%s reason=%s",
                 log_quote(ring->issuer, strlen(ring->issuer)),
                 log_quote(why.text, strlen(why.text)));
    fetch_end(ring);
    tell(ring);
}

/* ---- the door ----------------------------------------------------------------------------------- */

static bool is_fresh(const struct jwt_keyring *ring)
{
    return ring->document != NULL &&
           clock_ms() - ring->loaded_ms < ring->keys->config->jwks_cache_ms;
}

/* Is a document on its way, now? */
static bool is_fetching(struct jwt_keyring *ring)
{
    if (ring->easy != NULL)
        return true;
    if (ring->tried_ms != 0 && clock_ms() - ring->tried_ms < JWT_KEYS_RETRY_MS)
        return false;
    return fetch_start(ring);
}

enum jwt_keys_answer jwt_keys_find(struct jwt_keys *keys, const struct jwt_keys_question *question,
                                   struct jwt_keys_wait *wait, struct slice *pem_out)
{
    struct jwt_keyring *ring = ring_of(keys, question->issuer);
    enum jwt_keys_answer answer = look_up(ring, question, pem_out);
    bool has_waited = wait->ring != NULL;

    wait->ring = NULL;
    if (has_waited)
        return answer == JWT_KEY_UNKNOWN && ring->is_current ? JWT_KEY_ABSENT : answer;
    if ((answer != JWT_KEY_UNKNOWN && is_fresh(ring)) || ring->wait_count >= JWT_KEYS_WAITING_MAX ||
        !is_fetching(ring))
        return answer;
    wait->ring = ring;
    list_append(&ring->waits, &wait->node);
    ring->wait_count++;
    return JWT_KEY_FETCHING;
}

void jwt_keys_cancel(struct jwt_keys_wait *wait)
{
    if (wait->ring == NULL)
        return;
    list_remove(&wait->node);
    wait->ring->wait_count--;
    wait->ring = NULL;
}

struct jwt_keys *jwt_keys_create(uv_loop_t *loop, const struct config *config, uint64_t *fetches)
{
    struct jwt_keys *keys = xcalloc(1, sizeof *keys);

    keys->config = config;
    keys->fetches = fetches;
    keys->headers = curl_slist_append(NULL, "Accept: application/json");
    keys->headers = curl_slist_append(keys->headers, "User-Agent: signalbox/" SIGNALBOX_VERSION);
    assert(keys->headers != NULL);
    keys->curl = curl_loop_create(loop, 1, on_transferred, keys);
    return keys;
}

static void ring_free(struct jwt_keyring *ring)
{
    assert(list_is_empty(&ring->waits));
    if (ring->easy != NULL)
        curl_loop_remove(ring->keys->curl, ring->easy);
    fetch_end(ring);
    ring_forget(ring);
    free(ring->url);
    free(ring);
}

void jwt_keys_destroy(struct jwt_keys **keys)
{
    struct jwt_keys *mine = *keys;
    struct jwt_keyring *ring, *next;

    if (mine == NULL)
        return;
    *keys = NULL;
    HASH_ITER (hh, mine->rings, ring, next) {
        HASH_DEL(mine->rings, ring);
        ring_free(ring);
    }
    curl_loop_destroy(&mine->curl);
    curl_slist_free_all(mine->headers);
    free(mine);
}
