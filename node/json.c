/* SPDX-License-Identifier: MIT */
/*
 * JSON without decoding it: what json_check.c has found to be valid is only stepped over, member by
 * member or item by item, and decoded where somebody asks what a value says.
 */
#include "json.h"

#include <assert.h>

#include "json_cursor.h"
#include "utf8.h"

/* ---- stepping over what has been checked ------------------------------------------------------ */

static void step_string(struct cursor *cursor)
{
    cursor->at++;
    for (;;) {
        skip_plain(cursor);
        assert(!is_at_end(cursor));
        if (*cursor->at == '"')
            break;
        cursor->at += *cursor->at == '\\' ? 2 : 1;
    }
    cursor->at++;
}

static void step_container(struct cursor *cursor)
{
    size_t depth = 0;

    do {
        assert(!is_at_end(cursor));
        switch (*cursor->at) {
        case '"':
            step_string(cursor);
            continue;
        case '[':
        case '{':
            depth++;
            break;
        case ']':
        case '}':
            depth--;
            break;
        default:
            break;
        }
        cursor->at++;
    } while (depth > 0);
}

/* At the start of a value; afterwards behind it. */
static struct json step_value(struct cursor *cursor)
{
    const char *start = cursor->at;

    assert(!is_at_end(cursor));
    if (*start == '"') {
        step_string(cursor);
    } else if (*start == '[' || *start == '{') {
        step_container(cursor);
    } else {
        while (!is_at_end(cursor) && strchr(",]} \t\r\n", *cursor->at) == NULL)
            cursor->at++;
    }
    return json_of(start, cursor->at);
}

/* ---- members and items ------------------------------------------------------------------------ */

bool json_text_is(struct json value, const char *text)
{
    struct slice inner;
    struct buf decoded;
    bool is_equal;

    if (value.type != JSON_STRING)
        return false;
    inner = (struct slice){ value.raw.data + 1, value.raw.len - 2 };
    if (memchr(inner.data, '\\', inner.len) == NULL)
        return slice_is(inner, text);
    buf_init(&decoded, strlen(text));
    is_equal = json_text(value, &decoded) && slice_is(buf_slice(&decoded), text);
    buf_fini(&decoded);
    return is_equal;
}

static void keep_member(struct json name, struct json value, struct json_member *members,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (json_text_is(name, members[i].name))
            members[i].value = value;
    }
}

bool json_members(struct json object, struct json_member *members, size_t count)
{
    struct json name, value;
    size_t offset = 0;

    for (size_t i = 0; i < count; i++)
        members[i].value = (struct json){ .type = JSON_ABSENT };
    while (json_next_member(object, &offset, &name, &value))
        keep_member(name, value, members, count);
    return object.type == JSON_OBJECT;
}

static struct cursor cursor_at(struct json container, size_t offset)
{
    struct cursor cursor = { container.raw.data + (offset > 0 ? offset : 1),
                             container.raw.data + container.raw.len };

    skip_blanks(&cursor);
    return cursor;
}

/* Behind a value: over the comma. */
static size_t offset_behind(struct json container, struct cursor *cursor)
{
    skip_blanks(cursor);
    take(cursor, ',');
    return (size_t)(cursor->at - container.raw.data);
}

static struct json step_name(struct cursor *cursor)
{
    struct json name = step_value(cursor);

    skip_blanks(cursor);
    cursor->at++; /* the colon */
    skip_blanks(cursor);
    return name;
}

bool json_next_member(struct json object, size_t *offset, struct json *name_out,
                      struct json *value_out)
{
    struct cursor cursor;

    if (object.type != JSON_OBJECT)
        return false;
    cursor = cursor_at(object, *offset);
    if (*cursor.at == '}')
        return false;
    *name_out = step_name(&cursor);
    *value_out = step_value(&cursor);
    *offset = offset_behind(object, &cursor);
    return true;
}

bool json_next(struct json array, size_t *offset, struct json *item_out)
{
    struct cursor cursor;

    if (array.type != JSON_ARRAY)
        return false;
    cursor = cursor_at(array, *offset);
    if (*cursor.at == ']')
        return false;
    *item_out = step_value(&cursor);
    *offset = offset_behind(array, &cursor);
    return true;
}

/* ---- everything in a value --------------------------------------------------------------------- */

void json_walk_init(struct json_walk *walk, struct json value)
{
    *walk = (struct json_walk){ .left = value.raw };
}

static enum json_step walk_into(struct json_walk *walk, struct cursor *cursor)
{
    enum json_type type = type_of(*cursor->at);

