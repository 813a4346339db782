/* SPDX-License-Identifier: MIT */
#ifndef SB_JSON_LIST_H
#define SB_JSON_LIST_H

#include "json.h"

/*
 * Members that are lists of texts. What is decoded of a body goes into one text that is as large as the body from the
 * start: neither escapes nor base64 get longer, so nothing moves once it has been pointed to.
 */
struct json_list {
    struct slice *items; /* they point to the text */
    size_t count;
};

/* Appends an item, decoded; false: it is no good one. json_text(), json_base64() or the like. */
typedef bool json_item_fn(struct json item, struct buf *text);

/* Absent or null: none. False when it is no array, has more than `max` items, or one that is no good.
 * Zero-initialise the list; json_list_fini() is due in both cases. */
bool json_list_take(struct json value, json_item_fn *take, size_t max, struct buf *text,
                    struct json_list *list);
void json_list_fini(struct json_list *list);

/* Appends the bytes of a string of base64. */
bool json_base64(struct json value, struct buf *out);

/* Absent or null: false. False, too, when it is neither true nor false. */
bool json_flag(struct json value, bool *flag_out);

#endif
