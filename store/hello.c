/* SPDX-License-Identifier: MIT */
/*
 * The hello of a command link: who we are, which server this is and whether it is a primary, what it
 * publishes of its keys, our scripts, and last, alone on the line so that the round trip is short, its
 * clock.
 */
#include "store/hello.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/inside.h"
#include "store/op.h"
#include "store/resp.h"
#include "store/scripts.h"

enum { REDIS_MAJOR_MIN = 7, EVENTS_MAX = 32 };

static void say_words(struct buf *out, const char *const *words, size_t count)
{
    bool is_written = resp_write_words(out, words, count);

    assert(is_written); /* the link has just been opened: its buffer is empty */
    (void)is_written;
}

#define SAY(out, ...)                                                                              \
    say_words(out, (const char *const[]){ __VA_ARGS__ },                                           \
              sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *))

static bool is_error(const redisReply *reply, const char *step, struct why *why)
{
    if (reply->type != REDIS_REPLY_ERROR)
        return false;
    why_set(why, "%s: %.*s", step, (int)(reply->len < 120 ? reply->len : 120), reply->str);
    return true;
}

static bool hear_ok(struct store *store, const redisReply *reply, size_t index, struct why *why)
{
    (void)store;
    (void)index;
    if (is_error(reply, "sign in", why))
        return false;
    return reply_is_status(reply, "OK") || why_set(why, "sign in: an answer that is not OK");
}

static size_t say_auth(struct store *store, struct buf *out)
{
    const struct url *url = &store->url;

    if (url->password == NULL)
        return 0;
    if (url->user != NULL)
        SAY(out, "AUTH", url->user, url->password);
    else
        SAY(out, "AUTH", url->password);
    return 1;
}

static size_t say_select(struct store *store, struct buf *out)
{
    char db[12];

    if (store->url.db == 0)
        return 0;
    snprintf(db, sizeof db, "%u", store->url.db);
    SAY(out, "SELECT", db);
    return 1;
}

static size_t say_name(struct store *store, struct buf *out)
{
    (void)store;
    SAY(out, "CLIENT", "SETNAME", "signalbox");
    return 1;
}

/* A name is for people: who may not set it does without. */
static bool hear_name(struct store *store, const redisReply *reply, size_t index, struct why *why)
{
    (void)store;
    (void)reply;
    (void)index;
    (void)why;
    return true;
}

/* ---- which server is it? ----------------------------------------------------------------------- */

static size_t say_version(struct store *store, struct buf *out)
{
    (void)store;
    SAY(out, "INFO", "server");
    return 1;
}

static void learn_run(struct store *store, const char *info)
{
    const char *run = strstr(info, "run_id:");

    store->run_id[0] = '\0';
    if (run != NULL)
        sscanf(run, "run_id:%40[0-9a-f]", store->run_id);
}

/* Valkey calls itself redis 7.2 in redis_version, whatever its own version. */
static bool hear_version(struct store *store, const redisReply *reply, size_t index,
                         struct why *why)
{
    const char *version;
    unsigned major = 0, minor = 0;

    (void)index;
    if (is_error(reply, "INFO", why))
        return false;
    version = reply_is_string(reply) ? strstr(reply->str, "redis_version:") : NULL;
    if (version == NULL || sscanf(version, "redis_version:%u.%u", &major, &minor) != 2)
        return why_set(why, "the server does not say which version it is");
    if (major < REDIS_MAJOR_MIN)
        return why_set(why, "it is Redis %u.%u: at least %u.0, or Valkey, is needed", major, minor,
                       REDIS_MAJOR_MIN);
    learn_run(store, reply->str);
    return true;
}

static size_t say_role(struct store *store, struct buf *out)
{
    (void)store;
    SAY(out, "INFO", "replication");
    return 1;
}

/* A replica takes no writes, and may be behind. Who does not say what he is will say so at the first write. */
static bool hear_role(struct store *store, const redisReply *reply, size_t index, struct why *why)
{
    (void)store;
    (void)index;
    return !reply_is_string(reply) || strstr(reply->str, "role:slave") == NULL ||
           why_set(why, "it is a replica, not a primary");
}

/* ---- what it publishes of its keys -------------------------------------------------------------- */

static const char events_option[] = "notify-keyspace-events";
static const char events_needed[] = "Kgx$";

static bool has_event(const char *flags, char event)
{
    return strchr(flags, event) != NULL || (event != 'K' && strchr(flags, 'A') != NULL);
}

static size_t say_events(struct store *store, struct buf *out)
{
    store->has_keyspace_events = false;
    store->events[0] = '\0';
    SAY(out, "CONFIG", "GET", events_option);
    return 1;
}

