-- SPDX-License-Identifier: MIT
-- resume_hold: what its holder says of a state: this is it, it lives on, nobody will come back.
--
-- KEYS[1]  sb:{resume:<realm>:<secret>}:state  hash  holder, state
-- ARGV[1]  holder                              1..128 bytes
-- ARGV[2]  ttl                                 milliseconds from now; 0: it goes
-- ARGV[3]  state                               to be written; absent: what is written stays
--
-- Returns  1   done
--          0   somebody else holds it; nothing was written
--          -1  there is none, and none was given
-- Repeat   safe
-- Cost     O(1)

local holder = redis.call('HGET', KEYS[1], 'holder')

if holder and holder ~= ARGV[1] then
  return 0
end
if not holder and not ARGV[3] then
  return -1
end
if tonumber(ARGV[2]) == 0 then
  return redis.call('DEL', KEYS[1])
end
if ARGV[3] then
  redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'state', ARGV[3])
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
