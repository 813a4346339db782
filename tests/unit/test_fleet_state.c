/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/pack.h"
#include "fleet_metadata.h"
#include "fleet_rig.h"
#include "fleet_state.h"
#include "json.h"

#define ID "43048f4d7159a983"

static const struct slice nothing = { NULL, 0 };

/* The payload must outlive the state. */
static struct fleet_state_message parsed(const struct buf *bytes)
{
    struct fleet_state_message state;
    struct fleet_frame frame;

    assert_int_equal(fleet_frame_parse(buf_slice(bytes), &frame), FLEET_FRAME_GOOD);
    assert_true(fleet_state_parse(frame.payload, &state));
    return state;
}

static struct fleet_instance *instance_of(const char *hex)
{
    struct buf bytes = rig_bytes(hex);
    struct fleet_state_message state = parsed(&bytes);
    struct fleet_instance *instance = fleet_instance_of_state(&state);

    fleet_state_message_fini(&state);
    buf_fini(&bytes); /* it borrows nothing of it */
    assert_non_null(instance);
    return instance;
}

/* ---- judging ---------------------------------------------------------------------------------------------- */

/* Characters of one, two and three bytes are one unit each, those of four are two; each broken byte is one. */
static const char *const characters[] = { "a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
                                          "\xff" };
enum { FOUR_BYTES = 3, KINDS = sizeof characters / sizeof characters[0] };

static struct slice text_of(struct buf *out, const char *lead, size_t units, size_t kind)
{
    size_t each = kind == FOUR_BYTES ? 2 : 1;

    buf_init(out, 1 << 16);
    buf_add_text(out, lead);
    units -= strlen(lead);
    for (; units >= each; units -= each)
        buf_add_text(out, characters[kind]);
    if (units > 0)
        buf_add_text(out, "a");
    return buf_slice(out);
}

enum target { URL, NAME, TYPE, LABEL_KEY, LABEL_VALUE, ROOM_ID, ROOM_TYPE, DATA_KEY, DATA_VALUE };

static const struct {
    const char *field;
    enum target target;
    size_t limit;
} lengths[] = {
    { "endpointUrl", URL, 512 },
    { "name", NAME, 64 },
    { "roomTypes[]", TYPE, 64 },
    { "labels[]", LABEL_KEY, 64 },
    { "labels[]", LABEL_VALUE, 64 },
    { "rooms[].id", ROOM_ID, 256 },
    { "rooms[].type", ROOM_TYPE, 64 },
    { "rooms[].metadata[]", DATA_KEY, 64 },
    { "rooms[].metadata[]", DATA_VALUE, 256 },
};

struct sample {
    struct fleet_label label, metadata;
    struct slice type;
    struct fleet_sync_room room;
    struct fleet_state_message state;
};

static void sample_init(struct sample *sample)
{
    *sample = (struct sample){ .room = { .metadata = &sample->metadata, .metadata_count = 1 } };
    sample->state = (struct fleet_state_message){
        .endpoint_url = SLICE_LITERAL("ws://h"),
        .labels = &sample->label,
        .label_count = 1,
        .types = &sample->type,
        .type_count = 1,
        .rooms = &sample->room,
        .room_count = 1,
    };
}

static struct slice *sample_text(struct sample *sample, enum target target)
{
    struct slice *texts[] = {
        [URL] = &sample->state.endpoint_url,
        [NAME] = &sample->state.name,
        [TYPE] = &sample->type,
        [LABEL_KEY] = &sample->label.key,
        [LABEL_VALUE] = &sample->label.value,
        [ROOM_ID] = &sample->room.id,
        [ROOM_TYPE] = &sample->room.type,
        [DATA_KEY] = &sample->metadata.key,
        [DATA_VALUE] = &sample->metadata.value,
    };

    return texts[target];
}

static void lengths_are_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        for (size_t kind = 0; kind < KINDS; kind++) {
            for (size_t more = 0; more <= 1; more++) {
                const char *lead = lengths[i].target == URL ? "ws://h/" : "";
                struct sample sample;
                struct buf text;
                struct fleet_fault fault;

                sample_init(&sample);
                *sample_text(&sample, lengths[i].target) =
                    text_of(&text, lead, lengths[i].limit + more, kind);
                fault = fleet_state_judge(&sample.state);
                assert_int_equal(fault.field != NULL, more);
                if (more > 0) {
                    assert_string_equal(fault.field, lengths[i].field);
                    assert_int_equal(fault.limit, lengths[i].limit);
                }
                buf_fini(&text);
            }
        }
    }
}

static struct fleet_fault judge_counts(size_t types, size_t labels, size_t rooms, size_t metadata)
{
    struct fleet_label *label = xcalloc(labels + metadata + 1, sizeof *label);
    struct slice *type = xcalloc(types + 1, sizeof *type);
    struct fleet_sync_room *room = xcalloc(rooms + 1, sizeof *room);
    struct fleet_state_message state = {
        .endpoint_url = SLICE_LITERAL("ws://h"),
        .labels = label,
        .label_count = labels,
        .types = type,
        .type_count = types,
        .rooms = room,
        .room_count = rooms,
    };
    struct fleet_fault fault;

