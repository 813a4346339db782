/* SPDX-License-Identifier: MIT */
#ifndef SB_ARCHITUS_WIRE_H
#define SB_ARCHITUS_WIRE_H

#include "json.h"

/* What Architus' web client says and hears (docs/architus.md): bytes ↔ messages, no sockets, no store. */

enum {
    ASK_IDS_MAX = 1000,
    ASK_LIMIT_MAX = 100,
    ASK_QUERY_MAX = 32, /* characters */
    ASK_TOKEN_MAX = 16384,
    MOCK_CONTENT_MAX = 2000, /* characters */
    MOCK_SIZE_MAX = 16384,
    MOCK_GUILD_MAX = 9999999,
};

/* A string, decoded and appended. Nothing when it is none. */
struct slice wire_text(struct json value, struct buf *text);

/* An id: 1 to 20 digits, in a string or as a number, appended as text. Nothing when it is none. */
struct slice wire_id(struct json value, struct buf *text);

/* Is it an id that the client takes: 7 to 20 digits? */
bool wire_id_is_proper(struct slice id);

/* Appends the value; whole numbers in it that a browser would round (ids) become texts. */
void wire_add_exact(struct buf *out, struct json value);

/* ---- requests ------------------------------------------------------------------------------------ */

enum ask_kind { ASK_IDS, ASK_ALL, ASK_SEARCH }; /* pool_request, pool_all_request, pool_search */

struct ask {
    bool has_number;
    int64_t number; /* _id */
    struct slice type, guild, token, query;
    uint32_t limit;
    struct slice *ids; /* the proper ones, each once */
    size_t id_count;
    size_t bad_ids;
    struct buf text; /* what they point to */
};

/* NULL: it is good. Else what is wrong, in words; `number` is known where there is one. Zero-initialise the ask;
 * to be ended with ask_fini() either way. */
const char *ask_parse(struct json argument, enum ask_kind kind, struct ask *ask);
void ask_fini(struct ask *ask);

/* What proves who a socket is: the argument of request_elevation, to be ended with buf_fini(&text). */
struct proof {
    struct slice nonce, token; /* one of them */
    struct buf text;
};
bool proof_parse(struct json argument, struct proof *proof);

struct spectate {
    struct slice guild; /* nothing: stop watching */
    bool has_logs;
    struct buf text;
};
/* To be ended with buf_fini(&text). */
bool spectate_parse(struct json argument, struct spectate *spectate);

/* NULL: it is good, and may be passed on as it is. */
const char *mock_check(struct json argument, struct slice *guild_out);

/* ---- answers ------------------------------------------------------------------------------------- */

struct pool_response {
    int64_t number;
    bool is_finished;
    struct slice absent; /* ids, quoted, commas between them */
    struct slice data;   /* entities, commas between them */
};
void pool_response_write(struct buf *out, const struct pool_response *response);

struct error_answer {
    const char *message, *human, *details; /* ours: they need no escapes; NULL: null */
    struct slice context;                  /* JSON, the only item of "context"; nothing: [] */
    int code;
    bool has_number;
    int64_t number;
};
void error_write(struct buf *out, const struct error_answer *error);

/* ["name",object] */
void event_write(struct buf *out, const char *name, struct slice object);

#endif
