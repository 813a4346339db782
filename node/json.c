/* SPDX-License-Identifier: MIT */
/*
 * JSON without decoding it: one pass checks a whole text, with the open containers on a stack of its
 * own, so that nesting costs no C stack. What has been checked once is afterwards only stepped over.
 *
 *     value     object | array | string | number | true | false | null
 *     object    { [ string : value { , string : value } ] }
 *     array     [ [ value { , value } ] ]
 *     string    " { any character but " \ and controls | \ ( " \ / b f n r t | u hex hex hex hex ) } "
 *     number    [-] ( 0 | 1-9 {0-9} ) [ . 0-9 {0-9} ] [ (e|E) [+|-] 0-9 {0-9} ]
 */
#include "json.h"

#include <assert.h>
#include <string.h>

#include "utf8.h"

#define EACH_BYTE(byte) (0x0101010101010101u * (uint64_t)(byte))

/* What is left of a text. */
struct cursor {
    const char *at, *end;
};

static bool is_at_end(const struct cursor *cursor)
{
    return cursor->at == cursor->end;
}

static bool take(struct cursor *cursor, char byte)
{
    if (is_at_end(cursor) || *cursor->at != byte)
        return false;
    cursor->at++;
    return true;
}

static void skip_blanks(struct cursor *cursor)
{
    while (!is_at_end(cursor) && (*cursor->at == ' ' || *cursor->at == '\n' ||
                                  *cursor->at == '\r' || *cursor->at == '\t'))
        cursor->at++;
}

/* ---- strings --------------------------------------------------------------------------------- */

/* A bit is set in each byte that is a quote, a backslash, a control character or not ASCII. Only the
 * lowest set bit is exact; that none is set is. */
static uint64_t special_bytes(uint64_t word)
{
    uint64_t quote = word ^ EACH_BYTE('"'), backslash = word ^ EACH_BYTE('\\');

    return (((quote - EACH_BYTE(1)) & ~quote) | ((backslash - EACH_BYTE(1)) & ~backslash) |
            ((word - EACH_BYTE(0x20)) & ~word) | word) &
           EACH_BYTE(0x80);
}

/* To the next byte that needs a look, or a little before it. */
static void skip_plain(struct cursor *cursor)
{
    uint64_t word;

    while (cursor->end - cursor->at >= (ptrdiff_t)sizeof word) {
        memcpy(&word, cursor->at, sizeof word);
        if (special_bytes(word) != 0)
            return;
        cursor->at += sizeof word;
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The four digits behind "\u". */
static bool take_hex(struct cursor *cursor, uint32_t *unit_out)
{
    if (cursor->end - cursor->at < 4)
        return false;
    *unit_out = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(*cursor->at++);

        if (digit < 0)
            return false;
        *unit_out = *unit_out << 4 | (uint32_t)digit;
    }
    return true;
}

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

static enum json_type type_of(char first)
{
    switch (first) {
    case 'n':
        return JSON_NULL;
    case 'f':
        return JSON_FALSE;
    case 't':
        return JSON_TRUE;
    case '"':
        return JSON_STRING;
    case '[':
        return JSON_ARRAY;
    case '{':
        return JSON_OBJECT;
    default:
        return JSON_NUMBER;
    }
}

static struct json json_of(const char *start, const char *end)
{
    return (struct json){ type_of(*start), { start, (size_t)(end - start) } };
}

bool json_parse_within(struct slice text, unsigned envelope, struct json *value_out)
{
    struct cursor cursor;
    const char *start;

    assert(envelope <= JSON_ENVELOPE_MAX);
    if (text.len == 0)
        return false;
    cursor = (struct cursor){ text.data, text.data + text.len };
    skip_blanks(&cursor);
    start = cursor.at;
    if (!check_value(&cursor, JSON_DEPTH_MAX + envelope))
        return false;
    *value_out = json_of(start, cursor.at);
    skip_blanks(&cursor);
    return is_at_end(&cursor);
}

bool json_parse(struct slice text, struct json *value_out)
{
    return json_parse_within(text, 0, value_out);
}

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

/* The longest name that anybody looks for; one with escapes that is longer matches nothing. */
enum { NAME_MAX_BYTES = 64 };

static bool is_name(struct json name, const char *wanted)
{
    struct slice inner = { name.raw.data + 1, name.raw.len - 2 };
    struct buf decoded;
    bool is_equal;

    if (memchr(inner.data, '\\', inner.len) == NULL)
        return slice_is(inner, wanted);
    buf_init(&decoded, NAME_MAX_BYTES);
    is_equal = json_text(name, &decoded) && slice_is(buf_slice(&decoded), wanted);
    buf_fini(&decoded);
    return is_equal;
}

static void keep_member(struct json name, struct json value, struct json_member *members,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (is_name(name, members[i].name))
            members[i].value = value;
    }
}

bool json_members(struct json object, struct json_member *members, size_t count)
{
    struct cursor cursor;

    for (size_t i = 0; i < count; i++)
        members[i].value = (struct json){ .type = JSON_ABSENT };
    if (object.type != JSON_OBJECT)
        return false;
    cursor = (struct cursor){ object.raw.data + 1, object.raw.data + object.raw.len };
    skip_blanks(&cursor);
    while (*cursor.at != '}') {
        struct json name = step_value(&cursor), value;

        skip_blanks(&cursor);
        cursor.at++; /* the colon */
        skip_blanks(&cursor);
        value = step_value(&cursor);
        keep_member(name, value, members, count);
        skip_blanks(&cursor);
        take(&cursor, ',');
        skip_blanks(&cursor);
    }
    return true;
}

bool json_next(struct json array, size_t *offset, struct json *item_out)
{
    struct cursor cursor;

    if (array.type != JSON_ARRAY)
        return false;
    cursor = (struct cursor){ array.raw.data + (*offset > 0 ? *offset : 1),
                              array.raw.data + array.raw.len };
    skip_blanks(&cursor);
    if (*cursor.at == ']')
        return false;
    *item_out = step_value(&cursor);
    skip_blanks(&cursor);
    take(&cursor, ',');
    *offset = (size_t)(cursor.at - array.raw.data);
    return true;
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
