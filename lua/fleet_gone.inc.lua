-- SPDX-License-Identifier: MIT
-- ---- fleet_gone: an instance goes, with everything that was its own.
-- Wants    fleet_all, fleet_meta, fleet_log, fleet_head, fleet_index, fleet_reserve, fleet_names, fleet_kin
-- Returns  may_go(head, leaving), go(head, leaving): {requester, command, …} of what was under way
local TOMBSTONES_MAX, TOMBSTONES_CUT = 2048, 1024

local function read_leaving(packed)
  local id, owner, version, is_orphan, event = struct.unpack('>c16Bc0I8BI4c0', packed)
  return {id = id, owner = owner, version = version, is_orphan = is_orphan == 1, event = event}
end

-- A record that is no newer than what the leave is about; renames by others do not count.
local function may_go(h, leaving)
  return h.owner == leaving.owner and h.version <= leaving.version and
    (not leaving.is_orphan or is_lease_over(h.owner))
end

local function end_commands(h)
  local lost = {}
  for slot = 0, h.slots > 0 and 31 or -1 do
    local command = bit.band(bit.rshift(h.slots, slot), 1) == 1 and take_command(h, slot)
    if command then
      settle_command(h, command, 3, 0)
      lost[#lost + 1], lost[#lost + 2] = command.requester, command.number
    end
  end
  drop_holds(h, math.huge)
  return lost
end

local function bury(id)
  redis.call('ZREM', VERSIONS, id)
  meta.version = meta.version + 1
  redis.call('ZADD', GONE, string.format('%.0f', meta.version), id)
  if redis.call('ZCARD', GONE) > TOMBSTONES_MAX then
    local oldest = redis.call('ZPOPMIN', GONE, TOMBSTONES_CUT)
    meta.floor = math.max(meta.floor, tonumber(oldest[#oldest]))
  end
end

-- Those of its bases that are in leaving.bases must be loaded. Names are to be settled, and what is touched written, afterwards.
local function go(h, leaving)
  local id = h.id
  local facts = redis.call('HGET', FACTS, id)
  local uid, uid_json, types = struct.unpack('>I4c0I4c0I4c0', facts)
  old_uids[id] = {uid, uid_json}
  local lost = end_commands(h)
  index_remove(index_entries(h, redis.call('HGET', TAGS, id) or ''))
  for _, base in ipairs(leaving.bases) do
    remove_claim(base, id)
    lost_tails[#lost_tails + 1] = id .. base
  end
  set_described(id, '')
  mix(h.digest)
  count_types(types, -1)
  meta.instances, meta.rooms = meta.instances - 1, meta.rooms - h.rooms
  meta.connections = meta.connections - h.connections
  for _, key in ipairs({HEADS, TAGS, FACTS, ROOMS, RECORDS, SYNCED}) do
    redis.call('HDEL', key, id)
  end
  uids[id] = nil
  leave_uid(id, uid)
  add_owned(h.owner, -1)
  bury(id)
  tell(leaving.event)
  return lost
end
