/* SPDX-License-Identifier: MIT */
#include "sio_session.h"

#include <stdlib.h>

#include "base/mem.h"

/* What the apps remember of a socket: one text each. */
struct sio_datum {
    struct list node; /* socket->data */
    char *app, *json;
    size_t json_len;
};

enum { DATA_MAX = 64 }; /* in an image */

static void datum_destroy(struct sio_datum *datum)
{
    list_remove(&datum->node);
    free(datum->app);
    free(datum->json);
    free(datum);
}

static struct sio_datum *datum_find(const struct sio_socket *socket, struct slice app)
{
    LIST_EACH (node, spare, &socket->data) {
        struct sio_datum *datum = LIST_ENTRY(node, struct sio_datum, node);

        if (slice_is(app, datum->app))
            return datum;
    }
    return NULL;
}

struct slice sio_data(const struct sio_socket *socket, const char *app)
{
    struct sio_datum *datum = datum_find(socket, slice_of(app));

    return datum != NULL ? (struct slice){ datum->json, datum->json_len }
                         : (struct slice){ NULL, 0 };
}

static void datum_set(struct sio_socket *socket, struct slice app, struct slice json)
{
    struct sio_datum *old = datum_find(socket, app), *datum;

    if (json.data != NULL) {
        datum = xcalloc(1, sizeof *datum);
        datum->app = slice_dup(app);
        datum->json = slice_dup(json);
        datum->json_len = json.len;
        list_append(&socket->data, &datum->node);
    }
    if (old != NULL) /* last: the new text may be a part of it */
        datum_destroy(old);
}

void sio_set_data(struct sio_socket *socket, const char *app, struct slice json)
{
    if (socket->state == SIO_OVER)
        return;
    datum_set(socket, slice_of(app), json);
    sio_session_save(socket);
}

void sio_data_end(struct sio_socket *socket)
{
    while (!list_is_empty(&socket->data))
        datum_destroy(LIST_ENTRY(socket->data.next, struct sio_datum, node));
}

/* ---- moving ----------------------------------------------------------------------------------- */

void sio_data_pack(const struct sio_socket *socket, struct buf *image)
{
    uint64_t count = 0;

    LIST_EACH (node, spare, &socket->data)
        count++;
    pack_number(image, count);
    LIST_EACH (node, spare, &socket->data) {
        struct sio_datum *datum = LIST_ENTRY(node, struct sio_datum, node);

        pack_slice(image, slice_of(datum->app));
        pack_slice(image, (struct slice){ datum->json, datum->json_len });
    }
}

bool sio_data_unpack(struct sio_socket *socket, struct unpack *image)
{
    for (uint64_t left = unpack_number_max(image, DATA_MAX); left > 0; left--) {
        struct slice app = unpack_slice(image), json = unpack_slice(image);

        if (!image->is_broken)
            datum_set(socket, app, json);
    }
    return !image->is_broken;
}
