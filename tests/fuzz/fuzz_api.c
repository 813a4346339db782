/* SPDX-License-Identifier: MIT */
/* Any body of the api: what is taken stays within its bounds, and its event is an array of JSON. */
#include <assert.h>
#include <stdint.h>

#include "api_wire.h"
#include "json.h"

static void check_texts(const struct json_list *texts, const struct api_body *body)
{
    for (size_t i = 0; i < texts->count; i++) {
        assert(texts->items[i].data >= body->text.data);
        assert(texts->items[i].data + texts->items[i].len <= body->text.data + body->text.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = { (const char *)data, size };
    struct api_body body = { .has_event = false };

    if (api_body_parse(bytes, &body) == NULL) {
        struct json items, first = { .type = JSON_ABSENT };
        size_t offset = 0;

        check_texts(&body.rooms, &body);
        check_texts(&body.sockets, &body);
        check_texts(&body.except, &body);
        check_texts(&body.attachments, &body);
        assert(body.ack_timeout_ms <= API_ACK_MAX_MS);
        assert(body.ack_timeout_ms == 0 || body.once.data == NULL);
        if (body.has_event) {
            assert(!body.items.has_overflowed);
            assert(json_parse_within(buf_slice(&body.items), 1, &items));
            assert(json_next(items, &offset, &first) && first.type == JSON_STRING);
        }
    }
    api_body_fini(&body);
    return 0;
}
