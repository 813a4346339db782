/* SPDX-License-Identifier: MIT */
#ifndef SB_HOOK_HEADERS_H
#define SB_HOOK_HEADERS_H

#include <curl/curl.h>

#include "hook.h"

/* What every attempt of a call says ahead of its body, the delivery's id and the signature among it (hook.h).
 * For hook.c only. */
struct curl_slist *hook_headers_create(const struct config *config,
                                       const struct hook_request *request);

#endif