    room[0].metadata = label;
    room[0].metadata_count = metadata;
    fault = fleet_state_judge(&state);
    free(label);
    free(type);
    free(room);
    return fault;
}

static const struct {
    const char *field;
    size_t types, labels, rooms, metadata, limit;
} counts[] = {
    { NULL, 0, 0, 0, 0, 0 },
    { NULL, 256, 32, 50000, 16, 0 },
    { "roomTypes", 257, 33, 50001, 0, 256 },
    { "rooms", 256, 33, 50001, 0, 50000 },
    { "labels", 256, 33, 50000, 17, 32 },
    { "rooms[].metadata", 256, 32, 50000, 17, 16 },
};

static void counts_are_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct fleet_fault fault =
            judge_counts(counts[i].types, counts[i].labels, counts[i].rooms, counts[i].metadata);

        assert_int_equal(fault.field == NULL, counts[i].field == NULL);
        if (fault.field != NULL)
            assert_string_equal(fault.field, counts[i].field);
        assert_int_equal(fault.limit, counts[i].limit);
    }
}

static void connections_and_uids_are_judged(void **state)
{
    struct sample sample;
    struct fleet_fault fault;
    struct buf text;

    (void)state;
    sample_init(&sample);
    sample.room.connections = 1000000;
    assert_null(fleet_state_judge(&sample.state).field);
    sample.room.connections++;
    fault = fleet_state_judge(&sample.state);
    assert_string_equal(fault.field, "rooms[].connections");
    assert_int_equal(fault.limit, 1000000);

    sample_init(&sample);
    sample.state.process_uid = text_of(&text, "", FLEET_UID_MAX, 0);
    assert_null(fleet_state_judge(&sample.state).field);
    buf_fini(&text);
    sample.state.process_uid = text_of(&text, "", FLEET_UID_MAX + 1, 0);
    assert_string_equal(fleet_state_judge(&sample.state).field, "processUid");
    buf_fini(&text);
    sample.state.process_uid = text_of(&text, "", FLEET_UID_MAX / 3 + 1, KINDS - 1);
    assert_string_equal(fleet_state_judge(&sample.state).field, "processUid");
    buf_fini(&text);
}

/* Each fault beside all those that come later. */
static void the_first_fault_is_the_answer(void **state)
{
    static const enum target order[] = { URL, NAME, TYPE, LABEL_KEY, ROOM_ID, ROOM_TYPE };
    static const char *const want[] = { "endpointUrl", "name",       "roomTypes[]",
                                        "labels[]",    "rooms[].id", "rooms[].type" };

    (void)state;
    for (size_t first = 0; first < sizeof order / sizeof order[0]; first++) {
        struct sample sample;
        struct buf text;
        struct slice too_long = text_of(&text, "ws://h/", 600, 0);

        sample_init(&sample);
        for (size_t i = first; i < sizeof order / sizeof order[0]; i++)
            *sample_text(&sample, order[i]) = too_long;
        sample.room.connections = UINT32_MAX;
        assert_string_equal(fleet_state_judge(&sample.state).field, want[first]);
        buf_fini(&text);
    }
}

static void a_url_is_parsed_behind_the_rooms_count(void **state)
{
    struct sample sample;
    struct fleet_fault fault;
    struct buf text;

    (void)state;
    sample_init(&sample);
    sample.state.endpoint_url = slice_of("javascript:alert(1)");
    sample.label.key = text_of(&text, "", 65, 0);
    fault = fleet_state_judge(&sample.state);
    assert_string_equal(fault.field, "endpointUrl");
    assert_int_equal(fault.limit, 0);
    sample.type = sample.label.key;
    assert_string_equal(fleet_state_judge(&sample.state).field, "roomTypes[]");
    buf_fini(&text);
}

/* ---- documents -------------------------------------------------------------------------------------------- */

/* The protocol page's, with a renamed room. */
static struct fleet_instance *us1(void)
{
    static struct fleet_label labels[] = { { SLICE_LITERAL("region"), SLICE_LITERAL("us") },
                                           { SLICE_LITERAL("tier"), SLICE_LITERAL("gold") } };
    static struct slice types[] = { SLICE_LITERAL("match") };
    static struct fleet_sync_room rooms[] = { { .id = SLICE_LITERAL("hall"),
                                                .type = SLICE_LITERAL("match"),
                                                .origin = SLICE_LITERAL("local") } };
    struct fleet_state_message state = {
        .name = SLICE_LITERAL("us1"),
        .process_uid = SLICE_LITERAL("p_a6a345058a0d288cb902065b"),
        .agent_version = SLICE_LITERAL("8.0.0"),
        .endpoint_url = SLICE_LITERAL("wss://us1.example.com/ws?x=1"),
        .status = SLICE_LITERAL("active"),
        .protocol_version = 3,
        .labels = labels,
        .label_count = 2,
        .types = types,
        .type_count = 1,
        .rooms = rooms,
        .room_count = 1,
    };

