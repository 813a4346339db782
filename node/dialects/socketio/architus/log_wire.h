/* SPDX-License-Identifier: MIT */
#ifndef SB_ARCHITUS_LOG_WIRE_H
#define SB_ARCHITUS_LOG_WIRE_H

#include "json.h"
#include "store/pools.h"

/* What a back end publishes about a guild: a log entry, a change of a pool, or both in one. */

enum { LOG_EVENTS_MAX = 1000, LOG_ID_SIZE = 24 };

enum log_change { LOG_NO_CHANGE, LOG_PUT, LOG_REMOVE };

struct log_event {
    struct slice id; /* nothing: none was given */
    bool has_action; /* it is a log entry */
    bool is_private;
    enum log_change change;
    bool is_kept;        /* its pool is one that we keep */
    enum pool_type type; /* is_kept */
    struct slice type_name;
    struct slice entity_id;
    struct json entity; /* LOG_PUT */
    struct json source; /* the whole */
};

/* NULL: it is good. Else what is wrong, in words. What is decoded goes into `text`, which must have room for it. */
const char *log_event_parse(struct json value, struct buf *text, struct log_event *event);

/* {"id","guild_id",…,"pool"}: everything, ids as texts. */
void log_event_write(struct buf *out, const struct log_event *event, struct slice id,
                     struct slice guild);

/* {"id","guild_id","pool"}: the change alone. */
void log_change_write(struct buf *out, const struct log_event *event, struct slice id,
                      struct slice guild);

#endif
