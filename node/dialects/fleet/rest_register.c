/* SPDX-License-Identifier: MIT */
/*
 * Registrations: a key for one game server (or a few alike), with what it may say of itself. The key is an agent's
 * credential like any other, its subject names the registration; so it ends like any other, and its connections with it.
 *
 *     POST    the registration, then its key: a key is never there without its claims
 *     DELETE  the key, then the registration
 *
 * What a POST has begun and cannot tell, because its caller goes or Redis does not answer, it tries, once, to take back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/base64.h"
#include "base/hex.h"
#include "base/mem.h"
#include "fleet_url.h"
#include "rest_inner.h"
#include "store/fleet_registrations.h"

enum {
    ID_BYTES = 8,
    KEY_BYTES = 32,
    KEY_MAX_LEN = 64,
    NAME_UNITS_MAX = 64,
    URL_UNITS_MAX = 512,
    LABEL_UNITS_MAX = 64,
};
#define TTL_MAX_MS (10ll * 365 * 24 * 3600 * 1000)

/* A registration whose key has not been told yet. */
struct rest_registering {
    struct store *store;
    const struct fleet_realm *realm;
    bool is_begun; /* it may be there, and so may its key: nobody knows them unless they are told */
    char id[2 * ID_BYTES + 1];
    struct buf claims, key;
    int64_t max_instances, ttl_ms, expires_ms;
};

static struct store *store_of(const struct rest_call *call)
{
    return call->rest->fleet->node->store;
}

static struct slice subject_of(struct slice id, char room[KEY_ID_MAX + 1])
{
    snprintf(room, KEY_ID_MAX + 1, FLEET_REGISTRATION_SUBJECT "%.*s", (int)id.len, id.data);
    return slice_of(room);
}

/* As DELETE does, but nobody waits for it. */
static void take_back(const struct rest_registering *registering)
{
    struct slice id = slice_of(registering->id), realm = slice_of(registering->realm->name);
    char room[KEY_ID_MAX + 1];

    credential_revoke(registering->store, CREDENTIAL_AGENT, subject_of(id, room), realm, NULL, NULL,
                      NULL, NULL);
    fleet_unregister(registering->store, realm, id, NULL, NULL, NULL);
}

void rest_registering_forget(struct rest_registering **registering_ref)
{
    struct rest_registering *registering = *registering_ref;

    if (registering == NULL)
        return;
    *registering_ref = NULL;
    if (registering->is_begun)
        take_back(registering);
    buf_fini(&registering->claims);
    buf_fini(&registering->key);
    free(registering);
}

/* ---- what it may say ------------------------------------------------------------------------------------ */

/* Appends `"name":"text"` when there is one. False: it is no text, or too long. */
static bool add_text(struct buf *claims, const char *name, struct json value, size_t units_max)
{
    struct buf text;
    bool is_good;

    if (value.type == JSON_ABSENT)
        return true;
    buf_init(&text, value.raw.len);
    is_good = value.type == JSON_STRING && json_text(value, &text) &&
              fleet_units(buf_slice(&text)) <= units_max;
    if (is_good) {
        buf_printf(claims, "%s\"%s\":", claims->len > 1 ? "," : "", name);
        json_quote(claims, buf_slice(&text));
    }
    buf_fini(&text);
    return is_good;
}

static bool url_is_good(struct json value)
{
    struct buf text;
    bool is_good;

    if (value.type == JSON_ABSENT)
        return true;
    buf_init(&text, value.raw.len);
    is_good = json_text(value, &text) && fleet_url_is_good(buf_slice(&text));
    buf_fini(&text);
    return is_good;
}

static bool add_labels(struct buf *claims, struct json value)
{
    static const struct rest_pairs_limits limits = {
        .count = FLEET_STATE_LABELS,
        .key_units = LABEL_UNITS_MAX,
        .value_units = LABEL_UNITS_MAX,
    };

    if (value.type == JSON_ABSENT)
        return true;
    buf_add_text(claims, claims->len > 1 ? ",\"labels\":" : "\"labels\":");
    return rest_pairs_write(value, &limits, claims);
}

static bool whole(struct json value, int64_t min, int64_t max, int64_t *number_out)
{
    return value.type == JSON_ABSENT || json_whole(value, min, max, number_out);
}

/* The claims are {"name":…,"endpointUrl":…,"labels":{…}}, each only when it was given. */
static bool registering_read(struct rest_registering *registering, struct json body)
{
    enum { NAME, URL, LABELS, MAX, TTL, MEMBERS };
    struct json_member members[MEMBERS] = { { .name = "name" },
                                            { .name = "endpointUrl" },
                                            { .name = "labels" },
                                            { .name = "maxInstances" },
                                            { .name = "ttlMs" } };
    struct buf *claims = &registering->claims;

    if (!json_members(body, members, MEMBERS))
        return false;
    buf_add_byte(claims, '{');
    if (!add_text(claims, "name", members[NAME].value, NAME_UNITS_MAX) ||
        !add_text(claims, "endpointUrl", members[URL].value, URL_UNITS_MAX) ||
        !url_is_good(members[URL].value) || !add_labels(claims, members[LABELS].value))
        return false;
    buf_add_byte(claims, '}');
    registering->max_instances = 1;
    return !claims->has_overflowed &&
           whole(members[MAX].value, 1, FLEET_SEATS_MAX, &registering->max_instances) &&
           whole(members[TTL].value, 1, TTL_MAX_MS, &registering->ttl_ms);
}

