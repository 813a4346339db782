/* SPDX-License-Identifier: MIT */
#include "packet.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct packet *packet_create(struct frame *text, struct frame *const *attachments, size_t count)
{
    struct packet *packet = xcalloc(1, sizeof *packet + count * sizeof(struct frame *));

    assert(text != NULL ? text->len > 0 && text->data[0] == '4' : count > 0);
    packet->refs = 1;
    packet->text = text;
    packet->attachment_count = (uint32_t)count;
    if (count > 0)
        memcpy(packet->attachments, attachments, count * sizeof *attachments);
    return packet;
}

struct packet *packet_of(struct slice text)
{
    return packet_create(frame_of(text), NULL, 0);
}

struct packet *packet_ref(struct packet *packet)
{
    packet->refs++;
    return packet;
}

void packet_unref(struct packet **packet)
{
    struct packet *gone = *packet;

    *packet = NULL;
    if (gone == NULL || --gone->refs > 0)
        return;
    frame_unref(&gone->text);
    for (size_t i = 0; i < gone->attachment_count; i++)
        frame_unref(&gone->attachments[i]);
    free(gone);
}

size_t packet_bytes(const struct packet *packet)
{
    size_t bytes = packet->text != NULL ? packet->text->len : 0;

    for (size_t i = 0; i < packet->attachment_count; i++)
        bytes += packet->attachments[i]->len;
    return bytes;
}
