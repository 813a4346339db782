/* SPDX-License-Identifier: MIT */
#ifndef SB_AGENT_KEYS_H
#define SB_AGENT_KEYS_H

#include "config.h"
#include "store/credentials.h"

/* Keys of the configuration, as SHA-256: those of agents, and those of callers. */
struct agent_keys;

struct agent_keys *agent_keys_create(const struct strings *keys);
void agent_keys_destroy(struct agent_keys **keys);

/* Takes as long for every key: all are compared, whole. */
bool agent_keys_have(const struct agent_keys *keys, struct slice key);

/* What logs show of a key: "key#c279dcf9". */
enum { AGENT_KEY_NAME_SIZE = sizeof "key#" - 1 + CREDENTIAL_FINGERPRINT_SIZE };
void agent_key_name(struct slice key, char out[AGENT_KEY_NAME_SIZE]);

#endif
