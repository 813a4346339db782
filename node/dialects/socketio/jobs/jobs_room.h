/* SPDX-License-Identifier: MIT */
#ifndef SB_SIO_JOBS_ROOM_H
#define SB_SIO_JOBS_ROOM_H

#include <uthash.h>

#include "deadline.h"
#include "sio.h"
#include "store/jobs.h"

/*
 * The inside of jobs/.
 *
 *     jobs.c       the app
 *     job_guest    a socket that has joined jobs: what it waits for, what it watches; its data
 *     job_join.c   one `join_job`, from the event to its answer
 *     job_watch    does a job's heartbeat live? One for each job that somebody on this node watches
 */
struct jobs {
    struct node *node;
    struct deadlines *deadlines;
    struct job_guest *guests;  /* by socket */
    struct job_watch *watches; /* by job id */
};

enum { JOBS_JOINS_MAX = 32, JOBS_JOIN_MS = 10000, JOBS_POLL_MS = 1000 };

/* ---- job_guest.c -------------------------------------------------------------------------------- */

struct job_guest {
    struct jobs *jobs;
    struct sio_socket *socket;
    struct list joins;    /* of struct job_join */
    struct list watchers; /* of struct job_watcher */
    uint32_t join_count, watcher_count;
    UT_hash_handle hh;
};

/* One socket watches one job. */
struct job_watcher {
    struct list of_guest, of_watch;
    struct job_guest *guest;
    struct job_watch *watch;
    bool is_told_alive; /* what its client was told last */
};

struct job_guest *job_guest_of(struct jobs *jobs, struct sio_socket *socket);
struct job_guest *job_guest_find(const struct jobs *jobs, const struct sio_socket *socket);
void job_guest_destroy(struct job_guest **guest);

/* It watches from now on; Redis has just said that, and so was its client. */
void job_guest_watch(struct job_guest *guest, struct slice job, bool is_alive);

/* It came back with its data: watches again what it watched. */
void job_guest_restore(struct jobs *jobs, struct sio_socket *socket);

/* The job's heartbeat is known to live, or not: its client is told when that is new to it. */
void job_watcher_tell(struct job_watcher *watcher, bool is_alive);

/* "job:<id>"; where that is too long for a room, "job:~" and the id's SHA-256 in hexadecimal digits. */
enum { JOB_ROOM_MAX = KEY_ID_MAX };
struct slice job_room(struct slice job, char out[JOB_ROOM_MAX]);

/* system_message, to its client alone. */
void job_say(struct job_guest *guest, bool is_alive);

/* ---- job_join.c --------------------------------------------------------------------------------- */

void job_join(struct jobs *jobs, struct sio_socket *socket, const struct sio_event *event);
void job_joins_end(struct job_guest *guest); /* they are not answered any more */

/* ---- job_watch.c -------------------------------------------------------------------------------- */

struct slice job_watch_id(const struct job_watch *watch);
void job_watch_join(struct jobs *jobs, struct slice job, struct job_watcher *watcher);
void job_watch_leave(struct job_watcher *watcher); /* the last one ends the watch */

/* Somebody asked Redis just now. */
void job_watch_learn(struct job_watch *watch, bool is_alive);

/* Asks, and tells its watchers what is new to them. */
void job_watch_ask(struct job_watch *watch);

#endif
