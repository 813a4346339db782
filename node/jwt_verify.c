/* SPDX-License-Identifier: MIT */
/*
 * libjwt, and nothing else of ours: its types and header have the names of our own. It reads the
 * algorithm from the token by itself; that it reads what we read is checked afterwards, because a public
 * key that is taken for a secret is no secret.
 */
#include "jwt_verify.h"

#include <libjwt.h>
#include <openssl/err.h>
#include <stdlib.h>

bool jwt_verify(struct slice text, const char *algorithm, struct slice key)
{
    char *copy = slice_dup(text);
    jwt_t *decoded = NULL;
    bool is_good;

    is_good = jwt_decode(&decoded, copy, (const unsigned char *)key.data, (int)key.len) == 0 &&
              jwt_get_alg(decoded) != JWT_ALG_INVAL &&
              jwt_get_alg(decoded) == jwt_str_alg(algorithm);
    jwt_free(decoded);
    free(copy);
    ERR_clear_error(); /* what is left there would be taken for an error of the next TLS connection */
    return is_good;
}
