/* SPDX-License-Identifier: MIT */
#ifndef SB_SIO_JOBS_H
#define SB_SIO_JOBS_H

#include "sio.h"

/* The job room: clients on "/" join the room of a game server and learn whether it polls (`join_job`). */
extern const struct sio_app jobs_app;

#endif
