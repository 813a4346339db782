-- SPDX-License-Identifier: MIT
-- resume_take: the client is with this holder now, whoever held its state before.
--
-- KEYS[1]  sb:{resume:<realm>:<secret>}:state  hash  holder, state
-- ARGV[1]  holder                              1..128 bytes
--
-- Returns  1  it is this holder's, and lives as long as before
--          0  there is none (any more); nothing was written
-- Repeat   safe
-- Cost     O(1)

if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
redis.call('HSET', KEYS[1], 'holder', ARGV[1])
return 1
