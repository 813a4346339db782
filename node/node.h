/* SPDX-License-Identifier: MIT */
#ifndef SB_NODE_H
#define SB_NODE_H

#include <uv.h>

#include "auth.h"
#include "call.h"
#include "config.h"
#include "hook.h"
#include "http.h"
#include "hub.h"
#include "inbox.h"
#include "jwt.h"
#include "metrics.h"
#include "store/store.h"
#include "ws.h"

enum { NODE_ID_LEN = 10 }; /* 40 random bits: short enough to be part of other ids */

/* What everything in one process shares. Owned by the server; lives as long as any dialect. */
struct node {
    uv_loop_t *loop;
    const struct config *config;
    struct store *store;
    struct http *http; /* where dialects add routes whose paths are options */
    struct hub *hub;
    struct inbox *inbox;
    struct calls *calls;
    struct hooks *hooks;
    struct auth *auth;
    struct jwts *jwts;
    struct ws_host *ws_host; /* where HTTP hands upgraded connections to */
    struct metrics metrics;
    char id[NODE_ID_LEN +
            1]; /* unique to this process' life: NODE_ID_LEN lower-case hexadecimal digits */
    bool is_draining;
};

/* A protocol that clients speak: a line in the table of dialects (dialects/dialects.c). */
struct dialect {
    const char *name;
    const struct http_route *routes;
    size_t route_count;
    void *(*open)(struct node *node);
    /* Options were reloaded (also called once after open): set bounds, nothing else. May be NULL. */
    void (*configure)(void *dialect);
    /* The node stops: what is not a WebSocket or a request that is held ends now. May be NULL. */
    void (*drain)(void *dialect);
    /* The loop is about to end: all connections are closed already. */
    void (*close)(void *dialect);
};

extern const struct dialect *const dialects[];
extern const size_t dialect_count;

#endif
