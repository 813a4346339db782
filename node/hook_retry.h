/* SPDX-License-Identifier: MIT */
#ifndef SB_HOOK_RETRY_H
#define SB_HOOK_RETRY_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

/* Whether and when an attempt that failed is worth another one. For hook.c only. */

/* Could the same attempt succeed a moment later? Whether it is safe is another question. */
bool hook_may_pass(CURLcode code);

/* After so many attempts: longer each time, and not the same for everybody. */
uint32_t hook_pause_ms(uint32_t attempts);

#endif
