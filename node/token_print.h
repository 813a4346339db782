/* SPDX-License-Identifier: MIT */
#ifndef SB_TOKEN_PRINT_H
#define SB_TOKEN_PRINT_H

#include "base/clock.h"
#include "store/credentials.h"

/* Credentials as `token list` shows them on standard output, as a table or as JSON. */
struct token_printer {
    bool is_json;
    size_t printed; /* so far */
};

void token_print(struct token_printer *printer, const struct credential *credential);
void token_print_end(const struct token_printer *printer);

/* RFC 3339, or "never". */
void token_format_expiry(int64_t expires_ms, char out[CLOCK_RFC3339_SIZE]);

#endif
