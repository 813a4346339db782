-- SPDX-License-Identifier: MIT
-- claim_take: make one bot the one that serves certain relay channels, or the rest of them.
--
-- KEYS[1]  sb:{relay:<realm>:all}:bots     zset  bot -> end of its lease, ms
-- KEYS[2]  sb:{relay:<realm>:all}:claims   hash  '=' .. channel, or '*' for the rest -> bot
-- KEYS[3]  sb:{relay:<realm>:all}:version  integer, grows with every change of claims or channels
-- ARGV[1]  bot                             1..128 bytes
-- ARGV[2]  lease                           milliseconds, > 0
-- ARGV[3...] channels                        none: the rest
--
-- Returns  {1, version, rest}  taken; rest: the living bot that serves the rest, '' when there is
--                              none or it is this one
--          {0, 0, ''}          another living bot has one of them; nothing was written
-- Repeat   safe: the same bot renews its lease
-- Cost     O(channels), and O(all claims of the realm) when a lease has run out

local KEEP_MS = 60 * 1000 -- what no bot has renewed for so long is over anyway

local me, lease = ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function is_live(bot)
  local ends = bot and redis.call('ZSCORE', KEYS[1], bot)
  return ends and tonumber(ends) > now
end

local wanted = {}
for channel in string.gmatch(ARGV[3], '[^\n]+') do
  wanted[#wanted + 1] = '=' .. channel
end
if #wanted == 0 then
  wanted[1] = '*'
end

for _, field in ipairs(wanted) do
  local holder = redis.call('HGET', KEYS[2], field)
  if holder ~= me and is_live(holder) then
    return {0, 0, ''}
  end
end

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
end

for _, field in ipairs(wanted) do
  redis.call('HSET', KEYS[2], field, me)
end
redis.call('ZADD', KEYS[1], now + lease, me)
local version = redis.call('INCR', KEYS[3])
for i = 1, 3 do
  redis.call('PEXPIRE', KEYS[i], lease + KEEP_MS)
end

local rest = redis.call('HGET', KEYS[2], '*')
if rest == me or not is_live(rest) then
  rest = ''
end
return {1, version, rest}
