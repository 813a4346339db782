-- SPDX-License-Identifier: MIT
-- nodes_list_live: who has said within a lease that it lives.
--
-- KEYS[1]  sb:{nodes:all:all}:live           zset     node id by the time of its last beat
-- ARGV[1]  lease                             milliseconds
-- ARGV[2]  quiet                             see nodes_beat: beyond it everybody is taken to live
--
-- Returns  {node id, ...}
-- Repeat   safe
-- Cost     O(nodes)

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local newest = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]

if newest and now - newest > tonumber(ARGV[2]) then
  return redis.call('ZRANGE', KEYS[1], 0, -1)
end
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now - ARGV[1], '+inf')