    return fleet_instance_of_state(&state);
}

#define US1_HEAD                                                                                   \
    "{\"id\":\"43048f4d7159a983\",\"name\":\"us1\",\"processUid\":\"p_a6a345058a0d288cb902065b\"," \
    "\"endpointUrl\":\"wss://us1.example.com/ws?x=1\",\"labels\":{\"region\":\"us\",\"tier\":"     \
    "\"gold\"},\"roomTypes\":[\"match\"],\"rooms\":[{\"id\":\""
#define US1_TAIL                                                                                   \
    "\"type\":\"match\",\"connections\":0,\"instanceId\":\"43048f4d7159a983\",\"endpointUrl\":"    \
    "\"wss://us1.example.com/ws?x=1\",\"local\":true"
#define US1_REST                                                                                   \
    "}],\"connections\":0,\"capacity\":{\"maxConnections\":null,\"maxRooms\":null},"               \
    "\"autoCreate\":false,\"status\":\"active\",\"lastSyncAt\":1795220212277,"                     \
    "\"agentVersion\":\"8.0.0\",\"protocolVersion\":3}"

static void says(const struct buf *out, const char *want)
{
    if (!slice_is(buf_slice(out), want))
        fail_msg("%.*s\nis not\n%s", (int)out->len, buf_slice(out).data, want);
}

static void writes_the_pages_documents(void **state)
{
    struct fleet_instance *instance = us1();
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    fleet_stale_event(&out, instance, slice_of(ID), 1795220212277, slice_of("1"), nothing);
    says(&out, "event: instance:stale\ndata: " US1_HEAD
               "p_a6a345058a0d288cb902065b~hall\"," US1_TAIL US1_REST "\n\n");
    buf_clear(&out);
    fleet_stale_event(&out, instance, slice_of(ID), 1795220212277, nothing,
                      slice_of("{\"x\":{\"a\":\"b\"},\"hall\":{\"mode\":\"ctf\"}}"));
    says(&out, "event: instance:stale\ndata: " US1_HEAD "hall\"," US1_TAIL
               ",\"metadata\":{\"mode\":\"ctf\"}" US1_REST "\n\n");
    out.max = out.len - 1; /* it does not fit with what was put to its rooms */
    buf_clear(&out);
    fleet_stale_event(&out, instance, slice_of(ID), 1795220212277, nothing,
                      slice_of("{\"x\":{\"a\":\"b\"},\"hall\":{\"mode\":\"ctf\"}}"));
    says(&out, "event: instance:stale\ndata: " US1_HEAD "hall\"," US1_TAIL US1_REST "\n\n");
    buf_clear(&out);
    fleet_leave_event(&out, instance, slice_of(ID), 1795220212277);
    says(&out, "event: instance:leave\ndata: " US1_HEAD "hall\"," US1_TAIL US1_REST "\n\n");
    buf_fini(&out);
    fleet_instance_free(&instance);
}

static void writes_a_document_of_a_state(void **state)
{
    struct fleet_instance *instance = instance_of(RIG_STATE_FULL);
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    fleet_instance_head(&out, instance, slice_of("c59f5d418beea4c6"));
    fleet_instance_rest(&out, instance, 1795220392865);
    says(&out,
         "{\"id\":\"c59f5d418beea4c6\",\"name\":\"eu1\",\"processUid\":\"p_"
         "00112233445566778899aabb\""
         ",\"endpointUrl\":\"wss://eu1.example.com\",\"labels\":{\"region\":\"eu\"},\"roomTypes\":"
         "[\"lobby\",\"match\"],\"rooms\":[],\"connections\":300,\"capacity\":{\"maxConnections\":"
         "2000,\"maxRooms\":100},\"autoCreate\":true,\"status\":\"active\",\"lastSyncAt\":"
         "1795220392865,\"agentVersion\":\"8.0.0\",\"protocolVersion\":3}");
    buf_clear(&out);
    fleet_room_tail(&out, instance, slice_of("c59f5d418beea4c6"), 1, nothing);
    says(&out, "\"type\":\"match\",\"connections\":300,\"instanceId\":\"c59f5d418beea4c6\","
               "\"endpointUrl\":\"wss://eu1.example.com\",\"local\":false}");
    buf_fini(&out);
    fleet_instance_free(&instance);
}

