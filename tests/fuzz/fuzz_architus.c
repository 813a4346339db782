/* SPDX-License-Identifier: MIT */
/* Any argument of a client's, any body of a back end's: what is taken keeps to its bounds, and what is written
 * is JSON again. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "architus_wire.h"
#include "entity.h"
#include "guild_wire.h"
#include "log_wire.h"

enum { TEXT_MAX = 1 << 20 };

static void check_json(struct buf *text)
{
    struct json value;

    assert(!text->has_overflowed && json_parse_within(buf_slice(text), 2, &value));
    buf_clear(text);
}

static void check_asks(struct json argument)
{
    for (enum ask_kind kind = ASK_IDS; kind <= ASK_SEARCH; kind++) {
        struct ask ask = { 0 };

        if (ask_parse(argument, kind, &ask) == NULL) {
            assert(ask.has_number && ask.type.len > 0);
            assert(ask.id_count + ask.bad_ids <= ASK_IDS_MAX);
            for (size_t i = 0; i < ask.id_count; i++)
                assert(wire_id_is_proper(ask.ids[i]));
        }
        ask_fini(&ask);
    }
}

static void check_others(struct json argument)
{
    struct spectate spectate;
    struct proof proof;
    struct slice guild;

    if (spectate_parse(argument, &spectate))
        assert(spectate.guild.len <= 20);
    buf_fini(&spectate.text);
    if (proof_parse(argument, &proof))
        assert(proof.nonce.len > 0 || proof.token.len > 0);
    buf_fini(&proof.text);
    if (mock_check(argument, &guild) == NULL)
        assert(guild.len > 0 && guild.len < 9);
}

static void check_entities(struct json array)
{
    struct entities entities;

    if (entities_parse(array, true, &entities)) {
        assert(entities_count_ids(&entities) <= entities.count);
        for (size_t i = 0; i < entities.count; i++)
            assert(entities.items[i].json.len <= POOL_ENTITY_MAX);
    }
    entities_fini(&entities);
}

static void check_written(struct json value)
{
    struct log_event event;
    struct buf text, out;

    buf_init(&text, TEXT_MAX);
    buf_reserve(&text, 2 * value.raw.len + 1);
    buf_init(&out, TEXT_MAX);
    if (log_event_parse(value, &text, &event) == NULL) {
        log_event_write(&out, &event, SLICE_LITERAL("1"), SLICE_LITERAL("2"));
        check_json(&out);
        if (event.change != LOG_NO_CHANGE) {
            log_change_write(&out, &event, SLICE_LITERAL("1"), SLICE_LITERAL("2"));
            check_json(&out);
        }
    }
    for (enum guild_source source = GUILD_OF_SHARD; source <= GUILD_OF_DISCORD; source++)
        if (guild_write(&out, value, source, SLICE_LITERAL("1234567")))
            check_json(&out);
    buf_fini(&text);
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = { (const char *)data, size };
    struct json value;

    if (!json_parse(text, &value))
        return 0;
    check_asks(value);
    check_others(value);
    check_entities(value);
    check_written(value);
    return 0;
}
