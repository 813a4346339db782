/* SPDX-License-Identifier: MIT */
#ifndef SB_NODE_H
#define SB_NODE_H

#include <uv.h>

#include "auth.h"
#include "config.h"
#include "http.h"
#include "hub.h"
#include "inbox.h"
#include "metrics.h"
#include "store/store.h"
#include "ws.h"

/* What everything in one process shares. Owned by the server; lives as long as any dialect. */
struct node {
    uv_loop_t *loop;
    const struct config *config;
    struct store *store;
    struct hub *hub;
    struct inbox *inbox;
    struct auth *auth;
    struct ws_host *ws_host; /* where HTTP hands upgraded connections to */
    struct metrics metrics;
    char id[24]; /* unique to this process' life: lower-case hex */
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
    /* The loop is about to end: all connections are closed already. */
    void (*close)(void *dialect);
};

extern const struct dialect *const dialects[];
extern const size_t dialect_count;

#endif
