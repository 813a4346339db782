/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hex.h"
#include "base/mem.h"
#include "fleet_rig.h"
#include "fleet_wire.h"

/* ---- to the agent: the protocol page's frames ----------------------------------------------------------- */

#define HELLO "0a0b666c6565742f68656c6c6f "
#define POLL  "0a0a666c6565742f706f6c6c "
#define CMD   "0a09666c6565742f636d64 "
#define STATE "0a0b666c6565742f7374617465 "
#define ACK   "0a09666c6565742f61636b "
#define HASH  "37323236613665623331616165353433 "

static void writes(const struct buf *out, const char *name, const char *hex)
{
    struct buf want = rig_bytes(hex);

    if (!slice_equals(buf_slice(out), buf_slice(&want))) {
        char *text = xcalloc(2 * out->len + 1, 1);

        hex_write((const unsigned char *)out->data, out->len, text);
        fail_msg("%s: wrote %s", name, text);
    }
    buf_fini(&want);
}

static void writes_hellos(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 1024);
    fleet_write_hello(&out, slice_of("9f3c01d2a4b5e678"), 5000, 0);
    writes(&out, "hello", HELLO "1219 0300 0a1039663363303164326134623565363738 1003 188827");
    buf_clear(&out);
    fleet_write_hello(&out, slice_of("9f3c01d2a4b5e678"), 5000, FLEET_OPTIONS | FLEET_METADATA);
    writes(&out, "hello with features",
           HELLO "121b 0300 0a1039663363303164326134623565363738 1003 188827 2003");
    buf_fini(&out);
}

static const struct {
    const char *name, *request, *hash, *status;
    uint32_t features;
    const char *hex;
} polls[] = {
    { "first", "poll_1", NULL, "active", 0, POLL "1212 0300 0a06706f6c6c5f31 1a06616374697665" },
    { "with a hash", "poll_2", "7226a6eb31aae543", "active", 0,
      POLL "1224 0300 0a06706f6c6c5f32 1210" HASH "1a06616374697665" },
    { "draining", "poll_3", "7226a6eb31aae543", "draining", 0,
      POLL "1226 0300 0a06706f6c6c5f33 1210" HASH "1a08647261696e696e67" },
    { "an empty hash", "poll_4", "", "active", 0,
      POLL "1214 0300 0a06706f6c6c5f34 1200 1a06616374697665" },
    { "features", "poll_5", NULL, "active", FLEET_METADATA,
      POLL "1214 0300 0a06706f6c6c5f35 1a06616374697665 2002" },
};

static void writes_polls(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof polls / sizeof polls[0]; i++) {
        struct fleet_poll poll = { slice_of(polls[i].request), slice_of(polls[i].hash),
                                   slice_of(polls[i].status), polls[i].features };
        struct buf out;

        buf_init(&out, 1024);
        fleet_write_poll(&out, &poll);
        writes(&out, polls[i].name, polls[i].hex);
        buf_fini(&out);
    }
}

static const struct {
    const char *id, *op, *room, *type, *options, *hex;
} cmds[] = {
    { "cmd_1", "create", "match-42", "match", NULL,
      CMD "1222 0300 0a05636d645f31 1206637265617465 1a086d617463682d3432 22056d61746368" },
    { "cmd_2", "destroy", "match-42", NULL, NULL,
      CMD "121c 0300 0a05636d645f32 120764657374726f79 1a086d617463682d3432" },
    { "cmd_3", "drain", NULL, NULL, NULL, CMD "1210 0300 0a05636d645f33 1205647261696e" },
    { "cmd_4", "undrain", NULL, NULL, NULL, CMD "1212 0300 0a05636d645f34 1207756e647261696e" },
    { "cmd_5", "create", "", "match", "{}",
      CMD "121e 0300 0a05636d645f35 1206637265617465 1a00 22056d61746368 2a027b7d" },
};

static void writes_commands(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cmds / sizeof cmds[0]; i++) {
        struct fleet_cmd cmd = { slice_of(cmds[i].id), cmds[i].op, slice_of(cmds[i].room),
                                 slice_of(cmds[i].type), slice_of(cmds[i].options) };
        struct buf out;

        buf_init(&out, 1024);
        fleet_write_cmd(&out, &cmd);
        writes(&out, cmds[i].id, cmds[i].hex);
        buf_fini(&out);
    }
}

