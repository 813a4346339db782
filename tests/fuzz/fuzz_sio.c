/* SPDX-License-Identifier: MIT */
/* Any text as a packet: what is taken keeps to its bounds, and is the same when it is written and read again. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "sio_assembly.h"
#include "sio_wire.h"

enum { ATTACHMENTS_MAX = 10, BYTES_MAX = 1 << 16 };

static void check_comes_back(const struct sio_packet *packet)
{
    struct sio_packet again;
    struct buf text;
    struct slice inner;

    buf_init(&text, 1 << 22);
    sio_packet_write(&text, packet);
    assert(!text.has_overflowed && text.data[0] == '4');
    inner = (struct slice){ text.data + 1, text.len - 1 };
    assert(sio_packet_read(inner, ATTACHMENTS_MAX, &again) == SIO_FINE);
    assert(again.type == packet->type && again.attachment_count == packet->attachment_count);
    assert(again.has_id == packet->has_id && again.id == packet->id);
    assert(slice_equals(again.nsp, packet->nsp));
    assert(again.payload.type == packet->payload.type);
    assert(again.payload.type == JSON_ABSENT ||
           slice_equals(again.payload.raw, packet->payload.raw));
    buf_fini(&text);
}

static void check_image(struct slice bytes)
{
    struct sio_assembly *assembly;
    struct unpack image;

    unpack_init(&image, bytes);
    if (!sio_assembly_unpack(&image, ATTACHMENTS_MAX, BYTES_MAX, &assembly) || assembly == NULL)
        return;
    while (!sio_assembly_is_complete(assembly) && sio_assembly_add(assembly, bytes))
        ;
    if (sio_assembly_is_complete(assembly))
        sio_assembly_attachments(assembly);
    sio_assembly_destroy(&assembly);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = { (const char *)data, size };
    struct sio_packet packet;

    check_image(text);
    if (sio_packet_read(text, ATTACHMENTS_MAX, &packet) != SIO_FINE)
        return 0;
    assert(packet.attachment_count <= ATTACHMENTS_MAX);
    assert(packet.nsp.len > 0 && packet.nsp.data[0] == '/');
    if (packet.payload.type != JSON_ABSENT)
        sio_placeholders_are_valid(packet.payload, packet.attachment_count);
    check_comes_back(&packet);
    return 0;
}
