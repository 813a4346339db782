-- SPDX-License-Identifier: MIT
-- ---- fleet_kin: whose an instance is: its processUid's and its node's.
-- Wants    fleet_all, now
-- Returns  is_lease_over(owner), leave_uid(id, uid), add_owned(owner, by)
local function is_lease_over(owner)
  local ends = redis.call('ZSCORE', NODES, owner)
  return not ends or tonumber(ends) <= now
end

local function leave_uid(id, uid)
  local left = string.gsub(redis.call('HGET', UIDS, uid) or '', id, '')
  if left ~= '' then
    redis.call('HSET', UIDS, uid, left)
    return
  end
  redis.call('HDEL', UIDS, uid)
  if redis.call('EXISTS', METADATA) == 1 then
    redis.call('ZADD', FORSAKEN, now, uid)
  end
end

local function add_owned(owner, by)
  if redis.call('HINCRBY', OWNERS, owner, by) <= 0 then
    redis.call('HDEL', OWNERS, owner)
  end
end