static void texts_and_numbers_are_those_of_javascript(void **state)
{
    static struct fleet_label labels[] = { { SLICE_LITERAL("/\"\\\b\f\n\r\t\x01\x7f"),
                                             SLICE_LITERAL("\xe2\x80\xa8\xf0\x9f\x98\x80\xff") } };
    struct fleet_state_message message = {
        .labels = labels,
        .label_count = 1,
        .has_max_connections = true,
        .max_connections = INT32_MIN,
        .has_max_rooms = true,
        .max_rooms = INT32_MAX,
        .protocol_version = UINT32_MAX,
        .creates = true,
    };
    struct fleet_instance *instance = fleet_instance_of_state(&message);
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    fleet_instance_head(&out, instance, slice_of("i"));
    fleet_instance_rest(&out, instance, 0);
    says(&out,
         "{\"id\":\"i\",\"name\":\"\",\"processUid\":\"\",\"endpointUrl\":\"\",\"labels\":{"
         "\"/\\\"\\\\\\b\\f\\n\\r\\t\\u0001\x7f\":\"\xe2\x80\xa8\xf0\x9f\x98\x80\xef\xbf\xbd\"}"
         ",\"roomTypes\":[],\"rooms\":[],\"connections\":0,\"capacity\":{\"maxConnections\":"
         "-2147483648,\"maxRooms\":2147483647},\"autoCreate\":true,\"status\":\"\","
         "\"lastSyncAt\":0,\"agentVersion\":\"\",\"protocolVersion\":4294967295}");
    buf_fini(&out);
    fleet_instance_free(&instance);
}

static void the_agents_metadata_wins(void **state)
{
    static struct fleet_label labels[] = { { SLICE_LITERAL("1"), SLICE_LITERAL("\"") },
                                           { SLICE_LITERAL("b"), SLICE_LITERAL("c") } };
    struct fleet_sync_room rooms[] = {
        { .id = SLICE_LITERAL("a"), .metadata = labels, .metadata_count = 2 },
        { .id = SLICE_LITERAL("b") }
    };
    struct fleet_state_message message = { .rooms = rooms, .room_count = 2 };
    struct fleet_instance *instance = fleet_instance_of_state(&message);
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    fleet_room_tail(&out, instance, slice_of("i"), 0, slice_of("{\"x\":\"y\"}"));
    fleet_room_tail(&out, instance, slice_of("i"), 1, slice_of("{\"x\":\"y\"}"));
    fleet_room_tail(&out, instance, slice_of("i"), 1, slice_of("{}"));
#define TAIL                                                                                       \
    "\"type\":\"\",\"connections\":0,\"instanceId\":\"i\",\"endpointUrl\":\"\",\"local\":false"
    says(&out, TAIL ",\"metadata\":{\"1\":\"\\\"\",\"b\":\"c\"}}" TAIL
                    ",\"metadata\":{\"x\":\"y\"}}" TAIL "}");
    buf_fini(&out);
    fleet_instance_free(&instance);
}

/* ---- bases ------------------------------------------------------------------------------------------------ */

#define A16 "aaaaaaaaaaaaaaaa"
#define A64 A16 A16 A16 A16

static const struct {
    const char *id, *base;
    bool is_clean;
} bases[] = {
    { "match-42", "match-42", true },
    { "A_z-09", "A_z-09", true },
    { "", "", false },
    { "a/b ~\xc3\xa9", "a%2Fb%20%7E%C3%A9", false },
    { "we ird~%", "we%20ird%7E%25", false },
    { A64, A64, true },
    { A64 "a", A64 "a", false },
    { "\xff", "%EF%BF%BD", false },
    { "\x01.", "%01%2E", false },
};

static void rooms_have_bases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
        struct fleet_sync_room rooms[] = { { .id = slice_of("x y") },
                                           { .id = slice_of(bases[i].id) } };
        struct fleet_state_message message = { .process_uid = SLICE_LITERAL("p"),
                                               .rooms = rooms,
                                               .room_count = 2 };
        struct fleet_instance *instance = fleet_instance_of_state(&message);
        struct buf name;

        buf_init(&name, 1024);
        fleet_room_name(&name, instance, 1, false);
        says(&name, bases[i].base);
        buf_clear(&name);
        fleet_room_name(&name, instance, 1, true);
        assert_memory_equal(name.data, "p~", 2);
        assert_int_equal(name.len, strlen(bases[i].base) + 2);
        assert_int_equal(fleet_room_id_is_clean(slice_of(bases[i].id)), bases[i].is_clean);
        buf_fini(&name);
        fleet_instance_free(&instance);
    }
}

/* ---- images ----------------------------------------------------------------------------------------------- */

static struct buf image_of(const struct fleet_instance *instance)
{
    struct buf image;

    buf_init(&image, FLEET_RECORD_MAX);
    fleet_instance_write(instance, &image);
    assert_false(image.has_overflowed);
    return image;
}

static struct slice everything(struct buf *out, const struct fleet_instance *instance)
{
    char digest[FLEET_HASH_LEN + 1];

