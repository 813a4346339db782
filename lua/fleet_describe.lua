-- SPDX-License-Identifier: MIT
-- fleet_describe: put a room's metadata.
--
-- KEYS     see fleet_all
-- ARGV[1]  instance
-- ARGV[2]  base
-- ARGV[3]  metadata   a JSON object; '{}': none
-- ARGV[4]  topic      of the channel of events
-- ARGV[5]  bounds     see fleet_meta
--
-- Returns  {0, dropped}  it is so; the log has dropped so many entries
--          {2}        the instance has no such room
-- Repeat   safe
-- Cost     O(rooms of the instance that have metadata)

local topic, bounds = ARGV[4], ARGV[5]
local id, base = ARGV[1], ARGV[2]

-- include: fleet_all
-- include: fleet_meta
-- include: fleet_log
-- include: fleet_names

local uid = uid_of(id) and uid_of(id)[1]
if not uid or not has_claim(base, id) then
  return {2}
end
local prefix = struct.pack('>I4c0', #uid, uid) .. base
redis.call('ZREMRANGEBYLEX', METADATA, '[' .. prefix .. '\0', '(' .. prefix .. '\1')
if ARGV[3] ~= '{}' then
  redis.call('ZADD', METADATA, 0, prefix .. '\0' .. ARGV[3])
end

-- Other instances with this processUid that have such a room show the same.
local is_changed = false
for other in string.gmatch(redis.call('HGET', UIDS, uid), string.rep('.', 16)) do
  if describe(other, uid) then
    is_changed = true
    next_version(other)
  end
end
return {0, is_changed and finish() or 0}
