/* SPDX-License-Identifier: MIT */
#ifndef SB_BASE_BASE64_H
#define SB_BASE_BASE64_H

#include "base/buf.h"

/* Base64 (RFC 4648, section 4): the standard alphabet, padded. */
size_t base64_size(size_t len); /* of so many bytes, encoded */
bool base64_encode(struct buf *out, struct slice bytes);

/* Strict: no blanks, no missing padding, no bits that mean nothing. False leaves `out` as it was. */
bool base64_decode(struct buf *out, struct slice text);

/* The alphabet for URLs, without padding (section 5), as strict. */
bool base64url_encode(struct buf *out, struct slice bytes);
bool base64url_decode(struct buf *out, struct slice text);

#endif