/* ---- outer frames --------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *hex;
    enum fleet_frame_fault want;
    const char *topic, *payload;
} frames[] = {
    { "as it should be", "0a0161 120162", FLEET_FRAME_GOOD, "a", "b" },
    { "both empty", "0a00 1200", FLEET_FRAME_GOOD, "", "" },
    { "an empty payload", STATE "1200", FLEET_FRAME_GOOD, "fleet/state", "" },
    { "the other order", "120162 0a0161", FLEET_FRAME_GOOD, "a", "b" },
    { "the last one wins", "0a0161 120162 0a0163 120164", FLEET_FRAME_GOOD, "c", "d" },
    { "an unknown text", "1a0378797a 0a0161 120162", FLEET_FRAME_GOOD, "a", "b" },
    { "an unknown number", "188827 0a0161 120162", FLEET_FRAME_GOOD, "a", "b" },
    { "the topic as a number, too", "0a0161 120162 0805", FLEET_FRAME_GOOD, "a", "b" },
    { "tag 0", "0005 0200 0a0161 120162", FLEET_FRAME_GOOD, "a", "b" },
    { "a length in eight bytes", "0a8180808080808000 61 120162", FLEET_FRAME_GOOD, "a", "b" },
    { "a key in eight bytes", "8a80808080808000 0161 120162", FLEET_FRAME_GOOD, "a", "b" },
    { "nothing", "", FLEET_FRAME_INCOMPLETE, NULL, NULL },
    { "no payload", "0a0161", FLEET_FRAME_INCOMPLETE, "a", NULL },
    { "no topic", "120162", FLEET_FRAME_INCOMPLETE, NULL, "b" },
    { "neither", "1805", FLEET_FRAME_INCOMPLETE, NULL, NULL },
    { "a length in nine bytes", "0a818080808080808000 61 120162", FLEET_FRAME_BROKEN, NULL, NULL },
    { "a number in nine bytes", "18818080808080808000 0a0161 120162", FLEET_FRAME_BROKEN, NULL,
      NULL },
    { "a key without an end", "8a", FLEET_FRAME_BROKEN, NULL, NULL },
    { "a key and nothing", "0a", FLEET_FRAME_BROKEN, NULL, NULL },
    { "one byte too few", "0a0161 120262", FLEET_FRAME_BROKEN, NULL, NULL },
    { "2^56 - 1 bytes", "0affffffffffffff7f", FLEET_FRAME_BROKEN, NULL, NULL },
    { "eight bytes", "0a0161 120162 190102030405060708", FLEET_FRAME_BROKEN, NULL, NULL },
    { "a group", "0a0161 120162 1b1c", FLEET_FRAME_BROKEN, NULL, NULL },
    { "an end", "0a0161 120162 1c", FLEET_FRAME_BROKEN, NULL, NULL },
    { "four bytes", "0a0161 120162 1d01020304", FLEET_FRAME_BROKEN, NULL, NULL },
    { "type 6", "0a0161 120162 1e01", FLEET_FRAME_BROKEN, NULL, NULL },
    { "type 7", "0a0161 120162 1f01", FLEET_FRAME_BROKEN, NULL, NULL },
    { "JSON", "7b227d", FLEET_FRAME_BROKEN, NULL, NULL },
};

static void reads_frames(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        struct buf bytes = rig_bytes(frames[i].hex);
        struct fleet_frame frame;
        enum fleet_frame_fault got = fleet_frame_parse(buf_slice(&bytes), &frame);

        if (got != frames[i].want)
            fail_msg("%s: %d, not %d", frames[i].name, got, frames[i].want);
        if (got != FLEET_FRAME_BROKEN) {
            assert_true(slice_equals(frame.topic, slice_of(frames[i].topic)));
            assert_int_equal(frame.topic.data == NULL, frames[i].topic == NULL);
            assert_true(slice_equals(frame.payload, slice_of(frames[i].payload)));
            assert_int_equal(frame.payload.data == NULL, frames[i].payload == NULL);
        }
        buf_fini(&bytes);
    }
}

/* ---- texts ------------------------------------------------------------------------------------------------ */

#define FFFD "\xef\xbf\xbd"

