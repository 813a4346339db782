/* SPDX-License-Identifier: MIT */
/*
 * Entries come from other nodes, so from Redis: whatever they hold, they are read within their bounds, and
 * what makes no sense is refused as a whole.
 */
#include "sio_entry.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/pack.h"
#include "node.h"

enum {
    VERSION = 1 << 5,
    VERSION_MASK = 7 << 5,
    HAS_TARGET = 1,
    IS_VOLATILE = 2,
    HAS_ASKER = 4,
    HAS_ATTACHMENTS = 8,
    IS_CONTROL = 16,
};

/* How many names a control entry has. */
static const struct {
    size_t min, max;
} names_of[SIO_ENTRY_KINDS] = {
    [SIO_ENTRY_JOIN] = { 1, SIO_ENTRY_LIST_MAX },
    [SIO_ENTRY_LEAVE] = { 1, SIO_ENTRY_LIST_MAX },
    [SIO_ENTRY_SUPERSEDE] = { 1, 1 },
};

/* ---- writing ------------------------------------------------------------------------------------- */

static void write_texts(struct buf *out, const struct sio_texts *texts)
{
    assert(texts->count <= SIO_ENTRY_LIST_MAX);
    pack_number(out, texts->count);
    for (size_t i = 0; i < texts->count; i++)
        pack_slice(out, texts->items[i]);
}

static unsigned flags_of(const struct sio_entry *entry)
{
    return (entry->has_target ? HAS_TARGET : 0u) | (entry->is_volatile ? IS_VOLATILE : 0u) |
           (entry->asker.data != NULL ? HAS_ASKER : 0u) |
           (entry->attachments.count > 0 ? HAS_ATTACHMENTS : 0u) |
           (entry->kind != SIO_ENTRY_EVENT ? IS_CONTROL : 0u);
}

void sio_entry_write(struct buf *out, const struct sio_entry *entry)
{
    buf_add_byte(out, (char)(unsigned char)(VERSION | flags_of(entry)));
    if (entry->has_target) {
        write_texts(out, &entry->rooms);
        write_texts(out, &entry->except);
    }
    if (entry->asker.data != NULL) {
        assert(entry->asker.len == NODE_ID_LEN && entry->ask_id <= SIO_ACK_ID_MAX);
        pack_slice(out, entry->asker);
        pack_number(out, entry->ask_id);
    }
    if (entry->kind != SIO_ENTRY_EVENT) {
        pack_number(out, entry->kind);
        write_texts(out, &entry->names);
        return;
    }
    if (entry->attachments.count > 0)
        write_texts(out, &entry->attachments);
    buf_add_slice(out, entry->packet);
}

/* ---- reading ------------------------------------------------------------------------------------- */

struct reader {
    struct unpack bytes;
    struct slice *texts;
    size_t count;
};

/* Returns how many were read. */
static size_t read_texts(struct reader *reader)
{
    size_t count = (size_t)unpack_number_max(&reader->bytes, SIO_ENTRY_LIST_MAX);

    if (count > reader->bytes.left.len) /* each has a byte at least */
        reader->bytes.is_broken = true;
    if (reader->bytes.is_broken || count == 0)
        return 0;
    reader->texts = xrealloc(reader->texts, (reader->count + count) * sizeof *reader->texts);
    for (size_t i = 0; i < count; i++)
        reader->texts[reader->count++] = unpack_slice(&reader->bytes);
    return count;
}

static bool is_hex(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((text.data[i] < '0' || text.data[i] > '9') &&
            (text.data[i] < 'a' || text.data[i] > 'f'))
            return false;
    }
    return true;
}

static void read_asker(struct reader *reader, struct sio_entry *entry)
{
    entry->asker = unpack_slice(&reader->bytes);
    entry->ask_id = unpack_number_max(&reader->bytes, SIO_ACK_ID_MAX);
    if (entry->asker.len != NODE_ID_LEN || !is_hex(entry->asker))
        reader->bytes.is_broken = true;
}

static void read_control(struct reader *reader, struct sio_entry *entry)
{
    size_t kind = (size_t)unpack_number_max(&reader->bytes, SIO_ENTRY_KINDS - 1);

    entry->kind = (enum sio_entry_kind)kind;
    entry->names.count = read_texts(reader);
    if (kind == SIO_ENTRY_EVENT || entry->names.count < names_of[kind].min ||
        entry->names.count > names_of[kind].max || reader->bytes.left.len > 0)
        reader->bytes.is_broken = true;
}

static void read_event(struct reader *reader, struct sio_entry *entry, bool has_attachments)
{
    if (has_attachments)
        entry->attachments.count = read_texts(reader);
    entry->packet = reader->bytes.left;
    if (entry->packet.len < 2 || entry->packet.data[0] != '4' ||
        entry->packet.data[1] != (has_attachments ? '5' : '2') ||
        has_attachments != (entry->attachments.count > 0))
        reader->bytes.is_broken = true;
}

static void read_all(struct reader *reader, unsigned flags, struct sio_entry *entry)
{
    entry->has_target = (flags & HAS_TARGET) != 0;
    entry->is_volatile = (flags & IS_VOLATILE) != 0;
    if (entry->has_target) {
        entry->rooms.count = read_texts(reader);
        entry->except.count = read_texts(reader);
    }
    if ((flags & HAS_ASKER) != 0)
        read_asker(reader, entry);
    if ((flags & IS_CONTROL) == 0)
        read_event(reader, entry, (flags & HAS_ATTACHMENTS) != 0);
    else if ((flags & (HAS_ASKER | HAS_ATTACHMENTS | IS_VOLATILE)) == 0)
        read_control(reader, entry);
    else
        reader->bytes.is_broken = true;
}

/* The lists stand one behind the other, and none is longer than it says. */
static void point_to_texts(struct sio_entry *entry, struct slice *texts)
{
    entry->texts = texts;
    entry->rooms.items = texts;
    entry->except.items = texts + entry->rooms.count;
    entry->attachments.items = entry->names.items = entry->except.items + entry->except.count;
}

bool sio_entry_read(struct slice bytes, struct sio_entry *entry_out)
{
    struct reader reader = { .texts = NULL };
    unsigned head = bytes.len > 0 ? (unsigned char)bytes.data[0] : 0;

    *entry_out = (struct sio_entry){ .kind = SIO_ENTRY_EVENT };
    if ((head & VERSION_MASK) != VERSION)
        return false;
    unpack_init(&reader.bytes, (struct slice){ bytes.data + 1, bytes.len - 1 });
    read_all(&reader, head, entry_out);
    if (reader.bytes.is_broken) {
        free(reader.texts);
        return false;
    }
    if (reader.texts != NULL)
        point_to_texts(entry_out, reader.texts);
    return true;
}

void sio_entry_fini(struct sio_entry *entry)
{
    free(entry->texts);
    *entry = (struct sio_entry){ .kind = SIO_ENTRY_EVENT };
}
