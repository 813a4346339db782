/* SPDX-License-Identifier: MIT */
/*
 * Copies of a secret are wiped as soon as they have been used.
 */
#include "token_secret.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

enum { MADE_BYTES = 32 };

bool token_secret_is_valid(struct slice secret)
{
    if (secret.len < 1 || secret.len > CREDENTIAL_SECRET_MAX || secret.data[0] == ' ' ||
        secret.data[secret.len - 1] == ' ')
        return false;
    for (size_t i = 0; i < secret.len; i++) {
        if (secret.data[i] < ' ' || secret.data[i] > '~')
            return false;
    }
    return true;
}

bool token_secret_make(char out[CREDENTIAL_SECRET_MAX + 1])
{
    unsigned char bytes[MADE_BYTES];

    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    EVP_EncodeBlock((unsigned char *)out, bytes, sizeof bytes);
    OPENSSL_cleanse(bytes, sizeof bytes);
    for (char *c = out; *c != '\0'; c++) {
        if (*c == '+')
            *c = '-';
        else if (*c == '/')
            *c = '_';
        else if (*c == '=')
            *c = '\0';
    }
    return true;
}

bool token_secret_read(FILE *from, char out[CREDENTIAL_SECRET_MAX + 1])
{
    char text[CREDENTIAL_SECRET_MAX + 3];
    size_t len = fread(text, 1, sizeof text, from);
    bool is_good;

    if (len > 0 && text[len - 1] == '\n')
        len--;
    if (len > 0 && text[len - 1] == '\r')
        len--;
    is_good = token_secret_is_valid((struct slice){ text, len });
    if (is_good) {
        memcpy(out, text, len);
        out[len] = '\0';
    }
    OPENSSL_cleanse(text, sizeof text);
    return is_good;
}