    walk->has_begun = true;
    if (type != JSON_ARRAY && type != JSON_OBJECT) {
        walk->value = step_value(cursor);
        return JSON_STEP_VALUE;
    }
    walk->value = (struct json){ .type = type };
    walk->open[walk->depth++] = type;
    cursor->at++;
    return JSON_STEP_OPENS;
}

static enum json_step walk_step(struct json_walk *walk, struct cursor *cursor)
{
    skip_blanks(cursor);
    if (walk->depth > 0 && (*cursor->at == ']' || *cursor->at == '}')) {
        walk->depth--;
        cursor->at++;
        return JSON_STEP_CLOSES;
    }
    if (walk->depth == 0 && walk->has_begun)
        return JSON_STEP_END;
    take(cursor, ',');
    skip_blanks(cursor);
    walk->name = (struct json){ .type = JSON_ABSENT };
    if (walk->depth > 0 && walk->open[walk->depth - 1] == JSON_OBJECT)
        walk->name = step_name(cursor);
    return walk_into(walk, cursor);
}

enum json_step json_walk_next(struct json_walk *walk)
{
    struct cursor cursor = { walk->left.data, walk->left.data + walk->left.len };
    enum json_step step = walk_step(walk, &cursor);

    walk->left = (struct slice){ cursor.at, (size_t)(cursor.end - cursor.at) };
    return step;
}

/* ---- what a value says ------------------------------------------------------------------------ */

/* A code point behind "\u": one unit, or a pair of surrogates. */
static bool decode_code(struct cursor *cursor, struct buf *out)
{
    uint32_t code, low;
    char bytes[4];

    if (!take_hex(cursor, &code))
        return false;
    if (code >= 0xdc00 && code <= 0xdfff)
        return false;
    if (code >= 0xd800 && code <= 0xdbff) {
        if (!take(cursor, '\\') || !take(cursor, 'u') || !take_hex(cursor, &low) || low < 0xdc00 ||
            low > 0xdfff)
            return false;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    return buf_add(out, bytes, utf8_encode(code, bytes));
}

static bool decode_escape(struct cursor *cursor, struct buf *out)
{
    static const char names[] = "bfnrt", meanings[] = "\b\f\n\r\t";
    const char *name;
    char escape;

    if (take(cursor, 'u'))
        return decode_code(cursor, out);
    escape = *cursor->at++;
    name = strchr(names, escape);
    return buf_add_byte(out, name != NULL ? meanings[name - names] : escape);
}

bool json_text(struct json value, struct buf *out)
{
    struct cursor cursor;

    if (value.type != JSON_STRING)
        return false;
    cursor = (struct cursor){ value.raw.data + 1, value.raw.data + value.raw.len - 1 };
    while (!is_at_end(&cursor)) {
        size_t left = (size_t)(cursor.end - cursor.at);
        const char *escape = memchr(cursor.at, '\\', left);
        size_t plain = escape != NULL ? (size_t)(escape - cursor.at) : left;

        if (!buf_add(out, cursor.at, plain))
            return false;
        cursor.at += plain;
        if (take(&cursor, '\\') && !decode_escape(&cursor, out))
            return false;
    }
    return true;
}

bool json_whole(struct json value, int64_t min, int64_t max, int64_t *number_out)
{
    struct slice digits = value.raw;
    uint64_t magnitude;
    bool is_negative;
    int64_t number;

    if (value.type != JSON_NUMBER)
        return false;
    is_negative = digits.data[0] == '-';
    if (is_negative) {
        digits.data++;
        digits.len--;
    }
    if (!slice_to_u64(digits, 0, (uint64_t)INT64_MAX + is_negative, &magnitude))
        return false;
    number = is_negative ? (int64_t)-magnitude : (int64_t)magnitude;
    if (number < min || number > max)
        return false;
    *number_out = number;
    return true;
}

/* The character that stands behind the backslash; 0: there is no short escape. */
static char short_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
        return c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

static bool quote_byte(struct buf *out, char c)
{
    char escape[3] = { '\\', short_escape(c), '\0' };

    if (escape[1] != 0)
        return buf_add(out, escape, 2);
    return buf_printf(out, "\\u%04x", (unsigned)(unsigned char)c);
}

bool json_quote(struct buf *out, struct slice text)
{
    size_t start = 0;

    buf_add_byte(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add(out, text.data + start, i - start);
        quote_byte(out, text.data[i]);
        start = i + 1;
    }
    buf_add(out, text.data + start, text.len - start);
    return buf_add_byte(out, '"');
}
