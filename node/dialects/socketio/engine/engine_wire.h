/* SPDX-License-Identifier: MIT */
#ifndef SB_ENGINE_WIRE_H
#define SB_ENGINE_WIRE_H

#include "engine.h"

/* Engine.IO on the wire: its packets, as bodies of polls and as messages of WebSockets. */
enum eio_type {
    EIO_OPEN, /* as the digit says */
    EIO_CLOSE,
    EIO_PING,
    EIO_PONG,
    EIO_MESSAGE,
    EIO_UPGRADE,
    EIO_NOOP,
};

struct eio_packet {
    enum eio_type type;
    bool is_binary;    /* messages only */
    struct slice data; /* what follows the type */
};

/* What a transport was made for. */
struct eio_style {
    enum engine_version version;
    bool has_b64;       /* protocol 3: the client cannot take binary */
    struct slice jsonp; /* polling: the value of `j`; data is NULL where it is no JSON-P */
};

/* ---- bodies of polls --------------------------------------------------------------------------- */

/* Reads the packets of a POST one by one, so that those before an error have been handled. */
struct eio_reader {
    enum engine_version version;
    bool is_octets, is_broken;
    uint32_t packets_left;
    struct slice left; /* data is NULL at the end              */
    struct buf room;   /* of the packet that was read last     */
    struct buf form;   /* JSON-P: the payload out of its form  */
};

enum eio_step {
    EIO_PACKET,
    EIO_END,
    EIO_BROKEN, /* a parse error, or more packets than there may be: it stays so */
};

/* `type` is the Content-Type (protocol 3 has a framing of its own for octet streams). The body is borrowed
 * until eio_reader_fini(). */
void eio_reader_init(struct eio_reader *reader, const struct eio_style *style, struct slice type,
                     struct slice body, uint32_t packets_max);
void eio_reader_fini(struct eio_reader *reader);

/* The packet's data is borrowed until the next call, and NUL-terminated; text is valid UTF-8. */
enum eio_step eio_read(struct eio_reader *reader, struct eio_packet *packet_out);

/* "application/octet-stream" and nothing else: the whole value is compared. */
bool eio_is_octets(struct slice type);

/* Initialises `out` and writes the body that answers a poll with these packets: at least one; what is text is
 * valid UTF-8. Returns its Content-Type. */
const char *eio_write(struct buf *out, const struct eio_style *style,
                      const struct eio_packet *packets, size_t count);

/* ---- messages of WebSockets --------------------------------------------------------------------- */

/* Text is valid UTF-8. The packet's data is borrowed from the message (so it ends where that ends), or from `room`.
 * False: a parse error. */
bool eio_message_read(enum engine_version version, struct slice message, enum ws_kind kind,
                      struct buf *room, struct eio_packet *packet_out);

/* The text message that carries this packet, which is not binary: one reference. */
struct frame *eio_message(const struct eio_packet *packet);

/* The message that carries an attachment: one reference, of the same frame where the protocol has it as it is. */
struct frame *eio_attachment(const struct eio_style *style, struct frame *attachment,
                             enum ws_kind *kind_out);

/* ---- JSON-P: inside of engine_wire -------------------------------------------------------------- */

/* `payload`, valid UTF-8, as a call of the script that waits for it. */
void eio_jsonp_wrap(struct buf *out, struct slice jsonp, struct slice payload);

/* Initialises `out` and writes what a form's field `d` holds. False when there is none, or it is broken. */
bool eio_jsonp_unwrap(struct buf *out, struct slice form);

#endif
