/* SPDX-License-Identifier: MIT */
/* One look at a time; news that come during a look make another one follow. */
#include "mailslot.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/topic.h"

struct mailslot {
    struct store *store;
    struct deadlines *deadlines;
    struct key list;
    uint32_t look_ms;
    mailslot_fn *on_letter;
    void *ctx;
    size_t waiting;
    struct topic *topic;
    struct store_op *taking;
    struct deadline next;
    bool is_stale;
};

static void look(struct mailslot *mailslot);

static void on_next_due(struct deadline *deadline)
{
    look(LIST_ENTRY(deadline, struct mailslot, next));
}

static void look_later(struct mailslot *mailslot)
{
    if (mailslot->waiting > 0)
        deadline_set(mailslot->deadlines, &mailslot->next, mailslot->look_ms, on_next_due);
}

static void on_taken(enum result result, const struct slice *texts, size_t count, void *ctx)
{
    struct mailslot *mailslot = ctx;

    for (size_t i = 0; i < count; i++) {
        struct json letter;

        if (json_parse(texts[i], &letter) && letter.type == JSON_OBJECT)
            mailslot->on_letter(letter, mailslot->ctx);
        else
            log_peer(LOG_WARN, NULL, "architus.malformed_letter", "bytes=%zu", texts[i].len);
    }
    if (result == RESULT_OK && (mailslot->is_stale || count == RPC_TAKE_MAX))
        look(mailslot);
    else
        look_later(mailslot);
}

static void look(struct mailslot *mailslot)
{
    mailslot->is_stale = mailslot->taking != NULL;
    if (mailslot->is_stale || mailslot->waiting == 0)
        return;
    deadline_clear(&mailslot->next);
    rpc_take(mailslot->store, &mailslot->list, on_taken, mailslot, &mailslot->taking);
}

static void on_news(struct topic *topic, enum topic_news news, struct slice message, void *ctx)
{
    (void)topic;
    (void)message;
    if (news != TOPIC_DOWN)
        look(ctx);
}

struct mailslot *mailslot_create(struct store *store, struct deadlines *deadlines,
                                 const struct key *list, uint32_t look_ms, mailslot_fn *on_letter,
                                 void *ctx)
{
    struct mailslot *mailslot = xcalloc(1, sizeof *mailslot);

    mailslot->store = store;
    mailslot->deadlines = deadlines;
    mailslot->list = *list;
    mailslot->look_ms = look_ms;
    mailslot->on_letter = on_letter;
    mailslot->ctx = ctx;
    deadline_init(&mailslot->next);
    return mailslot;
}

void mailslot_destroy(struct mailslot **mailslot)
{
    struct mailslot *gone = *mailslot;

    *mailslot = NULL;
    if (gone == NULL)
        return;
    deadline_clear(&gone->next);
    store_cancel(&gone->taking);
    topic_unsubscribe(&gone->topic);
    free(gone);
}

/* The subscription stays from the first call on: calls come in bursts. */
void mailslot_enter(struct mailslot *mailslot)
{
    mailslot->waiting++;
    if (mailslot->topic == NULL)
        mailslot->topic =
            topic_subscribe(mailslot->store, TOPIC_KEY, mailslot->list.text, on_news, mailslot);
    if (mailslot->taking == NULL && !deadline_is_set(&mailslot->next))
        look_later(mailslot);
}

void mailslot_leave(struct mailslot *mailslot)
{
    assert(mailslot->waiting > 0);
    if (--mailslot->waiting == 0)
        deadline_clear(&mailslot->next);
}