static const struct {
    const char *name, *text, *want;
    size_t units;
} texts[] = {
    { "nothing", "", "", 0 },
    { "ASCII", "abc", "abc", 3 },
    { "two bytes", "\xc3\xa9", "\xc3\xa9", 1 },
    { "three bytes", "\xe2\x82\xac", "\xe2\x82\xac", 1 },
    { "four bytes are two units", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", 2 },
    { "a byte order mark stays", "\xef\xbb\xbf", "\xef\xbb\xbf", 1 },
    { "never a byte", "\xff", FFFD, 1 },
    { "a tail", "a\x80z", "a" FFFD "z", 3 },
    { "two tails", "\x80\xbf", FFFD FFFD, 2 },
    { "a head", "\xc3", FFFD, 1 },
    { "a head and a letter", "\xc3(", FFFD "(", 2 },
    { "overlong", "\xc0\x80", FFFD FFFD, 2 },
    { "two thirds",
      "\xe2\x82"
      "A",
      FFFD "A", 2 },
    { "two thirds twice", "\xe2\x82\xe2\x82", FFFD FFFD, 2 },
    { "overlong in three", "\xe0\x80\x80", FFFD FFFD FFFD, 3 },
    { "a surrogate", "\xed\xa0\x80", FFFD FFFD FFFD, 3 },
    { "half of four", "\xf0\x9f", FFFD, 1 },
    { "three quarters", "\xf0\x9f\x98", FFFD, 1 },
    { "three quarters and a letter", "\xf0\x9f\x98x", FFFD "x", 2 },
    { "overlong in four", "\xf0\x80\x80\x80", FFFD FFFD FFFD FFFD, 4 },
    { "beyond U+10FFFF", "\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD, 4 },
    { "three quarters at the end of Unicode", "\xf4\x8f\xbf", FFFD, 1 },
    { "five bytes", "\xf8\x88\x80\x80\x80", FFFD FFFD FFFD FFFD FFFD, 5 },
};

static void replaces_what_is_no_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct buf out;

        buf_init(&out, 1024);
        fleet_add_text(&out, slice_of(texts[i].text));
        if (!slice_is(buf_slice(&out), texts[i].want))
            fail_msg("%s: %.*s", texts[i].name, (int)out.len, out.data);
        if (fleet_units(slice_of(texts[i].text)) != texts[i].units)
            fail_msg("%s: %zu units", texts[i].name, fleet_units(slice_of(texts[i].text)));
        assert_true(fleet_text_equals(slice_of(texts[i].text), slice_of(texts[i].want)));
        assert_true(fleet_text_is_within(slice_of(texts[i].text), texts[i].units));
        assert_int_equal(texts[i].units > 0,
                         !fleet_text_is_within(slice_of(texts[i].text), texts[i].units - 1));
        buf_fini(&out);
    }
    assert_false(fleet_text_equals(SLICE_LITERAL(""), SLICE_LITERAL("\xff")));
    assert_false(fleet_text_equals(SLICE_LITERAL("\xff\xff"), SLICE_LITERAL(FFFD)));
}

/* ---- states: the protocol page's -------------------------------------------------------------------------- */

static struct slice payload_of(const struct buf *bytes, const char *topic)
{
    struct fleet_frame frame;

    assert_int_equal(fleet_frame_parse(buf_slice(bytes), &frame), FLEET_FRAME_GOOD);
    assert_true(slice_is(frame.topic, topic));
    return frame.payload;
}

