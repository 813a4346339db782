/* SPDX-License-Identifier: MIT */
#ifndef SB_ENGINE_MOVE_H
#define SB_ENGINE_MOVE_H

#include "engine_inner.h"

/*
 * What the node of a WebSocket (engine_move.c) and the owner of its connection (engine_guest.c) say to each other.
 * Two questions go to the owner at once:
 *
 *     guard   key                   held as long as the probe lasts. Its answer ends it: the connection itself
 *                                   (an image), or nothing: it is over
 *     begin   key, sid, version     may it probe? A verdict
 *
 * and, as the client goes on, further ones, which are answered with nothing:
 *
 *     probed  key                   the client has sent 2probe
 *     commit  key                   it has sent 5
 *
 * The key is a number of the asker's. When he takes the guard back, or dies, the probe is left; when the owner dies,
 * so does the guard.
 */
enum move_question { ASK_GUARD, ASK_BEGIN, ASK_PROBED, ASK_COMMIT, MOVE_QUESTIONS };
enum { MOVE_QUESTION_MAX = 128, MOVE_TOPIC_SIZE = 40 };

struct engine_moves {
    struct engine *engine;
    struct list moves;    /* of WebSockets here                      */
    struct guest *guests; /* of WebSockets elsewhere: see engine_guest.c */
    uint64_t last_key;
    char topic[MOVE_TOPIC_SIZE];
};

/* A question of another node's: call_asked_fn with the moves. */
void guests_on_asked(struct call_asked *asked, struct slice text, void *moves);
void guests_release(struct engine_moves *moves);

#endif
