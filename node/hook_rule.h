/* SPDX-License-Identifier: MIT */
#ifndef SB_HOOK_RULE_H
#define SB_HOOK_RULE_H

#include "base/buf.h"

/*
 * One --hook: which event of a client's goes to which back end.
 *
 *     rule = [ namespace "#" ] event "=" url     namespace begins with "/" and may hold "*"; without one it is "/"
 *                                                event "*": any that no rule names
 */
struct hook_rule {
    struct slice nsp, event; /* borrowed from the text */
    const char *url;
};

bool hook_rule_parse(const char *text, struct hook_rule *rule_out, struct why *why) MUST_CHECK;

#endif
