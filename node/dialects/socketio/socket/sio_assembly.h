/* SPDX-License-Identifier: MIT */
#ifndef SB_SIO_ASSEMBLY_H
#define SB_SIO_ASSEMBLY_H

#include "base/pack.h"

/* A binary packet whose attachments are still coming: its text, and those that are there. */
struct sio_assembly;

/* `wanted` is bounded by who calls; 0: a packet without attachments, as it is kept. All attachments together
 * may have `bytes_max` bytes. */
struct sio_assembly *sio_assembly_create(struct slice text, uint32_t wanted, size_t bytes_max);
void sio_assembly_destroy(struct sio_assembly **assembly); /* accepts NULL, leaves NULL */

/* The next attachment; not when it is complete. False: too many bytes, and nothing was added. */
bool sio_assembly_add(struct sio_assembly *assembly, struct slice bytes) MUST_CHECK;
uint32_t sio_assembly_wanted(const struct sio_assembly *assembly); /* as it was created */
bool sio_assembly_is_complete(const struct sio_assembly *assembly);

size_t sio_assembly_bytes(const struct sio_assembly *assembly);      /* of text and attachments */
struct slice sio_assembly_text(const struct sio_assembly *assembly); /* NUL-terminated */
const struct slice *sio_assembly_attachments(struct sio_assembly *assembly); /* once complete */

/* Also of none: NULL. Not of one that wants nothing. */
void sio_assembly_pack(const struct sio_assembly *assembly, struct buf *image);

/* False: the image makes no sense. `*assembly_out` is NULL where none was incomplete. */
bool sio_assembly_unpack(struct unpack *image, uint32_t wanted_max, size_t bytes_max,
                         struct sio_assembly **assembly_out) MUST_CHECK;

#endif
