/* SPDX-License-Identifier: MIT */
#include "hub_channel.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

/*
 * What the topic brings while a read is in flight: it follows on what the read will bring, so that
 * whoever reads is at the tip when the answer has come, however fast the channel is. Bounded like
 * a batch: what is more than that is read.
 */
enum { STASH_FIRST = 8, STASH_MAX_BYTES = 256 * 1024 };

void hub_stash_clear(struct hub_channel *channel)
{
    struct hub_stash *stash = channel->stash;

    if (stash == NULL)
        return;
    for (size_t i = 0; i < stash->count; i++)
        frame_unref(&stash->entries[i].frame);
    free(stash->entries);
    free(stash);
    channel->stash = NULL;
}

static bool has_room(const struct hub_stash *stash, const struct hub_entry *entry)
{
    assert(entry->number == stash->entries[stash->count - 1].number + 1);
    return stash->count < stash->count_max && stash->bytes + entry->frame->len <= STASH_MAX_BYTES;
}

void hub_stash_add(struct hub_channel *channel, const struct hub_entry *entry)
{
    struct hub_stash *stash = channel->stash;

    if (stash != NULL && !has_room(stash, entry)) {
        hub_stash_clear(channel);
        stash = NULL;
    }
    if (stash == NULL) {
        stash = channel->stash = xcalloc(1, sizeof *stash);
        stash->count_max = hub_ask_portion(channel);
    }
    if (stash->count == stash->size) {
        stash->size = stash->size > 0 ? stash->size * 2 : STASH_FIRST;
        stash->entries = xrealloc(stash->entries, stash->size * sizeof *stash->entries);
    }
    stash->entries[stash->count] = *entry;
    stash->entries[stash->count].frame = frame_ref(entry->frame);
    stash->count++;
    stash->bytes += entry->frame->len;
}
