/* SPDX-License-Identifier: MIT */
/*
 * An answer is carried out in one order: what the socket is remembered by, rooms left, rooms joined, and once
 * those are in force emits, acknowledgement and end. Its client may see another one: what goes by the channel of
 * a room (sio_send.c says what of its own does) takes longer than the acknowledgement. A socket that ends
 * meanwhile takes no more part; emits to rooms are made all the same.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sio_emit.h"
#include "sio_hook.h"
#include "sio_wire.h"

/* ---- its text --------------------------------------------------------------------------------------- */

/* A client that is sent other attachments than its acknowledgement names breaks its connection. */
static bool acknowledgement_fits(const struct sio_hook_answer *answer, const struct config *config,
                                 struct why *why)
{
    size_t count = answer->attachments.count, bytes = answer->ack.len;
    struct json ack;

    for (size_t i = 0; i < count; i++)
        bytes += answer->attachments.items[i].len;
    if (count > config->socketio_max_attachments || bytes > config->socketio_max_payload)
        return why_set(why, "ack, attachments: too large, or too many");
    if (count > 0 && (!json_parse(answer->ack, &ack) || ack.type != JSON_ARRAY ||
                      !sio_placeholders_are_valid(ack, (uint32_t)count)))
        return why_set(why, "ack: its placeholders are not those of the attachments");
    return true;
}

bool sio_hook_turn_read(struct sio_hook_turn *turn, struct node *node, struct slice answer)
{
    struct why why = { "" };

    turn->text = slice_dup(answer);
    if (sio_hook_answer_parse((struct slice){ turn->text, answer.len }, &turn->answer, &why) &&
        acknowledgement_fits(&turn->answer, node->config, &why))
        return true;
    node->metrics.hook_malformed++;
    log_peer(LOG_WARN, NULL, "hook.malformed", "what=%s", log_quote(why.text, strlen(why.text)));
    sio_hook_turn_fini(turn);
    return false;
}

void sio_hook_turn_fini(struct sio_hook_turn *turn)
{
    sio_hook_answer_fini(&turn->answer);
    free(turn->text);
    *turn = (struct sio_hook_turn){ .text = NULL };
}

/* ---- emits ------------------------------------------------------------------------------------------ */

static void on_emitted(enum result result, const struct channel_appended *appended, void *ctx)
{
    struct node *node = ctx;

    (void)appended;
    if (result == RESULT_OK)
        return;
    node->metrics.hook_emits_failed++;
    log_peer(LOG_WARN, NULL, "hook.emit_failed", "result=%s", result_name(result));
}

/* False: it cannot be made, which is counted. `full_out` borrows from all of these. */
static bool prepare(const struct sio_hook_guest *guest, const struct sio_hook_emit *emit,
                    const struct json_list *rooms, struct sio_emit *full_out)
{
    struct node *node = guest->hooks->node;
    struct why why = { "" };

    *full_out = (struct sio_emit){
        .to = { .realm = slice_of(guest->realm),
                .nsp = emit->nsp.data != NULL ? emit->nsp : slice_of(guest->nsp),
                .rooms = rooms->items,
                .room_count = rooms->count,
                .except = emit->except.items,
                .except_count = emit->except.count },
        .items = emit->items,
        .attachments = emit->attachments.items,
        .attachment_count = emit->attachments.count,
        .is_volatile = emit->is_volatile,
    };
    if (sio_emit_check(guest->hooks->sio, full_out, &why))
        return true;
    node->metrics.hook_emits_failed++;
    log_peer(LOG_WARN, NULL, "hook.emit_failed", "what=%s", log_quote(why.text, strlen(why.text)));
    return false;
}

static void emit_to_rooms(struct sio_hook_guest *guest, const struct sio_hook_emit *emit)
{
    struct sio_emit full;

    if (prepare(guest, emit, &emit->rooms, &full))
        sio_emit(guest->hooks->sio, &full, on_emitted, guest->hooks->node, NULL);
}

