/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_KEY_H
#define SB_STORE_KEY_H

#include "base/buf.h"

/*
 * The one place where keys are made: sb:{<kind>:<realm>:<id>}:<part>
 *
 * The braces are the hash tag: all keys of one noun live on one Redis node. Identifiers are
 * escaped so that different identifiers never make the same key: bytes other than
 * A-Z a-z 0-9 - _ . ~ @ + become %XX.
 */
enum {
    KEY_ID_MAX = 128,
    KEY_PAIR_MAX =
        2 * KEY_ID_MAX + 1, /* an id that is put together from two, and one byte between them */
    KEY_MAX = 1664,
};

struct key {
    char text[KEY_MAX];
    size_t len;
};

/* Is it 1..128 bytes of valid UTF-8 without control characters? Everything that names something in
 * the store must be; callers check at their door, key_make asserts. */
bool key_id_is_valid(struct slice id);

/* kind and part are constants of ours (lower case, '-'); realm is a valid identifier; so is id, or a pair. */
void key_make(struct key *key, const char *kind, struct slice realm, struct slice id,
              const char *part);

/* The same with a free last element behind the part: sb:{…}:<part>:<item> (escaped; 1..128 bytes) */
void key_make_item(struct key *key, const char *kind, struct slice realm, struct slice id,
                   const char *part, struct slice item);

/* The key's bytes; valid as long as the key. */
struct slice key_slice(const struct key *key);

#endif
