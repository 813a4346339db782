/* SPDX-License-Identifier: MIT */
#ifndef SB_FLEET_WIRE_H
#define SB_FLEET_WIRE_H

#include "fleet_text.h"

/*
 * Protocol 3 between an orchestrator and its agents (@rivalis/fleet 8): bytes ↔ messages. A binary WebSocket
 * message is an outer frame (topic, payload); a payload is two bytes of version and a protobuf message.
 * No sockets, no store. All slices that are read are borrowed from the bytes, as they came: fleet_text.h has what
 * they say where they are no UTF-8.
 */
enum { FLEET_PROTOCOL = 3, FLEET_TOPIC_UNITS_MAX = 256 };

/* How much a state may list. One more of each is kept, so that it can be refused; the rest is only checked. */
enum {
    FLEET_STATE_TYPES = 256,
    FLEET_STATE_LABELS = 32,
    FLEET_STATE_ROOMS = 50000,
    FLEET_ROOM_LABELS = 16, /* metadata of one room */
};

/* Features that either side may have beyond the protocol (Hello.4, Poll.4, State.16). */
enum fleet_feature { FLEET_OPTIONS = 1, FLEET_METADATA = 2 };

/* ---- the outer frame ------------------------------------------------------------------------------ */

enum fleet_frame_fault {
    FLEET_FRAME_GOOD,
    FLEET_FRAME_BROKEN,     /* it does not parse: the agent is closed with invalid_message  */
    FLEET_FRAME_INCOMPLETE, /* without a topic or a payload: it is dropped, and that is all */
};
struct fleet_frame {
    struct slice topic;
    struct slice payload;
};
enum fleet_frame_fault fleet_frame_parse(struct slice message, struct fleet_frame *frame_out);

/* ---- to the agent: whole outer frames ----------------------------------------------------------------- */

void fleet_write_hello(struct buf *out, struct slice instance_id, uint32_t heartbeat_ms,
                       uint32_t features);

struct fleet_poll {
    struct slice request_id;
    struct slice known_hash; /* data NULL: none, "send everything"; may be empty */
    struct slice status;
    uint32_t features; /* 0: none are offered, the field is left out */
};
void fleet_write_poll(struct buf *out, const struct fleet_poll *poll);

struct fleet_cmd {
    struct slice command_id;
    const char *op;
    struct slice room_id, room_type; /* data NULL: not there */
    struct slice options;            /* a JSON object; data NULL: not there */
};
void fleet_write_cmd(struct buf *out, const struct fleet_cmd *cmd);

/* ---- from the agent ------------------------------------------------------------------------------------- */

struct fleet_label {
    struct slice key, value;
};
struct fleet_sync_room {
    struct slice id, type, origin;
    uint32_t connections;
    const struct fleet_label *metadata; /* SyncRoom.5; like `labels` */
    size_t metadata_count;
};

struct fleet_state_message {
    struct slice request_id, hash;
    bool is_full;
    uint32_t seq;
    struct slice name, process_uid, agent_version, endpoint_url, status;
    uint32_t protocol_version, features;
    struct fleet_label
        *labels; /* as a JavaScript object has them (fleet_labels.h): each key once */
    size_t label_count;
    bool has_max_connections, has_max_rooms;
    int32_t max_connections, max_rooms;
    bool creates;
    struct slice *types;
    size_t type_count;
    struct fleet_sync_room *rooms;
    size_t room_count;
    struct fleet_label *metadata; /* all rooms' */
    size_t metadata_count;
};

struct fleet_ack {
    struct slice command_id;
    bool is_ok, already_gone, exists;
    struct slice error;
};

/* False: another version or malformed: it is logged and dropped (no kick). A state that was parsed is released with
 * fleet_state_message_fini(), which also takes one of zeros. */
bool fleet_state_parse(struct slice payload, struct fleet_state_message *state_out);
void fleet_state_message_fini(struct fleet_state_message *state);
bool fleet_ack_parse(struct slice payload, struct fleet_ack *ack_out);

#endif
