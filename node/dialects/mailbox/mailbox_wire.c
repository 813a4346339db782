/* SPDX-License-Identifier: MIT */
/*
 * The body of an enqueue is checked member by member, in the order of the enum; the payload is cut out
 * as it stands. Decoded strings go into one text that is as large as the body from the start: escapes
 * only ever shrink, so nothing moves once it has been pointed to.
 */
#include "mailbox_wire.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <uthash.h>

#include "base/mem.h"
#include "json.h"
#include "store/key.h"

enum member { JOB, JOBS, UNIVERSE, PAYLOAD, TTL, ID, MEMBERS };

#define ID_RULE "must be a string of 1 to 128 bytes without control characters"

/* A decoded identifier; nothing when it is none. */
static struct slice decode_id(struct command *command, struct json value)
{
    size_t start = command->text.len;
    struct slice id;

    if (!json_text(value, &command->text))
        return (struct slice){ NULL, 0 };
    id = (struct slice){ command->text.data + start, command->text.len - start };
    return key_id_is_valid(id) ? id : (struct slice){ NULL, 0 };
}

static const char *parse_job(struct command *command, struct json value)
{
    command->jobs = xcalloc(1, sizeof *command->jobs);
    command->jobs[0] = decode_id(command, value);
    command->job_count = 1;
    return command->jobs[0].data != NULL ? NULL : "jobId: " ID_RULE;
}

/* An id that has been seen in the list. */
struct seen {
    UT_hash_handle hh;
};

static bool see(struct seen **all, struct seen *seen, struct slice id)
{
    struct seen *other;

    HASH_FIND(hh, *all, id.data, id.len, other);
    if (other != NULL)
        return false;
    HASH_ADD_KEYPTR(hh, *all, id.data, id.len, seen);
    return true;
}

static const char *parse_list(struct command *command, struct json list, struct seen *seen)
{
    struct seen *all = NULL;
    const char *wrong = NULL;
    size_t offset = 0, count = 0;
    struct json item;

    while (wrong == NULL && json_next(list, &offset, &item)) {
        struct slice id = decode_id(command, item);

        if (count == COMMAND_JOBS_MAX)
            wrong = "jobIds: must be 1 to 1000 job ids";
        else if (id.data == NULL)
            wrong = "jobIds: each " ID_RULE;
        else if (see(&all, &seen[count++], id))
            command->jobs[command->job_count++] = id;
    }
    HASH_CLEAR(hh, all);
    return wrong != NULL || count > 0 ? wrong : "jobIds: must be 1 to 1000 job ids";
}

static const char *parse_jobs(struct command *command, struct json value)
{
    struct seen *seen;
    const char *wrong;

    if (value.type != JSON_ARRAY)
        return "jobIds: must be an array of job ids";
    command->is_list = true;
    command->jobs = xcalloc(COMMAND_JOBS_MAX, sizeof *command->jobs);
    seen = xcalloc(COMMAND_JOBS_MAX, sizeof *seen);
    wrong = parse_list(command, value, seen);
    free(seen);
    return wrong;
}

static const char *parse_targets(struct command *command, const struct json_member *members)
{
    bool has_job = members[JOB].value.type != JSON_ABSENT;
    bool has_jobs = members[JOBS].value.type != JSON_ABSENT;
    bool has_universe = members[UNIVERSE].value.type != JSON_ABSENT;

    if (has_job + has_jobs + has_universe != 1)
        return "jobId, jobIds, universe: exactly one of them is needed";
    if (has_job)
        return parse_job(command, members[JOB].value);
    if (has_jobs)
        return parse_jobs(command, members[JOBS].value);
    command->universe = decode_id(command, members[UNIVERSE].value);
    return command->universe.data != NULL ? NULL : "universe: " ID_RULE;
}

static const char *parse_rest(struct command *command, const struct json_member *members)
{
    int64_t ttl_s = COMMAND_TTL_DEFAULT_S;

    if (members[PAYLOAD].value.type == JSON_ABSENT)
        return "payload: is missing";
    command->payload = members[PAYLOAD].value.raw;
    if (members[TTL].value.type != JSON_ABSENT &&
        !json_whole(members[TTL].value, 1, COMMAND_TTL_MAX_S, &ttl_s))
        return "ttl: must be a whole number of seconds from 1 to 86400";
    command->ttl_ms = (uint32_t)ttl_s * 1000;
    if (members[ID].value.type == JSON_ABSENT)
        return NULL;
    command->once = decode_id(command, members[ID].value);
    return command->once.data != NULL ? NULL : "id: " ID_RULE;
}

const char *command_parse(struct slice body, struct command *command)
{
    struct json_member members[MEMBERS] = {
        [JOB] = { .name = "jobId" },         [JOBS] = { .name = "jobIds" },
        [UNIVERSE] = { .name = "universe" }, [PAYLOAD] = { .name = "payload" },
        [TTL] = { .name = "ttl" },           [ID] = { .name = "id" },
    };
    const char *wrong;
    struct json object;

    buf_init(&command->text, body.len);
    if (!json_parse_within(body, 1, &object))
        return "body: is not JSON, or nested too deeply";
    if (!json_members(object, members, MEMBERS))
        return "body: must be a JSON object";
    buf_reserve(&command->text, body.len);
    wrong = parse_targets(command, members);
    return wrong != NULL ? wrong : parse_rest(command, members);
}

void command_fini(struct command *command)
{
    free(command->jobs);
    command->jobs = NULL;
    command->job_count = 0;
    buf_fini(&command->text);
}

/* ---- answers --------------------------------------------------------------------------------- */

static void separate(struct buf *out)
{
    assert(out->len > 0);
    if (out->data[out->len - 1] != '[')
        buf_add_byte(out, ',');
}

void results_start(struct buf *out)
{
    buf_add_text(out, "{\"results\":[");
}

void results_add(struct buf *out, struct slice job, const char *status)
{
    separate(out);
    buf_add_text(out, "{\"jobId\":");
    json_quote(out, job);
    buf_printf(out, ",\"status\":\"%s\"}", status);
}

void results_end(struct buf *out)
{
    buf_add_text(out, "]}");
}

static void write_row(struct buf *out, const struct job_row *row, const char *between)
{
    buf_add_text(out, "{\"jobId\":");
    json_quote(out, row->job);
    buf_add_text(out, ",\"universeId\":");
    json_quote(out, row->universe);
    buf_printf(out, ",\"lastSeen\":%" PRId64 "%s,\"waiting\":%" PRIu64 "}", row->last_seen_ms,
               between, row->waiting);
}

void job_write(struct buf *out, const struct job_row *row)
{
    write_row(out, row, ",\"integrated\":true");
}

void jobs_start(struct buf *out)
{
    buf_add_text(out, "{\"jobs\":[");
}

void jobs_add(struct buf *out, const struct job_row *row)
{
    separate(out);
    write_row(out, row, "");
}

void jobs_end(struct buf *out)
{
    buf_add_text(out, "]}");
}
