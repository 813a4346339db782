/* SPDX-License-Identifier: MIT */
/*
 * "<what> <text>" to every live node's inbox, this one's too: whoever it concerns may be anywhere. A word that
 * gets lost is made good by the look that each spectator gets once a minute. Nothing makes good the end of a login:
 * whoever wants that waits until the word is in all inboxes, and says it again when it is not. It ends the logins of
 * those who are somewhere then: who is away, and comes back with what was written of it before, is not among them.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "architus_room.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/mem.h"
#include "inbox.h"
#include "store/key.h"
#include "store/nodes.h"

enum { TEXT_MAX = 128, DIGEST_HEX = 64 };

struct herald {
    struct architus *app;
    struct list words; /* on their way */
};

struct word {
    struct list node;
    struct herald *herald;
    struct store_op *listing;
    struct store_op **sending; /* for each node */
    size_t count, left;        /* nodes; of them those whose inbox has not answered */
    enum result result;        /* of listing them; UNAVAILABLE: an inbox could not be written */
    store_done_fn *done;       /* NULL: nobody waits */
    void *ctx;
    struct word **slot;
    char text[TEXT_MAX];
};

void herald_let_go(struct word **slot)
{
    if (*slot == NULL)
        return;
    (*slot)->done = NULL;
    (*slot)->slot = NULL;
    *slot = NULL;
}

static void word_free(struct word *word)
{
    if (word->slot != NULL)
        *word->slot = NULL;
    list_remove(&word->node);
    store_cancel(&word->listing);
    for (size_t i = 0; i < word->count; i++)
        store_cancel(&word->sending[i]);
    free(word->sending);
    free(word);
}

static void word_end(struct word *word)
{
    enum result result = word->result;
    store_done_fn *done = word->done;
    void *owner = word->ctx;

    if (result != RESULT_OK)
        log_warn(NULL, "architus.herald_failed", "result=%s", result_name(result));
    word_free(word);
    if (done != NULL)
        done(result, owner);
}

/* Whatever went wrong with it: it may be said again. */
static void on_sent(enum result result, const struct channel_appended *appended, void *ctx)
{
    struct word *word = ctx;

    (void)appended;
    if (result != RESULT_OK)
        word->result = RESULT_UNAVAILABLE;
    if (--word->left == 0)
        word_end(word);
}

static void on_nodes(enum result result, const struct slice *ids, size_t count, void *ctx)
{
    struct word *word = ctx;

    word->result = result;
    word->sending = xcalloc(count + 1, sizeof(struct store_op *));
    word->count = count;
    for (size_t i = 0; i < count; i++)
        if (key_id_is_valid(ids[i])) { /* it has come from Redis */
            word->left++;
            inbox_deliver(word->herald->app->node->inbox, ids[i], "architus", slice_of(word->text),
                          on_sent, word, &word->sending[i]);
        }
    if (word->left == 0)
        word_end(word);
}

static struct word *say(struct herald *herald, const char *what, struct slice text)
{
    struct word *word = xcalloc(1, sizeof *word);

    word->herald = herald;
    snprintf(word->text, sizeof word->text, "%s %.*s", what, (int)text.len, text.data);
    list_append(&herald->words, &word->node);
    nodes_list_live(herald->app->node->store, on_nodes, word, &word->listing);
    return word;
}

static void wait_for(struct word *word, store_done_fn *done, void *ctx, struct word **slot)
{
    assert(*slot == NULL && done != NULL);
    word->done = done;
    word->ctx = ctx;
    word->slot = slot;
    *slot = word;
}

void herald_check_guild(struct herald *herald, struct slice guild)
{
    say(herald, "check", guild);
}

void herald_demote_user(struct herald *herald, struct slice user, store_done_fn *done, void *ctx,
                        struct word **slot)
{
    wait_for(say(herald, "user", user), done, ctx, slot);
}

void herald_demote_token(struct herald *herald, const unsigned char sha256[32], store_done_fn *done,
                         void *ctx, struct word **slot)
{
    char hex[DIGEST_HEX + 1];

    hex_write(sha256, 32, hex);
    wait_for(say(herald, "token", slice_of(hex)), done, ctx, slot);
}

/* ---- hearing it -------------------------------------------------------------------------------------- */

static bool has_token(const struct jwt *identity, struct slice text)
{
    char hex[DIGEST_HEX + 1];

    hex_write(identity->sha256, 32, hex);
    return slice_is(text, hex);
}

static bool is_user(const struct jwt *identity, struct slice text)
{
    return slice_equals(identity_user(identity), text);
}

static void demote(struct architus *app, struct slice text,
                   bool (*is_meant)(const struct jwt *identity, struct slice text))
{
    struct session *session, *spare;

    HASH_ITER (hh, app->sessions, session, spare) {
        struct jwt *identity = sio_identity(session->socket);

        ask_end_login(session, is_meant, text);
        if (identity != NULL && is_meant(identity, text))
            elevate_demote(session);
    }
}

static void on_word(struct slice text, void *ctx)
{
    struct architus *app = ctx;
    const char *blank = memchr(text.data, ' ', text.len);
    struct slice what, rest;

    if (blank == NULL)
        return;
    what = (struct slice){ text.data, (size_t)(blank - text.data) };
    rest = (struct slice){ blank + 1, text.len - what.len - 1 };
    if (slice_is(what, "check"))
        watch_check_guild(app, rest);
    else if (slice_is(what, "user"))
        demote(app, rest, is_user);
    else if (slice_is(what, "token"))
        demote(app, rest, has_token);
}

struct herald *herald_create(struct architus *app)
{
    struct herald *herald = xcalloc(1, sizeof *herald);

    herald->app = app;
    list_init(&herald->words);
    inbox_handle(app->node->inbox, "architus", on_word, app);
    return herald;
}

void herald_destroy(struct herald **herald)
{
    struct herald *gone = *herald;

    *herald = NULL;
    if (gone == NULL)
        return;
    LIST_EACH (node, spare, &gone->words) {
        word_free(LIST_ENTRY(node, struct word, node));
    }
    free(gone);
}
