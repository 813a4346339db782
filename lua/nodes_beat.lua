-- SPDX-License-Identifier: MIT
-- nodes_beat: a node says that it lives.
--
-- KEYS[1]  sb:{nodes:all:all}:live           zset     node id by the time of its last beat
-- ARGV[1]  node id
-- ARGV[2]  forget                            milliseconds of silence after which an id is forgotten
-- ARGV[3]  quiet                             milliseconds without any beat, beyond which nobody could be
--                                            heard; less than a lease
--
-- Returns  1
-- Repeat   safe
-- Cost     O(log nodes); O(nodes) after a quiet time
--
-- After a quiet time silence proves nothing: everybody has a lease from now on to be heard again. That
-- it was Redis who was away, and not all nodes, is known when one of them comes back.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local newest = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]

if newest and now - newest > tonumber(ARGV[3]) and redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    redis.call('ZADD', KEYS[1], now, id)
  end
end

redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
return 1
