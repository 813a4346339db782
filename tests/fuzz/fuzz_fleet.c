/* SPDX-License-Identifier: MIT */
/*
 * What an agent sends, and what the store gives back. The first byte says as what it is read: a frame, an image, a URL,
 * rooms' metadata, an order from another node. An instance must come out of its image as it went in, and all that is written of it must be JSON.
 */
#include <assert.h>
#include <string.h>

#include "fleet_metadata.h"
#include "fleet_state.h"
#include "json.h"
#include "kinds.h"
#include "order_wire.h"

enum { OUT_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct slice id = { "43048f4d7159a983", FLEET_ID_LEN };

/* "event: …\ndata: …\n\n": of two lines, the second of them JSON. */
static void check_event(struct buf *out)
{
    struct slice text = buf_slice(out);
    const char *line = memmem(text.data, text.len, "\ndata: ", 7);
    struct json value;

    assert(!out->has_overflowed && line != NULL);
    line += 7;
    text.len -= (size_t)(line - text.data) + 2;
    text.data = line;
    assert(memchr(text.data, '\n', text.len) == NULL);
    assert(json_parse(text, &value) && value.type == JSON_OBJECT);
    buf_clear(out);
}

static void check_documents(const struct fleet_instance *instance)
{
    struct buf out;

    buf_init(&out, OUT_MAX);
    fleet_leave_event(&out, instance, id, 1);
    check_event(&out);
    fleet_stale_event(&out, instance, id, 1, SLICE_LITERAL("101"),
                      SLICE_LITERAL("{\"a\":{\"b\":\"c\"}}"));
    check_event(&out);
    buf_fini(&out);
}

/* Written and read again: the same image, the same digest, no difference. */
static void check_image(const struct fleet_instance *instance)
{
    char digest[FLEET_HASH_LEN + 1], other[FLEET_HASH_LEN + 1];
    struct fleet_state state = { 0 };
    struct fleet_instance *again;
    struct buf image, texts;

    buf_init(&image, OUT_MAX);
    buf_init(&texts, OUT_MAX);
    fleet_instance_write(instance, &image);
    again = fleet_instance_of_image(buf_slice(&image));
    assert(!image.has_overflowed && again != NULL);
    assert(fleet_state_fill(&state, again, id, 1, &texts));
    assert(slice_equals(state.record, buf_slice(&image)));
    fleet_instance_digest(instance, id, digest);
    fleet_instance_digest(again, id, other);
    assert(strcmp(digest, other) == 0);
    fleet_instance_compare(instance, again, id, &state);
    assert(state.added_count + state.changed_count + state.removed_count == 0);
    fleet_instance_compare(NULL, again, id, &state);
    assert(state.added_count == again->room_count);
    fleet_compare_fini(&state);
    fleet_instance_free(&again);
    buf_fini(&image);
    buf_fini(&texts);
}

static void check_instance(struct fleet_instance *instance)
{
    if (instance == NULL)
        return;
    check_image(instance);
    check_documents(instance);
    fleet_instance_free(&instance);
}

static void read_state(struct slice payload)
{
    struct fleet_state_message state;
    struct fleet_instance *instance;

    if (fleet_state_parse(payload, &state) && fleet_state_judge(&state).field == NULL) {
        instance = fleet_instance_of_state(&state);
        assert(instance != NULL);
        check_instance(instance);
    }
    fleet_state_message_fini(&state);
}

static void read_frame(struct slice message)
{
    struct fleet_frame frame;
    struct fleet_ack ack;

    if (fleet_frame_parse(message, &frame) != FLEET_FRAME_GOOD)
        return;
    assert(fleet_units(frame.topic) <= frame.topic.len);
    if (fleet_ack_parse(frame.payload, &ack))
        assert(ack.command_id.data != NULL);
    read_state(frame.payload);
}

static void read_metadata(struct slice text)
{
    struct fleet_metadata *metadata = fleet_metadata_create(text);
    struct slice object = fleet_metadata_find(metadata, SLICE_LITERAL("a"));
    struct json value;

    if (object.data != NULL)
        assert(json_parse(object, &value) && value.type == JSON_OBJECT);
    fleet_metadata_destroy(&metadata);
}

/* What was read is written, and read as the same. */
static void read_order(struct slice text)
{
    struct order_text order, again;
    struct order_loss loss;
    struct buf out;
    int end;

    (void)order_end_parse(text, &end);
    (void)order_loss_parse(text, &loss);
    if (!order_parse(text, &order))
        return;
    buf_init(&out, OUT_MAX);
    order_write(&out, &order);
    assert(order_parse(buf_slice(&out), &again) && again.command.number == order.command.number);
    assert(slice_equals(again.command.options, order.command.options));
    assert((again.command.room_id.data == NULL) == (order.command.room_id.data == NULL));
    buf_fini(&out);
}

static void read_image(struct slice text)
{
    check_instance(fleet_instance_of_image(text));
}

static void read_url(struct slice text)
{
    (void)fleet_url_is_good(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct fuzz_kind kinds[] = {
        { 'f', read_frame },    { 'i', read_image }, { 'u', read_url },
        { 'm', read_metadata }, { 'o', read_order },
    };

    fuzz_read(data, size, kinds, sizeof kinds / sizeof kinds[0]);
    return 0;
}
