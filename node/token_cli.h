/* SPDX-License-Identifier: MIT */
#ifndef SB_TOKEN_CLI_H
#define SB_TOKEN_CLI_H

/*
 * `signalbox token add|list|revoke …`: argv[0] is "add", "list" or "revoke", its options follow.
 * Returns the exit code: 0 good, 1 failed, 2 wrong usage. With --data instead of --redis it uses
 * embedded_attach_or_start().
 *
 * Standard output gets nothing but the secret (add) or the list; all else goes to standard error.
 */
int token_main(int argc, char **argv);

#endif
