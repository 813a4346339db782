/* SPDX-License-Identifier: MIT */
/*
 * Keys. What identifiers may bring is escaped byte by byte, and the separators ':', '{' and '}' are
 * never left as they are: so a key can be read back in one way only.
 */
#include "store/key.h"

#include <assert.h>
#include <string.h>

struct utf8_form {
    unsigned char mask, lead;
    uint32_t min;
};

/* By number of continuation bytes. */
static const struct utf8_form utf8_forms[] = {
    { 0x80, 0x00, 0x0 },
    { 0xe0, 0xc0, 0x80 },
    { 0xf0, 0xe0, 0x800 },
    { 0xf8, 0xf0, 0x10000 },
};

/* Reads one character and returns its length in bytes, or 0 when it is no UTF-8. */
static size_t utf8_read(const unsigned char *text, size_t len, uint32_t *character_out)
{
    for (size_t more = 0; more < sizeof utf8_forms / sizeof utf8_forms[0]; more++) {
        const struct utf8_form *form = &utf8_forms[more];
        uint32_t character = text[0] & (unsigned char)~form->mask;

        if ((text[0] & form->mask) != form->lead)
            continue;
        if (more >= len)
            return 0;
        for (size_t i = 1; i <= more; i++) {
            if ((text[i] & 0xc0) != 0x80)
                return 0;
            character = character << 6 | (text[i] & 0x3f);
        }
        if (character < form->min || character > 0x10ffff ||
            (character >= 0xd800 && character <= 0xdfff))
            return 0;
        *character_out = character;
        return more + 1;
    }
    return 0;
}

static bool is_control(uint32_t character)
{
    return character < 0x20 || (character >= 0x7f && character < 0xa0);
}

static bool is_valid(struct slice id, size_t len_max)
{
    if (id.data == NULL || id.len == 0 || id.len > len_max)
        return false;
    for (size_t at = 0; at < id.len;) {
        uint32_t character;
        size_t len = utf8_read((const unsigned char *)id.data + at, id.len - at, &character);

        if (len == 0 || is_control(character))
            return false;
        at += len;
    }
    return true;
}

bool key_id_is_valid(struct slice id)
{
    return is_valid(id, KEY_ID_MAX);
}

static bool is_plain(char byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
           (byte >= '0' && byte <= '9') || (byte != '\0' && strchr("-_.~@+", byte) != NULL);
}

static void add_text(struct key *key, const char *text)
{
    size_t len = strlen(text);

    assert(key->len + len < KEY_MAX);
    memcpy(key->text + key->len, text, len);
    key->len += len;
}

static void add_escaped(struct key *key, struct slice id)
{
    static const char digits[] = "0123456789ABCDEF";

    assert(key->len + 3 * id.len < KEY_MAX);
    for (size_t i = 0; i < id.len; i++) {
        unsigned char byte = (unsigned char)id.data[i];

        if (is_plain(id.data[i])) {
            key->text[key->len++] = id.data[i];
            continue;
        }
        key->text[key->len++] = '%';
        key->text[key->len++] = digits[byte >> 4];
        key->text[key->len++] = digits[byte & 15];
    }
}

void key_make(struct key *key, const char *kind, struct slice realm, struct slice id,
              const char *part)
{
    assert(key_id_is_valid(realm) && is_valid(id, KEY_PAIR_MAX));
    key->len = 0;
    add_text(key, "sb:{");
    add_text(key, kind);
    add_text(key, ":");
    add_escaped(key, realm);
    add_text(key, ":");
    add_escaped(key, id);
    add_text(key, "}:");
    add_text(key, part);
    key->text[key->len] = '\0';
}

void key_make_item(struct key *key, const char *kind, struct slice realm, struct slice id,
                   const char *part, struct slice item)
{
    assert(key_id_is_valid(item));
    key_make(key, kind, realm, id, part);
    add_text(key, ":");
    add_escaped(key, item);
    key->text[key->len] = '\0';
}

struct slice key_slice(const struct key *key)
{
    return (struct slice){ key->text, key->len };
}
