/* SPDX-License-Identifier: MIT */
/* What back ends say of people: rights in a guild, tokens to be fetched by a nonce, logins that end. */
#include <openssl/sha.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/kept.h"
#include "visitor.h"

struct gate {
    struct visitor visitor;
    struct store_op *op;
    struct word *word;
    struct slice guild;
    struct buf text;
};

static void gate_destroy(struct visitor *visitor)
{
    struct gate *gate = LIST_ENTRY(visitor, struct gate, visitor);

    store_cancel(&gate->op);
    herald_let_go(&gate->word);
    visitor_fini(visitor);
    buf_fini(&gate->text);
    free(gate);
}

static void receive(struct http_request *request, void *app, void (*begin)(struct visitor *visitor))
{
    struct gate *gate = xcalloc(1, sizeof *gate);

    gate->visitor.begin = begin;
    gate->visitor.destroy = gate_destroy;
    visitor_receive(&gate->visitor, request, app);
}

/* The body, an object; what is decoded of it has room in gate->text. False: it has been answered. */
static bool read_body(struct gate *gate, struct json *object_out)
{
    struct slice body = http_body(gate->visitor.request);

    buf_init(&gate->text, 2 * body.len + 1);
    buf_reserve(&gate->text, 2 * body.len);
    if (json_parse(body, object_out) && object_out->type == JSON_OBJECT)
        return true;
    visitor_refuse(&gate->visitor, 400, "The body must be a JSON object.");
    return false;
}

static void on_done(enum result result, void *ctx)
{
    struct gate *gate = ctx;

    if (result == RESULT_OK)
        visitor_accept(&gate->visitor);
    else
        visitor_fail(&gate->visitor, result);
}

/* ---- rights ------------------------------------------------------------------------------------------------- */

static void on_rights_set(enum result result, void *ctx)
{
    struct gate *gate = ctx;

    if (result != RESULT_OK) {
        visitor_fail(&gate->visitor, result);
        return;
    }
    herald_check_guild(gate->visitor.app->herald, gate->guild);
    visitor_accept(&gate->visitor);
}

/* "<user or role>": bits, "@everyone": bits, "owner": "<user>" */
static bool read_grant(struct gate *gate, struct json name, struct json value,
                       struct pool_grant *grant)
{
    int64_t bits;

    grant->holder = wire_text(name, &gate->text);
    if (slice_is(grant->holder, "owner")) {
        grant->value = wire_id(value, &gate->text);
        return grant->value.data != NULL;
    }
    grant->value = value.raw;
    return (slice_is(grant->holder, "@everyone") || wire_id_is_proper(grant->holder)) &&
           json_whole(value, 0, POOL_RIGHTS_ALL, &bits);
}

static bool read_grants(struct gate *gate, struct json object, struct pool_grant *grants,
                        size_t *count)
{
    struct json name, value;
    size_t offset = 0;

    while (json_next_member(object, &offset, &name, &value))
        if (*count == POOL_GRANTS_MAX || !read_grant(gate, name, value, &grants[(*count)++]))
            return false;
    return true;
}

static void permissions_begin(struct visitor *visitor)
{
    struct gate *gate = LIST_ENTRY(visitor, struct gate, visitor);
    struct pool_grant *grants;
    struct json object;
    size_t count = 0;

    if (!visitor_guild(visitor, &gate->guild) || !read_body(gate, &object))
        return;
    grants = xcalloc(POOL_GRANTS_MAX, sizeof *grants);
    if (read_grants(gate, object, grants, &count))
        pool_set_rights(visitor->app->node->store, visitor_realm(visitor), gate->guild, grants,
                        count, on_rights_set, gate, &gate->op);
    else
        visitor_refuse(visitor, 400, "Wanted: users or roles with bits, at most 5000.");
    free(grants);
}

void gate_handle_permissions(struct http_request *request, void *app)
{
    receive(request, app, permissions_begin);
}

/* ---- nonces ------------------------------------------------------------------------------------------------- */

static void nonce_begin(struct visitor *visitor)
{
    struct gate *gate = LIST_ENTRY(visitor, struct gate, visitor);
    struct json_member members[] = { { .name = "nonce" }, { .name = "token" } };
    struct slice nonce, token;
    struct json object;

    if (!read_body(gate, &object))
        return;
    json_members(object, members, 2);
    nonce = wire_id(members[0].value, &gate->text);
    token = wire_text(members[1].value, &gate->text);
    if (nonce.data == NULL || token.len == 0 || token.len > ASK_TOKEN_MAX)
        visitor_refuse(visitor, 400, "Wanted: a nonce (a number) and a token.");
    else
        kept_put(visitor->app->node->store, KEPT_NONCE, visitor_realm(visitor), nonce, token,
                 on_done, gate, &gate->op);
}

void gate_handle_nonces(struct http_request *request, void *app)
{
    receive(request, app, nonce_begin);
}

/* ---- the end of a login ------------------------------------------------------------------------------------- */

static void demote_begin(struct visitor *visitor)
{
    struct gate *gate = LIST_ENTRY(visitor, struct gate, visitor);
    struct json_member members[] = { { .name = "token" }, { .name = "user" } };
    unsigned char digest[SHA256_DIGEST_LENGTH];
    struct slice token, user;
    struct json object;

    if (!read_body(gate, &object))
        return;
    json_members(object, members, 2);
    token = wire_text(members[0].value, &gate->text);
    user = wire_id(members[1].value, &gate->text);
    if (token.len > 0) {
        SHA256((const unsigned char *)token.data, token.len, digest);
        herald_demote_token(visitor->app->herald, digest, on_done, gate, &gate->word);
    } else if (user.data != NULL) {
        herald_demote_user(visitor->app->herald, user, on_done, gate, &gate->word);
    } else {
        visitor_refuse(visitor, 400, "Wanted: a token or a user.");
    }
}

void gate_handle_demote(struct http_request *request, void *app)
{
    receive(request, app, demote_begin);
}
