/* SPDX-License-Identifier: MIT */
/* A look-up that is cancelled lives on, without an owner, until the loop gives it back. */
#include "store/lookup.h"

#include <stdlib.h>

#include "base/mem.h"

struct lookup {
    uv_getaddrinfo_t request;
    uint32_t attempt;
    lookup_fn *done; /* NULL: cancelled */
    void *ctx;
};

static const struct addrinfo *choose(const struct addrinfo *addresses, uint32_t attempt)
{
    const struct addrinfo *address;
    uint32_t count = 0;

    for (address = addresses; address != NULL; address = address->ai_next)
        count++;
    address = addresses;
    for (uint32_t turn = attempt % count; turn > 0; turn--)
        address = address->ai_next;
    return address;
}

static void on_looked_up(uv_getaddrinfo_t *request, int status, struct addrinfo *addresses)
{
    struct lookup *lookup = request->data;

    if (lookup->done != NULL && (status != 0 || addresses == NULL)) {
        lookup->done(NULL, 0, uv_strerror(status != 0 ? status : UV_EAI_NONAME), lookup->ctx);
    } else if (lookup->done != NULL) {
        const struct addrinfo *address = choose(addresses, lookup->attempt);

        lookup->done(address->ai_addr, address->ai_addrlen, NULL, lookup->ctx);
    }
    uv_freeaddrinfo(addresses);
    free(lookup);
}

struct lookup *lookup_start(uv_loop_t *loop, const struct url *url, uint32_t attempt,
                            lookup_fn *done, void *ctx, const char **error_out)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct lookup *lookup = xcalloc(1, sizeof *lookup);
    int status;

    lookup->request.data = lookup;
    lookup->attempt = attempt;
    lookup->done = done;
    lookup->ctx = ctx;
    status = uv_getaddrinfo(loop, &lookup->request, on_looked_up, url->host, url->port, &hints);
    if (status != 0) {
        *error_out = uv_strerror(status);
        free(lookup);
        return NULL;
    }
    return lookup;
}

void lookup_cancel(struct lookup **lookup)
{
    if (*lookup == NULL)
        return;
    (*lookup)->done = NULL;
    uv_cancel((uv_req_t *)&(*lookup)->request);
    *lookup = NULL;
}