static void reads_a_full_state(void **state)
{
    struct buf bytes = rig_bytes(RIG_STATE_FULL);
    struct fleet_state_message got;

    (void)state;
    assert_int_equal(bytes.len, 211);
    assert_true(fleet_state_parse(payload_of(&bytes, "fleet/state"), &got));
    assert_true(slice_is(got.request_id, "poll_1"));
    assert_true(got.is_full);
    assert_int_equal(got.seq, 1);
    assert_true(slice_is(got.hash, "7226a6eb31aae543"));
    assert_true(slice_is(got.name, "eu1"));
    assert_true(slice_is(got.process_uid, "p_00112233445566778899aabb"));
    assert_true(slice_is(got.agent_version, "8.0.0"));
    assert_int_equal(got.protocol_version, 3);
    assert_true(slice_is(got.endpoint_url, "wss://eu1.example.com"));
    assert_int_equal(got.label_count, 1);
    assert_true(slice_is(got.labels[0].key, "region") && slice_is(got.labels[0].value, "eu"));
    assert_true(got.has_max_connections && got.has_max_rooms && got.creates);
    assert_int_equal(got.max_connections, 2000);
    assert_int_equal(got.max_rooms, 100);
    assert_int_equal(got.type_count, 2);
    assert_true(slice_is(got.types[0], "lobby") && slice_is(got.types[1], "match"));
    assert_int_equal(got.room_count, 2);
    assert_true(slice_is(got.rooms[0].id, "hall") && slice_is(got.rooms[0].type, "lobby"));
    assert_true(slice_is(got.rooms[0].origin, "local") && slice_is(got.rooms[1].origin, "fleet"));
    assert_true(slice_is(got.rooms[1].id, "match-42") && slice_is(got.rooms[1].type, "match"));
    assert_int_equal(got.rooms[0].connections, 0);
    assert_int_equal(got.rooms[1].connections, 300);
    assert_true(slice_is(got.status, "active"));
    assert_int_equal(got.features, 0);
    fleet_state_message_fini(&got);
    buf_fini(&bytes);
}

static void reads_a_bare_state(void **state)
{
    struct buf bytes = rig_bytes(RIG_STATE_BARE);
    struct fleet_state_message got;

    (void)state;
    assert_int_equal(bytes.len, 126);
    assert_true(fleet_state_parse(payload_of(&bytes, "fleet/state"), &got));
    assert_true(got.is_full && !got.creates);
    assert_int_equal(got.seq, 7);
    assert_false(got.has_max_connections || got.has_max_rooms);
    assert_int_equal(got.label_count + got.type_count + got.room_count, 0);
    assert_true(slice_is(got.status, "draining"));
    fleet_state_message_fini(&got);
    buf_fini(&bytes);
}

static void reads_a_state_of_a_hash(void **state)
{
    struct buf bytes = rig_bytes(STATE "1220 0300 0a06706f6c6c5f32 1000 1802 2210" HASH);
    struct fleet_state_message got;

    (void)state;
    assert_int_equal(bytes.len, 47);
    assert_true(fleet_state_parse(payload_of(&bytes, "fleet/state"), &got));
    assert_true(slice_is(got.request_id, "poll_2") && !got.is_full);
    assert_int_equal(got.seq, 2);
    assert_true(slice_is(got.hash, "7226a6eb31aae543"));
    assert_true(slice_is(got.name, "") && slice_is(got.status, ""));
    fleet_state_message_fini(&got);
    buf_fini(&bytes);
}

static const struct {
    const char *name, *hex, *id, *error;
    bool is_ok, already_gone, exists;
} acks[] = {
    { "created", ACK "121e 0300 0a05636d645f31 1001 2a110a086d617463682d343212056d61746368",
      "cmd_1", NULL, true, false, false },
    { "done", ACK "120b 0300 0a05636d645f33 1001", "cmd_3", NULL, true, false, false },
    { "already gone", ACK "120d 0300 0a05636d645f32 1001 2001", "cmd_2", NULL, true, true, false },
    { "exists",
      ACK "1225 0300 0a05636d645f31 1000 1a16726f6f6d20696420616c7265616479206578697374733001",
      "cmd_1", "room id already exists", false, false, true },
    { "refused",
      ACK "1234 0300 0a05636d645f31 1000 1a276175746f4372656174652069732064697361626c6564206f6e20"
          "7468697320696e7374616e6365",
      "cmd_1", "autoCreate is disabled on this instance", false, false, false },
};

static void reads_acks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof acks / sizeof acks[0]; i++) {
        struct buf bytes = rig_bytes(acks[i].hex);
        struct fleet_ack ack;

        assert_true(fleet_ack_parse(payload_of(&bytes, "fleet/ack"), &ack));
        assert_true(slice_is(ack.command_id, acks[i].id));
        assert_true(slice_equals(ack.error, slice_of(acks[i].error)));
        assert_int_equal(ack.error.data == NULL, acks[i].error == NULL);
        assert_int_equal(ack.is_ok, acks[i].is_ok);
        assert_int_equal(ack.already_gone, acks[i].already_gone);
        assert_int_equal(ack.exists, acks[i].exists);
        buf_fini(&bytes);
    }
}

