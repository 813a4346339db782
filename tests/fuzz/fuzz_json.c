/* SPDX-License-Identifier: MIT */
/* Any bytes: what was taken must be steppable, and a string that decodes must quote and parse back. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "json.h"

enum { TEXT_MAX = 1 << 20 };

static void check_string_comes_back(struct json value)
{
    struct buf text, quoted, again;
    struct json back;

    buf_init(&text, TEXT_MAX);
    buf_init(&quoted, 6 * TEXT_MAX);
    buf_init(&again, TEXT_MAX);
    if (json_text(value, &text)) {
        assert(utf8_is_valid(buf_slice(&text)));
        assert(json_quote(&quoted, buf_slice(&text)));
        assert(json_parse(buf_slice(&quoted), &back));
        assert(json_text(back, &again));
        assert(slice_equals(buf_slice(&text), buf_slice(&again)));
    }
    buf_fini(&text);
    buf_fini(&quoted);
    buf_fini(&again);
}

static void walk(struct json value, unsigned depth)
{
    struct json_member members[] = { { .name = "a" }, { .name = "payload" } };
    struct json item, alone;
    size_t offset = 0;
    int64_t number;

    assert(depth <= JSON_DEPTH_MAX + JSON_ENVELOPE_MAX);
    assert(json_parse_within(value.raw, JSON_ENVELOPE_MAX, &alone));
    assert(alone.type == value.type && slice_equals(alone.raw, value.raw));
    if (value.type == JSON_STRING)
        check_string_comes_back(value);
    json_whole(value, INT64_MIN, INT64_MAX, &number);
    while (json_next(value, &offset, &item))
        walk(item, depth + 1);
    if (json_members(value, members, 2)) {
        for (size_t i = 0; i < 2; i++) {
            if (members[i].value.type != JSON_ABSENT)
                walk(members[i].value, depth + 1);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = { (const char *)data, size };
    struct json value;

    if (json_parse_within(text, JSON_ENVELOPE_MAX, &value)) {
        assert(utf8_is_valid(text));
        walk(value, 0);
    }
    return 0;
}
