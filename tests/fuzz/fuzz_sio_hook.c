/* SPDX-License-Identifier: MIT */
/* Any answer of a back end: what is taken keeps to its bounds, and its emits are packets that can be sent. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "json.h"
#include "sio_hook_answer.h"
#include "sio_name.h"

enum { MESSAGE_MAX = 64 };

static void check_names(const struct json_list *names)
{
    assert(names->count <= SIO_HOOK_NAMES_MAX);
    for (size_t i = 0; i < names->count; i++)
        assert(sio_room_name_is_valid(names->items[i]));
}

static void check_emit(const struct sio_hook_emit *emit)
{
    struct json items, first;
    struct buf name;
    size_t offset = 0;

    assert(json_parse(emit->items, &items) && json_next(items, &offset, &first));
    buf_init(&name, emit->items.len);
    assert(json_text(first, &name) && sio_event_name_is_valid(buf_slice(&name)));
    buf_fini(&name);
    check_names(&emit->rooms);
    check_names(&emit->except);
    assert(emit->attachments.count <= SIO_HOOK_ATTACHMENTS_MAX);
    assert(emit->nsp.data == NULL || sio_namespace_is_valid(emit->nsp));
}

static void check(const struct sio_hook_answer *answer)
{
    struct json ack;

    assert(answer->emit_count <= SIO_HOOK_EMITS_MAX && !answer->text.has_overflowed);
    check_names(&answer->join);
    check_names(&answer->leave);
    for (size_t i = 0; i < answer->emit_count; i++)
        check_emit(&answer->emits[i]);
    if (answer->ack.data != NULL)
        assert(json_parse(answer->ack, &ack) && ack.type == JSON_ARRAY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice body = { (const char *)data, size };
    struct sio_hook_answer answer = { 0 };
    struct buf message;
    struct slice told;

    if (sio_hook_answer_parse(body, &answer, NULL))
        check(&answer);
    sio_hook_answer_fini(&answer);
    buf_init(&message, MESSAGE_MAX);
    sio_hook_refusal_parse(body, &message, &told);
    buf_fini(&message);
    return 0;
}
