/* SPDX-License-Identifier: MIT */
#ifndef SB_SIO_HOOKS_H
#define SB_SIO_HOOKS_H

#include "sio.h"

/* The app that asks back ends: --hook, --connect-hook, --disconnect-hook (docs/hooks.md). */
extern const struct sio_app sio_hooks_app;

#endif