/* ---- payloads: what is lenient, and what is not ------------------------------------------------------------ */

static const struct {
    const char *name, *hex, *want; /* what rig_describe() says; NULL: it is refused */
} payloads[] = {
    { "nothing but a version", "0300", "'' seq 0" },
    { "another minor version", "03ff 1807", "'' seq 7" },
    { "no version", "", NULL },
    { "half a version", "03", NULL },
    { "another version", "0400 1807", NULL },
    { "JSON", "7b227d", NULL },
    { "any order, the last one wins", "0300 1807 0a0161 1808 0a0162", "'b' seq 8" },
    { "full: any number but 0", "0300 108080808001", "full '' seq 0" },
    { "full: not in the low 32 bits", "0300 108080808010", "full '' seq 0" },
    { "full: 0 in ten bytes", "0300 1080808080808080808000", "'' seq 0" },
    { "a number's low 32 bits", "0300 18ffffffffffffffff7f", "'' seq 4294967295" },
    { "a number in ten bytes", "0300 1885808080808080808001", "'' seq 5" },
    { "a number in eleven bytes", "0300 188580808080808080808001", NULL },
    { "an unknown number", "0300 888701 05 1807", "'' seq 7" },
    { "an unknown number in eleven bytes", "0300 8887018580808080808080808001", NULL },
    { "eight unknown bytes", "0300 898701 0102030405060708 1807", "'' seq 7" },
    { "an unknown text", "0300 8a8701 03010203 1807", "'' seq 7" },
    { "an unknown group", "0300 8b8701 8c8701 1807", "'' seq 7" },
    { "four unknown bytes", "0300 8d8701 01020304 1807", "'' seq 7" },
    { "seq as a text", "0300 1807 1a0105", "'' seq 7" },
    { "seq as eight bytes", "0300 1807 190102030405060708", "'' seq 7" },
    { "seq as a group", "0300 1807 1b 0801 1205ffffffffff 1c", "'' seq 7" },
    { "seq as four bytes", "0300 1807 1d01020304", "'' seq 7" },
    { "a text as a number", "0300 0a0161 0805", "'a' seq 0" },
    { "a room as a number", "0300 7005", "'' seq 0" },
    { "groups within groups", "0300 1b 23 2b 2c 24 1c 1807", "'' seq 7" },
    { "a group that ends another", "0300 1b 24", NULL },
    { "groups that cross", "0300 1b 23 1c 24", NULL },
    { "a group without an end", "0300 1b 0801", NULL },
    { "an end without a group", "0300 1c", NULL },
    { "tag 0 within a group", "0300 1b 0001 1c", NULL },
    { "tag 0", "0300 0005", NULL },
    { "tag 0 as a text", "0300 0200", NULL },
    { "type 6", "0300 1e", NULL },
    { "type 7", "0300 1f", NULL },
    { "type 6 of an unknown tag", "0300 8e8701", NULL },
    { "a key of 32 bits", "0300 f8ffffff0f05", "'' seq 0" },
    { "a key of more", "0300 f8ffffff1f05", NULL },
    { "a key in six bytes", "0300 988080808000 07", NULL },
    { "a text that is cut off", "0300 0a0261", NULL },
    { "a length without an end", "0300 0aff", NULL },
    { "four bytes that are three", "0300 1d010203", NULL },
    { "eight bytes that are seven", "0300 1901020304050607", NULL },
    { "capacity in pieces", "0300 5a020805 5a021006 5a020807", "'' seq 0 connections 7 rooms 6" },
    { "capacity of 0 and -1", "0300 5a0d 0800 10ffffffffffffffffff01",
      "'' seq 0 connections 0 rooms -1" },
    { "capacity of -1 in five bytes", "0300 5a06 10ffffffff0f", "'' seq 0 rooms -1" },
    { "capacity as a number", "0300 5805", "'' seq 0" },
    { "capacity with something new", "0300 5a041801 0805", "'' seq 0 connections 5" },
    { "capacity that is broken", "0300 5a0108", NULL },
    { "labels", "0300 52060a0161120162 52060a0163120164", "'' seq 0 a=b c=d" },
    { "a label again", "0300 52060a0161120162 52060a0163120164 52060a0161120165",
      "'' seq 0 a=e c=d" },
    { "an empty label", "0300 5200", "'' seq 0 =" },
    { "indexes first",
      "0300 52060a0162120178 52060a0132120178 52070a0231301201 78 52060a01301201 78",
      "'' seq 0 0=x 2=x 10=x b=x" },
    { "no indexes", "0300 52070a0230311201 78 52060a012d120178 52060a0131120178",
      "'' seq 0 1=x 01=x -=x" },
    { "the last index, and one that is too large",
      "0300 520f0a0a34323934393637323935120178 520f0a0a34323934393637323934120178",
      "'' seq 0 4294967294=x 4294967295=x" },
    { "__proto__", "0300 520e0a095f5f70726f746f5f5f120178 52060a0161120162", "'' seq 0 a=b" },
    { "labels that read the same", "0300 52060a01ff120162 52060a01fe120163", "'' seq 0 \xff=c" },
    { "labels that read the same, and others",
      "0300 52060a0161120162 52060a01ff120162 52090a04efbfbd61120164 52090a04efbfbd7a120165 "
      "52080a03efbfbd120166",
      "'' seq 0 a=b \xff=f \xef\xbf\xbd"
      "a=d \xef\xbf\xbdz=e" },
    { "a label that is broken", "0300 52030a0261", NULL },
    { "types", "0300 6a0162 6a0161 6a00", "'' seq 0 [b] [a] []" },
    { "rooms", "0300 7200 720b 0a0161 120162 1805 22016c", "'' seq 0 (::0) (a:b:5:l)" },
    { "a room's metadata", "0300 720b 0a0161 2a060a0162120163", "'' seq 0 (a::0){b=c}" },
    { "a room's metadata that reads the same",
      "0300 7218 2a060a0162120163 2a060a01ff120163 2a060a01fe120164",
      "'' seq 0 (::0){b=c}{\xff=d}" },
    { "a room that is broken", "0300 72021805 72011a", NULL },
    { "a room's text that is longer than the room", "0300 7202 0a01 610a0161", NULL },
    { "features", "0300 800103", "'' seq 0 features 3" },
};

