-- SPDX-License-Identifier: MIT
-- claim_renew: prolong a bot's lease, and end the leases that have run out.
--
-- KEYS[1]  sb:{relay:<realm>:all}:bots     zset  bot -> end of its lease, ms
-- KEYS[2]  sb:{relay:<realm>:all}:claims   hash  '=' .. channel, or '*' for the rest -> bot
-- KEYS[3]  sb:{relay:<realm>:all}:version  integer, grows with every change of claims or channels
-- ARGV[1]  bot                             1..128 bytes
-- ARGV[2]  lease                           milliseconds, > 0
--
-- Returns  {1, version}  renewed; a lease that has run out counts while nobody has ended it
--          {0, 0}        there is no such lease: it must be taken anew; nothing was written
-- Repeat   safe
-- Cost     O(log bots), and O(all claims of the realm) when a lease has run out

local KEEP_MS = 60 * 1000 -- what no bot has renewed for so long is over anyway

local me, lease = ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

if not redis.call('ZSCORE', KEYS[1], me) then
  return {0, 0}
end
redis.call('ZADD', KEYS[1], now + lease, me)

local over = {}
for _, bot in ipairs(redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE')) do
  over[bot] = true
end
if next(over) then
  local claims = redis.call('HGETALL', KEYS[2])
  for i = 1, #claims, 2 do
    if over[claims[i + 1]] then
      redis.call('HDEL', KEYS[2], claims[i])
    end
  end
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
  redis.call('INCR', KEYS[3])
end

for i = 1, 3 do
  redis.call('PEXPIRE', KEYS[i], lease + KEEP_MS)
end
return {1, tonumber(redis.call('GET', KEYS[3]) or 0)}
