/* SPDX-License-Identifier: MIT */
/*
 * WebSocket handshakes that go by their subprotocol, whatever their path:
 *
 *     offers = token *( "," token )      each once (RFC 6455, section 4.1); blanks around a token
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "http_inner.h"

/* More than anybody speaks; it bounds what comparing all with all may cost. */
enum { OFFERS_MAX = 32 };

struct http_offer {
    struct http_offer *next;
    const char *name;
    http_handle_fn *handle;
    void *ctx;
};

void http_add_subprotocol(struct http *http, const char *name, http_handle_fn *handle, void *ctx)
{
    struct http_offer *offer = xcalloc(1, sizeof *offer);

    assert(handle != NULL && http_is_token(slice_of(name)));
    *offer = (struct http_offer){ http->offers, name, handle, ctx };
    http->offers = offer;
}

void http_offers_free(struct http *http)
{
    while (http->offers != NULL) {
        struct http_offer *first = http->offers;

        http->offers = first->next;
        free(first);
    }
}

struct slice http_offers_take(struct slice *offers)
{
    const char *comma = offers->len > 0 ? memchr(offers->data, ',', offers->len) : NULL;
    size_t len = comma != NULL ? (size_t)(comma - offers->data) : offers->len;
    struct slice offer = slice_trim((struct slice){ offers->data, len });

    len += comma != NULL;
    *offers = (struct slice){ offers->data + len, offers->len - len };
    return offer;
}

static bool are_good(struct slice offers)
{
    struct slice seen[OFFERS_MAX];
    size_t count = 0;
    bool has_more;

    do {
        has_more = memchr(offers.data, ',', offers.len) != NULL;
        seen[count] = http_offers_take(&offers);
        if (!http_is_token(seen[count]))
            return false;
        for (size_t i = 0; i < count; i++)
            if (slice_equals(seen[i], seen[count]))
                return false;
    } while (++count < OFFERS_MAX && has_more);
    return !has_more;
}

static const struct http_offer *find(const struct http_offer *offer, struct slice offers)
{
    while (offers.len > 0) {
        struct slice name = http_offers_take(&offers);

        for (const struct http_offer *at = offer; at != NULL; at = at->next)
            if (slice_is(name, at->name))
                return at;
    }
    return NULL;
}

bool http_offers_serve(struct http_request *request)
{
    const struct http *http = request->conn->http;
    struct slice offers = http_header(request, "sec-websocket-protocol");
    const struct http_offer *offer =
        http_is_upgrade(request) && offers.len > 0 ? find(http->offers, offers) : NULL;

    if (offer == NULL)
        return false;
    request->resource = NULL; /* whatever is served at that path has no say */
    if (are_good(offers))
        offer->handle(request, offer->ctx);
    else
        http_reply_error(request, 400, "Invalid Sec-WebSocket-Protocol.");
    return true;
}