static void reads_payloads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
        struct buf bytes = rig_bytes(payloads[i].hex);
        struct fleet_state_message got;
        struct buf text;

        buf_init(&text, 4096);
        if (fleet_state_parse(buf_slice(&bytes), &got))
            rig_describe(&text, &got);
        if (!slice_equals(buf_slice(&text), slice_of(payloads[i].want)))
            fail_msg("%s: read as %.*s", payloads[i].name, (int)text.len, buf_slice(&text).data);
        fleet_state_message_fini(&got);
        buf_fini(&text);
        buf_fini(&bytes);
    }
}

/* A hundred of them within the first one, as the original has it. */
static void groups_have_a_depth(void **state)
{
    (void)state;
    for (size_t depth = 100; depth <= 102; depth++) {
        struct fleet_state_message got;
        struct buf bytes;

        buf_init(&bytes, 1024);
        buf_add(&bytes, "\x03\x00", 2);
        for (size_t i = 0; i < depth; i++)
            buf_add_byte(&bytes, 0x1b);
        for (size_t i = 0; i < depth; i++)
            buf_add_byte(&bytes, 0x1c);
        assert_int_equal(fleet_state_parse(buf_slice(&bytes), &got), depth <= 101);
        fleet_state_message_fini(&got);
        buf_fini(&bytes);
    }
}

static void lists_are_kept_up_to_one_too_many(void **state)
{
    struct fleet_state_message got;
    struct buf bytes;

    (void)state;
    buf_init(&bytes, 1 << 20);
    buf_add(&bytes, "\x03\x00", 2);
    for (size_t i = 0; i < 60000; i++)
        buf_add(&bytes, "\x72\x00", 2);
    for (unsigned i = 0; i < 1000; i++) {
        buf_add(&bytes, "\x6a\x00", 2);
        buf_add(&bytes, "\x52\x04\x0a\x02", 4);
        buf_add_byte(&bytes, (char)('a' + i / 26 % 26));
        buf_add_byte(&bytes, (char)('a' + i % 26));
    }
    assert_true(fleet_state_parse(buf_slice(&bytes), &got));
    assert_int_equal(got.room_count, FLEET_STATE_ROOMS + 1);
    assert_int_equal(got.type_count, FLEET_STATE_TYPES + 1);
    assert_int_equal(got.label_count, FLEET_STATE_LABELS + 1);
    fleet_state_message_fini(&got);
    buf_add(&bytes, "\x72\x01", 2);
    assert_false(fleet_state_parse(buf_slice(&bytes), &got));
    buf_fini(&bytes);
}

