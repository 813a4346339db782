/* SPDX-License-Identifier: MIT */
/*
 * Hosts of WHATWG's URLs: an IPv6 address in brackets, else a name, which is an IPv4 address when its last part is a
 * number. Names beyond ASCII are mapped as IDNA does it only so far as a verdict needs it: what it drops, what it turns
 * into ASCII, and what it refuses. It has many more rules about which letters go together; those are not ours.
 */
#include <string.h>
#include <strings.h>

#include "base/hex.h"
#include "fleet_url.h"
#include "utf8.h"

/* ---- IPv4 ----------------------------------------------------------------------------------------------- */

enum { IPV4_PARTS = 4 };
#define TOO_LARGE (UINT64_C(1) << 40)

static unsigned take_base(struct slice *digits)
{
    size_t prefix = 0;
    unsigned base = 10;

    if (digits->len >= 2 && strncasecmp(digits->data, "0x", 2) == 0) {
        prefix = 2;
        base = 16;
    } else if (digits->len >= 2 && digits->data[0] == '0') {
        prefix = 1;
        base = 8;
    }
    *digits = (struct slice){ digits->data + prefix, digits->len - prefix };
    return base;
}

/* Decimal, 0 and octal, 0x and hexadecimal (none is 0). What is too large for any address stays so. */
static bool ipv4_number(struct slice part, uint64_t *number_out)
{
    uint64_t number = 0;
    unsigned base;

    if (part.len == 0)
        return false;
    base = take_base(&part);
    for (size_t i = 0; i < part.len; i++) {
        int digit = hex_value(part.data[i]);

        if (digit < 0 || (unsigned)digit >= base)
            return false;
        if (number < TOO_LARGE)
            number = number * base + (unsigned)digit;
    }
    *number_out = number;
    return true;
}

static bool is_decimal(struct slice part)
{
    for (size_t i = 0; i < part.len; i++) {
        if (part.data[i] < '0' || part.data[i] > '9')
            return false;
    }
    return part.len > 0;
}

static struct slice without_last_dot(struct slice host)
{
    if (host.len > 1 && host.data[host.len - 1] == '.')
        host.len--;
    return host;
}

static bool ends_in_number(struct slice host)
{
    const char *dot = memrchr(host.data, '.', host.len);
    size_t start = dot != NULL ? (size_t)(dot - host.data) + 1 : 0;
    struct slice last = { host.data + start, host.len - start };
    uint64_t number;

    return is_decimal(last) || ipv4_number(last, &number);
}

/* All parts but the last are a byte, the last is what remains. */
static bool ipv4_is_good(struct slice host)
{
    for (unsigned parts = 1; parts <= IPV4_PARTS; parts++) {
        const char *dot = memchr(host.data, '.', host.len);
        size_t len = dot != NULL ? (size_t)(dot - host.data) : host.len;
        uint64_t number;

        if (!ipv4_number((struct slice){ host.data, len }, &number))
            return false;
        if (dot == NULL)
            return number < UINT64_C(1) << (8 * (IPV4_PARTS + 1 - parts));
        if (number > UINT8_MAX)
            return false;
        host = (struct slice){ dot + 1, host.len - len - 1 };
    }
    return false;
}

/* ---- IPv6 ----------------------------------------------------------------------------------------------- */

enum { IPV6_PIECES = 8, IPV6_DIGITS = 4 };

/* Four decimal bytes without leading zeros. */
static bool dotted_is_good(struct slice text)
{
    for (unsigned parts = 1;; parts++) {
        const char *dot = memchr(text.data, '.', text.len);
        size_t len = dot != NULL ? (size_t)(dot - text.data) : text.len;
        struct slice part = { text.data, len };
        uint64_t byte;

        if (!slice_to_u64(part, 0, UINT8_MAX, &byte) || (len > 1 && part.data[0] == '0'))
            return false;
        if (dot == NULL)
            return parts == IPV4_PARTS;
        text = (struct slice){ dot + 1, text.len - len - 1 };
    }
}

struct ipv6 {
    struct slice left;
    unsigned pieces;
    bool is_compressed, is_bad;
};

static void ipv6_skip(struct ipv6 *ipv6, size_t len)
{
    ipv6->left = (struct slice){ ipv6->left.data + len, ipv6->left.len - len };
}

