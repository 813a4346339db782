/* SPDX-License-Identifier: MIT */
#ifndef SB_SIO_ASKED_H
#define SB_SIO_ASKED_H

#include "sio_entry.h"
#include "sio_inner.h"

/*
 * The side of an ask that has the sockets: it tells the node that asks how many of them there are, then what each
 * of them answers, or that it will not. All by the inboxes, so in this order.
 *
 *     message = id what …
 *     what    = 0 number             so many sockets here are asked, once a node
 *             | 1 socket args list   its acknowledgement
 *             | 2 socket             it is over, or cannot be asked
 */
enum sio_word { SIO_WORD_CLIENTS, SIO_WORD_ANSWER, SIO_WORD_NONE, SIO_WORDS };
#define SIO_ANSWER_TOPIC "sio-answer"

/* A member of the channel is about to be offered an entry that asks: says how many there are, once an entry. */
void sio_asked_count(struct sio_member *member, const struct sio_entry *entry);

/* Its answer goes to the node that asks, until then. */
void sio_asked_expect(struct sio_socket *socket, const struct sio_entry *entry, int64_t until_ms);

/* It will not answer. */
void sio_asked_pass(const struct sio_socket *socket, const struct sio_entry *entry);

/* sio_deliver.c: is the entry for this member of its channel? */
bool sio_entry_is_for(const struct sio_entry *entry, const struct sio_member *member);
struct packet *sio_entry_packet(const struct sio_entry *entry); /* of an event */

#endif
