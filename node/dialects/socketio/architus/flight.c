/* SPDX-License-Identifier: MIT */
/*
 * A flight that is landing is out of the table already, and whoever is told leaves it first: so those who are
 * told may do as they like.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "architus_room.h"
#include "base/mem.h"

struct flight *flight_find(struct architus *app, const char *key)
{
    struct flight *flight;

    HASH_FIND(hh, app->flights, key, strlen(key), flight);
    return flight;
}

void flight_begin(struct flight *flight, struct architus *app, const char *key,
                  void (*destroy)(struct flight *flight))
{
    flight->app = app;
    flight->destroy = destroy;
    flight->key = xstrdup(key);
    list_init(&flight->waits);
    HASH_ADD_KEYPTR(hh, app->flights, flight->key, strlen(flight->key), flight);
}

void flight_join(struct flight *flight, struct flight_wait *wait,
                 void (*on_landed)(struct flight_wait *wait, struct flight *flight))
{
    assert(wait->flight == NULL);
    wait->flight = flight;
    wait->on_landed = on_landed;
    list_append(&flight->waits, &wait->node);
}

void flight_leave(struct flight_wait *wait)
{
    if (wait->flight == NULL)
        return;
    wait->flight = NULL;
    list_remove(&wait->node);
}

static void flight_free(struct flight *flight)
{
    free(flight->key);
    flight->key = NULL;
    flight->destroy(flight);
}

void flight_land(struct flight *flight, int status)
{
    flight->status = status;
    HASH_DEL(flight->app->flights, flight);
    while (!list_is_empty(&flight->waits)) {
        struct flight_wait *wait = LIST_ENTRY(flight->waits.next, struct flight_wait, node);

        flight_leave(wait);
        wait->on_landed(wait, flight);
    }
    flight_free(flight);
}

void flights_end(struct architus *app)
{
    struct flight *flight, *spare;

    HASH_ITER (hh, app->flights, flight, spare) {
        assert(list_is_empty(&flight->waits));
        HASH_DEL(app->flights, flight);
        flight_free(flight);
    }
}
