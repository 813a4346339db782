/* SPDX-License-Identifier: MIT */
#ifndef SB_FAN_H
#define SB_FAN_H

#include <stddef.h>

/*
 * One store operation for each of many items, in their order, a bounded number at a time. Whoever has
 * a fan starts an item's operation in `start` and calls fan_answered() when it has been answered.
 */
enum { FAN_WINDOW = 64 };

struct fan {
    size_t count, started, answered;
    void (*start)(struct fan *fan, size_t index);
    void (*done)(struct fan *fan); /* all are answered; may free the fan */
};

/* Set count, start and done before. With no items at all `done` runs before this returns. */
void fan_begin(struct fan *fan);
void fan_answered(struct fan *fan); /* the last thing that an operation's callback does */

#endif
