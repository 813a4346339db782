-- SPDX-License-Identifier: MIT
-- lease_release: give up a lease, if it is still this holder's.
--
-- KEYS[1]  sb:{lease:<realm>:<name>}:holder  string
-- ARGV[1]  holder                            1..128 bytes
--
-- Returns  1  given up
--          0  it was somebody else's, or nobody's; nothing was written
-- Repeat   safe
-- Cost     O(1)

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
