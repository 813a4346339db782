/* SPDX-License-Identifier: MIT */
/*
 * Recovery, step by step:
 *
 *     load the state → check it against the offset → read each room after the client's cursor → take it → done
 *
 *     from ≤ start ≤ cursor        of each place: where it was joined, where the client is, what was read
 *
 * It fails, and that is no error, when anything that the client missed is not there any more, or was more than
 * may wait for a client, or made its socket into something else than it was. Taking decides between a client that
 * comes back and its goodbye on another node: whichever is first counts.
 */
#include "sio_recover.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sio_asked.h"
#include "sio_entry.h"
#include "sio_room.h"
#include "store/resumes.h"

enum { PLACES_MAX = 16384, NOTHING_YET = 1 };

struct missed {
    uint64_t number;
    struct frame *entry;
};

struct place {
    struct sio_place as;  /* cursor: read up to here */
    uint64_t start, seen; /* the client has what is up to start */
    bool has_begun;
    struct missed *missed;
    size_t count;
};

struct sio_recovery {
    struct sio *sio;
    struct sio_conn *conn; /* that wants it */
    sio_recovered_fn *done;
    void *ctx;
    struct sio_recovery **slot; /* the owner's; NULL once it was told */
    struct store_op *asking;
    char pid[ENGINE_ID_LEN + 1];
    char *nsp, *offset;
    char *state;
    struct slice id, rest; /* of the state: the socket's id; data and identity */
    struct place *places;
    size_t count, reading; /* places; the one that is being read */
    uint32_t members_made;
    size_t bytes; /* that were read, with room for an offset each */
};

/* ---- life ---------------------------------------------------------------------------------------- */

static void place_fini(struct place *place)
{
    for (size_t i = 0; i < place->count; i++)
        frame_unref(&place->missed[i].entry);
    free(place->missed);
}

void sio_recovery_destroy(struct sio_recovery **recovery)
{
    struct sio_recovery *gone = *recovery;

    *recovery = NULL;
    if (gone == NULL)
        return;
    store_cancel(&gone->asking);
    for (size_t i = 0; i < gone->count; i++)
        place_fini(&gone->places[i]);
    free(gone->places);
    free(gone->state);
    free(gone->nsp);
    free(gone->offset);
    free(gone);
}

static void count(const struct sio_recovery *recovery, bool is_recovered)
{
    recovery->sio->node->metrics.socketio_recoveries[is_recovered]++;
}

static void finish(struct sio_recovery *recovery, bool is_recovered)
{
    sio_recovered_fn *done = recovery->done;
    void *ctx = recovery->ctx;

    *recovery->slot = NULL;
    if (!is_recovered) {
        count(recovery, false);
        sio_recovery_destroy(&recovery);
    }
    done(recovery, ctx);
}

/* ---- the rooms ----------------------------------------------------------------------------------- */

static void read_on(struct sio_recovery *recovery);

/* What came before it, all of it, is there: nothing lies between the place's cursor and this batch. */
static bool follows_on(const struct sio_recovery *recovery, const struct place *place,
                       const struct channel_batch *batch)
{
    const struct config *config = recovery->sio->node->config;

    if (batch->appended == 0) /* nothing has ever been said there, or Redis has lost it */
        return place->as.cursor == 0;
    if (batch->missed > 0 || batch->has_gone_back)
        return false;
    if (place->as.cursor > 0)
        return batch->count > 0 ? batch->entries[0].number == place->as.cursor + 1
                                : batch->appended == place->as.cursor;
    /* it was joined before anything was ever said there */
    return batch->count < config->room_keep && !batch->has_more;
}

static struct place *place_in(const struct sio_recovery *recovery, struct slice room)
{
    for (size_t i = 0; i < recovery->count; i++)
        if (slice_equals(recovery->places[i].as.room, room))
            return &recovery->places[i];
    return NULL;
}

static bool is_in_any(const struct sio_recovery *recovery, const struct sio_texts *rooms)
{
    for (size_t i = 0; i < rooms->count; i++)
        if (place_in(recovery, rooms->items[i]) != NULL)
            return true;
    return false;
}

/* Was it made to do that, and does not know yet? */
static bool is_ordered(const struct sio_recovery *recovery, const struct place *place,
                       uint64_t number, const struct sio_entry *entry)
{
    return number > place->seen && entry->kind != SIO_ENTRY_EVENT &&
           (entry->rooms.count == 0 || is_in_any(recovery, &entry->rooms)) &&
           !is_in_any(recovery, &entry->except);
}

