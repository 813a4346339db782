/* SPDX-License-Identifier: MIT */
/* Any body: what is taken keeps to its bounds, and what is answered of it is JSON. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "json.h"
#include "mailbox_wire.h"
#include "store/key.h"

enum { ANSWER_MAX = 1 << 20 };

static void check(const struct command *command)
{
    struct json payload, answer;
    struct buf out;

    assert((command->job_count == 0) == (command->universe.data != NULL));
    assert(command->job_count <= COMMAND_JOBS_MAX);
    assert(command->ttl_ms >= 1000 && command->ttl_ms <= COMMAND_TTL_MAX_S * 1000);
    assert(json_parse(command->payload, &payload));
    assert(slice_equals(payload.raw, command->payload));
    assert(command->once.data == NULL || key_id_is_valid(command->once));
    buf_init(&out, ANSWER_MAX);
    results_start(&out);
    for (size_t i = 0; i < command->job_count; i++) {
        assert(key_id_is_valid(command->jobs[i]));
        results_add(&out, command->jobs[i], "live");
    }
    results_end(&out);
    assert(json_parse(buf_slice(&out), &answer));
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct command command = { 0 };

    if (command_parse((struct slice){ (const char *)data, size }, &command) == NULL)
        check(&command);
    command_fini(&command);
    return 0;
}
