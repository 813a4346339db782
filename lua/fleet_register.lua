-- SPDX-License-Identifier: MIT
-- fleet_register: let agents be there with a key of their own.
--
-- KEYS[1]  sb:{fleet:<realm>:all}:registrations  hash  id => most (4 bytes), expires (8), big-endian, claims
-- KEYS[2]  ...:expiring                          zset  id => when it expires, ms
-- KEYS[3]  ...:seats                             hash  see fleet_seats
-- ARGV[1]  id
-- ARGV[2]  record     as above
-- ARGV[3]  expires    ms; 0: never
-- ARGV[4]  now        ms
--
-- Returns  1: it is there; 0: another one has the id, nothing was written
-- Repeat   safe
-- Cost     O(log registrations); what has expired goes on the way, a few at a time

local SWEEP_MAX = 16

for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[4], 'LIMIT', 0, SWEEP_MAX)) do
  redis.call('HDEL', KEYS[1], id)
  redis.call('ZREM', KEYS[2], id)
  redis.call('HDEL', KEYS[3], id)
end
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then
  return redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] and 1 or 0
end
if ARGV[3] ~= '0' then
  redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
end
return 1
