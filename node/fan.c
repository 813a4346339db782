/* SPDX-License-Identifier: MIT */
/* answered ≤ started ≤ count, and started - answered ≤ FAN_WINDOW */
#include "fan.h"

#include <assert.h>

static void start_more(struct fan *fan)
{
    while (fan->started < fan->count && fan->started - fan->answered < FAN_WINDOW)
        fan->start(fan, fan->started++);
}

void fan_begin(struct fan *fan)
{
    assert(fan->started == 0 && fan->answered == 0);
    if (fan->count == 0)
        fan->done(fan);
    else
        start_more(fan);
}

void fan_answered(struct fan *fan)
{
    assert(fan->answered < fan->started);
    fan->answered++;
    if (fan->answered == fan->count)
        fan->done(fan);
    else
        start_more(fan);
}
