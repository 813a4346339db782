-- SPDX-License-Identifier: MIT
-- end_begin: a session whose end will have to be told begins, or goes on with another owner.
--
-- KEYS[1]  sb:{ends:all:<shard>}:due       zset  session => when its end is due, ms
-- KEYS[2]  sb:{ends:all:<shard>}:sessions  hash  session => its record
-- ARGV[1]  session   its name
-- ARGV[2]  owner     who pushes its end ahead from now on
-- ARGV[3]  lease     milliseconds
-- ARGV[4]  keep      milliseconds without any session after which both keys vanish
-- ARGV[5]  delivery  names the telling of its end
-- ARGV[6]  about     what to tell; opaque
--
-- A record is five lines: owner, end (ms), reason, delivery, about. The first three are empty when there is
-- none; `about` may hold line feeds.
--
-- Returns  1  it goes on: its end is not due any more; delivery and about are those of its begin
--          0  it begins
-- Repeat   safe
-- Cost     O(log sessions)

local name = ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local record = redis.call('HGET', KEYS[2], name)
local rest = record and string.match(record, '^[^\n]*\n[^\n]*\n[^\n]*\n(.*)$')

redis.call('HSET', KEYS[2], name, ARGV[2] .. '\n\n\n' .. (rest or ARGV[5] .. '\n' .. ARGV[6]))
redis.call('ZADD', KEYS[1], now + ARGV[3], name)
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return record and 1 or 0
