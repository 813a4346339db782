/* SPDX-License-Identifier: MIT */
/*
 * A value is a head, which says its kind and how much belongs to it, and then that much:
 *
 *     value = head bytes | head value… | head (value value)…
 *
 * Heads are read in one place, from a table; what becomes of them is decided by kind.
 */
#include "bridge_msgpack.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "json.h"

enum { BINS_FEW = 4 };

enum kind { NEVER, NIL, FALSE_, TRUE_, UINT, INT, FLOAT, STR, BIN, EXT, ARRAY, MAP };

struct head {
    enum kind kind;
    uint64_t number;    /* UINT, INT, FLOAT: its bits; STR, BIN, EXT: bytes; ARRAY, MAP: items */
    uint8_t width;      /* bytes that the number took */
    int8_t ext;         /* EXT: which */
    struct slice bytes; /* STR, BIN, EXT */
};

struct reader {
    struct slice left;
    struct buf *out;
    struct msgpack_bins *bins;
    unsigned depth;
    enum msgpack_result result;
};

static bool fail(struct reader *reader, enum msgpack_result result)
{
    reader->result = result;
    return false;
}

static bool take(struct reader *reader, uint64_t len, struct slice *bytes_out)
{
    if (len > reader->left.len)
        return fail(reader, MSGPACK_MALFORMED);
    *bytes_out = (struct slice){ reader->left.data, (size_t)len };
    reader->left = (struct slice){ reader->left.data + len, reader->left.len - (size_t)len };
    return true;
}

/* Big-endian. */
static uint64_t number_of(struct slice bytes)
{
    uint64_t number = 0;

    for (size_t i = 0; i < bytes.len; i++)
        number = number << 8 | (unsigned char)bytes.data[i];
    return number;
}

/* As two's complement of so many bytes. */
static int64_t signed_of(uint64_t number, unsigned width)
{
    unsigned unused = 64 - 8 * width;

    return (int64_t)(number << unused) >> unused;
}

/* ---- heads -------------------------------------------------------------------------------------- */

/* From 0xc0 on. `width`: of the number behind it. FIXED: of the extension itself. */
enum { FIRST_FORM = 0xc0, FIXED = EXT | 0x80 };
static const struct {
    uint8_t kind, width;
} forms[] = {
    { NIL, 0 },    { NEVER, 0 }, { FALSE_, 0 }, { TRUE_, 0 }, { BIN, 1 },   { BIN, 2 },
    { BIN, 4 },    { EXT, 1 },   { EXT, 2 },    { EXT, 4 },   { FLOAT, 4 }, { FLOAT, 8 },
    { UINT, 1 },   { UINT, 2 },  { UINT, 4 },   { UINT, 8 },  { INT, 1 },   { INT, 2 },
    { INT, 4 },    { INT, 8 },   { FIXED, 1 },  { FIXED, 2 }, { FIXED, 4 }, { FIXED, 8 },
    { FIXED, 16 }, { STR, 1 },   { STR, 2 },    { STR, 4 },   { ARRAY, 2 }, { ARRAY, 4 },
    { MAP, 2 },    { MAP, 4 },
};

/* Those that say everything in one byte. False: another one. */
static bool head_short(uint8_t first, struct head *head)
{
    if (first < 0x80)
        *head = (struct head){ .kind = UINT, .number = first };
    else if (first < 0x90)
        *head = (struct head){ .kind = MAP, .number = first & 0x0fu };
    else if (first < 0xa0)
        *head = (struct head){ .kind = ARRAY, .number = first & 0x0fu };
    else if (first < FIRST_FORM)
        *head = (struct head){ .kind = STR, .number = first & 0x1fu };
    else if (first >= 0xe0)
        *head = (struct head){ .kind = INT, .number = first, .width = 1 };
    else
        return false;
    return true;
}

static bool head_long(struct reader *reader, uint8_t first, struct head *head)
{
    uint8_t kind = forms[first - FIRST_FORM].kind, width = forms[first - FIRST_FORM].width;
    struct slice number;

    if (kind == FIXED) {
        *head = (struct head){ .kind = EXT, .number = width };
        return true;
    }
    if (kind == NEVER || !take(reader, width, &number))
        return fail(reader, MSGPACK_MALFORMED);
    *head = (struct head){ .kind = kind, .number = number_of(number), .width = width };
    return true;
}

