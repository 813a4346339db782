-- SPDX-License-Identifier: MIT
-- room_join: a socket is in a room, on this node. Also says so again, and so renews what lives for the keep.
--
-- KEYS[1]  sb:{room:<realm>:<nsp#room>}:members  hash  socket id → the node that has it
-- KEYS[2]  ...:nodes                               hash  node id → how many of the members it has
-- ARGV[1]  socket id
-- ARGV[2]  node id
-- ARGV[3]  keep                                  milliseconds
--
-- Returns  1
-- Repeat   safe
-- Cost     O(1); 3 us

local former = redis.call('HGET', KEYS[1], ARGV[1])

if former ~= ARGV[2] then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  redis.call('HINCRBY', KEYS[2], ARGV[2], 1)
  if former and redis.call('HINCRBY', KEYS[2], former, -1) <= 0 then
    redis.call('HDEL', KEYS[2], former)
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1
