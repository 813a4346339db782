/* SPDX-License-Identifier: MIT */
#ifndef SB_ARCHITUS_SESSION_DATA_H
#define SB_ARCHITUS_SESSION_DATA_H

#include "architus_room.h"

/* What moves with a socket, and is recovered with it: what it watches, and the requests that are parked:
 * {"watch":{"guild":"…","logs":true},"asks":[["pool_all_request",{…}],…]} */
void session_save(struct session *session);
void session_resume(struct session *session);

#endif
