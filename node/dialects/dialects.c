/* SPDX-License-Identifier: MIT */
/* The table of dialects: the one place that knows all of them. */
#include "dialects/fleet/fleet.h"
#include "dialects/mailbox/mailbox.h"
#include "dialects/push/push.h"
#include "dialects/relay/relay.h"
#include "dialects/socketio/socketio.h"
#include "node.h"

const struct dialect *const dialects[] = {
    &fleet_dialect, &mailbox_dialect, &push_dialect, &relay_dialect, &socketio_dialect,
};
const size_t dialect_count = sizeof dialects / sizeof dialects[0];