/* What belongs to it must be there: a byte for each item at the least. */
static bool head_check(struct reader *reader, struct head *head)
{
    struct slice ext;

    switch (head->kind) {
    case EXT:
        if (!take(reader, 1, &ext))
            return false;
        head->ext = (int8_t)ext.data[0];
        return take(reader, head->number, &head->bytes);
    case STR:
    case BIN:
        return take(reader, head->number, &head->bytes);
    case ARRAY:
        return head->number <= reader->left.len || fail(reader, MSGPACK_MALFORMED);
    case MAP:
        return head->number <= reader->left.len / 2 || fail(reader, MSGPACK_MALFORMED);
    default:
        return true;
    }
}

static bool head_read(struct reader *reader, struct head *head)
{
    struct slice byte;

    if (!take(reader, 1, &byte))
        return false;

    uint8_t first = (uint8_t)byte.data[0];

    return (head_short(first, head) || head_long(reader, first, head)) && head_check(reader, head);
}

/* ---- values without parts ------------------------------------------------------------------------ */

static void add_double(struct buf *out, double number)
{
    char text[32];
    int digits = 15;

    if (!isfinite(number)) {
        buf_add_text(out, "null");
        return;
    }
    do
        snprintf(text, sizeof text, "%.*g", digits, number == 0 ? 0.0 : number);
    while (strtod(text, NULL) != number && ++digits <= 17);
    buf_add_text(out, text);
}

static double double_of(const struct head *head)
{
    uint32_t half = (uint32_t)head->number;
    double number;
    float single;

    if (head->width == sizeof single) {
        memcpy(&single, &half, sizeof single);
        return (double)single;
    }
    memcpy(&number, &head->number, sizeof number);
    return number;
}

/* False: it is not one of these. */
static bool add_plain(struct buf *out, const struct head *head)
{
    switch (head->kind) {
    case NIL:
        buf_add_text(out, "null");
        return true;
    case FALSE_:
        buf_add_text(out, "false");
        return true;
    case TRUE_:
        buf_add_text(out, "true");
        return true;
    case UINT:
        buf_printf(out, "%" PRIu64, head->number);
        return true;
    case INT:
        buf_printf(out, "%" PRId64, signed_of(head->number, head->width));
        return true;
    case FLOAT:
        add_double(out, double_of(head));
        return true;
    default:
        return false;
    }
}

static bool add_string(struct reader *reader, struct slice bytes)
{
    if (!utf8_is_valid(bytes))
        return fail(reader, MSGPACK_MALFORMED);
    json_quote(reader->out, bytes);
    return true;
}

static bool add_bin(struct reader *reader, struct slice bytes)
{
    struct msgpack_bins *bins = reader->bins;

    if (bins->count == MSGPACK_BINS_MAX)
        return fail(reader, MSGPACK_TOO_BIG);
    if (bins->count == bins->size) {
        bins->size = bins->size > 0 ? 2 * bins->size : BINS_FEW;
        bins->items = xrealloc(bins->items, bins->size * sizeof *bins->items);
    }
    bins->items[bins->count] = (struct msgpack_bin){ bytes, reader->out->len };
    buf_printf(reader->out, "{\"_placeholder\":true,\"num\":%zu}", bins->count++);
    return true;
}

/* ---- extensions ---------------------------------------------------------------------------------- */

/* The years that four digits can say, as JavaScript's Date says them. */
static const int64_t first_second = -62167219200, last_second = 253402300799;

static void add_date(struct buf *out, int64_t seconds, unsigned ms)
{
    time_t time = (time_t)seconds;
    struct tm utc;

    if (seconds < first_second || seconds > last_second || ms > 999) {
        buf_add_text(out, "null");
        return;
    }
    gmtime_r(&time, &utc);
    buf_printf(out, "\"%04d-%02d-%02dT%02d:%02d:%02d.%03uZ\"", utc.tm_year + 1900, utc.tm_mon + 1,
               utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, ms);
}

