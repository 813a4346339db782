/* SPDX-License-Identifier: MIT */
/* Options that are right each by itself and wrong together. */
#include <string.h>

#include "config_option.h"
#include "hook_rule.h"
#include "http_head.h"
#include "store/url.h"

/* Can several processes listen there? */
static bool is_shareable(const char *address)
{
    return strncmp(address, "unix:", 5) != 0 && strcmp(strrchr(address, ':'), ":0") != 0;
}

static bool are_shareable(const struct strings *addresses)
{
    for (size_t i = 0; i < addresses->count; i++)
        if (!is_shareable(addresses->items[i]))
            return false;
    return true;
}

/* Else what a cap lets wait would be dropped when a listener comes. */
static bool fits_live_bound(const struct config *config)
{
    return config->live_bound >= config->mailbox_cap && config->live_bound >= config->queue_max &&
           config->live_bound >= config->max_queued;
}

static void check_redis(const char *text, struct buf *complaints)
{
    struct why why = { "" };
    struct url url;

    if (url_parse(&url, text, &why))
        url_fini(&url);
    else
        buf_printf(complaints, "--redis: %s\n", why.text);
}

static bool is_same_event(const char *text, const struct hook_rule *rule)
{
    struct hook_rule other;

    return hook_rule_parse(text, &other, NULL) && slice_equals(other.nsp, rule->nsp) &&
           slice_equals(other.event, rule->event);
}

/* What may hold a password, the URL, is not shown. */
static void check_hook(const struct strings *hooks, size_t index, struct buf *complaints)
{
    struct hook_rule rule;
    struct why why = { "" };
    int name;

    if (!hook_rule_parse(hooks->items[index], &rule, &why)) {
        buf_printf(complaints, "--hook: %s\n", why.text);
        return;
    }
    name = (int)(rule.url - 1 - hooks->items[index]);
    if (!option_url_is_valid(rule.url))
        buf_printf(complaints, "--hook: %.*s: the URL has no host\n", name, hooks->items[index]);
    for (size_t i = 0; i < index; i++)
        if (is_same_event(hooks->items[i], &rule))
            buf_printf(complaints, "--hook: %.*s stands there twice\n", name, hooks->items[index]);
}

/* An agent's key comes as a subprotocol. Keys are not shown. */
static bool are_tokens(const struct strings *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        if (!http_is_token(slice_of(keys->items[i])))
            return false;
    return true;
}

void config_check_together(const struct config *config, struct buf *complaints)
{
    bool has_tls = config->tls_addr.count > 0;
    bool has_cert = config->tls_cert != NULL, has_key = config->tls_key != NULL;
    const struct {
        bool is_wrong;
        const char *text;
    } rules[] = {
        { config->addr.count == 0 && !has_tls, "--addr: nowhere to listen" },
        { has_tls && !(has_cert && has_key), "--tls-addr: needs --tls-cert and --tls-key" },
        { has_cert != has_key, "--tls-cert and --tls-key: one needs the other" },
        { has_cert && has_key && !has_tls, "--tls-cert and --tls-key: need --tls-addr" },
        { config->db_name != NULL && config->dsn == NULL, "--db: needs --dsn" },
        { config->db_name == NULL && config->dsn != NULL, "--dsn: needs --db" },
        { config->silence_timeout_ms <= config->ping_interval_ms,
          "--silence-timeout: must be longer than --ping-interval" },
        { config->offline_ttl_ms > config->max_ttl_ms,
          "--offline-ttl: must not be longer than --max-ttl" },
        { config->jwt_jwks_url != NULL && config->jwt_issuer.count == 0,
          "--jwt-jwks-url: needs --jwt-issuer" },
        { config->socketio_auth == SOCKETIO_AUTH_REQUIRED && config->jwt_secret == NULL &&
              config->jwt_jwks_url == NULL,
          "--socketio-auth required: needs --jwt-secret or --jwt-jwks-url" },
        { !are_tokens(&config->agent_keys),
          "--agent-key: a key is made of letters, digits and !#$%&'*+-.^_`|~" },
        { !fits_live_bound(config),
          "--live-bound: must not be below --mailbox-cap, --queue-max and --max-queued" },
        { config->workers > 1 &&
              !(are_shareable(&config->addr) && are_shareable(&config->tls_addr)),
          "--workers: processes cannot share port 0 or a unix socket" },
    };

    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (rules[i].is_wrong)
            buf_printf(complaints, "%s\n", rules[i].text);
    if (config->redis != NULL)
        check_redis(config->redis, complaints);
    for (size_t i = 0; i < config->hook.count; i++)
        check_hook(&config->hook, i, complaints);
}

/* ---- keys of the fleet -------------------------------------------------------------------------- */

enum { PRODUCTION_KEY_MIN = 16 };

static bool are_long(const struct strings *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        if (strlen(keys->items[i]) < PRODUCTION_KEY_MIN)
            return false;
    return true;
}

static bool has(const struct strings *strings, const char *text)
{
    for (size_t i = 0; i < strings->count; i++)
        if (strcmp(strings->items[i], text) == 0)
            return true;
    return false;
}

bool config_shares_keys(const struct config *config)
{
    for (size_t i = 0; i < config->agent_keys.count; i++)
        if (has(&config->admin_keys, config->agent_keys.items[i]))
            return true;
    return false;
}

bool config_has_safe_keys(const struct config *config, struct why *why)
{
    if (!config->is_production)
        return true;
    if (!are_long(&config->agent_keys))
        return why_set(
            why, "--agent-key (FLEET_AGENT_KEY): NODE_ENV=production wants at least %d characters",
            PRODUCTION_KEY_MIN);
    if (!are_long(&config->admin_keys))
        return why_set(
            why, "--admin-key (FLEET_ADMIN_KEY): NODE_ENV=production wants at least %d characters",
            PRODUCTION_KEY_MIN);
    if (config_shares_keys(config))
        return why_set(why, "--agent-key and --admin-key (FLEET_AGENT_KEY, FLEET_ADMIN_KEY): "
                            "NODE_ENV=production wants different keys");
    return true;
}
