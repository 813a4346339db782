-- SPDX-License-Identifier: MIT
-- credential_index: note that a secret is about to be stored, so that it can be found by its owner.
--
-- KEYS[1]  sb:{cred-subject:<kind>:<subject>}:digests or sb:{cred-kind:<kind>:all}:digests
--          hash, sha256 => "<added> <expires>"; lives as long as its last entry
-- ARGV[1]  sha256   hex
-- ARGV[2]  now      milliseconds since 1970
-- ARGV[3]  expires  the same, 0 = never
--
-- Drops a few entries whose time has passed on the way: more than it adds, so they do not pile up.
--
-- Returns  1
-- Repeat   safe
-- Cost     O(1)

local LOOK_AT = 8
local LINGER_MS = 60 * 1000 -- clocks differ a little

local now, expires = tonumber(ARGV[2]), tonumber(ARGV[3])
local is_new = redis.call('EXISTS', KEYS[1]) == 0
local some = is_new and {} or redis.call('HRANDFIELD', KEYS[1], LOOK_AT, 'WITHVALUES')

for i = 1, #some, 2 do
  local ends = tonumber(string.match(some[i + 1], '^%d+ (%d+)$')) or 0
  if ends > 0 and ends + LINGER_MS < now then
    redis.call('HDEL', KEYS[1], some[i])
  end
end

redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[3])
if expires == 0 then
  redis.call('PERSIST', KEYS[1])
elseif is_new or redis.call('HLEN', KEYS[1]) == 1 then
  redis.call('PEXPIREAT', KEYS[1], expires + LINGER_MS)
else
  redis.call('PEXPIREAT', KEYS[1], expires + LINGER_MS, 'GT')
end
return 1