/* A socket that a back end made join, or ended, meanwhile is not what it was. */
static bool is_repeatable(const struct sio_recovery *recovery, const struct place *place,
                          const struct channel_entry *entry)
{
    struct sio_entry parsed;
    bool is_good;

    if (!sio_entry_read(entry->payload, &parsed))
        return true;
    is_good = !is_ordered(recovery, place, entry->number, &parsed) ||
              parsed.kind == SIO_ENTRY_LEAVE || parsed.kind == SIO_ENTRY_SUPERSEDE;
    sio_entry_fini(&parsed);
    return is_good;
}

static bool has_left_another(const struct sio_recovery *recovery, const struct place *place,
                             const struct missed *missed)
{
    struct sio_entry entry;
    bool has_left = false;

    if (!sio_entry_read(frame_slice(missed->entry), &entry))
        return false;
    if (entry.kind == SIO_ENTRY_LEAVE && is_ordered(recovery, place, missed->number, &entry)) {
        for (size_t i = 0; i < entry.names.count; i++) {
            const struct place *left = place_in(recovery, entry.names.items[i]);

            has_left |= left != NULL && left != place && left->count > 0;
        }
    }
    sio_entry_fini(&entry);
    return has_left;
}

/* A room that it had to leave says itself what was said there before; of what stands on another channel nobody
 * knows. */
static bool has_order(const struct sio_recovery *recovery)
{
    for (size_t at = 0; at < recovery->count; at++)
        for (size_t i = 0; i < recovery->places[at].count; i++)
            if (has_left_another(recovery, &recovery->places[at], &recovery->places[at].missed[i]))
                return false;
    return true;
}

static size_t offset_max(const struct sio_recovery *recovery)
{
    return SIO_OFFSET_TAG_LEN + recovery->count * SIO_OFFSET_PLACE_MAX;
}

static bool keep(struct sio_recovery *recovery, struct place *place,
                 const struct channel_entry *entry)
{
    bool has_expired =
        entry->expires_ms != 0 && entry->expires_ms < store_now_ms(recovery->sio->node->store);

    place->as.cursor = entry->number;
    if (has_expired)
        return true;
    recovery->bytes += entry->payload.len + offset_max(recovery);
    if (recovery->bytes > recovery->sio->node->config->socketio_pending_max ||
        !is_repeatable(recovery, place, entry))
        return false;
    place->missed = xrealloc(place->missed, (place->count + 1) * sizeof *place->missed);
    place->missed[place->count++] = (struct missed){ entry->number, frame_of(entry->payload) };
    return true;
}

static void on_read(enum result result, const struct channel_batch *batch, void *ctx)
{
    struct sio_recovery *recovery = ctx;
    struct place *place = &recovery->places[recovery->reading];
    bool is_good = result == RESULT_OK && follows_on(recovery, place, batch);

    for (size_t i = 0; is_good && i < batch->count; i++)
        is_good = keep(recovery, place, &batch->entries[i]);
    if (!is_good) {
        finish(recovery, false);
        return;
    }
    if (!batch->has_more)
        recovery->reading++;
    read_on(recovery);
}

static struct resume_id id_of(const struct sio_recovery *recovery)
{
    return (struct resume_id){
        .realm = sio_default_realm(),
        .secret = slice_of(recovery->pid),
        .holder = slice_of(engine_sid(recovery->conn->engine)),
    };
}

static void on_taken(enum result result, void *ctx)
{
    finish(ctx, result == RESULT_OK);
}

static void take(struct sio_recovery *recovery)
{
    const struct resume_id id = id_of(recovery);

    resume_take(recovery->sio->node->store, &id, on_taken, recovery, &recovery->asking);
}

static void read_on(struct sio_recovery *recovery)
{
    struct sio_channel channel;
    struct place *place;

    if (recovery->reading == recovery->count) {
        if (has_order(recovery))
            take(recovery);
        else
            finish(recovery, false);
        return;
    }
    place = &recovery->places[recovery->reading];
    if (!sio_channel_of(&channel, sio_default_realm(), slice_of(recovery->nsp), place->as.room)) {
        finish(recovery, false);
        return;
    }
    channel_read(recovery->sio->node->store, &channel.id,
                 place->as.cursor > 0 ? place->as.cursor : NOTHING_YET, CHANNEL_READ_MAX, on_read,
                 recovery, &recovery->asking);
}

/* ---- the state ----------------------------------------------------------------------------------- */