static void emit_to_socket(struct sio_hook_guest *guest, const struct sio_hook_emit *emit)
{
    struct slice id = guest->socket != NULL ? sio_id(guest->socket) : slice_of(NULL);
    struct sio_emit full;

    if (guest->socket == NULL || !prepare(guest, emit, &(struct json_list){ &id, 1 }, &full))
        return;
    if (!emit->is_volatile || sio_can_take(guest->socket))
        sio_send_binary(guest->socket, full.items, full.attachments, full.attachment_count);
}

static void emit_all(struct sio_hook_guest *guest)
{
    const struct sio_hook_answer *answer = &guest->turn.answer;

    for (size_t i = 0; i < answer->emit_count; i++) {
        if (answer->emits[i].is_to_rooms)
            emit_to_rooms(guest, &answer->emits[i]);
        else
            emit_to_socket(guest, &answer->emits[i]);
    }
}

/* ---- the acknowledgement ------------------------------------------------------------------------------ */

static void acknowledge_error(struct sio_hook_guest *guest)
{
    struct buf text;

    buf_init(&text, 256);
    buf_add_text(&text, "[{\"error\":");
    json_quote(&text, slice_of(guest->turn.error));
    buf_add_text(&text, "}]");
    sio_ack(guest->socket, guest->turn.ack_id, buf_slice(&text));
    buf_fini(&text);
}

/* Whoever waits for an acknowledgement gets one, also where the back end has nothing to say. */
static void acknowledge(struct sio_hook_guest *guest)
{
    const struct sio_hook_turn *turn = &guest->turn;
    struct slice args = turn->answer.ack.data != NULL ? turn->answer.ack : SLICE_LITERAL("[]");

    if (guest->socket == NULL || !turn->wants_ack)
        return;
    if (turn->error != NULL)
        acknowledge_error(guest);
    else if (turn->answer.attachments.count > 0)
        sio_ack_binary(guest->socket, turn->ack_id, args, turn->answer.attachments.items,
                       turn->answer.attachments.count);
    else
        sio_ack(guest->socket, turn->ack_id, args);
}

/* ---- the whole ---------------------------------------------------------------------------------------- */

/* Whatever ends the socket here comes back by sio_hook_guest_leave(), which waits for the turn to be over. */
static void finish(struct sio_hook_guest *guest)
{
    if (guest->turn.answer.disconnects && guest->socket != NULL)
        sio_part(guest->socket);
    emit_all(guest);
    acknowledge(guest);
    if (guest->turn.answer.disconnects && guest->socket != NULL)
        sio_disconnect(guest->socket, false);
    sio_hook_turn_fini(&guest->turn);
    sio_hook_guest_go(guest);
}

static void on_joined(enum result result, void *ctx)
{
    struct sio_hook_guest *guest = ctx;

    if (result != RESULT_OK) {
        log_peer(LOG_WARN, NULL, "hook.join_failed", "result=%s", result_name(result));
        guest->turn.error =
            result == RESULT_REFUSED ? "Too many rooms." : "The store is unavailable.";
    }
    if (--guest->turn.joins_left == 0)
        finish(guest);
}

static void change_rooms(struct sio_hook_guest *guest)
{
    const struct sio_hook_answer *answer = &guest->turn.answer;

    if (answer->data.data != NULL)
        sio_set_data(guest->socket, "hooks",
                     slice_is(answer->data, "null") ? (struct slice){ NULL, 0 } : answer->data);
    for (size_t i = 0; i < answer->leave.count; i++)
        sio_leave(guest->socket, answer->leave.items[i]);
    guest->turn.joins_left = answer->join.count;
    for (size_t i = 0; i < answer->join.count; i++)
        sio_join(guest->socket, answer->join.items[i], on_joined, guest);
}

void sio_hook_turn_begin(struct sio_hook_guest *guest)
{
    guest->turn.is_open = true;
    if (guest->socket != NULL)
        change_rooms(guest);
    if (guest->turn.joins_left == 0)
        finish(guest);
}

void sio_hook_turn_cut(struct sio_hook_guest *guest)
{
    if (guest->turn.joins_left == 0)
        return;
    guest->turn.joins_left = 0;
    finish(guest);
}
