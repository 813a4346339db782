/* SPDX-License-Identifier: MIT */
#include "fleet_labels.h"

#include <assert.h>
#include <string.h>

#include "json.h"

/* Is it one that is set, where there are `count` so far? */
static bool is_wanted(const struct fleet_label *label, size_t count, size_t max)
{
    return count <= max && !slice_is(label->key, "__proto__");
}

static void set_at(struct fleet_label *labels, size_t place, size_t *count,
                   const struct fleet_label *label)
{
    if (place < *count)
        labels[place].value = label->value;
    else
        labels[(*count)++] = *label;
}

void fleet_labels_set(struct fleet_label *labels, size_t *count, size_t max,
                      const struct fleet_label *label)
{
    size_t place = 0;

    if (!is_wanted(label, *count, max))
        return;
    while (place < *count && !slice_equals(labels[place].key, label->key))
        place++;
    set_at(labels, place, count, label);
}

static void read_key(struct fleet_key *key, struct slice raw)
{
    struct buf replaced;

    key->text = raw;
    if (!fleet_text_is_within(raw, FLEET_KEY_UNITS) || utf8_is_valid(raw))
        return;
    buf_init(&replaced, sizeof key->replaced);
    fleet_add_text(&replaced, raw);
    assert(!replaced.has_overflowed);
    memcpy(key->replaced, replaced.data, replaced.len);
    key->text = (struct slice){ key->replaced, replaced.len };
    buf_fini(&replaced);
}

void fleet_labels_set_raw(struct fleet_label *labels, struct fleet_key *keys, size_t *count,
                          size_t max, const struct fleet_label *label)
{
    size_t place = 0;

    if (!is_wanted(label, *count, max))
        return;
    read_key(&keys[*count], label->key);
    while (place < *count && !slice_equals(keys[place].text, keys[*count].text))
        place++;
    set_at(labels, place, count, label);
}

bool fleet_key_is_index(struct slice key, uint64_t *index_out)
{
    if (key.len > 1 && key.data[0] == '0')
        return false;
    return slice_to_u64(key, 0, UINT32_MAX - 1, index_out);
}

/* Is `a` an index, and `b` a greater one or none? */
static bool goes_before(const struct fleet_label *a, const struct fleet_label *b)
{
    uint64_t first, second;

    if (!fleet_key_is_index(a->key, &first))
        return false;
    return !fleet_key_is_index(b->key, &second) || first < second;
}

void fleet_labels_arrange(struct fleet_label *labels, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct fleet_label label = labels[i];
        size_t place = i;

        while (place > 0 && goes_before(&label, &labels[place - 1]))
            place--;
        memmove(&labels[place + 1], &labels[place], (i - place) * sizeof label);
        labels[place] = label;
    }
}

static void quote_replaced(struct buf *out, struct slice text)
{
    struct buf replaced;

    buf_init(&replaced, 3 * text.len);
    fleet_add_text(&replaced, text);
    json_quote(out, buf_slice(&replaced));
    buf_fini(&replaced);
}

void fleet_labels_write(struct buf *out, const struct fleet_label *labels, size_t count)
{
    buf_add_byte(out, '{');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_add_byte(out, ',');
        quote_replaced(out, labels[i].key);
        buf_add_byte(out, ':');
        quote_replaced(out, labels[i].value);
    }
    buf_add_byte(out, '}');
}
