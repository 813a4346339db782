/* SPDX-License-Identifier: MIT */
#ifndef SB_STORE_JOB_KEY_H
#define SB_STORE_JOB_KEY_H

#include "store/channel.h"
#include "store/jobs.h"

/* A key of a job: the tag is that of its mailbox's channel. For store/ only. */
static inline void job_key(struct key *key, const struct job_id *id, const char *part)
{
    key_make(key, channel_kind_name(CHANNEL_MAILBOX), id->realm, id->job, part);
}

#endif