/* ---- as much as a frame takes ------------------------------------------------------------------------------ */

enum { FRAME_BYTES = 4 * 1024 * 1024, TAG_LABEL = 10, TAG_ROOM = 14, TAG_ROOM_LABEL = 5 };

/* As many labels as this frame takes, or `most`; each has a key of `len` bytes of which the last tells `kinds` of them apart. */
static void add_labels(struct buf *out, unsigned tag, size_t most, size_t len, size_t kinds)
{
    char *key = xmalloc(len + 1);
    size_t end = out->max - len - 32;

    for (size_t i = 0; i < most && out->len < end; i++) {
        struct buf label;

        memset(key, '\x80' + (int)(i / kinds % 2), len); /* not the same, but it reads so */
        if (kinds > 1)
            key[len - 1] = (char)('a' + i % kinds);
        buf_init(&label, len + 32);
        proto_add_text(&label, 1, (struct slice){ key, len });
        proto_add_text(out, tag, buf_slice(&label));
        buf_fini(&label);
    }
    free(key);
}

static const struct {
    const char *name;
    unsigned tag; /* TAG_ROOM_LABEL: all are of one room */
    size_t first, first_len, len;
    size_t label_count;
} crowds[] = {
    { "long keys and empty ones", TAG_LABEL, 33, 95000, 0, 33 },
    { "long keys and one that is half as long", TAG_LABEL, 32, 64000, 32000, 33 },
    { "keys that are broken everywhere", TAG_LABEL, 32, 64, 64, 32 },
    { "a room's long keys and empty ones", TAG_ROOM_LABEL, 17, 180000, 0, 17 },
    { "a room's keys that are broken everywhere", TAG_ROOM_LABEL, 16, 64, 64, 16 },
};

/* Where each key was read anew for each label that comes, the first of them took minutes. */
static void a_full_frame_takes_no_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof crowds / sizeof crowds[0]; i++) {
        struct fleet_state_message got;
        struct buf labels, bytes;
        clock_t begun;

        buf_init(&labels, FRAME_BYTES);
        add_labels(&labels, crowds[i].tag, crowds[i].first, crowds[i].first_len, crowds[i].first);
        add_labels(&labels, crowds[i].tag, SIZE_MAX, crowds[i].len,
                   crowds[i].len == crowds[i].first_len ? crowds[i].first : 1);
        buf_init(&bytes, FRAME_BYTES + 32);
        buf_add(&bytes, "\x03\x00", 2);
        if (crowds[i].tag == TAG_ROOM_LABEL)
            proto_add_text(&bytes, TAG_ROOM, buf_slice(&labels));
        else
            buf_add_slice(&bytes, buf_slice(&labels));
        assert_false(labels.has_overflowed || bytes.has_overflowed);
        begun = clock();
        assert_true(fleet_state_parse(buf_slice(&bytes), &got));
        if (clock() - begun > 2 * CLOCKS_PER_SEC)
            fail_msg("%s: %ld ms", crowds[i].name,
                     (long)((clock() - begun) * 1000 / CLOCKS_PER_SEC));
        assert_int_equal(got.label_count + got.metadata_count, crowds[i].label_count);
        fleet_state_message_fini(&got);
        buf_fini(&labels);
        buf_fini(&bytes);
    }
}

/* Of 64 units it may be in a state, and is read; of more it is as it came. */
static void keys_are_read_up_to_their_limit(void **state)
{
    (void)state;
    for (size_t len = 64; len <= 65; len++) {
        struct fleet_state_message got;
        struct buf bytes;

        buf_init(&bytes, 1024);
        buf_add(&bytes, "\x03\x00", 2);
        add_labels(&bytes, TAG_LABEL, 4, len, 1);
        assert_true(fleet_state_parse(buf_slice(&bytes), &got));
        assert_int_equal(got.label_count, len <= 64 ? 1 : 2);
        fleet_state_message_fini(&got);
        buf_fini(&bytes);
    }
}

