/* SPDX-License-Identifier: MIT */
/* One call for each, side by side; how many run and wait is bounded by the line of their URL (hook.h). */
#include "bridge_tell.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "bridge_wire.h"
#include "hook_rule.h"
#include "sio_name.h"

struct bridge_teller {
    struct node *node;
    struct hook_rules rules;
    struct list tellings;
};

struct telling {
    struct list node;
    struct bridge_teller *teller;
    struct hook_call *call;
};

static void count(const struct bridge_teller *teller, enum emitter_outcome outcome)
{
    teller->node->metrics.emitter_messages[outcome]++;
}

static void telling_destroy(struct telling **telling)
{
    struct telling *gone = *telling;

    *telling = NULL;
    list_remove(&gone->node);
    hook_cancel(&gone->call);
    free(gone);
}

static void on_told(enum result result, const struct hook_answer *answer, void *ctx)
{
    struct telling *telling = ctx;
    bool is_taken = result == RESULT_OK && answer->status / 100 == 2;

    count(telling->teller, is_taken ? EMITTER_PASSED : EMITTER_FAILED);
    telling_destroy(&telling);
}

/* `args` begins with the first argument and ends with the array; NULL: there is none. */
static void write_body(struct buf *out, const char *id, int64_t now_ms, struct slice nsp,
                       struct slice event, struct slice args)
{
    buf_printf(out, "{\"type\":\"server_event\",\"id\":\"%s\",\"sentAt\":%" PRId64, id, now_ms);
    buf_add_text(out, ",\"namespace\":");
    json_quote(out, nsp);
    buf_add_text(out, ",\"event\":");
    json_quote(out, event);
    buf_add_text(out, ",\"args\":[");
    buf_add_slice(out, args.data != NULL ? args : SLICE_LITERAL("]"));
    buf_add_byte(out, '}');
}

static void tell(struct bridge_teller *teller, const char *url, struct slice nsp,
                 struct slice event, struct slice args)
{
    struct telling *telling = xcalloc(1, sizeof *telling);
    char id[HOOK_ID_LEN + 1];
    struct hook_request request = { .url = url, .delivery = { id, HOOK_ID_LEN } };
    struct buf body;

    telling->teller = teller;
    list_append(&teller->tellings, &telling->node);
    hook_make_id(id);
    buf_init(&body, BRIDGE_TEXT_MAX + 4096);
    write_body(&body, id, store_now_ms(teller->node->store), nsp, event, args);
    request.body = buf_slice(&body);
    hook_call(teller->node->hooks, &request, on_told, telling, &telling->call);
    buf_fini(&body);
}

bool bridge_tell(struct bridge_teller *teller, struct slice nsp, struct slice items,
                 struct why *why)
{
    struct json array = { JSON_ARRAY, items }, first, second;
    struct slice args = { NULL, 0 };
    const char *url = NULL;
    struct buf event;
    size_t offset = 0;
    bool is_good;

    buf_init(&event, KEY_ID_MAX);
    is_good = json_next(array, &offset, &first) && json_text(first, &event) &&
              sio_event_name_is_valid(buf_slice(&event)) && sio_namespace_is_valid(nsp);
    if (is_good && json_next(array, &offset, &second))
        args =
            (struct slice){ second.raw.data, (size_t)(items.data + items.len - second.raw.data) };
    if (is_good)
        url = hook_rules_find(&teller->rules, nsp, buf_slice(&event));
    if (url != NULL)
        tell(teller, url, nsp, buf_slice(&event), args);
    else if (is_good)
        count(teller, EMITTER_IGNORED);
    buf_fini(&event);
    return is_good || why_set(why, "data: must begin with the name of an event");
}

struct bridge_teller *bridge_teller_create(struct node *node)
{
    struct bridge_teller *teller = xcalloc(1, sizeof *teller);

    teller->node = node;
    list_init(&teller->tellings);
    return teller;
}

void bridge_teller_configure(struct bridge_teller *teller)
{
    hook_rules_read(&teller->rules, &teller->node->config->hook);
}

void bridge_teller_destroy(struct bridge_teller **teller)
{
    struct bridge_teller *gone = *teller;

    *teller = NULL;
    while (!list_is_empty(&gone->tellings)) {
        struct telling *telling = LIST_ENTRY(gone->tellings.next, struct telling, node);

        telling_destroy(&telling);
    }
    hook_rules_fini(&gone->rules);
    free(gone);
}