static void add_ms(struct buf *out, int64_t ms)
{
    int64_t seconds = ms / 1000, rest = ms % 1000;

    if (rest < 0) { /* towards the past, not towards 1970 */
        seconds--;
        rest += 1000;
    }
    add_date(out, seconds, (unsigned)rest);
}

/* The specification's own: 32 bits of seconds; 30 of nanoseconds and 34 of seconds; 32 and 64. */
static bool add_timestamp(struct buf *out, struct slice bytes)
{
    const uint64_t ns_per_ms = 1000000, low_34 = (UINT64_C(1) << 34) - 1;
    uint64_t number = number_of((struct slice){ bytes.data, bytes.len > 8 ? 4 : bytes.len });

    switch (bytes.len) {
    case 4:
        add_date(out, (int64_t)number, 0);
        return true;
    case 8:
        add_date(out, (int64_t)(number & low_34), (unsigned)((number >> 34) / ns_per_ms));
        return true;
    case 12:
        add_date(out, (int64_t)number_of((struct slice){ bytes.data + 4, 8 }),
                 (unsigned)(number / ns_per_ms));
        return true;
    default:
        return false;
    }
}

static bool add_ext(struct reader *reader, const struct head *head)
{
    struct slice bytes = head->bytes;

    if (head->ext == 0 && bytes.len == 1 && bytes.data[0] == 0)
        buf_add_text(reader->out, "null");
    else if (head->ext == 0 && bytes.len == 8)
        add_ms(reader->out, (int64_t)number_of(bytes));
    else if (head->ext != -1 || !add_timestamp(reader->out, bytes))
        return fail(reader, MSGPACK_UNSUPPORTED);
    return true;
}

/* ---- values with parts ----------------------------------------------------------------------------- */

static bool add_value(struct reader *reader);

static bool add_key(struct reader *reader)
{
    struct head head;

    if (!head_read(reader, &head))
        return false;
    if (head.kind == STR)
        return add_string(reader, head.bytes);
    buf_add_byte(reader->out, '"');
    if (!add_plain(reader->out, &head))
        return fail(reader, MSGPACK_MALFORMED);
    buf_add_byte(reader->out, '"');
    return true;
}

static bool add_item(struct reader *reader, bool has_key)
{
    if (has_key) {
        if (!add_key(reader))
            return false;
        buf_add_byte(reader->out, ':');
    }
    return add_value(reader);
}

static bool add_items(struct reader *reader, uint64_t count, bool has_keys)
{
    if (reader->depth == MSGPACK_DEPTH_MAX)
        return fail(reader, MSGPACK_TOO_BIG);
    reader->depth++;
    buf_add_byte(reader->out, has_keys ? '{' : '[');
    for (uint64_t i = 0; i < count; i++) {
        if (i > 0)
            buf_add_byte(reader->out, ',');
        if (!add_item(reader, has_keys))
            return false;
    }
    buf_add_byte(reader->out, has_keys ? '}' : ']');
    reader->depth--;
    return true;
}

/* As deep as MSGPACK_DEPTH_MAX. */
static bool add_value(struct reader *reader)
{
    struct head head;

    if (reader->out->has_overflowed)
        return fail(reader, MSGPACK_TOO_BIG);
    if (!head_read(reader, &head))
        return false;
    switch (head.kind) {
    case STR:
        return add_string(reader, head.bytes);
    case BIN:
        return add_bin(reader, head.bytes);
    case EXT:
        return add_ext(reader, &head);
    case ARRAY:
        return add_items(reader, head.number, false);
    case MAP:
        return add_items(reader, head.number, true);
    default:
        add_plain(reader->out, &head);
        return true;
    }
}

enum msgpack_result msgpack_to_json(struct slice bytes, struct buf *json, struct msgpack_bins *bins)
{
    struct reader reader = { .left = bytes, .out = json, .bins = bins };

    if (!add_value(&reader))
        return reader.result;
    if (json->has_overflowed)
        return MSGPACK_TOO_BIG;
    return reader.left.len == 0 ? MSGPACK_OK : MSGPACK_MALFORMED;
}

void msgpack_bins_fini(struct msgpack_bins *bins)
{
    free(bins->items);
    *bins = (struct msgpack_bins){ 0 };
}