/* ---- what is cut off, and what is flipped ------------------------------------------------------------------ */

/* Of a copy that ends where it ends, so that reading on is noticed. True: it is a whole frame. */
static bool frame_is_whole(struct slice message)
{
    char *copy = xmalloc(message.len + 1);
    struct fleet_state_message got;
    struct fleet_frame frame;
    struct fleet_ack ack;
    bool is_whole;

    memcpy(copy, message.data, message.len);
    copy = xrealloc(copy, message.len > 0 ? message.len : 1);
    is_whole = fleet_frame_parse((struct slice){ copy, message.len }, &frame) == FLEET_FRAME_GOOD;
    if (is_whole) {
        (void)fleet_ack_parse(frame.payload, &ack);
        (void)fleet_state_parse(frame.payload, &got);
        fleet_state_message_fini(&got);
    }
    free(copy);
    return is_whole;
}

static const char *const from_agents[] = {
    RIG_STATE_FULL,
    RIG_STATE_BARE,
    STATE "1220 0300 0a06706f6c6c5f32 1000 1802 2210" HASH,
    ACK "121e 0300 0a05636d645f31 1001 2a110a086d617463682d343212056d61746368",
    ACK "1225 0300 0a05636d645f31 1000 1a16726f6f6d20696420616c7265616479206578697374733001",
};

static void no_part_is_a_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof from_agents / sizeof from_agents[0]; i++) {
        struct buf bytes = rig_bytes(from_agents[i]);

        assert_true(frame_is_whole(buf_slice(&bytes)));
        for (size_t len = 0; len < bytes.len; len++)
            assert_false(frame_is_whole((struct slice){ bytes.data, len }));
        buf_fini(&bytes);
    }
}

static void flipped_bytes_do_no_harm(void **state)
{
    uint32_t seed = 1;

    (void)state;
    for (size_t i = 0; i < sizeof from_agents / sizeof from_agents[0]; i++) {
        struct buf bytes = rig_bytes(from_agents[i]);

        for (size_t round = 0; round < 5000; round++) {
            size_t place = rig_random(&seed) % bytes.len;
            char was = bytes.data[place];

            bytes.data[place] = (char)rig_random(&seed);
            (void)frame_is_whole(buf_slice(&bytes));
            if (rig_random(&seed) % 4 != 0) /* a quarter adds up */
                bytes.data[place] = was;
        }
        buf_fini(&bytes);
    }
}

/* Between two fields a message is a whole one: anywhere else it is none. */
static void payloads_are_cut_between_fields_only(void **state)
{
    struct buf bytes = rig_bytes(RIG_STATE_FULL);
    struct slice payload = payload_of(&bytes, "fleet/state");
    size_t wholes = 0;

    (void)state;
    for (size_t len = 0; len < payload.len; len++) {
        struct fleet_state_message got;

        wholes += fleet_state_parse((struct slice){ payload.data, len }, &got);
        fleet_state_message_fini(&got);
    }
    assert_int_equal(wholes, 17); /* it has 17 fields: before each of them */
    buf_fini(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_hellos),
        cmocka_unit_test(writes_polls),
        cmocka_unit_test(writes_commands),
        cmocka_unit_test(reads_frames),
        cmocka_unit_test(replaces_what_is_no_text),
        cmocka_unit_test(reads_a_full_state),
        cmocka_unit_test(reads_a_bare_state),
        cmocka_unit_test(reads_a_state_of_a_hash),
        cmocka_unit_test(reads_acks),
        cmocka_unit_test(reads_payloads),
        cmocka_unit_test(groups_have_a_depth),
        cmocka_unit_test(lists_are_kept_up_to_one_too_many),
        cmocka_unit_test(a_full_frame_takes_no_time),
        cmocka_unit_test(keys_are_read_up_to_their_limit),
        cmocka_unit_test(no_part_is_a_whole),
        cmocka_unit_test(flipped_bytes_do_no_harm),
        cmocka_unit_test(payloads_are_cut_between_fields_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