static bool parse_place(struct unpack *state, struct place *place)
{
    place->as.room = unpack_slice(state);
    place->as.index = (uint32_t)unpack_number_max(state, UINT32_MAX - 1);
    place->has_begun = unpack_number_max(state, 1) == 1;
    if (place->has_begun) {
        place->as.from = unpack_number_max(state, INT64_MAX);
        place->seen = unpack_number_max(state, INT64_MAX);
    }
    place->start = place->as.from;
    return !state->is_broken && (place->as.room.len == 0 || key_id_is_valid(place->as.room));
}

static bool parse_state(struct sio_recovery *recovery, struct slice bytes)
{
    struct unpack state;
    uint64_t count;

    recovery->state = slice_dup(bytes);
    unpack_init(&state, (struct slice){ recovery->state, bytes.len });
    if (unpack_number(&state) != SIO_SESSION_VERSION)
        return false;
    recovery->id = unpack_slice(&state);
    if (recovery->id.len != ENGINE_ID_LEN || !key_id_is_valid(recovery->id) ||
        !slice_is(unpack_slice(&state), recovery->nsp))
        return false;
    recovery->members_made = (uint32_t)unpack_number_max(&state, UINT32_MAX);
    count = unpack_number_max(&state, PLACES_MAX);
    recovery->places = xcalloc(count + 1, sizeof *recovery->places);
    while (recovery->count < count && parse_place(&state, &recovery->places[recovery->count]))
        recovery->count++;
    recovery->rest = state.left;
    return recovery->count == count && !state.is_broken;
}

static struct place *place_of(struct sio_recovery *recovery, uint32_t index)
{
    for (size_t i = 0; i < recovery->count; i++)
        if (recovery->places[i].as.index == index)
            return &recovery->places[i];
    return NULL;
}

/* Where the client is. A room that it is not in any more does not matter. */
static bool take_offset(struct sio_recovery *recovery)
{
    char tag[SIO_OFFSET_TAG_LEN];
    enum sio_offset_step step;
    struct sio_offset offset;
    uint64_t number;
    uint32_t index;

    sio_session_make_tag(recovery->pid, tag);
    if (!sio_offset_parse(&offset, slice_of(recovery->offset), tag))
        return false;
    while ((step = sio_offset_next(&offset, &index, &number)) == SIO_OFFSET_PLACE) {
        struct place *place = place_of(recovery, index);

        if (place == NULL)
            continue;
        if (number < place->as.from ||
            number > INT64_MAX) /* Redis has gone back; or it is forged */
            return false;
        if (number > place->start)
            place->start = number;
        place->has_begun = true;
    }
    return step == SIO_OFFSET_END;
}

static bool begin_places(struct sio_recovery *recovery)
{
    for (size_t i = 0; i < recovery->count; i++) {
        if (!recovery->places[i].has_begun)
            return false;
        recovery->places[i].as.cursor = recovery->places[i].start;
    }
    return recovery->count > 0;
}

static void on_loaded(enum result result, struct slice state, void *ctx)
{
    struct sio_recovery *recovery = ctx;

    if (result == RESULT_OK && parse_state(recovery, state) && take_offset(recovery) &&
        begin_places(recovery))
        read_on(recovery);
    else
        finish(recovery, false);
}

/* ---- begin --------------------------------------------------------------------------------------- */

static char *text_of(struct json value, size_t max)
{
    struct buf text;
    char *copy = NULL;

    buf_init(&text, max);
    if (json_text(value, &text))
        copy = slice_dup(buf_slice(&text));
    buf_fini(&text);
    return copy;
}

bool sio_recovery_begin(struct sio_conn *conn, struct slice nsp, struct slice auth,
                        sio_recovered_fn *done, void *ctx, struct sio_recovery **slot)
{
    struct json_member wanted[] = { { .name = "pid" }, { .name = "offset" } };
    struct sio_recovery *recovery;
    struct sio *sio = conn->sio;
    char *pid, *offset;

    if (sio->node->config->recovery_ms == 0 ||
        !json_members((struct json){ JSON_OBJECT, auth }, wanted, 2))
        return false;
    pid = text_of(wanted[0].value, ENGINE_ID_LEN);
    offset =
        text_of(wanted[1].value, SIO_OFFSET_TAG_LEN + (size_t)PLACES_MAX * SIO_OFFSET_PLACE_MAX);
    if (pid == NULL || offset == NULL || strlen(pid) != ENGINE_ID_LEN ||
        !key_id_is_valid(slice_of(pid))) {
        free(pid);
        free(offset);
        return false;
    }
    recovery = xcalloc(1, sizeof *recovery);
    recovery->sio = sio;
    recovery->conn = conn;
    recovery->done = done;
    recovery->ctx = ctx;
    recovery->slot = slot;
    recovery->nsp = slice_dup(nsp);
    recovery->offset = offset;
    memcpy(recovery->pid, pid, ENGINE_ID_LEN);
    free(pid);
    *slot = recovery;
    resume_load(sio->node->store, sio_default_realm(), slice_of(recovery->pid), on_loaded, recovery,
                &recovery->asking);
    return true;
}

