/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_SCRIPTS_H
#define SB_STORE_SCRIPTS_H

#include <stddef.h>

/* The scripts of lua/, compiled in by lua/embed.cmake, ordered by name. */
struct lua_script {
    const char *name; /* "channel_append"                          */
    const char *text;
    size_t len;
    const char *sha1; /* 40 hex digits: what EVALSHA calls it by   */
};
extern const struct lua_script lua_scripts[];
extern const size_t lua_script_count;

/* NULL when there is none of that name. */
const struct lua_script *script_find(const char *name);

#endif
