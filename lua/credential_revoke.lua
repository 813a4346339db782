-- SPDX-License-Identifier: MIT
-- credential_revoke: delete what is known of a secret, if it is this subject's.
--
-- KEYS[1]  sb:{cred:<kind>:<sha256>}:record  string, JSON
-- ARGV[1]  subject
-- ARGV[2]  realm
--
-- Returns  1  deleted; whoever follows the key hears "del"
--          0  there is none, or it is somebody else's
-- Repeat   safe
-- Cost     O(1)

local text = redis.call('GET', KEYS[1])

if not text then
  return 0
end
local is_json, record = pcall(cjson.decode, text)
if not is_json or type(record) ~= 'table' or record.subject ~= ARGV[1] or record.realm ~= ARGV[2] then
  return 0
end
return redis.call('DEL', KEYS[1])