    fleet_leave_event(out, instance, slice_of(ID), 1);
    fleet_instance_digest(instance, slice_of(ID), digest);
    buf_add_text(out, digest);
    return buf_slice(out);
}

static const char *const states[] = {
    RIG_STATE_FULL,
    RIG_STATE_BARE,
    /* labels, metadata, an id that is none of its own, capacity of 0 and −1, features */
    "0a0b666c6565742f7374617465 1238 0300 5206 0a0161120162 5a0d 0800 10ffffffffffffffffff01 "
    "6a0162 720c 0a0161 2a07 0a02622f120163 7206 0a04 612f62ff 7a0178 800103",
};

static void images_read_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        struct fleet_instance *instance = instance_of(states[i]), *again;
        struct buf image = image_of(instance), other, first, second;

        again = fleet_instance_of_image(buf_slice(&image));
        assert_non_null(again);
        other = image_of(again);
        assert_true(slice_equals(buf_slice(&image), buf_slice(&other)));
        buf_init(&first, 8192);
        buf_init(&second, 8192);
        assert_true(slice_equals(everything(&first, instance), everything(&second, again)));
        assert_true(slice_equals(instance->hash, again->hash));
        assert_int_equal(instance->features, again->features);
        buf_fini(&first);
        buf_fini(&second);
        buf_fini(&image);
        buf_fini(&other);
        fleet_instance_free(&instance);
        fleet_instance_free(&again);
    }
}

/* Of memory that ends where the image ends. */
static bool is_image(struct slice bytes)
{
    char *copy = xmalloc(bytes.len + 1);
    struct fleet_instance *instance;
    bool is_good;

    memcpy(copy, bytes.data, bytes.len);
    instance = fleet_instance_of_image((struct slice){ copy, bytes.len });
    free(copy);
    is_good = instance != NULL;
    if (is_good) {
        struct buf out;

        buf_init(&out, 1 << 16);
        everything(&out, instance);
        buf_fini(&out);
    }
    fleet_instance_free(&instance);
    return is_good;
}

static void malformed_images_are_refused(void **state)
{
    uint32_t seed = 1;

    (void)state;
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        struct fleet_instance *instance = instance_of(states[i]);
        struct buf image = image_of(instance);

        for (size_t len = 0; len < image.len; len++)
            assert_false(is_image((struct slice){ image.data, len }));
        buf_add_byte(&image, 0);
        assert_false(is_image(buf_slice(&image)));
        image.len--;
        for (size_t round = 0; round < 5000; round++) {
            size_t place = rig_random(&seed) % image.len;
            char was = image.data[place];

            image.data[place] = (char)rig_random(&seed);
            (void)is_image(buf_slice(&image));
            image.data[place] = was;
        }
        image.data[0]++;
        assert_false(is_image(buf_slice(&image)));
        buf_fini(&image);
        fleet_instance_free(&instance);
    }
}

/* An image with one room, or with something wrong about it. */
static const struct {
    const char *name, *hex;
    bool want;
} images[] = {
    { "empty", "", false },
    { "bare", "01 00 00 00 00 00 00 00 00 00 00 00 00", true },
    { "a name", "01 0161 00 00 00 00 00 00 00 00 00 00 00", true },
    { "no UTF-8", "01 01ff 00 00 00 00 00 00 00 00 00 00 00", false },
    { "an unknown trait", "01 00 00 00 00 00 00 00 00 08 00 00 00", false },
    { "a version of 33 bits", "01 00 00 00 00 00 00 8080808010 00 00 00 00 00", false },
    { "a room", "01 00 00 00 00 00 00 00 00 00 00 00 01 0161 00 05 03", true },
    { "two rooms that are one", "01 00 00 00 00 00 00 00 00 00 00 00 02 0161 00 05 03", false },
    { "50,001 rooms", "01 00 00 00 00 00 00 00 00 00 00 00 d18603 0161 00 05 03", false },
    { "an unknown trait of a room", "01 00 00 00 00 00 00 00 00 00 00 00 01 0161 00 05 08", false },
    { "metadata", "01 00 00 00 00 00 00 00 00 00 00 00 01 0161 00 05 04 027b7d", true },
    { "metadata of no JSON", "01 00 00 00 00 00 00 00 00 00 00 00 01 0161 00 05 04 027b7b", false },
    { "metadata that is no object", "01 00 00 00 00 00 00 00 00 00 00 00 01 0161 00 05 04 025b5d",
      false },
    { "metadata of two lines", "01 00 00 00 00 00 00 00 00 00 00 00 01 0161 00 05 04 037b0a7d",
      false },
    { "33 labels", "01 00 00 00 00 00 00 00 00 00 21 00 00", false },
    { "257 types", "01 00 00 00 00 00 00 00 00 00 00 8102 00", false },
};

