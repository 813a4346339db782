/* SPDX-License-Identifier: MIT */
/* Any entry: what is read stays within its bytes, and written again it is the same. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sio_entry.h"

static void check_texts(const struct sio_texts *texts, struct slice bytes)
{
    assert(texts->count <= SIO_ENTRY_LIST_MAX);
    for (size_t i = 0; i < texts->count; i++) {
        assert(texts->items[i].data >= bytes.data);
        assert(texts->items[i].data + texts->items[i].len <= bytes.data + bytes.len);
    }
}

/* Numbers have longer forms than ours, so the bytes may differ; what they mean may not. */
static void check_again(const struct sio_entry *entry, struct slice bytes)
{
    struct buf first, second;
    struct sio_entry again;

    buf_init(&first, bytes.len + 64);
    buf_init(&second, bytes.len + 64);
    sio_entry_write(&first, entry);
    assert(!first.has_overflowed && first.len <= bytes.len);
    assert(sio_entry_read(buf_slice(&first), &again));
    sio_entry_write(&second, &again);
    assert(slice_equals(buf_slice(&first), buf_slice(&second)));
    sio_entry_fini(&again);
    buf_fini(&first);
    buf_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = { (const char *)data, size };
    struct sio_entry entry;

    if (!sio_entry_read(bytes, &entry))
        return 0;
    check_texts(&entry.rooms, bytes);
    check_texts(&entry.except, bytes);
    check_texts(&entry.names, bytes);
    check_texts(&entry.attachments, bytes);
    check_again(&entry, bytes);
    sio_entry_fini(&entry);
    return 0;
}
