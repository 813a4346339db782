/* SPDX-License-Identifier: MIT */
#ifndef SB_FLEET_IMAGE_H
#define SB_FLEET_IMAGE_H

#include "fleet_state.h"

/* What an instance is made of, for fleet_instance.c only. */

/* Fills an instance of which there is nothing but its `text`, the image. False: it is none. */
bool fleet_image_read(struct fleet_instance *instance);

/* Gives all rooms their bases. */
void fleet_bases_make(struct fleet_instance *instance);

#endif