/* ---- making --------------------------------------------------------------------------------------------- */

static void invent(struct rest_registering *registering)
{
    unsigned char bytes[ID_BYTES + KEY_BYTES];

    if (uv_random(NULL, NULL, bytes, sizeof bytes, 0, NULL) != 0)
        abort();
    hex_write(bytes, ID_BYTES, registering->id);
    buf_add_text(&registering->key, FLEET_REGISTRATION_KEY);
    base64url_encode(&registering->key,
                     (struct slice){ (const char *)bytes + ID_BYTES, KEY_BYTES });
}

static void on_key_added(enum result result, void *ctx)
{
    struct rest_call *call = ctx;
    struct rest_registering *registering = call->registering;
    struct buf data;

    if (result != RESULT_OK) {
        rest_fail(call, result);
        return;
    }
    registering->is_begun = false; /* it stays */
    buf_init(&data, 256);
    buf_printf(&data, "{\"id\":\"%s\",\"key\":\"%.*s\"}", registering->id,
               (int)registering->key.len, registering->key.data);
    rest_reply(call, 201, buf_slice(&data));
    buf_fini(&data);
}

static void on_registered(enum result result, void *ctx)
{
    struct rest_call *call = ctx;
    struct rest_registering *registering = call->registering;
    char room[KEY_ID_MAX + 1];
    struct credential credential = {
        .kind = CREDENTIAL_AGENT,
        .subject = subject_of(slice_of(registering->id), room),
        .realm = slice_of(call->realm->name),
        .expires_ms = registering->expires_ms,
    };

    if (result != RESULT_OK) {
        registering->is_begun = result == RESULT_UNCERTAIN;
        rest_fail(call, result);
        return;
    }
    credential_digest(buf_slice(&registering->key), &credential.digest);
    credential_add(store_of(call), &credential, on_key_added, call, &call->op);
}

static void registering_start(struct rest_call *call)
{
    struct rest_registering *registering = call->registering;
    struct fleet_registration registration = {
        .id = slice_of(registering->id),
        .claims = buf_slice(&registering->claims),
        .max_instances = (uint32_t)registering->max_instances,
    };

    if (registering->ttl_ms > 0)
        registering->expires_ms = store_now_ms(store_of(call)) + registering->ttl_ms;
    registration.expires_ms = registering->expires_ms;
    registering->is_begun = true;
    fleet_register(store_of(call), slice_of(call->realm->name), &registration, on_registered, call,
                   &call->op);
}

void rest_register(struct rest_call *call)
{
    struct rest_registering *registering = xcalloc(1, sizeof *registering);

    call->registering = registering;
    registering->store = store_of(call);
    registering->realm = call->realm;
    buf_init(&registering->claims, FLEET_CLAIMS_MAX);
    buf_init(&registering->key, KEY_MAX_LEN);
    invent(registering);
    if (registering_read(registering, call->body))
        registering_start(call);
    else
        rest_refuse(call, REST_VALIDATION);
}

/* ---- ending ----------------------------------------------------------------------------------------------- */

static void on_unregistered(enum result result, const struct fleet_unregistered *left, void *ctx)
{
    struct rest_call *call = ctx;

    (void)left; /* their connections end with the key */
    if (result == RESULT_OK)
        rest_reply(call, 200, (struct slice){ NULL, 0 });
    else if (result == RESULT_NOT_FOUND)
        rest_refuse(call, REST_REGISTRATION_NOT_FOUND);
    else
        rest_fail(call, result);
}

static void on_revoked(enum result result, size_t revoked, void *ctx)
{
    struct rest_call *call = ctx;

    (void)revoked;
    if (result != RESULT_OK && result != RESULT_NOT_FOUND)
        rest_fail(call, result);
    else
        fleet_unregister(store_of(call), slice_of(call->realm->name), call->param, on_unregistered,
                         call, &call->op);
}

void rest_unregister(struct rest_call *call)
{
    char room[KEY_ID_MAX + 1];

    if (call->param.len == 0 || call->param.len > FLEET_REGISTRATION_ID_MAX ||
        !key_id_is_valid(call->param))
        rest_refuse(call, REST_REGISTRATION_NOT_FOUND);
    else
        credential_revoke(store_of(call), CREDENTIAL_AGENT, subject_of(call->param, room),
                          slice_of(call->realm->name), NULL, on_revoked, call, &call->op);
}
