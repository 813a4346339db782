/* SPDX-License-Identifier: MIT */
/*
 * Polls take from a mailbox by a script, not by a cursor, so the hub, which reads channels by cursors,
 * has no part in it: all that a held poll wants of the topic is to be woken.
 */
#include "doorbell.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/mem.h"
#include "store/channel.h"

struct doorbell {
    struct topic *topic;
    struct list waits;
    bool is_up;
    UT_hash_handle hh;
    char key[];
};

static void on_news(struct topic *topic, enum topic_news news, struct slice message, void *ctx)
{
    struct doorbell *doorbell = ctx;

    (void)topic;
    (void)message;
    doorbell->is_up = news != TOPIC_DOWN;
    if (news == TOPIC_DOWN)
        return;
    LIST_EACH (node, spare, &doorbell->waits) {
        struct doorbell_wait *wait = LIST_ENTRY(node, struct doorbell_wait, node);

        wait->on_ring(wait);
    }
}

static struct doorbell *doorbell_find(struct mailbox *mailbox, const struct job_id *id)
{
    struct channel_id channel = { CHANNEL_MAILBOX, id->realm, id->job };
    struct doorbell *doorbell;
    struct key key;

    channel_topic_key(&channel, &key);
    HASH_FIND(hh, mailbox->doorbells, key.text, key.len, doorbell);
    if (doorbell != NULL)
        return doorbell;
    doorbell = xcalloc(1, sizeof *doorbell + key.len + 1);
    memcpy(doorbell->key, key.text, key.len);
    list_init(&doorbell->waits);
    HASH_ADD_KEYPTR(hh, mailbox->doorbells, doorbell->key, key.len, doorbell);
    doorbell->topic =
        topic_subscribe(mailbox->node->store, TOPIC_CHANNEL, doorbell->key, on_news, doorbell);
    return doorbell;
}

bool doorbell_listen(struct mailbox *mailbox, const struct job_id *id, struct doorbell_wait *wait,
                     doorbell_fn *on_ring)
{
    struct doorbell *doorbell = doorbell_find(mailbox, id);

    assert(wait->doorbell == NULL);
    wait->doorbell = doorbell;
    wait->mailbox = mailbox;
    wait->on_ring = on_ring;
    list_append(&doorbell->waits, &wait->node);
    return doorbell->is_up;
}

void doorbell_leave(struct doorbell_wait *wait)
{
    struct doorbell *doorbell = wait->doorbell;

    if (doorbell == NULL)
        return;
    wait->doorbell = NULL;
    list_remove(&wait->node);
    if (!list_is_empty(&doorbell->waits))
        return;
    HASH_DEL(wait->mailbox->doorbells, doorbell);
    topic_unsubscribe(&doorbell->topic);
    free(doorbell);
}
