/* SPDX-License-Identifier: MIT */
#ifndef SB_TESTS_FLEET_RIG_H
#define SB_TESTS_FLEET_RIG_H

/* Frames of agents for tests: the protocol page's, and such as are made here. */
#include <ctype.h>
#include <inttypes.h>

#include "base/hex.h"
#include "fleet_proto.h"
#include "fleet_wire.h"

#define RIG_UID  "705f303031313232333334343535363637373838393961616262 "
#define RIG_URL  "7773733a2f2f6575312e6578616d706c652e636f6d "
#define RIG_LONG 4096

#define RIG_STATE_FULL                                                                             \
    "0a0b666c6565742f7374617465 12c301 0300 0a06706f6c6c5f31 1001 1801 "                           \
    "221037323236613665623331616165353433 2a03657531 321a" RIG_UID                                 \
    "3a05382e302e30 4003 4a15" RIG_URL "520c0a06726567696f6e12026575 5a0508d00f1064 6001 "         \
    "6a056c6f626279 6a056d61746368 72160a0468616c6c12056c6f626279180022056c6f63616c "              \
    "721b0a086d617463682d343212056d6174636818ac022205666c656574 7a06616374697665"
#define RIG_STATE_BARE                                                                             \
    "0a0b666c6565742f7374617465 126f 0300 0a06706f6c6c5f37 1001 1807 "                             \
    "221039343734656535626639653936323633 2a03657531 321a" RIG_UID "3a05382e302e30 4003 "          \
    "4a15" RIG_URL "5a00 6000 7a08647261696e696e67"

/* Hexadecimal digits; blanks do not count. */
static inline struct buf rig_bytes(const char *hex)
{
    struct buf bytes;
    int high = -1;

    buf_init(&bytes, RIG_LONG);
    for (; *hex != '\0'; hex++) {
        if (*hex == ' ')
            continue;
        assert_true(hex_value(*hex) >= 0);
        if (high < 0) {
            high = hex_value(*hex);
            continue;
        }
        buf_add_byte(&bytes, (char)(high << 4 | hex_value(*hex)));
        high = -1;
    }
    assert_int_equal(high, -1);
    return bytes;
}

static inline uint32_t rig_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static inline void rig_add(struct buf *out, const char *lead, struct slice text)
{
    buf_add_text(out, lead);
    buf_add_slice(out, text);
}

static inline void rig_describe_room(struct buf *out, const struct fleet_sync_room *room)
{
    rig_add(out, " (", room->id);
    rig_add(out, ":", room->type);
    buf_printf(out, ":%" PRIu32, room->connections);
    if (room->origin.len > 0)
        rig_add(out, ":", room->origin);
    buf_add_text(out, ")");
    for (size_t i = 0; i < room->metadata_count; i++) {
        rig_add(out, "{", room->metadata[i].key);
        rig_add(out, "=", room->metadata[i].value);
        buf_add_text(out, "}");
    }
}

/* What it says, in short: what is not there is not mentioned. */
static inline void rig_describe(struct buf *out, const struct fleet_state_message *state)
{
    buf_add_text(out, state->is_full ? "full '" : "'");
    buf_add_slice(out, state->request_id);
    buf_printf(out, "' seq %" PRIu32, state->seq);
    if (state->has_max_connections)
        buf_printf(out, " connections %" PRId32, state->max_connections);
    if (state->has_max_rooms)
        buf_printf(out, " rooms %" PRId32, state->max_rooms);
    for (size_t i = 0; i < state->label_count; i++) {
        rig_add(out, " ", state->labels[i].key);
        rig_add(out, "=", state->labels[i].value);
    }
    for (size_t i = 0; i < state->type_count; i++) {
        rig_add(out, " [", state->types[i]);
        buf_add_text(out, "]");
    }
    for (size_t i = 0; i < state->room_count; i++)
        rig_describe_room(out, &state->rooms[i]);
    if (state->features != 0)
        buf_printf(out, " features %" PRIu32, state->features);
}

#endif
