/* SPDX-License-Identifier: MIT */
#ifndef SB_ARCHITUS_REQUEST_PARTS_H
#define SB_ARCHITUS_REQUEST_PARTS_H

#include "request.h"

/* What request.c, request_life.c and answer.c share. */

/* How long a request waits for the socket before it is parked, and how often it looks then. */
enum { PARK_AFTER_MS = 300, PARKED_LOOK_MS = 100 };

void request_start(struct session *session, enum ask_kind kind, struct json argument,
                   struct pending_ack ack);
/* A task holds the client here. */
void request_occupy(struct request *request);
void request_end(struct request *request);
/* Nothing goes on for it, nothing that was gathered is sent: it can be refused. */
void request_stop(struct request *request);
void request_drop(struct request *request); /* its session ends */

/* The socket takes nothing now; parked after a while. */
void request_wait_for_socket(struct request *request);
/* It has taken everything. */
void request_go_on(struct request *request);
/* The client may move: this request begins anew there. */
void request_park(struct request *request, enum request_wait wait);

void answers_init(struct request *request);
void answers_fini(struct request *request);
void answers_pump(struct request *request); /* as much as the socket takes; may end the request */

#endif
