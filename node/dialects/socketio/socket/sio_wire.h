/* SPDX-License-Identifier: MIT */
#ifndef SB_SIO_WIRE_H
#define SB_SIO_WIRE_H

#include "json.h"
#include "packet.h"

/* Packets of Socket.IO, protocols 5 and 4: bytes ↔ fields. */
enum sio_type {
    SIO_CONNECT, /* as the digit says */
    SIO_DISCONNECT,
    SIO_EVENT,
    SIO_ACK,
    SIO_CONNECT_ERROR,
    SIO_BINARY_EVENT,
    SIO_BINARY_ACK,
};

enum {
    SIO_NAME_MAX = 128, /* bytes of a namespace, of an event's name */
    SIO_DEPTH_MAX = 32, /* levels of a payload */
};

/* What is wrong with what a client sent: its connection ends. */
enum sio_fault {
    SIO_FINE,
    SIO_FAULT_TYPE,        /* the first character                                             */
    SIO_FAULT_COUNT,       /* of attachments: missing, no number, 0                           */
    SIO_FAULT_MANY,        /* more attachments than there may be                              */
    SIO_FAULT_NAMESPACE,   /* its name is too long                                            */
    SIO_FAULT_ID,          /* of an acknowledgement: too many digits, or none where one is due */
    SIO_FAULT_JSON,        /* none, or too deep                                               */
    SIO_FAULT_PAYLOAD,     /* not what its type asks for                                      */
    SIO_FAULT_NAME,        /* of an event: reserved, too long, or no text                     */
    SIO_FAULT_PLACEHOLDER, /* names an attachment that is not there                           */
    SIO_FAULT_ORDER,       /* text instead of an attachment, or an attachment of nothing      */
    SIO_FAULT_BYTES,       /* the attachments of one packet are too large together            */
    SIO_FAULT_LATE,        /* its attachments did not come in time                            */
    SIO_FAULT_STATE,       /* its namespace is not joined, or joined already                  */
    SIO_FAULT_QUEUE,       /* more than may wait for the answer to a CONNECT                  */
    SIO_FAULTS
};
const char *sio_fault_name(enum sio_fault fault); /* for log and metrics */

/* Borrowed from the text that it was read from. */
struct sio_packet {
    enum sio_type type;
    uint32_t attachment_count;
    struct slice nsp; /* "/" when the packet names none */
    bool has_id;
    uint64_t id;
    struct json payload; /* JSON_ABSENT when there is none */
};

enum sio_fault sio_packet_read(struct slice text, uint32_t attachments_max,
                               struct sio_packet *packet_out) MUST_CHECK;

/* Are all placeholders in the payload those of its attachments? */
bool sio_placeholders_are_valid(struct json payload, uint32_t attachment_count);

/* Appends what stands on a WebSocket of Engine.IO 4, its own '4' included. EVENT and ACK become their binary
 * kinds where there are attachments. An absent payload writes nothing. */
void sio_packet_write(struct buf *out, const struct sio_packet *packet);

/* The same, with the attachments, as it is sent: one reference. `payload` is JSON, or nothing. */
struct packet *sio_packet_make(const struct sio_packet *packet, const struct slice *attachments);

#endif
