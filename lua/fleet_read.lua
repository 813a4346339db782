-- SPDX-License-Identifier: MIT
-- fleet_read: what has changed after a version.
--
-- KEYS[1]  sb:{fleet:<realm>:all}:meta   hash  see fleet_all, as all of these
-- KEYS[2]  ...:versions                  zset
-- KEYS[3]  ...:gone                      zset
-- KEYS[4]  ...:heads                     hash  see fleet_head
-- KEYS[5]  ...:records                   hash
-- KEYS[6]  ...:renames                   hash
-- KEYS[7]  ...:rooms                     hash
-- KEYS[8]  ...:described                 hash
-- KEYS[9]  ...:synced                    hash
-- ARGV[1]  after      a version; 0: everything
-- ARGV[2]  bytes      at which the answer is cut
-- ARGV[3]  synced     '1': with when each instance last answered
--
-- Returns  {version, hash, has more, is anew, {id, ms, ...}, {id, version, join, owner, is stale, record, renames,
--          rooms, metadata}, ...}; of one that is gone {id, version}. Oldest first. rooms: with renames only
-- Repeat   safe
-- Cost     O(changes); none: COST_READ

local META, VERSIONS, GONE, HEADS, RECORDS = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local after, bytes_max = tonumber(ARGV[1]), tonumber(ARGV[2])
local PORTION = 32

local known = redis.call('HMGET', META, 'version', 'hash', 'floor')
local version, floor = tonumber(known[1]) or 0, tonumber(known[3]) or 0
local synced = ARGV[3] == '1' and redis.call('HGETALL', KEYS[9]) or {}
local is_anew = after == 0 or after < floor or after > version
local result = {version, known[2] or '4f53cda18c2baa0c', 0, is_anew and 1 or 0, synced}

if after == version then
  result[4] = after == 0 and 1 or 0
  return result
end

-- include: fleet_head

local function change_of(id, at)
  local h = read_head(id)
  local renames = redis.call('HGET', KEYS[6], id) or ''
  return {id, at, h.join, h.owner, h.stale, redis.call('HGET', RECORDS, id), renames,
    renames ~= '' and redis.call('HGET', KEYS[7], id) or '', redis.call('HGET', KEYS[8], id) or ''}
end

local function next_of(key, from)
  return redis.call('ZRANGEBYSCORE', key, '(' .. from, '+inf', 'WITHSCORES', 'LIMIT', 0, PORTION)
end

-- Who has none of it yet need not hear what is gone.
local from = is_anew and '0' or ARGV[1]
local live, gone = next_of(VERSIONS, from), is_anew and {} or next_of(GONE, from)
local l, g, bytes = 1, 1, 0

-- What lies at or below the floor is never cut: a reader could not go on from there.
while live[l] or gone[g] do
  local at = math.min(tonumber(live[l + 1]) or math.huge, tonumber(gone[g + 1]) or math.huge)
  if bytes >= bytes_max and tonumber(result[#result][2]) >= floor then
    result[3] = 1
    break
  end
  if tonumber(live[l + 1]) == at then
    local change = change_of(live[l], at)
    result[#result + 1] = change
    bytes = bytes + #change[6] + #change[8] + #change[9]
    l = l + 2
    if not live[l] and l > 2 * PORTION then
      live, l = next_of(VERSIONS, live[l - 1]), 1
    end
  else
    result[#result + 1] = {gone[g], at}
    bytes = bytes + 32
    g = g + 2
    if not gone[g] and g > 2 * PORTION then
      gone, g = next_of(GONE, gone[g - 1]), 1
    end
  end
end
return result
