/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_CREDENTIAL_RECORD_H
#define SB_STORE_CREDENTIAL_RECORD_H

#include <jansson.h>

#include "store/credentials.h"

/*
 * A credential as it lies in Redis. For store/ only.
 *
 *     {"subject":"…","realm":"…","universe":"…","created":1738000000000,"expires":0}
 */
enum { DIGEST_HEX_SIZE = 2 * CREDENTIAL_DIGEST_SIZE + 1 };

void digest_to_hex(const struct credential_digest *digest, char out[DIGEST_HEX_SIZE]);
bool digest_from_hex(struct slice hex, struct credential_digest *digest_out);

/* The text of a record; the caller frees it. */
char *record_print(const struct credential *credential, int64_t created_ms);

/* Fills all but kind and digest. The texts live as long as the JSON that is returned: the caller
 * drops it. NULL when it is no record. */
json_t *record_parse(struct slice text, struct credential *credential_out);

/* Which secrets a subject has, and which there are of a kind: hashes of digests. */
void subject_index_key(enum credential_kind kind, struct slice subject, struct key *key);
void kind_index_key(enum credential_kind kind, struct key *key);

#endif
