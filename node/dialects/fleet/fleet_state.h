/* SPDX-License-Identifier: MIT */
#ifndef SB_FLEET_STATE_H
#define SB_FLEET_STATE_H

#include "fleet_url.h"
#include "fleet_wire.h"
#include "store/fleet.h"

/*
 * What an instance is, from a full state that was accepted: the part that all nodes share. An image is what
 * the store keeps as an instance's record; it reads back the same on every node. No sockets, no store calls.
 */

/* ---- judging (what an orchestrator accepts) ------------------------------------------------------------- */

struct fleet_fault {
    const char *field; /* NULL: it is good */
    uint64_t limit;    /* 0: not a matter of a limit */
};
/* In the order of the protocol's page, first failure first: endpointUrl's length, name, roomTypes, rooms, endpointUrl as
 * a URL, labels, rooms' ids, types, connections and metadata, and what only the store limits: processUid. Lengths in
 * UTF-16 units. */
struct fleet_fault fleet_state_judge(const struct fleet_state_message *state);

/* ---- instances --------------------------------------------------------------------------------------------- */

struct fleet_instance_room {
    struct slice id;   /* raw, as commands name it; valid UTF-8 */
    struct slice base; /* its id in documents, as long as no other room has the same */
    struct slice type;
    uint32_t connections;
    bool is_local, is_fleets; /* its origin is exactly "local", exactly "fleet" */
    struct slice metadata;    /* a JSON object the agent sent; nothing: none */
};

struct fleet_instance {
    struct slice name, process_uid, agent_version, endpoint_url, status;
    struct slice hash; /* the agent's own */
    uint32_t protocol_version, features;
    struct fleet_label *labels; /* keys once, in the order of a JavaScript object */
    size_t label_count;
    bool has_max_connections, has_max_rooms;
    int32_t max_connections, max_rooms;
    bool creates;
    struct slice *types; /* in the agent's order */
    size_t type_count;
    struct fleet_instance_room *rooms; /* in the agent's order */
    size_t room_count;
    uint64_t connections;   /* of all rooms */
    struct buf text, bases; /* what the slices point to: the image, bases that are no ids */
};

/* From a state that was judged good, and from an image. NULL: it is no image. */
struct fleet_instance *fleet_instance_of_state(const struct fleet_state_message *state);
struct fleet_instance *fleet_instance_of_image(struct slice image);
void fleet_instance_free(struct fleet_instance **instance);

/* Appends the image. Compact: about what the agent sent. What is no UTF-8 in it is replaced. */
void fleet_instance_write(const struct fleet_instance *instance, struct buf *out);

/* ---- documents: InstanceInfo, RoomInfo (members in the protocol's order) ------------------------------------- */

/* A room's name: the base, or <processUid>~<base>. */
void fleet_room_name(struct buf *out, const struct fleet_instance *instance, size_t room,
                     bool is_renamed);

/* RoomInfo behind its id: `"type":…,"local":false}` (with metadata last, when there is some). `metadata`: what was put
 * by REST (a JSON object; nothing: none); the agent's own wins. */
void fleet_room_tail(struct buf *out, const struct fleet_instance *instance, struct slice id,
                     size_t room, struct slice metadata);

/* InstanceInfo around its rooms: from `{` to `"rooms":[`, and from `]` to `}`. */
void fleet_instance_head(struct buf *out, const struct fleet_instance *instance, struct slice id);
void fleet_instance_rest(struct buf *out, const struct fleet_instance *instance, int64_t synced_ms);

void fleet_types_write(struct buf *out, const struct fleet_instance *instance); /* roomTypes */

/* Longer than an event of any instance that fits. */
enum { FLEET_EVENT_MAX = 64 * 1024 * 1024 };

/* InstanceInfo with raw room ids, as instance:leave has it, within its event: "event: instance:leave\ndata: …\n\n". */
void fleet_leave_event(struct buf *out, const struct fleet_instance *instance, struct slice id,
                       int64_t synced_ms);
/* The whole InstanceInfo in the event instance:stale, into what is empty; `renamed` as in struct fleet_change, `metadata`
 * likewise: it is left out when the event would not fit with it, for nothing bounds it as states are. */
void fleet_stale_event(struct buf *out, const struct fleet_instance *instance, struct slice id,
                       int64_t synced_ms, struct slice renamed, struct slice metadata);

/* ---- for the store ---------------------------------------------------------------------------------------- */

/* 16 hexadecimal digits of everything that documents show but lastSyncAt and renames: equal exactly when that is. */
void fleet_instance_digest(const struct fleet_instance *instance, struct slice id,
                           char out[FLEET_HASH_LEN + 1]);

enum fleet_status fleet_status_of(struct slice status);

/* What a placement may ask for. */
enum fleet_tag_kind { FLEET_TAG_TYPE, FLEET_TAG_LABEL, FLEET_TAG_FEATURE };
void fleet_tag(enum fleet_tag_kind kind, struct slice key, struct slice value,
               uint8_t out[FLEET_TAG_LEN]);

void fleet_feature_tag(enum fleet_feature feature, uint8_t out[FLEET_TAG_LEN]);

/* All of an instance's, ascending, each once; at most FLEET_TAGS_MAX. Returns how many. */
size_t fleet_instance_tags(const struct fleet_instance *instance,
                           uint8_t out[FLEET_TAGS_MAX][FLEET_TAG_LEN]);

/* What has become of the rooms since `before` (NULL: all are new): bases as a multiset. Costs O(rooms) where rooms are
 * sorted, as agents send them, else O(rooms log rooms). Fills a state's added, changed, removed, which borrow from both
 * instances, and frees what stood there: a state begins with zeros. */
void fleet_instance_compare(const struct fleet_instance *before, const struct fleet_instance *now,
                            struct slice id, struct fleet_state *state);
void fleet_compare_fini(struct fleet_state *state);

/* Can it be stored, and be told? Its image is no larger than a record may be, and its documents, where each room repeats the
 * endpoint and may have the processUid in its name, stay below 48 MiB. */
bool fleet_instance_fits(const struct fleet_instance *instance);

/* The rest of what fleet_apply() wants, borrowed from the instance, from `id` and from what is appended to `texts`, to
 * which nothing may be added as long as it is used. False: `texts` has overflowed. */
bool fleet_state_fill(struct fleet_state *state, const struct fleet_instance *instance,
                      struct slice id, int64_t synced_ms, struct buf *texts);

/* ---- room ids -------------------------------------------------------------------------------------------------- */

/* May a caller ask for it: ^[A-Za-z0-9_-]{1,64}$ */
bool fleet_room_id_is_clean(struct slice id);

#endif
