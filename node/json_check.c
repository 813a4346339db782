/* SPDX-License-Identifier: MIT */
/*
 * Is it JSON? One pass over the whole text, with the open containers on a stack of its own, so that
 * nesting costs no C stack.
 *
 *     value     object | array | string | number | true | false | null
 *     object    { [ string : value { , string : value } ] }
 *     array     [ [ value { , value } ] ]
 *     string    " { any character but " \ and controls | \ ( " \ / b f n r t | u hex hex hex hex ) } "
 *     number    [-] ( 0 | 1-9 {0-9} ) [ . 0-9 {0-9} ] [ (e|E) [+|-] 0-9 {0-9} ]
 */
#include <assert.h>

#include "json_cursor.h"
#include "utf8.h"

/* ---- strings --------------------------------------------------------------------------------- */

/* What stands behind the backslash. */
static bool check_escape(struct cursor *cursor)
{
    uint32_t unit;

    if (take(cursor, 'u'))
        return take_hex(cursor, &unit);
    if (is_at_end(cursor) || *cursor->at == '\0' || strchr("\"\\/bfnrt", *cursor->at) == NULL)
        return false;
    cursor->at++;
    return true;
}

static bool check_string(struct cursor *cursor)
{
    if (!take(cursor, '"'))
        return false;
    for (;;) {
        size_t len;

        skip_plain(cursor);
        if (is_at_end(cursor) || (unsigned char)*cursor->at < 0x20)
            return false;
        if (take(cursor, '"'))
            return true;
        if (take(cursor, '\\')) {
            if (!check_escape(cursor))
                return false;
            continue;
        }
        len = utf8_character((const unsigned char *)cursor->at, (size_t)(cursor->end - cursor->at));
        if (len == 0)
            return false;
        cursor->at += len;
    }
}

/* ---- numbers and words ----------------------------------------------------------------------- */

static bool take_digits(struct cursor *cursor)
{
    const char *start = cursor->at;

    while (!is_at_end(cursor) && *cursor->at >= '0' && *cursor->at <= '9')
        cursor->at++;
    return cursor->at > start;
}

static bool check_number(struct cursor *cursor)
{
    take(cursor, '-');
    if (!take(cursor, '0') && !take_digits(cursor))
        return false;
    if (take(cursor, '.') && !take_digits(cursor))
        return false;
    if (take(cursor, 'e') || take(cursor, 'E')) {
        if (!take(cursor, '+'))
            take(cursor, '-');
        return take_digits(cursor);
    }
    return true;
}

static bool check_word(struct cursor *cursor, const char *word)
{
    while (*word != '\0') {
        if (!take(cursor, *word++))
            return false;
    }
    return true;
}

/* ---- the whole text -------------------------------------------------------------------------- */

enum { LEVELS_MAX = JSON_DEPTH_MAX + JSON_ENVELOPE_MAX };

/* The closing brackets that are still due. */
struct levels {
    unsigned count, max;
    char closers[LEVELS_MAX];
};

static bool levels_push(struct levels *levels, char closer)
{
    if (levels->count == levels->max)
        return false;
    levels->closers[levels->count++] = closer;
    return true;
}

static bool check_name(struct cursor *cursor)
{
    skip_blanks(cursor);
    if (!check_string(cursor))
        return false;
    skip_blanks(cursor);
    return take(cursor, ':');
}

static bool is_next(const struct cursor *cursor, char byte)
{
    return !is_at_end(cursor) && *cursor->at == byte;
}

static bool check_array_opening(struct cursor *cursor, struct levels *levels, bool *is_whole_out)
{
    cursor->at++;
    skip_blanks(cursor);
    *is_whole_out = is_next(cursor, ']');
    return levels_push(levels, ']');
}

static bool check_object_opening(struct cursor *cursor, struct levels *levels, bool *is_whole_out)
{
    cursor->at++;
    skip_blanks(cursor);
    *is_whole_out = is_next(cursor, '}');
    return levels_push(levels, '}') && (*is_whole_out || check_name(cursor));
}

/* What opens a value: all of a scalar, or a container up to its first item or its closing bracket. */
static bool check_opening(struct cursor *cursor, struct levels *levels, bool *is_whole_out)
{
    *is_whole_out = true;
    skip_blanks(cursor);
    if (is_at_end(cursor))
        return false;
    switch (*cursor->at) {
    case '"':
        return check_string(cursor);
    case 't':
        return check_word(cursor, "true");
    case 'f':
        return check_word(cursor, "false");
    case 'n':
        return check_word(cursor, "null");
    case '[':
        return check_array_opening(cursor, levels, is_whole_out);
    case '{':
        return check_object_opening(cursor, levels, is_whole_out);
    default:
        return check_number(cursor);
    }
}

/* Closes what ends here; true when the next value is due, or none. */
static bool check_behind(struct cursor *cursor, struct levels *levels)
{
    while (levels->count > 0) {
        char closer = levels->closers[levels->count - 1];

        skip_blanks(cursor);
        if (take(cursor, ','))
            return closer == ']' || check_name(cursor);
        if (!take(cursor, closer))
            return false;
        levels->count--;
    }
    return true;
}

static bool check_value(struct cursor *cursor, unsigned levels_max)
{
    struct levels levels = { .count = 0, .max = levels_max };
    bool is_whole;

    do {
        if (!check_opening(cursor, &levels, &is_whole))
            return false;
        if (is_whole && !check_behind(cursor, &levels))
            return false;
    } while (levels.count > 0);
    return true;
}

static bool parse(struct slice text, unsigned levels_max, struct json *value_out)
{
    struct cursor cursor;
    const char *start;

    if (text.len == 0)
        return false;
    cursor = (struct cursor){ text.data, text.data + text.len };
    skip_blanks(&cursor);
    start = cursor.at;
    if (!check_value(&cursor, levels_max))
        return false;
    *value_out = json_of(start, cursor.at);
    skip_blanks(&cursor);
    return is_at_end(&cursor);
}

bool json_parse_within(struct slice text, unsigned envelope, struct json *value_out)
{
    assert(envelope <= JSON_ENVELOPE_MAX);
    return parse(text, JSON_DEPTH_MAX + envelope, value_out);
}

bool json_parse_shallow(struct slice text, unsigned depth_max, struct json *value_out)
{
    assert(depth_max >= 1 && depth_max <= JSON_DEPTH_MAX);
    return parse(text, depth_max, value_out);
}

bool json_parse(struct slice text, struct json *value_out)
{
    return json_parse_within(text, 0, value_out);
}