static void images_are_looked_at(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof images / sizeof images[0]; i++) {
        struct buf bytes = rig_bytes(images[i].hex);

        if (is_image(buf_slice(&bytes)) != images[i].want)
            fail_msg("%s", images[i].name);
        buf_fini(&bytes);
    }
}

/* ---- digests and tags --------------------------------------------------------------------------------------- */

static void digest_of(struct fleet_instance *instance, const char *id, char *out)
{
    fleet_instance_digest(instance, slice_of(id), out);
    assert_int_equal(strlen(out), FLEET_HASH_LEN);
}

/* What documents show changes it, what they do not show does not. */
static void digests_are_of_what_is_shown(void **state)
{
    char was[FLEET_HASH_LEN + 1], now[FLEET_HASH_LEN + 1];
    struct fleet_instance *of = instance_of(RIG_STATE_FULL);

    (void)state;
    digest_of(of, ID, was);
#define CHANGES(change, undo)                                                                      \
    do {                                                                                           \
        change;                                                                                    \
        digest_of(of, ID, now);                                                                    \
        assert_string_not_equal(was, now);                                                         \
        undo;                                                                                      \
    } while (0)
    CHANGES(of->name.len--, of->name.len++);
    CHANGES(of->process_uid.len--, of->process_uid.len++);
    CHANGES(of->agent_version.len--, of->agent_version.len++);
    CHANGES(of->endpoint_url.len--, of->endpoint_url.len++);
    CHANGES(of->status.len--, of->status.len++);
    CHANGES(of->protocol_version++, of->protocol_version--);
    CHANGES(of->creates = false, of->creates = true);
    CHANGES(of->max_rooms = -of->max_rooms, of->max_rooms = -of->max_rooms);
    CHANGES(of->has_max_rooms = false, of->has_max_rooms = true);
    CHANGES(of->max_connections++, of->max_connections--);
    CHANGES(of->labels[0].value.len--, of->labels[0].value.len++);
    CHANGES(of->types[1].len--, of->types[1].len++);
    CHANGES(of->type_count--, of->type_count++);
    CHANGES(of->room_count--, of->room_count++);
    CHANGES(of->rooms[1].base.len--, of->rooms[1].base.len++);
    CHANGES(of->rooms[1].type.len--, of->rooms[1].type.len++);
    CHANGES(of->rooms[1].connections++, of->rooms[1].connections--);
    CHANGES(of->rooms[1].is_local = true, of->rooms[1].is_local = false);
    CHANGES(of->rooms[1].metadata = slice_of("{\"a\":\"b\"}"), of->rooms[1].metadata = nothing);
    of->hash.len--;
    of->features++;
    of->rooms[1].is_fleets = false;
    digest_of(of, ID, now);
    assert_string_equal(was, now);
    digest_of(of, "another", now);
    assert_string_not_equal(was, now);
    fleet_instance_free(&of);
}

static bool has_tag(uint8_t tags[][FLEET_TAG_LEN], size_t count, enum fleet_tag_kind kind,
                    const char *key, const char *value)
{
    uint8_t tag[FLEET_TAG_LEN];

    fleet_tag(kind, slice_of(key), slice_of(value), tag);
    for (size_t i = 0; i < count; i++) {
        if (memcmp(tags[i], tag, sizeof tag) == 0)
            return true;
    }
    return false;
}

static void tags_are_what_can_be_asked_for(void **state)
{
    struct fleet_instance *instance = instance_of(RIG_STATE_FULL);
    uint8_t tags[FLEET_TAGS_MAX][FLEET_TAG_LEN], tag[FLEET_TAG_LEN];
    size_t count;

    (void)state;
    assert_int_equal(fleet_instance_tags(instance, tags), 3);
    instance->features = FLEET_OPTIONS | 8;
    instance->types[0] = instance->types[1];
    count = fleet_instance_tags(instance, tags);
    assert_int_equal(count, 3);
    for (size_t i = 1; i < count; i++)
        assert_true(memcmp(tags[i - 1], tags[i], FLEET_TAG_LEN) < 0);
    assert_true(has_tag(tags, count, FLEET_TAG_TYPE, "match", ""));
    assert_true(has_tag(tags, count, FLEET_TAG_LABEL, "region", "eu"));
    assert_false(has_tag(tags, count, FLEET_TAG_LABEL, "regione", "u"));
    assert_false(has_tag(tags, count, FLEET_TAG_LABEL, "match", ""));
    fleet_feature_tag(FLEET_OPTIONS, tag);
    assert_true(memcmp(tags[0], tag, sizeof tag) == 0 || memcmp(tags[1], tag, sizeof tag) == 0 ||
                memcmp(tags[2], tag, sizeof tag) == 0);
    fleet_instance_free(&instance);
}

