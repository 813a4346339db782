/* SPDX-License-Identifier: MIT */
#ifndef SB_TOKEN_ARGS_H
#define SB_TOKEN_ARGS_H

#include "store/credentials.h"

/*
 * The arguments of `signalbox token`: its own options, and those of the node (--redis, --data,
 * --config, …), which are passed on as they stand. Both as "--name value" and "--name=value".
 */
enum token_command { TOKEN_ADD, TOKEN_LIST, TOKEN_REVOKE, TOKEN_COMMANDS };

struct token_args {
    enum token_command command;
    bool has_kind, is_json;
    enum credential_kind kind;
    const char *subject, *realm;                   /* the realm is never NULL         */
    const char *secret;                            /* NULL: make one; "-": read it    */
    const char *universe;                          /* NULL: not bound to one          */
    int64_t ttl_ms;                                /* 0: for ever                     */
    char fingerprint[CREDENTIAL_FINGERPRINT_SIZE]; /* "": all         */
    int node_argc;
    char **node_argv; /* the node's options; the array is ours, the texts argv's */
};

/* All that is wrong is reported at once, one line each, into `complaints`; then false. Texts point into
 * argv. To be released by token_args_fini() in either case. */
bool token_args_parse(int argc, char *const argv[], struct token_args *args_out,
                      struct buf *complaints) MUST_CHECK;
void token_args_fini(struct token_args *args);

#endif
