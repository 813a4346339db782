-- SPDX-License-Identifier: MIT
-- end_claim: take over the telling of ends that are due.
--
-- KEYS[1]  sb:{ends:all:<shard>}:due       zset    session => when its end is due, ms
-- KEYS[2]  sb:{ends:all:<shard>}:sessions  hash    session => its record, see end_begin
-- KEYS[3]  sb:{ends:all:<shard>}:sweep     string  when somebody was here last, until when to be patient
-- ARGV[1]  most      so many at a time
-- ARGV[2]  claim     milliseconds after which another may take it over again
-- ARGV[3]  lease     of owners, milliseconds
-- ARGV[4]  quiet     milliseconds without a claimer, beyond which nobody could be heard
-- ARGV[5]  keep      milliseconds after its end, beyond which it is told to nobody
--
-- What is claimed leaves its session's name, so that the same name may begin anew: from then on it is
-- '!' .. delivery. A session whose owner is silent has ended when it was last renewed. After a quiet time
-- silence proves nothing: owners have a lease from then on to be heard again.
--
-- Returns  {given up, is more due, delivery, ended, reason, about, ...}
-- Repeat   what was claimed and not heard of comes again after the claim's time
-- Cost     O(most * log sessions)

local most, claim, lease = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function text(ms)
  return string.format('%.0f', ms)
end

local swept, patience = string.match(redis.call('GET', KEYS[3]) or '', '^(%d+) (%d+)$')
swept, patience = tonumber(swept) or 0, tonumber(patience) or 0
if now - swept > tonumber(ARGV[4]) then
  patience = now + lease
end
if now - swept >= 1000 then
  redis.call('SET', KEYS[3], text(now) .. ' ' .. text(patience), 'PX', ARGV[5])
end

local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'WITHSCORES', 'LIMIT', 0, most)
local result = {0, #due == 2 * most and 1 or 0}

for i = 1, #due, 2 do
  local name, record = due[i], redis.call('HGET', KEYS[2], due[i])
  local owner, ended, reason, delivery, about =
    string.match(record or '', '^([^\n]*)\n([^\n]*)\n([^\n]*)\n([^\n]*)\n(.*)$')

  if not owner then
    redis.call('ZREM', KEYS[1], name)
  elseif owner ~= '' and now < patience then
    redis.call('ZADD', KEYS[1], patience, name)
  else
    if owner ~= '' then
      ended, reason = text(due[i + 1] - lease), 'transport close'
    end
    redis.call('ZREM', KEYS[1], name)
    redis.call('HDEL', KEYS[2], name)
    if tonumber(ended) + ARGV[5] < now then
      result[1] = result[1] + 1
    else
      redis.call('ZADD', KEYS[1], now + claim, '!' .. delivery)
      redis.call('HSET', KEYS[2], '!' .. delivery,
        '\n' .. ended .. '\n' .. reason .. '\n' .. delivery .. '\n' .. about)
      for _, part in ipairs({delivery, ended, reason, about}) do
        result[#result + 1] = part
      end
    end
  end
end
return result