static void as_many_tags_as_there_may_be(void **state)
{
    struct slice types[FLEET_STATE_TYPES];
    struct fleet_label labels[FLEET_STATE_LABELS];
    char names[FLEET_STATE_TYPES];
    struct fleet_state_message message = { .types = types,
                                           .type_count = FLEET_STATE_TYPES,
                                           .labels = labels,
                                           .label_count = FLEET_STATE_LABELS,
                                           .features = UINT32_MAX };
    uint8_t tags[FLEET_TAGS_MAX][FLEET_TAG_LEN];
    struct fleet_instance *instance;

    (void)state;
    for (size_t i = 0; i < FLEET_STATE_TYPES; i++) {
        names[i] = (char)(i % 128);
        types[i] = (struct slice){ &names[i], 1 };
    }
    for (size_t i = 0; i < FLEET_STATE_LABELS; i++)
        labels[i] = (struct fleet_label){ types[i], types[0] };
    instance = fleet_instance_of_state(&message);
    assert_int_equal(fleet_instance_tags(instance, tags), 128 + FLEET_STATE_LABELS + 2);
    fleet_instance_free(&instance);
}

/* ---- what the store is told --------------------------------------------------------------------------------- */

static void fills_what_the_store_wants(void **state)
{
    struct fleet_instance *instance = instance_of(RIG_STATE_FULL), *again;
    struct fleet_state got = { .seq = 7 };
    char digest[FLEET_HASH_LEN + 1];
    struct buf texts;

    (void)state;
    buf_init(&texts, 8192);
    assert_true(fleet_state_fill(&got, instance, slice_of(ID), 5, &texts));
    fleet_instance_digest(instance, slice_of(ID), digest);
    assert_true(slice_is(got.digest, digest));
    again = fleet_instance_of_image(got.record);
    assert_non_null(again);
    fleet_instance_free(&again);
    assert_true(slice_is(got.id, ID) && slice_is(got.uid, "p_00112233445566778899aabb"));
    assert_true(slice_is(got.uid_json, "p_00112233445566778899aabb"));
    assert_true(slice_is(got.types, "[\"lobby\",\"match\"]"));
    assert_memory_equal(got.document.data + got.document.len - 9, "\"rooms\":[", 9);
    assert_memory_equal(got.rest.data, "],\"connections\":300,", 20);
    assert_int_equal(got.seq, 7);
    assert_int_equal(got.status, FLEET_ACTIVE);
    assert_true(got.creates && got.has_max_rooms && got.has_max_connections);
    assert_int_equal(got.max_rooms, 100);
    assert_int_equal(got.connections, 300);
    assert_int_equal(got.room_count, 2);
    assert_int_equal(got.tag_count, 3);
    buf_fini(&texts);
    buf_init(&texts, 300);
    assert_false(fleet_state_fill(&got, instance, slice_of(ID), 5, &texts));
    buf_fini(&texts);
    fleet_instance_free(&instance);
}

/* As many rooms as there may be: 3 MiB of a state, from the frame to what the store gets and back. */
static void fifty_thousand_rooms_fit(void **state)
{
    struct buf payload, room, texts;
    struct fleet_state_message message;
    struct fleet_instance *instance, *again;
    struct fleet_state got = { 0 };

    (void)state;
    buf_init(&payload, 4 << 20);
    buf_init(&room, 256);
    buf_init(&texts, 2 * FLEET_RECORD_MAX);
    buf_add(&payload, "\x03\x00", 2);
    proto_add_text(&payload, 9, SLICE_LITERAL("wss://eu1.example.com"));
    for (unsigned i = 0; i < FLEET_ROOMS_MAX; i++) {
        char id[64];

        snprintf(id, sizeof id, "a room of a longer name and of number %06u", i);
        buf_clear(&room);
        proto_add_text(&room, 1, slice_of(id));
        proto_add_text(&room, 2, SLICE_LITERAL("match"));
        proto_add_number(&room, 3, 1000000);
        proto_add_text(&room, 4, SLICE_LITERAL("fleet"));
        proto_add_text(&payload, 14, buf_slice(&room));
    }
    assert_false(payload.has_overflowed);
    assert_true(payload.len > 3 << 20);
    assert_true(fleet_state_parse(buf_slice(&payload), &message));
    assert_null(fleet_state_judge(&message).field);
    instance = fleet_instance_of_state(&message);
    assert_true(instance->connections == UINT64_C(50000000000));
    assert_true(fleet_instance_fits(instance));
    assert_true(fleet_state_fill(&got, instance, slice_of(ID), 1, &texts));
    assert_true(got.record.len <= payload.len);
    again = fleet_instance_of_image(got.record);
    fleet_instance_compare(instance, again, slice_of(ID), &got);
    assert_int_equal(got.added_count + got.changed_count + got.removed_count, 0);
    fleet_instance_compare(NULL, again, slice_of(ID), &got);
    assert_int_equal(got.added_count, FLEET_ROOMS_MAX);
    fleet_compare_fini(&got);
    fleet_instance_free(&instance);
    fleet_instance_free(&again);
    fleet_state_message_fini(&message);
    buf_fini(&payload);
    buf_fini(&room);
    buf_fini(&texts);
}

