/* SPDX-License-Identifier: MIT */
/* Any body, on either route: what is taken keeps to its bounds, and its frame says the same again. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "json.h"
#include "push_wire.h"
#include "store/key.h"

enum { MAX_TTL_MS = 3600000, TEXT_MAX = 1 << 20 };

static void check_frame(const struct push_message *message)
{
    struct json_member members[] = { { .name = "event" }, { .name = "payload" } };
    struct buf frame, event;
    struct json object;

    buf_init(&frame, push_frame_max(message));
    buf_init(&event, TEXT_MAX);
    push_frame_write(&frame, message);
    assert(!frame.has_overflowed);
    assert(json_parse_within(buf_slice(&frame), 1, &object));
    assert(json_members(object, members, 2));
    assert(slice_equals(members[1].value.raw, message->payload));
    assert(json_text(members[0].value, &event));
    assert(slice_equals(buf_slice(&event), message->event));
    buf_fini(&frame);
    buf_fini(&event);
}

static void check(const struct push_batch *batch)
{
    assert(batch->count <= PUSH_MESSAGES_MAX);
    for (size_t i = 0; i < batch->count; i++) {
        const struct push_message *message = &batch->messages[i];

        if (message->wrong != NULL)
            continue;
        assert(message->player.data == NULL || key_id_is_valid(message->player));
        assert(message->once.data == NULL || key_id_is_valid(message->once));
        assert(message->ttl_ms <= MAX_TTL_MS);
        check_frame(message);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice body = { (const char *)data, size };

    for (enum push_route route = PUSH_PUBLISH; route <= PUSH_BROADCAST; route++) {
        struct push_batch batch = { 0 };

        if (push_parse(body, route, MAX_TTL_MS, &batch))
            check(&batch);
        push_batch_fini(&batch);
    }
    return 0;
}
