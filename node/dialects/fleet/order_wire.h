/* SPDX-License-Identifier: MIT */
#ifndef SB_ORDER_WIRE_H
#define SB_ORDER_WIRE_H

#include "fleet_inner.h"

/* What nodes say to each other about commands. No sockets, no store. What is read is borrowed from the bytes. */
struct order_text {
    struct slice realm, instance;
    struct agent_command command;
};
void order_write(struct buf *out, const struct order_text *order);
bool order_parse(struct slice text, struct order_text *order_out);

/* How it ended: a word. ORDER_ABSENT: there is no such agent (any more), and it was not sent. */
enum { ORDER_ABSENT = AGENT_GONE + 1, ORDER_ENDS };
struct slice order_end_text(int end);
bool order_end_parse(struct slice text, int *end_out);

struct order_loss {
    struct slice realm;
    uint64_t command;
};
void order_loss_write(struct buf *out, const struct order_loss *loss);
bool order_loss_parse(struct slice text, struct order_loss *loss_out);

#endif