static void take_compression(struct ipv6 *ipv6)
{
    ipv6->is_bad = ipv6->is_compressed;
    ipv6->is_compressed = true;
    ipv6->pieces++;
    ipv6_skip(ipv6, 1);
}

/* A piece with the colon behind it, or a dotted end, which is worth two. */
static void take_piece(struct ipv6 *ipv6)
{
    const struct slice *left = &ipv6->left;
    size_t len = 0;

    while (len < left->len && len < IPV6_DIGITS && hex_value(left->data[len]) >= 0)
        len++;
    if (len < left->len && left->data[len] == '.') {
        ipv6->is_bad = ipv6->pieces > IPV6_PIECES - 2 || !dotted_is_good(*left);
        ipv6->pieces += 2;
        ipv6_skip(ipv6, left->len);
        return;
    }
    if (len < left->len)
        ipv6->is_bad = left->data[len] != ':' || len + 1 == left->len;
    ipv6->pieces++;
    ipv6_skip(ipv6, len < left->len ? len + 1 : len);
}

static bool ipv6_is_good(struct slice text)
{
    struct ipv6 ipv6 = { .left = text };

    if (text.len > 0 && text.data[0] == ':') {
        if (text.len < 2 || text.data[1] != ':')
            return false;
        ipv6_skip(&ipv6, 1);
        take_compression(&ipv6);
    }
    while (ipv6.left.len > 0 && !ipv6.is_bad) {
        if (ipv6.pieces == IPV6_PIECES)
            return false;
        if (ipv6.left.data[0] == ':')
            take_compression(&ipv6);
        else
            take_piece(&ipv6);
    }
    return !ipv6.is_bad && (ipv6.is_compressed || ipv6.pieces == IPV6_PIECES);
}

/* ---- names ---------------------------------------------------------------------------------------------- */

struct range {
    uint32_t first, last;
};

static const struct range dropped[] = {
    { 0x00ad, 0x00ad }, { 0x034f, 0x034f },   { 0x180b, 0x180d }, { 0x180f, 0x180f },
    { 0x200b, 0x200b }, { 0x2060, 0x2060 },   { 0x2064, 0x2064 }, { 0xfe00, 0xfe0f },
    { 0xfeff, 0xfeff }, { 0xe0100, 0xe01ef },
};

/* What IDNA disallows, or maps to something with a character that no host may have. */
static const struct range refused[] = {
    { 0x0080, 0x00a0 },    { 0x00a8, 0x00a8 },   { 0x00af, 0x00af },   { 0x00b4, 0x00b4 },
    { 0x00b8, 0x00b8 },    { 0x02d8, 0x02dd },   { 0x037a, 0x037a },   { 0x0384, 0x0385 },
    { 0x0600, 0x0605 },    { 0x061c, 0x061c },   { 0x06dd, 0x06dd },   { 0x070f, 0x070f },
    { 0x08e2, 0x08e2 },    { 0x115f, 0x1160 },   { 0x1680, 0x1680 },   { 0x17b4, 0x17b5 },
    { 0x1806, 0x1806 },    { 0x180e, 0x180e },   { 0x1fbd, 0x1fbd },   { 0x1fbf, 0x1fc1 },
    { 0x1fcd, 0x1fcf },    { 0x1fdd, 0x1fdf },   { 0x1fed, 0x1fee },   { 0x1ffd, 0x200a },
    { 0x200e, 0x200f },    { 0x2017, 0x2017 },   { 0x2024, 0x2026 },   { 0x2028, 0x202f },
    { 0x203e, 0x203e },    { 0x2047, 0x2049 },   { 0x205f, 0x205f },   { 0x2061, 0x2063 },
    { 0x2066, 0x206f },    { 0x2100, 0x2101 },   { 0x2105, 0x2106 },   { 0x2183, 0x2183 },
    { 0x2488, 0x249b },    { 0x2a74, 0x2a74 },   { 0x2ff0, 0x2fff },   { 0x3000, 0x3000 },
    { 0x309b, 0x309c },    { 0x3164, 0x3164 },   { 0x33c2, 0x33c2 },   { 0x33c7, 0x33c7 },
    { 0x33d8, 0x33d8 },    { 0xe000, 0xf8ff },   { 0xfc5e, 0xfc63 },   { 0xfdd0, 0xfdef },
    { 0xfdfa, 0xfdfb },    { 0xfe12, 0xfe13 },   { 0xfe16, 0xfe16 },   { 0xfe19, 0xfe19 },
    { 0xfe30, 0xfe30 },    { 0xfe47, 0xfe4c },   { 0xfe52, 0xfe52 },   { 0xfe55, 0xfe56 },
    { 0xfe5f, 0xfe5f },    { 0xfe64, 0xfe65 },   { 0xfe68, 0xfe68 },   { 0xfe6a, 0xfe6b },
    { 0xfe70, 0xfe70 },    { 0xfe72, 0xfe72 },   { 0xfe74, 0xfe74 },   { 0xfe76, 0xfe76 },
    { 0xfe78, 0xfe78 },    { 0xfe7a, 0xfe7a },   { 0xfe7c, 0xfe7c },   { 0xfe7e, 0xfe7e },
    { 0xffa0, 0xffa0 },    { 0xffe3, 0xffe3 },   { 0xfff9, 0xffff },   { 0x110bd, 0x110bd },
    { 0x110cd, 0x110cd },  { 0x13430, 0x1343f }, { 0x1d173, 0x1d17a }, { 0x1f100, 0x1f100 },
    { 0x1fffe, 0x1ffff },  { 0x2fffe, 0x2ffff }, { 0x3fffe, 0x3ffff }, { 0x4fffe, 0xe00ff },
    { 0xe01f0, 0x10ffff },
};

