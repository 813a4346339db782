/* SPDX-License-Identifier: MIT */
#ifndef SB_JSON_H
#define SB_JSON_H

#include "base/buf.h"

/*
 * JSON (RFC 8259) that is passed through byte for byte: checks a text and finds where its members
 * are, without decoding what it carries. Numbers of any size, duplicate keys and \u0000 are legal and
 * stay as they are. Invalid UTF-8, unpaired surrogates aside, is refused, as is more than 64 levels
 * of nesting. What we read for ourselves (configuration, answers of hooks) is jansson's business.
 */
enum { JSON_DEPTH_MAX = 64, JSON_ENVELOPE_MAX = 2 };

enum json_type {
    JSON_ABSENT,
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

/* One value, as it stands in the text: borrowed from it. Strings include their quotes. */
struct json {
    enum json_type type;
    struct slice raw;
};

/* The whole text is one value (blanks around it aside): fills `value_out`. */
bool json_parse(struct slice text, struct json *value_out);

/* The same for a text that wraps values in `envelope` levels of its own (0..JSON_ENVELOPE_MAX): so
 * many more are allowed, and what is wrapped may have all of its 64. */
bool json_parse_within(struct slice text, unsigned envelope, struct json *value_out);

/* The same with fewer levels of nesting: 1..JSON_DEPTH_MAX. */
bool json_parse_shallow(struct slice text, unsigned depth_max, struct json *value_out);

/* A member to look for in an object: `name` in, `value` out (JSON_ABSENT when it is not there; the
 * last one when it stands there more than once, as JavaScript and Go have it). */
struct json_member {
    const char *name;
    struct json value;
};

/* `object` came from json_parse() or one of these: it is valid. False when it is no object. */
bool json_members(struct json object, struct json_member *members, size_t count);

/* Steps through an array's items: *offset starts at 0. False at the end, or when it is no array. */
bool json_next(struct json array, size_t *offset, struct json *item_out);

/* The same for an object's members, in their order; `name_out` is a string, as it stands in the text. */
bool json_next_member(struct json object, size_t *offset, struct json *name_out,
                      struct json *value_out);

/* Goes through a value with all that is in it: one pass, whatever the nesting. */
enum json_step {
    JSON_STEP_OPENS,  /* an array or an object: its type is known, its text is not  */
    JSON_STEP_VALUE,  /* anything else                                              */
    JSON_STEP_CLOSES, /* the innermost that is open                                 */
    JSON_STEP_END,
};
struct json_walk {
    struct slice left;
    unsigned depth;   /* containers that are open: 1 behind the first that opens   */
    struct json name; /* of what opens or is a value: JSON_ABSENT outside objects  */
    struct json value;
    bool has_begun;
    enum json_type open[JSON_DEPTH_MAX + JSON_ENVELOPE_MAX];
};
void json_walk_init(struct json_walk *walk, struct json value);
enum json_step json_walk_next(struct json_walk *walk);

/* Appends the string's bytes, escapes decoded to UTF-8. False when it is no string, holds an unpaired
 * surrogate, or does not fit. */
bool json_text(struct json value, struct buf *out);

/* Is it a string that says this? */
bool json_text_is(struct json value, const char *text);

/* An integer without fraction or exponent, within min..max. */
bool json_whole(struct json value, int64_t min, int64_t max, int64_t *number_out);

/* Appends `text` (valid UTF-8) as a JSON string with its quotes: escapes what must be, no more. */
bool json_quote(struct buf *out, struct slice text);

bool utf8_is_valid(struct slice text); /* RFC 3629 */

#endif
