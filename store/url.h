/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_URL_H
#define SB_STORE_URL_H

#include "base/buf.h"
#include "base/result.h"

/* Where a Redis is, taken apart. */
struct url {
    char *host, *path;     /* exactly one is set: TCP or UNIX socket */
    char *user, *password; /* NULL: none                             */
    char port[6];
    uint32_t db;
};

/*
 *     redis://[[user]:password@]host[:port][/db]     host may be [IPv6]
 *     unix://[[user]:password@]/path[?db=N]
 *
 * user and password may hold %XX. On failure nothing is left to release.
 */
bool url_parse(struct url *url, const char *text, struct why *why) MUST_CHECK;
void url_fini(struct url *url);

#endif
