/* SPDX-License-Identifier: MIT */
#ifndef SB_MAILBOX_ROOM_H
#define SB_MAILBOX_ROOM_H

#include "deadline.h"
#include "node.h"

/* What the files of this dialect share. */
struct doorbell;

struct mailbox {
    struct node *node;
    struct deadlines *deadlines;
    struct list held;           /* polls that are held open                */
    struct deadline watch;      /* is the node draining? asked while any is */
    struct doorbell *doorbells; /* by topic key */
};

/* The routes. */
void poll_handle(struct http_request *request, void *dialect);    /* GET /api/v1/commands  */
void enqueue_handle(struct http_request *request, void *dialect); /* POST /api/v1/commands */
void job_handle(struct http_request *request, void *dialect);     /* GET /api/v1/jobs/{}   */
void jobs_handle(struct http_request *request, void *dialect);    /* GET /api/v1/jobs      */

#endif
