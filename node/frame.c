/* SPDX-License-Identifier: MIT */
#include "frame.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/*
 * One block holds it all: the struct, the room in front, the bytes. So a message that goes to a
 * thousand connections is one allocation and one free.
 */
struct frame *frame_create(size_t len)
{
    struct frame *frame;

    assert(len <= UINT32_MAX);
    frame = xmalloc(sizeof *frame + FRAME_HEADROOM + len);
    *frame = (struct frame){
        .refs = 1,
        .len = (uint32_t)len,
        .data = (unsigned char *)(frame + 1) + FRAME_HEADROOM,
    };
    return frame;
}

struct frame *frame_of(struct slice payload)
{
    struct frame *frame = frame_create(payload.len);

    if (payload.len > 0)
        memcpy(frame->data, payload.data, payload.len);
    return frame;
}

struct frame *frame_ref(struct frame *frame)
{
    assert(frame->refs > 0 && frame->refs < UINT32_MAX);
    frame->refs++;
    return frame;
}

void frame_unref(struct frame **frame)
{
    if (*frame == NULL)
        return;
    assert((*frame)->refs > 0);
    if (--(*frame)->refs == 0)
        free(*frame);
    *frame = NULL;
}