/* ---- the socket that it was ---------------------------------------------------------------------- */

static bool take_rest(const struct sio_recovery *recovery, struct sio_socket *socket)
{
    struct unpack rest;

    if (!engine_has_room(socket->conn->engine, recovery->bytes)) /* of another namespace's */
        return false;
    unpack_init(&rest, recovery->rest);
    if (sio_data_unpack(socket, &rest) && sio_auth_unpack(socket, &rest) && unpack_is_done(&rest) &&
        !sio_auth_has_ended(socket))
        return true;
    sio_data_end(socket);
    sio_auth_end(socket);
    return false;
}

/* What was taken and is not gone on with nobody else can have any more: so its end is told. */
static void give_up(const struct sio_recovery *recovery)
{
    const struct resume_id id = id_of(recovery);

    resume_forget(recovery->sio->node->store, &id, NULL, NULL, NULL);
}

bool sio_recovery_apply(struct sio_recovery *recovery, struct sio_socket *socket)
{
    bool is_good = take_rest(recovery, socket);
    char id[ENGINE_ID_LEN + 1];

    count(recovery, is_good);
    if (!is_good) {
        give_up(recovery);
        return false;
    }
    memcpy(id, recovery->id.data, ENGINE_ID_LEN);
    id[ENGINE_ID_LEN] = '\0';
    sio_socket_rename(socket, id);
    sio_session_create(socket, recovery->pid);
    return true;
}

void sio_recovery_join(struct sio_recovery *recovery, struct sio_socket *socket)
{
    for (size_t i = 0; i < recovery->count; i++)
        sio_member_resume(socket, &recovery->places[i].as);
    if (socket->members_made < recovery->members_made)
        socket->members_made = recovery->members_made;
}

/* ---- what it missed ------------------------------------------------------------------------------ */

/* Places before `at` have been replayed, `at` itself up to `number`. */
static void write_offset(const struct sio_recovery *recovery, const struct sio_socket *socket,
                         size_t at, uint64_t number, struct buf *out)
{
    sio_offset_begin(out, socket->session->tag);
    for (size_t i = 0; i < recovery->count; i++) {
        const struct place *place = &recovery->places[i];
        uint64_t cursor = i < at ? place->as.cursor : i == at ? number : place->start;

        if (cursor != place->as.from)
            sio_offset_add(out, place->as.index, cursor);
    }
}

static void replay_event(const struct sio_recovery *recovery, struct sio_socket *socket, size_t at,
                         uint64_t number, const struct sio_entry *entry)
{
    struct packet *packet = sio_entry_packet(entry), *stamped;
    struct buf offset;

    buf_init(&offset, offset_max(recovery));
    write_offset(recovery, socket, at, number, &offset);
    stamped = sio_session_stamp(packet, buf_slice(&offset));
    sio_conn_answer(socket->conn, stamped);
    packet_unref(&stamped);
    packet_unref(&packet);
    buf_fini(&offset);
}

static void replay_entry(const struct sio_recovery *recovery, struct sio_socket *socket, size_t at,
                         const struct missed *missed)
{
    const struct place *place = &recovery->places[at];
    const struct sio_member *member = sio_member_find(socket, place->as.room);
    struct sio_entry entry;

    if (member == NULL || !sio_entry_read(frame_slice(missed->entry), &entry))
        return;
    if (!sio_entry_is_for(&entry, member) || entry.is_volatile || entry.asker.data != NULL)
        ; /* not for it, or not to be repeated */
    else if (entry.kind == SIO_ENTRY_EVENT)
        replay_event(recovery, socket, at, missed->number, &entry);
    else if (entry.kind == SIO_ENTRY_LEAVE && missed->number > place->seen)
        for (size_t i = 0; i < entry.names.count; i++)
            sio_leave(socket, entry.names.items[i]);
    sio_entry_fini(&entry);
}

void sio_recovery_replay(struct sio_recovery *recovery, struct sio_socket *socket)
{
    for (size_t at = 0; at < recovery->count; at++)
        for (size_t i = 0; i < recovery->places[at].count; i++)
            if (socket->state == SIO_CONNECTED)
                replay_entry(recovery, socket, at, &recovery->places[at].missed[i]);
}
