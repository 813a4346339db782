/* SPDX-License-Identifier: MIT */
#ifndef SB_SIO_QUERY_H
#define SB_SIO_QUERY_H

#include "base/buf.h"

/* A query ("token=1&b=2") as a JSON object of texts, as protocol 4 says who a client is. What is not UTF-8 or
 * not encoded well is left out; of two with one name both stand there. Where it does not fit: {}. */
enum { SIO_QUERY_JSON_MAX = 65536 };
void sio_query_to_json(struct slice query, struct buf *out);

#endif
