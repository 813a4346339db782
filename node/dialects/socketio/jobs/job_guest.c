/* SPDX-License-Identifier: MIT */
/*
 * What a socket watches is kept as its data, with what its client was told last: {"<job id>":true,…}. So a client
 * that comes back, here or on another node, hears of what changed meanwhile, and of nothing twice.
 */
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/mem.h"
#include "jobs_room.h"
#include "node.h"

#define DATA_NAME "jobs"

enum { SHA256_SIZE = 32 };

/* ---- messages ------------------------------------------------------------------------------------- */

struct slice job_room(struct slice job, char out[JOB_ROOM_MAX])
{
    unsigned char hash[EVP_MAX_MD_SIZE];

    memcpy(out, "job:", 4);
    if (4 + job.len <= JOB_ROOM_MAX) {
        memcpy(out + 4, job.data, job.len);
        return (struct slice){ out, 4 + job.len };
    }
    if (EVP_Digest(job.data, job.len, hash, NULL, EVP_sha256(), NULL) != 1)
        abort();
    out[4] = '~';
    hex_write(hash, SHA256_SIZE, out + 5);
    return (struct slice){ out, 5 + 2 * SHA256_SIZE };
}

void job_say(struct job_guest *guest, bool is_alive)
{
    const char *type = is_alive ? "INTEGRATION_SUCCESS" : "INTEGRATION_LOST";
    const char *text = is_alive ? "This server has RCL Integration enabled."
                                : "This server has no RCL Integration any more.";
    struct buf items;

    buf_init(&items, 256);
    buf_printf(&items,
               "[\"system_message\",{\"type\":\"%s\",\"message\":\"%s\",\"timestamp\":%" PRId64
               "}]",
               type, text, store_now_ms(guest->jobs->node->store));
    sio_send(guest->socket, buf_slice(&items));
    buf_fini(&items);
}

/* ---- guests --------------------------------------------------------------------------------------- */

struct job_guest *job_guest_find(const struct jobs *jobs, const struct sio_socket *socket)
{
    struct job_guest *guest;

    HASH_FIND_PTR(jobs->guests, &socket, guest);
    return guest;
}

struct job_guest *job_guest_of(struct jobs *jobs, struct sio_socket *socket)
{
    struct job_guest *guest = job_guest_find(jobs, socket);

    if (guest != NULL)
        return guest;
    guest = xcalloc(1, sizeof *guest);
    guest->jobs = jobs;
    guest->socket = socket;
    list_init(&guest->joins);
    list_init(&guest->watchers);
    HASH_ADD_PTR(jobs->guests, socket, guest);
    return guest;
}

static void watcher_destroy(struct job_watcher *watcher)
{
    watcher->guest->watcher_count--;
    list_remove(&watcher->of_guest);
    job_watch_leave(watcher);
    free(watcher);
}

void job_guest_destroy(struct job_guest **guest)
{
    struct job_guest *gone = *guest;

    if (gone == NULL)
        return;
    *guest = NULL;
    job_joins_end(gone);
    while (!list_is_empty(&gone->watchers))
        watcher_destroy(LIST_ENTRY(gone->watchers.next, struct job_watcher, of_guest));
    HASH_DEL(gone->jobs->guests, gone);
    free(gone);
}

/* ---- what they watch ------------------------------------------------------------------------------ */

static void save(struct job_guest *guest)
{
    struct buf data;

    if (list_is_empty(&guest->watchers)) {
        sio_set_data(guest->socket, DATA_NAME, (struct slice){ NULL, 0 });
        return;
    }
    buf_init(&data, 2 + guest->watcher_count * (6 * KEY_ID_MAX + 16));
    LIST_EACH (node, spare, &guest->watchers) {
        struct job_watcher *watcher = LIST_ENTRY(node, struct job_watcher, of_guest);

        buf_add_byte(&data, data.len == 0 ? '{' : ',');
        json_quote(&data, job_watch_id(watcher->watch));
        buf_add_text(&data, watcher->is_told_alive ? ":true" : ":false");
    }
    buf_add_byte(&data, '}');
    sio_set_data(guest->socket, DATA_NAME, buf_slice(&data));
    buf_fini(&data);
}

static bool is_in_room(const struct job_watcher *watcher)
{
    char room[JOB_ROOM_MAX];

    return sio_is_in(watcher->guest->socket, job_room(job_watch_id(watcher->watch), room));
}

void job_watcher_tell(struct job_watcher *watcher, bool is_alive)
{
    struct job_guest *guest = watcher->guest;

    if (watcher->is_told_alive == is_alive)
        return;
    watcher->is_told_alive = is_alive;
    if (!is_in_room(watcher)) { /* it left, and nobody said so */
        watcher_destroy(watcher);
        save(guest);
        return;
    }
    save(guest);
    job_say(guest, is_alive);
}

static void forget_left_rooms(struct job_guest *guest)
{
    LIST_EACH (node, spare, &guest->watchers) {
        struct job_watcher *watcher = LIST_ENTRY(node, struct job_watcher, of_guest);

        if (!is_in_room(watcher))
            watcher_destroy(watcher);
    }
}

static struct job_watcher *watcher_find(const struct job_guest *guest, struct slice job)
{
    LIST_EACH (node, spare, &guest->watchers) {
        struct job_watcher *watcher = LIST_ENTRY(node, struct job_watcher, of_guest);

        if (slice_equals(job_watch_id(watcher->watch), job))
            return watcher;
    }
    return NULL;
}

static struct job_watcher *watcher_of(struct job_guest *guest, struct slice job)
{
    struct job_watcher *watcher = watcher_find(guest, job);

    if (watcher != NULL)
        return watcher;
    watcher = xcalloc(1, sizeof *watcher);
    watcher->guest = guest;
    list_append(&guest->watchers, &watcher->of_guest);
    guest->watcher_count++;
    job_watch_join(guest->jobs, job, watcher);
    return watcher;
}

void job_guest_watch(struct job_guest *guest, struct slice job, bool is_alive)
{
    struct job_watcher *watcher;

    forget_left_rooms(guest);
    watcher = watcher_of(guest, job);
    watcher->is_told_alive = is_alive;
    save(guest);
    job_watch_learn(watcher->watch, is_alive);
}

/* ---- coming back ---------------------------------------------------------------------------------- */

static void restore(struct job_guest *guest, struct json name, bool is_told_alive)
{
    struct job_watcher *watcher;
    struct buf job;

    buf_init(&job, KEY_ID_MAX);
    if (json_text(name, &job) && key_id_is_valid(buf_slice(&job))) {
        watcher = watcher_of(guest, buf_slice(&job));
        watcher->is_told_alive = is_told_alive;
        job_watch_ask(watcher->watch);
    }
    buf_fini(&job);
}

void job_guest_restore(struct jobs *jobs, struct sio_socket *socket)
{
    struct slice data = sio_data(socket, DATA_NAME);
    struct json watched, name, value;
    size_t offset = 0;

    if (data.data == NULL || !json_parse(data, &watched))
        return;
    while (json_next_member(watched, &offset, &name, &value))
        restore(job_guest_of(jobs, socket), name, value.type == JSON_TRUE);
}
