-- SPDX-License-Identifier: MIT
-- lease_take: make one holder the holder of a lease, or keep it so.
--
-- KEYS[1]  sb:{lease:<realm>:<name>}:holder  string  lives for the ttl
-- ARGV[1]  holder                            1..128 bytes
-- ARGV[2]  ttl                               milliseconds, > 0
--
-- Returns  1  taken, or kept
--          0  somebody else has it; nothing was written
-- Repeat   safe
-- Cost     O(1)

local holder = redis.call('GET', KEYS[1])

if holder and holder ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
