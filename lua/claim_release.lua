-- SPDX-License-Identifier: MIT
-- claim_release: end a bot's lease and all its claims.
--
-- KEYS[1]  sb:{relay:<realm>:all}:bots     zset  bot -> end of its lease, ms
-- KEYS[2]  sb:{relay:<realm>:all}:claims   hash  '=' .. channel, or '*' for the rest -> bot
-- KEYS[3]  sb:{relay:<realm>:all}:version  integer, grows with every change of claims or channels
-- ARGV[1]  bot                             1..128 bytes
--
-- Returns  the living bot that serves the rest, and so what has become free; '' when there is none
-- Repeat   safe
-- Cost     O(all claims of the realm)

local me = ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

if redis.call('ZREM', KEYS[1], me) == 1 then
  local claims = redis.call('HGETALL', KEYS[2])
  for i = 1, #claims, 2 do
    if claims[i + 1] == me then
      redis.call('HDEL', KEYS[2], claims[i])
    end
  end
  redis.call('INCR', KEYS[3])
end

local rest = redis.call('HGET', KEYS[2], '*')
local ends = rest and redis.call('ZSCORE', KEYS[1], rest)
return ends and tonumber(ends) > now and rest or ''
