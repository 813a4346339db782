/* SPDX-License-Identifier: MIT */
/* The table of close reasons (close.def), by column. */
#include <assert.h>

#include "ws_conn.h"

static const struct {
    uint16_t code;
    const char *label, *text;
} reasons[] = {
#define CLOSE(name, code, is_ours, label, text) [CLOSE_##name] = { code, label, text },
#include "close.def"
#undef CLOSE
};

const char *close_label(enum close_reason reason)
{
    assert(reason < CLOSE_REASONS);
    return reasons[reason].label;
}

int close_code(enum close_reason reason)
{
    assert(reason < CLOSE_REASONS);
    return reasons[reason].code;
}

const char *close_text(enum close_reason reason)
{
    assert(reason < CLOSE_REASONS);
    return reasons[reason].text;
}
