-- SPDX-License-Identifier: MIT
-- room_leave: a socket of this node is in a room no more. One that has moved to another node meanwhile stays.
--
-- KEYS[1]  sb:{room:<realm>:<nsp#room>}:members  hash  see room_join
-- KEYS[2]  ...:nodes                               hash
-- ARGV[1]  socket id
-- ARGV[2]  node id
--
-- Returns  1 it was; 0 it was not, or is on another node
-- Repeat   safe
-- Cost     O(1); 3 us

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return 0
end
redis.call('HDEL', KEYS[1], ARGV[1])
if redis.call('HINCRBY', KEYS[2], ARGV[2], -1) <= 0 then
  redis.call('HDEL', KEYS[2], ARGV[2])
end
return 1
