/* SPDX-License-Identifier: MIT */
/* Written whenever one of its parts changes; read once, when the socket is back. */
#include "session_data.h"

#include <inttypes.h>

#include "request_parts.h"

enum { DATA_MAX = 4 * 1024 * 1024, NAME_MAX_BYTES = 64 };

static const char *const names[] = {
    [ASK_IDS] = "pool_request",
    [ASK_ALL] = "pool_all_request",
    [ASK_SEARCH] = "pool_search",
};

/* The number of an acknowledgement that somebody waits for, as one more item or member. */
static void write_ack(struct buf *out, const char *before, struct pending_ack ack)
{
    if (ack.is_wanted)
        buf_printf(out, "%s%" PRIu64, before, ack.id);
}

static struct pending_ack read_ack(struct json value)
{
    int64_t id = 0;
    bool is_wanted = json_whole(value, 0, INT64_MAX, &id);

    return (struct pending_ack){ is_wanted, (uint64_t)id };
}

static void write_watch(struct buf *out, const struct session *session)
{
    struct slice guild = watch_guild(session);

    buf_add_text(out, "\"watch\":");
    if (guild.data == NULL) {
        buf_add_text(out, "null");
        return;
    }
    buf_printf(out, "{\"guild\":\"%.*s\",\"logs\":%s", (int)guild.len, guild.data,
               watch_has_logs(session) ? "true" : "false");
    write_ack(out, ",\"ack\":", watch_ack(session));
    buf_add_byte(out, '}');
}

void session_save(struct session *session)
{
    struct buf text;
    bool is_empty = watch_guild(session).data == NULL;

    buf_init(&text, DATA_MAX);
    buf_add_byte(&text, '{');
    write_watch(&text, session);
    buf_add_text(&text, ",\"asks\":[");
    LIST_EACH (node, spare, &session->open) {
        struct request *request = LIST_ENTRY(node, struct request, node);

        if (!request->is_parked || request->text == NULL)
            continue;
        buf_printf(&text, "%s[\"%s\",%s", text.data[text.len - 1] == '[' ? "" : ",",
                   names[request->ask_kind], request->text);
        write_ack(&text, ",", request->ack);
        buf_add_byte(&text, ']');
        is_empty = false;
    }
    buf_add_text(&text, "]}");
    sio_set_data(session->socket, "architus",
                 is_empty ? (struct slice){ NULL, 0 } : buf_slice(&text));
    buf_fini(&text);
}

static void resume_watch(struct session *session, struct json watch)
{
    struct json_member members[] = { { .name = "guild" }, { .name = "logs" }, { .name = "ack" } };
    struct slice guild;
    struct buf text;

    if (!json_members(watch, members, 3))
        return;
    buf_init(&text, NAME_MAX_BYTES);
    guild = wire_id(members[0].value, &text);
    if (guild.data != NULL)
        watch_begin(session, guild, members[1].value.type == JSON_TRUE, read_ack(members[2].value));
    buf_fini(&text);
}

static void resume_ask(struct session *session, struct json ask)
{
    struct json name, argument, ack = { .type = JSON_ABSENT };
    struct buf text;
    size_t offset = 0;

    buf_init(&text, NAME_MAX_BYTES);
    if (json_next(ask, &offset, &name) && json_next(ask, &offset, &argument) &&
        json_text(name, &text)) {
        json_next(ask, &offset, &ack);
        for (enum ask_kind kind = ASK_IDS; kind <= ASK_SEARCH; kind++)
            if (slice_is(buf_slice(&text), names[kind]))
                request_start(session, kind, argument, read_ack(ack));
    }
    buf_fini(&text);
}

void session_resume(struct session *session)
{
    struct json_member members[] = { { .name = "watch" }, { .name = "asks" } };
    struct slice data = sio_data(session->socket, "architus");
    struct json object, ask;
    struct buf copy;

    buf_init(&copy, DATA_MAX); /* what is begun anew writes the data anew */
    buf_add_slice(&copy, data);
    if (copy.len > 0 && json_parse(buf_slice(&copy), &object) && json_members(object, members, 2)) {
        resume_watch(session, members[0].value);
        for (size_t offset = 0; json_next(members[1].value, &offset, &ask);)
            resume_ask(session, ask);
    }
    buf_fini(&copy);
}
