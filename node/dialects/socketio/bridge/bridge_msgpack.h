/* SPDX-License-Identifier: MIT */
#ifndef SB_BRIDGE_MSGPACK_H
#define SB_BRIDGE_MSGPACK_H

#include "base/buf.h"

/*
 * MessagePack, written as the JSON text that a JavaScript client would be sent for it:
 *
 *     nil, undefined of old encoders (ext 0, one zero byte)   null
 *     integers                                                all digits
 *     floats                                                  the shortest text; NaN and infinities: null
 *     bin                                                     {"_placeholder":true,"num":n}, and its bytes
 *     timestamps (ext -1; ext 0: milliseconds as int64)       "2026-01-31T12:34:56.789Z"
 *     keys that are no strings                                their text, in quotes
 *
 * The input is not trusted: every size is checked against what is left of it.
 */
enum { MSGPACK_DEPTH_MAX = 32, MSGPACK_BINS_MAX = 1000 };

/* Bytes that stand for themselves. */
struct msgpack_bin {
    struct slice bytes; /* borrowed from the input         */
    size_t at;          /* of its placeholder, in the text */
};

/* Zero-initialise it. */
struct msgpack_bins {
    struct msgpack_bin *items;
    size_t count, size;
};
void msgpack_bins_fini(struct msgpack_bins *bins);

enum msgpack_result {
    MSGPACK_OK,
    MSGPACK_MALFORMED,
    MSGPACK_UNSUPPORTED, /* an extension that nobody has told us of                    */
    MSGPACK_TOO_BIG,     /* nested too deeply, too many bins, or `json` is at its ceiling */
};

/* `bytes` is one value and nothing behind it. Appends its text, and adds its bins; both are of no use unless
 * OK. */
enum msgpack_result msgpack_to_json(struct slice bytes, struct buf *json,
                                    struct msgpack_bins *bins);

#endif
