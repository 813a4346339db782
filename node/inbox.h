/* SPDX-License-Identifier: MIT */
#ifndef SB_INBOX_H
#define SB_INBOX_H

#include "hub.h"

/*
 * The node's own queue channel: how nodes say something to one another ("close connection 71"),
 * and how the node knows that its subscriptions are alive: every second it appends a canary to
 * itself and waits to see it arrive.
 *
 * A message is "<topic> <text>". Messages to a node that has died expire unread.
 */
struct inbox;

typedef void inbox_fn(struct slice text, void *ctx);
typedef void inbox_health_fn(bool is_healthy, void *ctx);

/* `node_id` is unique to this process' life. `on_health`: the canary came back within 2 s, or it did
 * not (then the subscription link is connected anew until it does). */
struct inbox *inbox_create(uv_loop_t *loop, struct store *store, struct hub *hub,
                           const char *node_id, inbox_health_fn *on_health, void *ctx);
void inbox_destroy(struct inbox **inbox);

/* Who hears messages of this topic (a constant word). Once per topic, before messages may come. */
void inbox_handle(struct inbox *inbox, const char *topic, inbox_fn *on_message, void *ctx);

/* At least once, in order. A copy to oneself goes the same way. `text` has at most INBOX_TEXT_MAX bytes. */
void inbox_send(struct inbox *inbox, struct slice node_id, const char *topic, struct slice text);
enum { INBOX_TEXT_MAX = 8 * 1024 * 1024 + 1024 };

/* The same for whoever wants to know whether it was stored. `node_id` must be valid (key_id_is_valid). */
void inbox_deliver(struct inbox *inbox, struct slice node_id, const char *topic, struct slice text,
                   channel_appended_fn *done, void *ctx, struct store_op **slot);

/* The same, but when nobody listens, and nobody did a moment ago, nothing is stored (number 0), for the node is
 * dead. */
void inbox_send_live(struct inbox *inbox, struct slice node_id, const char *topic,
                     struct slice text, channel_appended_fn *done, void *ctx,
                     struct store_op **slot);

bool inbox_is_healthy(const struct inbox *inbox);

#endif
