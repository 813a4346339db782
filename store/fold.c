/* SPDX-License-Identifier: MIT */
/* A table for U+00C0 to U+017F, a rule for Greek and Cyrillic: enough to find people by what one types. */
#include "store/fold.h"

#include <string.h>

enum { TABLE_FIRST = 0xc0, TABLE_LAST = 0x17f };

/* Base letters; '*' is no letter, "?" looks into `ligatures`. */
static const char table[] = "aaaaaa?ceeeeiiii?nooooo*ouuuuy??"  /* U+00C0 */
                            "aaaaaa?ceeeeiiii?nooooo*ouuuuy?y"  /* U+00E0 */
                            "aaaaaaccccccccddddeeeeeeeeeegggg"  /* U+0100 */
                            "gggghhhhiiiiiiiiii??jjkkklllllll"  /* U+0120 */
                            "lllnnnnnnnnnoooooo??rrrrrrssssss"  /* U+0140 */
                            "ssttttttuuuuuuuuuuuuwwyyyzzzzzzs"; /* U+0160 */
_Static_assert(sizeof table == TABLE_LAST - TABLE_FIRST + 2, "a letter for each");

static const struct {
    uint32_t character;
    const char *text;
} ligatures[] = {
    { 0xc6, "ae" },  { 0xe6, "ae" },  { 0xd0, "d" },   { 0xf0, "d" },
    { 0xde, "th" },  { 0xfe, "th" },  { 0xdf, "ss" },  { 0x132, "ij" },
    { 0x133, "ij" }, { 0x152, "oe" }, { 0x153, "oe" },
};

/* A character of valid UTF-8, and how long it is. */
static size_t read_character(const unsigned char *at, uint32_t *character_out)
{
    size_t len = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    static const unsigned char masks[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };

    *character_out = at[0] & masks[len];
    for (size_t i = 1; i < len; i++)
        *character_out = *character_out << 6 | (at[i] & 0x3f);
    return len;
}

static bool is_separator(uint32_t character)
{
    if (character < 0x80)
        return !(character >= '0' && character <= '9') && !(character >= 'a' && character <= 'z') &&
               !(character >= 'A' && character <= 'Z');
    return character < 0xaa || character == 0xd7 || character == 0xf7 ||
           (character > 0xaa && character < 0xc0 && character != 0xb5 && character != 0xba) ||
           (character >= 0x2000 && character <= 0x206f) ||
           (character >= 0x3000 && character <= 0x3003);
}

static bool is_combining(uint32_t character)
{
    return (character >= 0x300 && character <= 0x36f) || character == 0x200d ||
           (character >= 0xfe00 && character <= 0xfe0f);
}

static uint32_t lower(uint32_t character)
{
    if ((character >= 0x391 && character <= 0x3a9) || (character >= 0x410 && character <= 0x42f))
        return character + 0x20;
    if (character >= 0x400 && character <= 0x40f)
        return character + 0x50;
    return character;
}

static size_t encode_two(uint32_t character, char out[4])
{
    out[0] = (char)(0xc0 | character >> 6);
    out[1] = (char)(0x80 | (character & 0x3f));
    return 2;
}

static const char *ligature_of(uint32_t character)
{
    for (size_t i = 0; i < sizeof ligatures / sizeof ligatures[0]; i++)
        if (ligatures[i].character == character)
            return ligatures[i].text;
    return "";
}

/* What a character becomes: 0..4 bytes. */
static size_t fold_character(const unsigned char *at, size_t len, uint32_t character, char out[4])
{
    if (is_combining(character))
        return 0;
    if (character < 0x80) {
        out[0] = (char)(character >= 'A' && character <= 'Z' ? character + 0x20 : character);
        return 1;
    }
    if (character >= TABLE_FIRST && character <= TABLE_LAST) {
        const char *text = ligature_of(character);

        out[0] = table[character - TABLE_FIRST];
        if (out[0] != '?')
            return 1;
        memcpy(out, text, strlen(text));
        return strlen(text);
    }
    if (lower(character) != character)
        return encode_two(lower(character), out);
    memcpy(out, at, len);
    return len;
}

void fold_text(struct buf *out, struct slice name)
{
    const unsigned char *at = (const unsigned char *)name.data, *end = at + name.len;
    size_t start = out->len;
    bool is_between = false;

    while (at < end) {
        uint32_t character;
        size_t len = read_character(at, &character), folded_len;
        char folded[4];

        if (is_separator(character) && !is_combining(character)) {
            is_between = out->len > start;
        } else {
            folded_len = fold_character(at, len, character, folded);
            if (out->len - start + is_between + folded_len > FOLD_MAX)
                return;
            if (is_between && folded_len > 0) {
                buf_add_byte(out, ' ');
                is_between = false;
            }
            buf_add(out, folded, folded_len);
        }
        at += len;
    }
}

void fold_name(struct buf *out, struct slice name)
{
    struct buf folded;
    struct slice rest;

    buf_init(&folded, FOLD_MAX);
    fold_text(&folded, name);
    rest = buf_slice(&folded);
    for (size_t words = 0; rest.len > 0 && words < FOLD_WORDS_MAX; words++) {
        const char *blank = memchr(rest.data, ' ', rest.len);
        size_t skipped = blank != NULL ? (size_t)(blank - rest.data) + 1 : rest.len;

        buf_add_byte(out, words == 0 ? '0' : '1');
        buf_add_slice(out, rest);
        buf_add_byte(out, '\n');
        rest = (struct slice){ rest.data + skipped, rest.len - skipped };
    }
    buf_fini(&folded);
}
