-- SPDX-License-Identifier: MIT
-- end_set: an owner says that its session has ended, or never was.
--
-- KEYS[1]  sb:{ends:all:<shard>}:due       zset  session => when its end is due, ms
-- KEYS[2]  sb:{ends:all:<shard>}:sessions  hash  session => its record, see end_begin
-- ARGV[1]  session   its name
-- ARGV[2]  owner
-- ARGV[3]  reason    '': it never was; nobody will be told
-- ARGV[4]  ended     milliseconds since 1970
-- ARGV[5]  grace     milliseconds in which it may go on (end_begin)
--
-- Returns  1  done
--          0  it is not this owner's (any more), or not there; nothing was written
-- Repeat   safe
-- Cost     O(log sessions)

local name, owner = ARGV[1], ARGV[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local record = redis.call('HGET', KEYS[2], name)

if not record or string.sub(record, 1, #owner + 1) ~= owner .. '\n' then
  return 0
end
if ARGV[3] == '' then
  redis.call('ZREM', KEYS[1], name)
  redis.call('HDEL', KEYS[2], name)
  return 1
end
local rest = string.match(record, '^[^\n]*\n[^\n]*\n[^\n]*\n(.*)$')
redis.call('HSET', KEYS[2], name, '\n' .. ARGV[4] .. '\n' .. ARGV[3] .. '\n' .. rest)
redis.call('ZADD', KEYS[1], now + ARGV[5], name)
return 1
