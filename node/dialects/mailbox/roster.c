/* SPDX-License-Identifier: MIT */
/*
 * The index is read page by page, and each id is kept behind its length, one byte, in one text. At the
 * end they are sorted, so that what came twice stands side by side.
 */
#include "roster.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/jobs.h"

enum { TEXT_MAX = 64 * 1024 * 1024 };

static void on_page(enum result result, const struct job_page *page, void *ctx);

static void read_page(struct roster *roster, struct slice cursor)
{
    job_list(roster->store, roster->realm, roster->universe, cursor, on_page, roster,
             &roster->listing);
}

static void keep_job(struct roster *roster, struct slice job)
{
    if (!key_id_is_valid(job))
        return; /* nobody of ours wrote that */
    buf_add_byte(&roster->text, (char)job.len);
    buf_add_slice(&roster->text, job);
}

static int compare_jobs(const void *left, const void *right)
{
    const struct slice *a = left, *b = right;
    int order = memcmp(a->data, b->data, a->len < b->len ? a->len : b->len);

    return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

static size_t drop_repeated(struct slice *jobs, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || !slice_equals(jobs[i], jobs[kept - 1]))
            jobs[kept++] = jobs[i];
    }
    return kept;
}

static void sort_jobs(struct roster *roster)
{
    const char *at = roster->text.data, *end = at + roster->text.len;
    size_t size = 0;

    while (at < end) {
        struct slice job = { at + 1, (unsigned char)at[0] };

        if (roster->count == size) {
            size = size > 0 ? 2 * size : 64;
            roster->jobs = xrealloc(roster->jobs, size * sizeof *roster->jobs);
        }
        roster->jobs[roster->count++] = job;
        at += 1 + job.len;
    }
    if (roster->count == 0)
        return;
    qsort(roster->jobs, roster->count, sizeof *roster->jobs, compare_jobs);
    roster->count = drop_repeated(roster->jobs, roster->count);
}

static void on_page(enum result result, const struct job_page *page, void *ctx)
{
    struct roster *roster = ctx;

    if (result != RESULT_OK) {
        roster->done(roster, result);
        return;
    }
    for (size_t i = 0; i < page->count; i++)
        keep_job(roster, job_page_item(page, i));
    if (roster->text.has_overflowed) {
        roster->done(roster, RESULT_UNAVAILABLE);
    } else if (!slice_is(page->next, "0")) {
        read_page(roster, page->next);
    } else {
        if (roster->text.len > 0)
            sort_jobs(roster);
        roster->done(roster, RESULT_OK);
    }
}

void roster_read(struct roster *roster, struct store *store, struct slice realm,
                 struct slice universe, void (*done)(struct roster *roster, enum result result))
{
    roster->store = store;
    roster->realm = realm;
    roster->universe = universe;
    roster->done = done;
    buf_init(&roster->text, TEXT_MAX);
    read_page(roster, SLICE_LITERAL("0"));
}

void roster_fini(struct roster *roster)
{
    store_cancel(&roster->listing);
    free(roster->jobs);
    roster->jobs = NULL;
    roster->count = 0;
    buf_fini(&roster->text);
}
