-- SPDX-License-Identifier: MIT
-- perm_put: who may do what in a guild: replaces all that was said before.
--
-- KEYS[1]  sb:{guild:<realm>:<guild>}:perm  hash  see pool_read
-- ARGV[1]  entries                          name and value, each behind its length (4 bytes, big endian)
--
-- Returns  1
-- Repeat   safe
-- Cost     O(entries)

local at = 1

redis.call('UNLINK', KEYS[1])
while at <= #ARGV[1] do
  local name, value
  name, value, at = struct.unpack('>I4c0I4c0', ARGV[1], at)
  redis.call('HSET', KEYS[1], name, value)
end
return 1
