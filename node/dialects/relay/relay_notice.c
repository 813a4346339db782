/* SPDX-License-Identifier: MIT */
/* Fields are separated by one blank; the channel is the last one, because it may hold blanks. */
#include "relay_notice.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Cuts off everything up to `end`; the end itself is dropped. False when it is not there. */
static bool take_until(struct slice *rest, char end, struct slice *field_out)
{
    const char *at = rest->len > 0 ? memchr(rest->data, end, rest->len) : NULL;

    if (at == NULL)
        return false;
    *field_out = (struct slice){ rest->data, (size_t)(at - rest->data) };
    rest->len -= field_out->len + 1;
    rest->data = at + 1;
    return true;
}

void relay_address_make(struct relay_address *address, const char *node_id, uint64_t conn)
{
    int len = snprintf(address->text, sizeof address->text, "%s/%" PRIu64, node_id, conn);

    assert(len > 0 && (size_t)len < sizeof address->text);
    (void)len;
}

bool relay_address_parse(struct slice address, struct relay_target *target_out)
{
    return take_until(&address, '/', &target_out->node) && target_out->node.len > 0 &&
           relay_conn_parse(address, &target_out->conn);
}

bool relay_address_copy(struct relay_address *copy_out, struct slice address)
{
    struct relay_target target;

    *copy_out = (struct relay_address){ "" };
    if (address.len >= sizeof copy_out->text || !relay_address_parse(address, &target))
        return false;
    memcpy(copy_out->text, address.data, address.len);
    return true;
}

bool relay_conn_parse(struct slice text, uint64_t *conn_out)
{
    return slice_to_u64(text, 0, UINT64_MAX, conn_out);
}

void relay_conn_write(struct buf *out, uint64_t conn)
{
    buf_printf(out, "%" PRIu64, conn);
}

bool relay_request_parse(struct slice text, struct relay_request *request_out)
{
    struct relay_target from;
    struct slice conn;

    *request_out = (struct relay_request){ 0 };
    if (!take_until(&text, ' ', &conn) || !relay_conn_parse(conn, &request_out->conn))
        return false;
    if (take_until(&text, ' ', &request_out->from))
        request_out->channel = text;
    else
        request_out->from = text;
    return relay_address_parse(request_out->from, &from) &&
           (request_out->channel.data == NULL || key_id_is_valid(request_out->channel));
}

void relay_request_write(struct buf *out, const struct relay_request *request)
{
    relay_conn_write(out, request->conn);
    buf_add_byte(out, ' ');
    buf_add_slice(out, request->from);
    if (request->channel.data == NULL)
        return;
    buf_add_byte(out, ' ');
    buf_add_slice(out, request->channel);
}
