/* SPDX-License-Identifier: MIT */
#ifndef SB_FLEET_URL_H
#define SB_FLEET_URL_H

#include "base/buf.h"

/* Would WHATWG's URL parser take it, with the scheme ws, wss, http or https? */
bool fleet_url_is_good(struct slice url);

/* A host as it stands in such a URL. */
bool fleet_host_is_good(struct slice host);

#endif