/* Each room repeats the endpoint in its document, and a processUid in its name. */
static void documents_have_a_bound(void **state)
{
    static struct fleet_instance_room rooms[FLEET_ROOMS_MAX];
    static const struct {
        const char *name;
        size_t url, uid;
        char of;
        bool does;
    } rows[] = {
        { "as they mostly are", 60, 26, 'a', true },
        { "the longest address", 512, 26, 'a', true },
        { "the longest one of controls", 512, 26, '\1', false },
        { "a processUid of 2 KiB", 60, 2048, 'a', false },
    };
    static char text[FLEET_UID_MAX], image[1024];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fleet_instance instance = {
            .endpoint_url = { text, rows[i].url },
            .process_uid = { text, rows[i].uid },
            .rooms = rooms,
            .room_count = FLEET_ROOMS_MAX,
            .text = { .data = image, .len = sizeof image },
        };

        memset(text, rows[i].of, sizeof text);
        if (fleet_instance_fits(&instance) != rows[i].does)
            fail_msg("%s", rows[i].name);
        instance.room_count = 10;
        assert_true(fleet_instance_fits(&instance));
    }
    assert_false(fleet_instance_fits(
        &(struct fleet_instance){ .text = { .len = FLEET_RECORD_MAX + 1, .data = image } }));
}

static const struct {
    const char *text;
    enum fleet_status want;
} statuses[] = { { "active", FLEET_ACTIVE },
                 { "draining", FLEET_DRAINING },
                 { "Active", FLEET_OTHER },
                 { "", FLEET_OTHER } };

static void a_status_may_be_any_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        struct fleet_state_message message = { .status = slice_of(statuses[i].text) };
        struct fleet_instance *instance = fleet_instance_of_state(&message);
        struct fleet_state got = { 0 };
        struct buf texts;

        buf_init(&texts, 8192);
        assert_true(fleet_state_fill(&got, instance, slice_of(ID), 5, &texts));
        assert_int_equal(got.status, statuses[i].want);
        buf_fini(&texts);
        fleet_instance_free(&instance);
    }
}

static const struct {
    const char *json, *base, *want;
} described[] = {
    { "{\"a\":{\"x\":\"1\"},\"b\":{}}", "a", "{\"x\":\"1\"}" },
    { "{\"a\":{\"x\":\"1\"},\"b\":{}}", "b", "{}" },
    { "{\"a\":{\"x\":\"1\"},\"b\":{}}", "c", NULL },
    { "{\"a\":{\"x\":\"1\"},\"a\":{\"x\":\"2\"}}", "a", "{\"x\":\"2\"}" },
    { "{\"aa\":{},\"a\":{\"x\":\"2\"},\"ab\":{}}", "a", "{\"x\":\"2\"}" },
    { "{\"\":{\"x\":\"2\"}}", "", "{\"x\":\"2\"}" },
    { "{\"a\":1}", "a", NULL },
    { "{}", "a", NULL },
    { "[]", "a", NULL },
    { "", "a", NULL },
    { "{", "a", NULL },
};

static void metadata_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof described / sizeof described[0]; i++) {
        struct fleet_metadata *metadata = fleet_metadata_create(slice_of(described[i].json));
        struct slice got = fleet_metadata_find(metadata, slice_of(described[i].base));

        assert_int_equal(got.data == NULL, described[i].want == NULL);
        assert_true(slice_equals(got, slice_of(described[i].want)));
        fleet_metadata_destroy(&metadata);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_are_judged),
        cmocka_unit_test(counts_are_judged),
        cmocka_unit_test(connections_and_uids_are_judged),
        cmocka_unit_test(the_first_fault_is_the_answer),
        cmocka_unit_test(a_url_is_parsed_behind_the_rooms_count),
        cmocka_unit_test(writes_the_pages_documents),
        cmocka_unit_test(writes_a_document_of_a_state),
        cmocka_unit_test(texts_and_numbers_are_those_of_javascript),
        cmocka_unit_test(the_agents_metadata_wins),
        cmocka_unit_test(rooms_have_bases),
        cmocka_unit_test(images_read_back),
        cmocka_unit_test(malformed_images_are_refused),
        cmocka_unit_test(images_are_looked_at),
        cmocka_unit_test(digests_are_of_what_is_shown),
        cmocka_unit_test(tags_are_what_can_be_asked_for),
        cmocka_unit_test(as_many_tags_as_there_may_be),
        cmocka_unit_test(fills_what_the_store_wants),
        cmocka_unit_test(fifty_thousand_rooms_fit),
        cmocka_unit_test(documents_have_a_bound),
        cmocka_unit_test(a_status_may_be_any_text),
        cmocka_unit_test(metadata_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