enum { WIDE_FIRST = 0xff01, WIDE_LAST = 0xff5e, WIDE_TO_ASCII = 0xfee0 };

static bool is_in(uint32_t code, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    }
    return false;
}

static bool is_forbidden(uint32_t code)
{
    return code <= ' ' || code == 0x7f || (code < 0x7f && strchr("#/:<>?@[\\]^|%", (int)code));
}

/* Its ASCII form: full-width characters, and the dots of other scripts. */
static uint32_t mapped(uint32_t code)
{
    if (code == 0x3002 || code == 0xff61)
        return '.';
    return code >= WIDE_FIRST && code <= WIDE_LAST ? code - WIDE_TO_ASCII : code;
}

static bool add_code(struct buf *name, uint32_t code)
{
    char bytes[4];

    if (is_in(code, dropped, sizeof dropped / sizeof dropped[0]))
        return true;
    code = mapped(code);
    if (is_forbidden(code) || is_in(code, refused, sizeof refused / sizeof refused[0]))
        return false;
    return buf_add(name, bytes, utf8_encode(code, bytes));
}

/* Of a well-formed character. */
static uint32_t code_of(const unsigned char *text, size_t len)
{
    static const unsigned char masks[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    uint32_t code = text[0] & masks[len];

    for (size_t i = 1; i < len; i++)
        code = code << 6 | (text[i] & 0x3f);
    return code;
}

/* Appends the name as it is compared: false when something in it may not be in a name. */
static bool add_name(struct buf *name, struct slice text)
{
    const unsigned char *at = (const unsigned char *)text.data;

    for (size_t i = 0; i < text.len;) {
        size_t len = utf8_character(at + i, text.len - i);

        if (len == 0 || !add_code(name, code_of(at + i, len)))
            return false;
        i += len;
    }
    return name->len > 0;
}

static void add_percent_decoded(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        int high = text.data[i] == '%' && text.len - i > 2 ? hex_value(text.data[i + 1]) : -1;
        int low = high >= 0 ? hex_value(text.data[i + 2]) : -1;

        if (low >= 0) {
            buf_add_byte(out, (char)(high << 4 | low));
            i += 2;
        } else {
            buf_add_byte(out, text.data[i]);
        }
    }
}

static bool name_is_good(struct slice host)
{
    struct buf decoded, name;
    struct slice plain;
    bool is_good;

    buf_init(&decoded, host.len);
    buf_init(&name, host.len);
    add_percent_decoded(&decoded, host);
    is_good = add_name(&name, buf_slice(&decoded));
    if (is_good) {
        plain = without_last_dot(buf_slice(&name));
        is_good = !ends_in_number(plain) || ipv4_is_good(plain);
    }
    buf_fini(&decoded);
    buf_fini(&name);
    return is_good;
}

bool fleet_host_is_good(struct slice host)
{
    if (host.len == 0 || host.data[0] != '[')
        return name_is_good(host);
    if (host.data[host.len - 1] != ']')
        return false;
    return ipv6_is_good((struct slice){ host.data + 1, host.len - 2 });
}