static void warn_of_events(const char *reason)
{
    log_warn(NULL, "redis.no_events",
             "reason=%s effect=\"keys are polled instead\" cure=\"set %s to %s in the server's "
             "configuration\"",
             log_quote(reason, strlen(reason)), events_option, events_needed);
}

static bool hear_events(struct store *store, const redisReply *reply, size_t index, struct why *why)
{
    size_t len;
    bool is_complete = true;

    (void)index;
    (void)why;
    if (!reply_is_array(reply, 2) || !reply_is_string(reply->element[1]) ||
        reply->element[1]->len >= EVENTS_MAX) {
        warn_of_events("CONFIG GET is not allowed");
        return true;
    }
    len = reply->element[1]->len;
    memcpy(store->events, reply->element[1]->str, len);
    store->events[len] = '\0';
    for (const char *event = events_needed; *event != '\0'; event++) {
        if (has_event(store->events, *event))
            continue;
        is_complete = false;
        store->events[len++] = *event;
        store->events[len] = '\0';
    }
    store->has_keyspace_events = is_complete;
    return true;
}

static size_t say_events_set(struct store *store, struct buf *out)
{
    if (store->has_keyspace_events || store->events[0] == '\0')
        return 0;
    SAY(out, "CONFIG", "SET", events_option, store->events);
    return 1;
}

static bool hear_events_set(struct store *store, const redisReply *reply, size_t index,
                            struct why *why)
{
    (void)index;
    (void)why;
    store->has_keyspace_events = reply_is_status(reply, "OK");
    if (store->has_keyspace_events)
        log_info(NULL, "redis.events", "set=%s", store->events);
    else
        warn_of_events("CONFIG SET is not allowed");
    return true;
}

/* ---- scripts and clock --------------------------------------------------------------------------- */

static size_t say_scripts(struct store *store, struct buf *out)
{
    (void)store;
    for (size_t i = 0; i < lua_script_count; i++)
        SAY(out, "SCRIPT", "LOAD", lua_scripts[i].text);
    return lua_script_count;
}

static bool hear_script(struct store *store, const redisReply *reply, size_t index, struct why *why)
{
    (void)store;
    if (is_error(reply, lua_scripts[index].name, why))
        return false;
    return slice_is(reply_slice(reply), lua_scripts[index].sha1) ||
           why_set(why, "SCRIPT LOAD: another digest for %s", lua_scripts[index].name);
}

static size_t say_clock(struct store *store, struct buf *out)
{
    store->hello_us = clock_us();
    SAY(out, "TIME");
    return 1;
}

static bool hear_clock(struct store *store, const redisReply *reply, size_t index, struct why *why)
{
    (void)index;
    if (is_error(reply, "TIME", why))
        return false;
    return store_learn_clock(store, reply, store->hello_us) ||
           why_set(why, "TIME: an answer that is no time");
}

const struct hello_step hello_commands[] = {
    { "auth", say_auth, hear_ok },
    { "select", say_select, hear_ok },
    { "name", say_name, hear_name },
    { "version", say_version, hear_version },
    { "role", say_role, hear_role },
    { "events", say_events, hear_events },
    { "events set", say_events_set, hear_events_set },
    { "scripts", say_scripts, hear_script },
    { "clock", say_clock, hear_clock },
    { NULL, NULL, NULL },
};

const struct hello_step hello_topics[] = {
    { "auth", say_auth, hear_ok },
    { "name", say_name, hear_name },
    { "role", say_role, hear_role },
    { NULL, NULL, NULL },
};

/* ---- the walk through the table ------------------------------------------------------------------ */

static enum hello_state say_next(struct hello *hello, struct store *store, struct buf *out)
{
    for (; hello->steps[hello->at].name != NULL; hello->at++) {
        hello->heard = 0;
        hello->expected = hello->steps[hello->at].say(store, out);
        if (hello->expected > 0)
            return HELLO_GOES_ON;
    }
    return HELLO_DONE;
}

enum hello_state hello_start(struct hello *hello, const struct hello_step *steps,
                             struct store *store, struct buf *out)
{
    *hello = (struct hello){ .steps = steps };
    return say_next(hello, store, out);
}

enum hello_state hello_hear(struct hello *hello, struct store *store, struct buf *out,
                            const redisReply *reply, struct why *why)
{
    if (!hello->steps[hello->at].hear(store, reply, hello->heard, why))
        return HELLO_FAILED;
    if (++hello->heard < hello->expected)
        return HELLO_GOES_ON;
    hello->at++;
    return say_next(hello, store, out);
}
