-- SPDX-License-Identifier: MIT
-- claim_view: what the bot that serves the rest has to know: the realm's channels, and which of them
-- others serve.
--
-- KEYS[1]  sb:{relay:<realm>:all}:bots      zset  bot -> end of its lease, ms
-- KEYS[2]  sb:{relay:<realm>:all}:claims    hash  '=' .. channel, or '*' for the rest -> bot
-- KEYS[3]  sb:{relay:<realm>:all}:version   integer, grows with every change of claims or channels
-- KEYS[4]  sb:{relay:<realm>:all}:channels  zset  channel -> when it is forgotten, ms
-- ARGV[1]  bot                              1..128 bytes
--
-- Returns  {version, {channel, ends, ...}, {channel, ...}}  the channels that are the rest, each with the
--          end of its time (decimal text); those that other living bots have claimed for themselves
-- Repeat   safe
-- Cost     O(channels + claims of the realm)

local me = ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local is_live = {}
for _, bot in ipairs(redis.call('ZRANGE', KEYS[1], '(' .. now, '+inf', 'BYSCORE')) do
  is_live[bot] = true
end

local taken, is_taken = {}, {}
local claims = redis.call('HGETALL', KEYS[2])
for i = 1, #claims, 2 do
  local field, bot = claims[i], claims[i + 1]
  if bot ~= me and is_live[bot] and field ~= '*' then
    local channel = string.sub(field, 2)
    taken[#taken + 1] = channel
    is_taken[channel] = true
  end
end

redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now)
local rest = {}
local channels = redis.call('ZRANGE', KEYS[4], 0, -1, 'WITHSCORES')
for i = 1, #channels, 2 do
  if not is_taken[channels[i]] then
    rest[#rest + 1] = channels[i]
    rest[#rest + 1] = channels[i + 1]
  end
end
return {tonumber(redis.call('GET', KEYS[3]) or 0), rest, taken}
