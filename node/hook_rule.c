/* SPDX-License-Identifier: MIT */
/* A URL begins behind the first "=" that http:// or https:// follows: so the name of an event may hold one. */
#include "hook_rule.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "jwt.h"
#include "store/key.h"

static const char *find_url(const char *text)
{
    for (const char *at = strchr(text, '='); at != NULL; at = strchr(at + 1, '='))
        if (strncmp(at + 1, "http://", 7) == 0 || strncmp(at + 1, "https://", 8) == 0)
            return at + 1;
    return NULL;
}

static bool check_event(struct slice event, struct why *why)
{
    if (!key_id_is_valid(event))
        return why_set(why, "%s is no name of an event", log_quote(event.data, event.len));
    if (slice_is(event, "connect") || slice_is(event, "disconnect"))
        return why_set(why, "%.*s is no event: --%.*s-hook is for that", (int)event.len, event.data,
                       (int)event.len, event.data);
    return true;
}

bool hook_rule_parse(const char *text, struct hook_rule *rule_out, struct why *why)
{
    const char *url = find_url(text), *event = text;

    if (url == NULL)
        return why_set(why, "wants [NAMESPACE#]EVENT=URL, with http:// or https://");
    *rule_out = (struct hook_rule){ .nsp = SLICE_LITERAL("/"), .url = url };
    if (*text == '/') {
        event = memchr(text, '#', (size_t)(url - 1 - text));
        if (event == NULL)
            return why_set(why, "a namespace wants its event: NAMESPACE#EVENT=URL");
        rule_out->nsp = (struct slice){ text, (size_t)(event++ - text) };
        if (!key_id_is_valid(rule_out->nsp))
            return why_set(why, "%s is no namespace",
                           log_quote(rule_out->nsp.data, rule_out->nsp.len));
    }
    rule_out->event = (struct slice){ event, (size_t)(url - 1 - event) };
    return check_event(rule_out->event, why);
}

/* ---- all of them -------------------------------------------------------------------------------------- */

void hook_rules_read(struct hook_rules *rules, const struct strings *texts)
{
    rules->items = xrealloc(rules->items, (texts->count + 1) * sizeof *rules->items);
    rules->count = 0;
    for (size_t i = 0; i < texts->count; i++)
        if (hook_rule_parse(texts->items[i], &rules->items[rules->count], NULL))
            rules->count++;
}

void hook_rules_fini(struct hook_rules *rules)
{
    free(rules->items);
    *rules = (struct hook_rules){ .items = NULL };
}

const char *hook_rules_find(const struct hook_rules *rules, struct slice nsp, struct slice event)
{
    const char *any = NULL;

    for (size_t i = 0; i < rules->count; i++) {
        const struct hook_rule *rule = &rules->items[i];

        if (!pattern_matches(rule->nsp, nsp))
            continue;
        if (slice_equals(rule->event, event))
            return rule->url;
        if (any == NULL && slice_is(rule->event, "*"))
            any = rule->url;
    }
    return any;
}
