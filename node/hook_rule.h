/* SPDX-License-Identifier: MIT */
#ifndef SB_HOOK_RULE_H
#define SB_HOOK_RULE_H

#include "base/buf.h"
#include "config.h"

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

/* All of them. Zero-initialise; read again after a reload, because they borrow from the options. */
struct hook_rules {
    struct hook_rule *items;
    size_t count;
};
void hook_rules_read(struct hook_rules *rules, const struct strings *texts);
void hook_rules_fini(struct hook_rules *rules);

/* The URL of the first that names the event, else of the first for any; NULL: none is for it. */
const char *hook_rules_find(const struct hook_rules *rules, struct slice nsp, struct slice event);

#endif
