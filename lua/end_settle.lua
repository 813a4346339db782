-- SPDX-License-Identifier: MIT
-- end_settle: an end has been told.
--
-- KEYS[1]  sb:{ends:all:<shard>}:due       zset  session => when its end is due, ms
-- KEYS[2]  sb:{ends:all:<shard>}:sessions  hash  session => its record, see end_begin
-- ARGV[1]  delivery
--
-- Returns  1  it is told to nobody again
--          0  it was settled already
-- Repeat   safe
-- Cost     O(log sessions)

redis.call('ZREM', KEYS[1], '!' .. ARGV[1])
return redis.call('HDEL', KEYS[2], '!' .. ARGV[1])
