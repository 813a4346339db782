/* SPDX-License-Identifier: MIT */
#ifndef SB_RELAY_NOTICE_H
#define SB_RELAY_NOTICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "store/key.h"

/*
 * What relay connections on different nodes say to one another, through their nodes' inboxes.
 *
 *     address        node "/" conn
 *     relay-replace  conn                               close: a newer connection has your place
 *     relay-serve    conn " " address [ " " channel ]   bot: listen to the channel, or, without one,
 *                                                       look again what is yours; then say so
 *     relay-served   conn                               it is done
 */
#define NOTICE_REPLACE "relay-replace"
#define NOTICE_SERVE   "relay-serve"
#define NOTICE_SERVED  "relay-served"

/* A connection in the whole installation: what claims and places in channels are held by. */
struct relay_address {
    char text[48];
};
void relay_address_make(struct relay_address *address, const char *node_id, uint64_t conn);

/* False when it is none (empty: there is nobody); `copy_out` is empty then. */
bool relay_address_copy(struct relay_address *copy_out, struct slice address);

struct relay_target {
    struct slice node;
    uint64_t conn;
};
bool relay_address_parse(struct slice address, struct relay_target *target_out);

bool relay_conn_parse(struct slice text, uint64_t *conn_out);
void relay_conn_write(struct buf *out, uint64_t conn);

struct relay_request {
    uint64_t conn;        /* the bot's                              */
    struct slice from;    /* an address                             */
    struct slice channel; /* data is NULL: look again what is yours */
};
bool relay_request_parse(struct slice text, struct relay_request *request_out);
void relay_request_write(struct buf *out, const struct relay_request *request);

/* No notice is longer. */
enum { NOTICE_MAX = 256 };

#endif
