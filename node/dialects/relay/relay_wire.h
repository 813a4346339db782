/* SPDX-License-Identifier: MIT */
#ifndef SB_RELAY_WIRE_H
#define SB_RELAY_WIRE_H

#include "base/buf.h"
#include "json.h"
#include "store/key.h"

/* The relay's messages, bytes to structs and back. docs/relay.md describes them for client authors. */

enum relay_side { RELAY_MOD, RELAY_BOT };
const char *relay_side_name(enum relay_side side); /* "mod" or "bot" */

/* ---- errors ---------------------------------------------------------------------------------- */

enum relay_error {
    RELAY_FINE,
    RELAY_BAD_KEY,
    RELAY_TOO_MANY_FAILURES,
    RELAY_KEYS_UNREACHABLE,
    RELAY_BAD_HANDSHAKE,
    RELAY_UNKNOWN_HANDSHAKE,
    RELAY_BAD_MOD_HANDSHAKE,
    RELAY_BAD_BOT_HANDSHAKE,
    RELAY_BOT_TAKEN,
    RELAY_INTERNAL,
    RELAY_BAD_MESSAGE,
    RELAY_ERRORS
};

/* {"message":"…","code":N} */
struct slice relay_error_text(enum relay_error error);
const char *relay_error_label(enum relay_error error); /* for the log */

/* ---- handshake ------------------------------------------------------------------------------- */

enum { RELAY_CHANNELS_MAX = 1000 };

struct relay_handshake {
    enum relay_side side;
    char *server_id, *channel_id; /* a mod's; else NULL                                    */
    char *bot_id;                 /* a bot's; else NULL                                    */
    char **channels;              /* a bot's own set, each once; NULL: it serves the rest  */
    size_t channel_count;
};

/* RELAY_FINE: the caller ends `handshake_out` with relay_handshake_fini(). Else it is empty. */
enum relay_error relay_handshake_parse(struct slice text, struct relay_handshake *handshake_out);
void relay_handshake_fini(struct relay_handshake *handshake);

/* {"status":"connected","type":"mod"|"bot"} */
struct slice relay_welcome_text(enum relay_side side);

/* ---- messages -------------------------------------------------------------------------------- */

/* Whose message it is: what it says of itself must agree with that. */
struct relay_sender {
    enum relay_side side;
    const char *server_id, *channel_id; /* a mod's */
};

/* Raw values are as the sender wrote them, strings with their quotes: borrowed from the text. */
struct relay_message {
    struct slice msg_id, author_id, content;
    struct slice author_name, meta; /* data is NULL when there is none */
    char channel_id[KEY_ID_MAX + 1];
    int64_t ts_ms;
    bool has_ts;
};

/* False: malformed. */
bool relay_message_parse(struct slice text, const struct relay_sender *sender,
                         struct relay_message *message_out);

/* When the gateway got the message, and when it passed it on: milliseconds since 1970. */
struct relay_times {
    int64_t received_ms, forwarded_ms;
};

/* The form in which the other side gets it. False when `out` is too small. */
bool relay_delivery_write(struct buf *out, enum relay_side origin,
                          const struct relay_message *message, const struct relay_times *times);

/* More than this no message grows on its way, whatever it holds. */
enum { RELAY_DELIVERY_EXTRA = 1024 };

enum relay_status { RELAY_COMPLETED, RELAY_QUEUED, RELAY_FAILED };
const char *relay_status_name(enum relay_status status);

/* {"status":"…","type":"…","msg_id":…} */
bool relay_ack_write(struct buf *out, enum relay_status status, enum relay_side side,
                     struct slice msg_id);

#endif
