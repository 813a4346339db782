/* SPDX-License-Identifier: MIT */
#include "json_list.h"

#include <stdlib.h>

#include "base/base64.h"
#include "base/mem.h"

static bool is_given(struct json value)
{
    return value.type != JSON_ABSENT && value.type != JSON_NULL;
}

bool json_list_take(struct json value, json_item_fn *take, size_t max, struct buf *text,
                    struct json_list *list)
{
    size_t offset = 0, count = 0;
    struct json item;

    if (!is_given(value))
        return true;
    if (value.type != JSON_ARRAY)
        return false;
    while (json_next(value, &offset, &item))
        count++;
    if (count > max)
        return false;
    list->items = xcalloc(count + 1, sizeof *list->items);
    for (offset = 0; json_next(value, &offset, &item);) {
        size_t start = text->len;

        if (!take(item, text))
            return false;
        list->items[list->count++] = (struct slice){ text->data + start, text->len - start };
    }
    return true;
}

void json_list_fini(struct json_list *list)
{
    free(list->items);
    *list = (struct json_list){ .items = NULL };
}

/* No letter of base64 is escaped in JSON but "/", and that only by those who like to. */
bool json_base64(struct json value, struct buf *out)
{
    struct buf plain;
    bool is_good;

    buf_init(&plain, value.raw.len);
    is_good = json_text(value, &plain) && base64_decode(out, buf_slice(&plain));
    buf_fini(&plain);
    return is_good;
}

bool json_flag(struct json value, bool *flag_out)
{
    *flag_out = value.type == JSON_TRUE;
    return !is_given(value) || value.type == JSON_TRUE || value.type == JSON_FALSE;
}
