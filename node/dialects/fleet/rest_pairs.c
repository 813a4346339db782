/* SPDX-License-Identifier: MIT */
/* {"text":"text",…} of a body, few and short: labels of a registration, metadata of a room. */
#include <assert.h>

#include "rest_inner.h"

static bool pairs_read(struct json object, const struct rest_pairs_limits *limits,
                       struct buf *texts, struct fleet_label *pairs, size_t *count)
{
    struct json name, value;
    size_t offset = 0;

    while (json_next_member(object, &offset, &name, &value)) {
        struct fleet_label pair;

        if (!rest_text_of(name, texts, &pair.key) || value.type != JSON_STRING ||
            !rest_text_of(value, texts, &pair.value) || fleet_units(pair.key) > limits->key_units ||
            fleet_units(pair.value) > limits->value_units)
            return false;
        fleet_labels_set(pairs, count, limits->count, &pair);
    }
    return *count <= limits->count;
}

bool rest_pairs_write(struct json object, const struct rest_pairs_limits *limits, struct buf *out)
{
    struct fleet_label pairs[REST_PAIRS_MAX + 1];
    struct buf texts;
    size_t count = 0;
    bool is_good;

    assert(limits->count <= REST_PAIRS_MAX);
    if (object.type != JSON_OBJECT)
        return false;
    buf_init(&texts, object.raw.len + 1);
    buf_reserve(&texts, object.raw.len + 1); /* it does not move afterwards */
    is_good = pairs_read(object, limits, &texts, pairs, &count);
    if (is_good) {
        fleet_labels_arrange(pairs, count);
        fleet_labels_write(out, pairs, count);
    }
    buf_fini(&texts);
    return is_good;
}
