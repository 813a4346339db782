-- SPDX-License-Identifier: MIT
-- claim_touch: keep a channel among its realm's channels, and find who serves it.
--
-- KEYS[1]  sb:{relay:<realm>:all}:bots      zset  bot -> end of its lease, ms
-- KEYS[2]  sb:{relay:<realm>:all}:claims    hash  '=' .. channel, or '*' for the rest -> bot
-- KEYS[3]  sb:{relay:<realm>:all}:version   integer, grows with every change of claims or channels
-- KEYS[4]  sb:{relay:<realm>:all}:channels  zset  channel -> when it is forgotten, ms
-- ARGV[1]  channel                          1..128 bytes
-- ARGV[2]  for how long it is kept          milliseconds, > 0
--
-- Returns  the living bot that serves the channel; '' when there is none
-- Repeat   safe
-- Cost     O(log channels)

local KEEP_MS = 60 * 1000

local channel, keep = ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function living(field)
  local bot = redis.call('HGET', KEYS[2], field)
  local ends = bot and redis.call('ZSCORE', KEYS[1], bot)
  return ends and tonumber(ends) > now and bot
end

if redis.call('ZADD', KEYS[4], 'GT', now + keep, channel) == 1 then
  redis.call('INCR', KEYS[3])
  redis.call('PEXPIRE', KEYS[3], KEEP_MS)
end
if redis.call('PTTL', KEYS[4]) < keep then
  redis.call('PEXPIRE', KEYS[4], keep)
end
return living('=' .. channel) or living('*') or ''
