/* SPDX-License-Identifier: MIT */
#ifndef SB_WS_PROGRESS_H
#define SB_WS_PROGRESS_H

#include <stdint.h>

/* A number that changes when the peer takes something: on TCP the bytes it has acknowledged, on a
 * UNIX socket those it has yet to read. */
uint32_t ws_progress(int fd);

#endif
