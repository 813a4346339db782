-- SPDX-License-Identifier: MIT
-- credential_unindex: forget secrets that are no longer stored.
--
-- KEYS[1]  sb:{cred-subject:<kind>:<subject>}:digests or sb:{cred-kind:<kind>:all}:digests
--          hash, sha256 => "<added> <expires>"
-- ARGV[1]  before   milliseconds since 1970: younger entries stay, because whoever added them may be
--                   about to store the secret
-- ARGV[2]  sha256s  hex, separated by blanks
--
-- Returns  how many were forgotten
-- Repeat   safe
-- Cost     O(number of sha256s), which the caller bounds

local before = tonumber(ARGV[1])
local forgotten = 0

for digest in string.gmatch(ARGV[2], '%x+') do
  local entry = redis.call('HGET', KEYS[1], digest)
  local added = entry and (tonumber(string.match(entry, '^(%d+) ')) or 0)
  if added and added < before then
    forgotten = forgotten + redis.call('HDEL', KEYS[1], digest)
  end
end
return forgotten
