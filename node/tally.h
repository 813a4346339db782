/* SPDX-License-Identifier: MIT */
#ifndef SB_TALLY_H
#define SB_TALLY_H

#include "base/buf.h"

/*
 * How many there are of each of many names, which come from outside: a gauge's labels. So many names are told
 * apart, as they come; what others count is in one sum, TALLY_OTHER, until they have gone to nothing and come again. So is
 * what is called so itself, and names with control characters.
 *
 * Zeroed it is empty. When everything has been taken away there is nothing to be freed.
 */
enum { TALLY_NAMES_MAX = 64 };
#define TALLY_OTHER "other"

struct tally_name;
struct tally {
    struct tally_name *names;                  /* all that count something (uthash) */
    struct tally_name *shown[TALLY_NAMES_MAX]; /* those told apart; NULL: free      */
    uint64_t other;
};

void tally_add(struct tally *tally, struct slice name, uint64_t count);

/* No more than was added. */
void tally_take(struct tally *tally, struct slice name, uint64_t count);

/* False: there is none at that place, below TALLY_NAMES_MAX. */
bool tally_shown(const struct tally *tally, size_t at, struct slice *name_out, uint64_t *count_out);

#endif
