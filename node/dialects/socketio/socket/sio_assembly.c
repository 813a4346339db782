/* SPDX-License-Identifier: MIT */
/* The attachments stand in one buffer, one behind the other; where each begins is known when all are in. */
#include "sio_assembly.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

struct sio_assembly {
    char *text;
    size_t text_len;
    struct buf bytes;
    uint32_t wanted, count;
    struct slice attachments[];
};

struct sio_assembly *sio_assembly_create(struct slice text, uint32_t wanted, size_t bytes_max)
{
    struct sio_assembly *assembly =
        xcalloc(1, sizeof *assembly + wanted * sizeof assembly->attachments[0]);

    assembly->text = slice_dup(text);
    assembly->text_len = text.len;
    assembly->wanted = wanted;
    buf_init(&assembly->bytes, bytes_max);
    return assembly;
}

void sio_assembly_destroy(struct sio_assembly **assembly)
{
    struct sio_assembly *gone = *assembly;

    *assembly = NULL;
    if (gone == NULL)
        return;
    buf_fini(&gone->bytes);
    free(gone->text);
    free(gone);
}

uint32_t sio_assembly_wanted(const struct sio_assembly *assembly)
{
    return assembly->wanted;
}

bool sio_assembly_is_complete(const struct sio_assembly *assembly)
{
    return assembly->count == assembly->wanted;
}

bool sio_assembly_add(struct sio_assembly *assembly, struct slice bytes)
{
    assert(!sio_assembly_is_complete(assembly));
    if (!buf_add_slice(&assembly->bytes, bytes))
        return false;
    assembly->attachments[assembly->count++].len = bytes.len;
    return true;
}

size_t sio_assembly_bytes(const struct sio_assembly *assembly)
{
    return assembly->text_len + assembly->bytes.len;
}

struct slice sio_assembly_text(const struct sio_assembly *assembly)
{
    return (struct slice){ assembly->text, assembly->text_len };
}

const struct slice *sio_assembly_attachments(struct sio_assembly *assembly)
{
    const char *at = assembly->bytes.data != NULL ? assembly->bytes.data : "";

    assert(sio_assembly_is_complete(assembly));
    for (uint32_t i = 0; i < assembly->count; i++) {
        assembly->attachments[i].data = at;
        at += assembly->attachments[i].len;
    }
    return assembly->attachments;
}

/* ---- moving ----------------------------------------------------------------------------------- */

void sio_assembly_pack(const struct sio_assembly *assembly, struct buf *image)
{
    pack_number(image, assembly != NULL ? assembly->wanted : 0);
    if (assembly == NULL)
        return;
    assert(assembly->wanted > 0);
    pack_slice(image, sio_assembly_text(assembly));
    pack_number(image, assembly->count);
    for (uint32_t i = 0; i < assembly->count; i++)
        pack_number(image, assembly->attachments[i].len);
    pack_slice(image, buf_slice(&assembly->bytes));
}

/* The bytes belong to `count` attachments of these lengths, and all of them do. */
static bool unpack_attachments(struct unpack *image, struct sio_assembly *assembly)
{
    uint32_t count = (uint32_t)unpack_number_max(image, assembly->wanted - 1);
    uint64_t total = 0;
    struct slice bytes;

    for (uint32_t i = 0; i < count; i++) {
        uint64_t len = unpack_number_max(image, assembly->bytes.max);

        assembly->attachments[i].len = (size_t)len;
        total += len;
    }
    bytes = unpack_slice(image);
    assembly->count = count;
    return !image->is_broken && total == bytes.len && buf_add_slice(&assembly->bytes, bytes);
}

bool sio_assembly_unpack(struct unpack *image, uint32_t wanted_max, size_t bytes_max,
                         struct sio_assembly **assembly_out)
{
    uint32_t wanted = (uint32_t)unpack_number_max(image, wanted_max);

    *assembly_out = NULL;
    if (image->is_broken || wanted == 0)
        return !image->is_broken;
    *assembly_out = sio_assembly_create(unpack_slice(image), wanted, bytes_max);
    if (unpack_attachments(image, *assembly_out))
        return true;
    sio_assembly_destroy(assembly_out);
    return false;
}
