/* SPDX-License-Identifier: MIT */
#ifndef SB_ARCHITUS_H
#define SB_ARCHITUS_H

#include "sio.h"

/* The gateway of the bot Architus, on the namespace "/": pools of guilds, live logs (docs/architus.md). */
extern const struct sio_app architus_app;

#endif
