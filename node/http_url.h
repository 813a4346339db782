/* SPDX-License-Identifier: MIT */
#ifndef SB_HTTP_URL_H
#define SB_HTTP_URL_H

#include "base/buf.h"

/* Percent-encoding (RFC 3986, section 2.1), and queries as forms write them. */
enum url_blank {
    URL_PLUS_IS_PLUS,  /* in a path  */
    URL_PLUS_IS_BLANK, /* in a query */
};

/* Decodes into `out`, room for text.len bytes. False when a '%' has not two hex digits behind it. */
bool url_decode(struct slice text, enum url_blank blank, char *out, size_t *len_out);

/* Would decoding change anything? */
bool url_is_encoded(struct slice text, enum url_blank blank);

/* The value of the first parameter of that name (which is compared decoded), still encoded. data is NULL
 * when there is none; "a" and "a=" both have an empty value. */
struct slice url_query_find(struct slice query, const char *name);

#endif
