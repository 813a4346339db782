/* SPDX-License-Identifier: MIT */
/*
 * What a relay client sends. The first byte says as what it is read: a handshake, a mod's message, a
 * bot's, a time, or what one node says to another. Whatever was taken must come out as valid JSON, and
 * be taken again.
 */
#include <assert.h>

#include "kinds.h"
#include "relay_notice.h"
#include "relay_time.h"
#include "relay_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_handshake(struct slice text)
{
    struct relay_handshake handshake;

    if (relay_handshake_parse(text, &handshake) == RELAY_FINE) {
        assert((handshake.bot_id != NULL) == (handshake.side == RELAY_BOT));
        assert(handshake.channel_count <= RELAY_CHANNELS_MAX);
    }
    relay_handshake_fini(&handshake);
}

static void check_json(const struct buf *out)
{
    struct json value;

    assert(!out->has_overflowed);
    assert(json_parse_within(buf_slice(out), 1, &value) && value.type == JSON_OBJECT);
}

static void read_message(struct slice text, const struct relay_sender *sender)
{
    struct relay_times times = { 1700000000000, 1700000000001 };
    struct relay_message message;
    struct buf out;

    if (!relay_message_parse(text, sender, &message))
        return;
    buf_init(&out, text.len + RELAY_DELIVERY_EXTRA);
    assert(relay_delivery_write(&out, sender->side, &message, &times));
    check_json(&out);
    buf_clear(&out);
    assert(relay_ack_write(&out, RELAY_QUEUED, sender->side, message.msg_id));
    check_json(&out);
    buf_fini(&out);
}

static void read_time(struct slice text)
{
    char written[RELAY_TIME_SIZE];
    int64_t ms, again;

    if (!relay_time_parse(text, &ms))
        return;
    relay_time_format(ms, written);
    assert(relay_time_parse(slice_of(written), &again) && again == ms);
}

static void read_notice(struct slice text)
{
    struct relay_address address;
    struct relay_request request;
    struct buf out;

    (void)relay_address_copy(&address, text);
    if (!relay_request_parse(text, &request))
        return;
    buf_init(&out, text.len + NOTICE_MAX);
    relay_request_write(&out, &request);
    assert(!out.has_overflowed);
    buf_fini(&out);
}

static void read_of_mod(struct slice text)
{
    read_message(text, &(struct relay_sender){ RELAY_MOD, "s", "c" });
}

static void read_of_bot(struct slice text)
{
    read_message(text, &(struct relay_sender){ RELAY_BOT, NULL, NULL });
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct fuzz_kind kinds[] = {
        { 'h', read_handshake }, { 'm', read_of_mod }, { 'b', read_of_bot },
        { 't', read_time },      { 'n', read_notice },
    };

    fuzz_read(data, size, kinds, sizeof kinds / sizeof kinds[0]);
    return 0;
}
