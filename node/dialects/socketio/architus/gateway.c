/* SPDX-License-Identifier: MIT */
/* What the API asks of us on a list, as it asked the old gateway: register_nonce and demote_connection. */
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "architus_room.h"
#include "base/mem.h"
#include "mailslot.h"
#include "store/kept.h"

enum { LOOK_MS = 2000, TEXT_MAX = 32768, ANSWER_MAX = 4096 };

#define REPLY_PREFIX "sb:{inbox:"

struct gateway {
    struct architus *app;
    struct mailslot *mailslot;
    struct list errands;
};

/* A letter that has to be answered. */
struct letter {
    struct json id;
    struct slice reply; /* the list; nothing: nobody wants to know */
};

static void answer(struct gateway *gateway, struct slice id, struct slice reply, int status,
                   const char *message)
{
    struct buf text;

    if (reply.len <= sizeof REPLY_PREFIX || reply.len > KEY_MAX ||
        memcmp(reply.data, REPLY_PREFIX, sizeof REPLY_PREFIX - 1) != 0)
        return;
    buf_init(&text, ANSWER_MAX);
    buf_add_text(&text, "{\"id\":");
    buf_add_slice(&text, id.len > 0 ? id : SLICE_LITERAL("null"));
    buf_printf(&text, ",\"sc\":%d,\"resp\":{\"message\":\"%s\"}}", status, message);
    rpc_answer(gateway->app->node->store, reply, buf_slice(&text), NULL, NULL, NULL);
    buf_fini(&text);
}

/* ---- what takes time ----------------------------------------------------------------------------------- */

/* A letter that is answered when what it asks for is done. */
struct errand {
    struct list node;
    struct gateway *gateway;
    const char *success; /* what it is answered then */
    struct store_op *putting;
    struct word *demoting;
    struct buf id, reply;
};

static struct errand *errand_create(struct gateway *gateway, const struct letter *letter,
                                    const char *success)
{
    struct errand *errand = xcalloc(1, sizeof *errand);

    errand->gateway = gateway;
    errand->success = success;
    list_append(&gateway->errands, &errand->node);
    buf_init(&errand->id, ANSWER_MAX);
    buf_init(&errand->reply, KEY_MAX);
    buf_add_slice(&errand->id, letter->id.raw);
    buf_add_slice(&errand->reply, letter->reply);
    return errand;
}

static void errand_free(struct errand *errand)
{
    list_remove(&errand->node);
    store_cancel(&errand->putting);
    herald_let_go(&errand->demoting);
    buf_fini(&errand->id);
    buf_fini(&errand->reply);
    free(errand);
}

static void on_done(enum result result, void *ctx)
{
    struct errand *errand = ctx;
    bool is_good = result == RESULT_OK;

    answer(errand->gateway, buf_slice(&errand->id), buf_slice(&errand->reply), is_good ? 200 : 503,
           is_good ? errand->success : "unavailable");
    errand_free(errand);
}

static void register_nonce(struct gateway *gateway, const struct letter *letter, struct slice nonce,
                           struct slice token)
{
    struct errand *errand;

    if (nonce.len == 0 || token.len == 0 || token.len > ASK_TOKEN_MAX) {
        answer(gateway, letter->id.raw, letter->reply, 400, "invaild arguments");
        return;
    }
    errand = errand_create(gateway, letter, "registered");
    kept_put(gateway->app->node->store, KEPT_NONCE, sio_default_realm(), nonce, token, on_done,
             errand, &errand->putting);
}

static void demote_connection(struct gateway *gateway, const struct letter *letter,
                              struct slice token)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    struct errand *errand;

    if (token.len == 0) {
        answer(gateway, letter->id.raw, letter->reply, 400, "invaild arguments");
        return;
    }
    SHA256((const unsigned char *)token.data, token.len, digest);
    errand = errand_create(gateway, letter, "demoted :)");
    herald_demote_token(gateway->app->herald, digest, on_done, errand, &errand->demoting);
}

/* ---- letters ------------------------------------------------------------------------------------------- */

static void take_letter(struct gateway *gateway, const struct json_member *members,
                        struct buf *text)
{
    struct letter letter = { .id = members[0].value, .reply = wire_text(members[3].value, text) };
    struct slice method = wire_text(members[1].value, text);
    struct json args[2] = { { .type = JSON_ABSENT }, { .type = JSON_ABSENT } };
    size_t offset = 0;

    for (size_t i = 0; i < 2 && json_next(members[2].value, &offset, &args[i]); i++)
        continue;
    if (letter.id.raw.len > KEY_ID_MAX)
        letter.id.raw = (struct slice){ NULL, 0 };
    if (slice_is(method, "register_nonce"))
        register_nonce(gateway, &letter, wire_id(args[0], text), wire_text(args[1], text));
    else if (slice_is(method, "demote_connection"))
        demote_connection(gateway, &letter, wire_text(args[0], text));
    else
        answer(gateway, letter.id.raw, letter.reply, 404, "No such method");
}

static void on_letter(struct json letter, void *ctx)
{
    struct json_member members[] = {
        { .name = "id" }, { .name = "method" }, { .name = "args" }, { .name = "reply" }
    };
    struct buf text;

    buf_init(&text, TEXT_MAX);
    buf_reserve(&text, letter.raw.len < TEXT_MAX ? letter.raw.len : TEXT_MAX);
    if (letter.raw.len <= TEXT_MAX && json_members(letter, members, 4))
        take_letter(ctx, members, &text);
    buf_fini(&text);
}

struct gateway *gateway_create(struct architus *app)
{
    struct gateway *gateway = xcalloc(1, sizeof *gateway);
    struct key list;

    gateway->app = app;
    list_init(&gateway->errands);
    rpc_queue_key(&list, sio_default_realm(), SLICE_LITERAL("gateway"));
    gateway->mailslot =
        mailslot_create(app->node->store, app->deadlines, &list, LOOK_MS, on_letter, gateway);
    mailslot_enter(gateway->mailslot);
    return gateway;
}

void gateway_destroy(struct gateway **gateway)
{
    struct gateway *gone = *gateway;

    *gateway = NULL;
    if (gone == NULL)
        return;
    LIST_EACH (node, spare, &gone->errands) {
        errand_free(LIST_ENTRY(node, struct errand, node));
    }
    mailslot_leave(gone->mailslot);
    mailslot_destroy(&gone->mailslot);
    free(gone);
}
