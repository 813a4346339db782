-- SPDX-License-Identifier: MIT
-- credential_add: store what is known of a secret.
--
-- KEYS[1]  sb:{cred:<kind>:<sha256>}:record  string, JSON  lives until it expires
-- ARGV[1]  record                            JSON
-- ARGV[2]  subject, ARGV[3] realm            as in the record
-- ARGV[4]  expires                           milliseconds since 1970, 0 = never
--
-- Returns  1  stored, new or again
--          0  the secret is somebody else's already; nothing was written
-- Repeat   safe
-- Cost     O(1)

local old = redis.call('GET', KEYS[1])

if old then
  local is_json, record = pcall(cjson.decode, old)
  if not is_json or type(record) ~= 'table' or record.subject ~= ARGV[2] or record.realm ~= ARGV[3] then
    return 0
  end
end

if ARGV[4] == '0' then
  redis.call('SET', KEYS[1], ARGV[1])
else
  redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[4])
end
return 1
