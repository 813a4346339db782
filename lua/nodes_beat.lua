-- nodes_beat: a node says that it lives.
--
-- KEYS[1]  sb:{nodes:all:all}:live           zset     node id by the time of its last beat
-- ARGV[1]  node id
-- ARGV[2]  forget                            milliseconds of silence after which an id is forgotten
--
-- Returns  1
-- Repeat   safe
-- Cost     O(log nodes)

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
return 1
