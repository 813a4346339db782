-- nodes_list_live: who has said within a lease that it lives.
--
-- KEYS[1]  sb:{nodes:all:all}:live           zset     node id by the time of its last beat
-- ARGV[1]  lease                             milliseconds
--
-- Returns  {node id, ...}
-- Repeat   safe
-- Cost     O(nodes)

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now - ARGV[1], '+inf')
