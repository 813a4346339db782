/* SPDX-License-Identifier: MIT */
/* Any message on either kind of channel: what is taken is valid JSON, and its names and bytes stand where
 * they were read. The first byte chooses the channel. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "bridge_wire.h"
#include "json.h"

static const char *const channels[] = { "socket.io#/#", "socket.io#/#room#", "socket.io#/custom#",
                                        "socket.io-request#/#", "socket.io-request#/custom#" };

static void check_names(const struct bridge_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        assert(names->items[i].len == 0 || utf8_is_valid(names->items[i]));
}

static void check_event(const struct bridge_message *message, struct slice bytes)
{
    struct json items;
    const char *end = bytes.data + bytes.len;

    assert(json_parse_shallow(message->items, MSGPACK_DEPTH_MAX, &items));
    assert(items.type == JSON_ARRAY);
    assert(message->attachment_count <= MSGPACK_BINS_MAX);
    for (size_t i = 0; i < message->attachment_count; i++)
        assert(message->attachments[i].data >= bytes.data &&
               message->attachments[i].data + message->attachments[i].len <= end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bridge_message message;

    if (size == 0)
        return 0;

    struct slice channel = slice_of(channels[data[0] % (sizeof channels / sizeof channels[0])]);
    struct slice bytes = { (const char *)data + 1, size - 1 };

    if (bridge_parse(SLICE_LITERAL("socket.io"), channel, bytes, &message) == BRIDGE_GOOD) {
        check_names(&message.rooms);
        check_names(&message.except);
        check_names(&message.changed);
        if (message.what == BRIDGE_EMIT)
            check_event(&message, bytes);
    }
    bridge_message_fini(&message);
    return 0;
}
