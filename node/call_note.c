/* SPDX-License-Identifier: MIT */
/*
 * What another node has yet to be told: an answer, or that a question is taken back. Unlike a question, whose
 * asker hears at once that it could not be sent, a note is sent again until Redis has it.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "call_inner.h"

enum { NOTE_BYTES_MAX = 64 * 1024 * 1024 };

struct note {
    struct list node; /* in its peer's `notes` */
    struct call_peer *peer;
    const char *topic;
    char *text;
    size_t len;
    struct store_op *sending;
};

static void note_free(struct note *note)
{
    list_remove(&note->node);
    note->peer->calls->note_bytes -= note->len;
    store_cancel(&note->sending);
    free(note->text);
    free(note);
}

static void on_sent(enum result result, const struct channel_appended *appended, void *ctx)
{
    struct note *note = ctx;
    struct call_peer *peer = note->peer;
    bool is_lost = appended->number == 0 && calls_are_shaky(peer->calls);

    if (result != RESULT_OK || is_lost)
        return; /* again with the next tick */
    note_free(note);
    peer_note_listeners(peer, appended->listeners);
}

static void note_start(struct note *note)
{
    struct call_peer *peer = note->peer;

    inbox_send_live(peer->calls->inbox, slice_of(peer->id), note->topic,
                    (struct slice){ note->text, note->len }, on_sent, note, &note->sending);
}

void note_send(struct call_peer *peer, const char *topic, struct slice text)
{
    struct calls *calls = peer->calls;
    struct note *note;

    if (calls->note_bytes + text.len > NOTE_BYTES_MAX) {
        log_peer(LOG_WARN, NULL, "call.unsent", "node=%s bytes=%zu", peer->id, text.len);
        return;
    }
    note = xcalloc(1, sizeof *note);
    note->peer = peer;
    note->topic = topic;
    note->text = slice_dup(text);
    note->len = text.len;
    calls->note_bytes += text.len;
    list_append(&peer->notes, &note->node);
    note_start(note);
}

void notes_retry(struct call_peer *peer)
{
    LIST_EACH (node, spare, &peer->notes) {
        struct note *note = LIST_ENTRY(node, struct note, node);

        if (note->sending == NULL)
            note_start(note);
    }
}

void notes_drop(struct call_peer *peer)
{
    LIST_EACH (node, spare, &peer->notes)
        note_free(LIST_ENTRY(node, struct note, node));
}
