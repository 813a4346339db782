-- SPDX-License-Identifier: MIT
-- pool_read: what a user may see of a guild's pool, and the user's right to see it, in one look.
--
-- KEYS[1]   sb:{guild:<realm>:<guild>}:perm          hash    user or role id => bits; "@everyone"; "owner" => user id
-- KEYS[2]   sb:{guild:<realm>:<guild>}:known:<user>  string  "none", "member" or "admin": a back end's word, for a while
-- KEYS[3]   sb:{guild:<realm>:<guild>}:m             hash    <type>.full 1, .at ms, .until ms (none: for good),
--                                                            .n changes, .g replacements
-- KEYS[4]   sb:{guild:<realm>:<guild>}:p:member      hash    id => entity, as of every other type
-- KEYS[5]   sb:{guild:<realm>:<guild>}:f:member      zset    id => until when an entity that was asked for is good
-- KEYS[6]   ...:p:<type>
-- KEYS[7]   ...:f:<type>
-- KEYS[8]   ...:x:<type>                             zset    id => until when it is known not to exist
-- KEYS[9]   ...:i                                    zset    the members' index, see pool_change
-- ARGV[1]   user
-- ARGV[2]   needs    bits; 0: to be a member is enough
-- ARGV[3]   limit    bits that this login may have at most
-- ARGV[4]   now      milliseconds since 1970
-- ARGV[5]   type
-- ARGV[6]   how      "look": nothing but the right
--                    "get":  ARGV[7] ids, each behind its length (4 bytes, big endian)
--                    "page": ARGV[7] the cursor, "0" at first; ARGV[8] about so many entities
--                    "find": ARGV[7] the start of a folded name; ARGV[8] at most so many members
--
-- Returns   {access, bits, changes, state, next, {item, ...}}
--           access: 0 nobody knows whether the user is a member, 1 is none, 2 lacks a right, 3 may
--           state:  0 the pool is not known to be complete, 1 complete, 2 was complete, but is old
--           next:   page: the next page's cursor, "0" after the last. A pool that was replaced meanwhile
--                   begins anew, so that nothing is left out; some may come twice.
--           item:   an entity; get, in the order of the ids: 0 it does not exist, 1 not known
-- Repeat    safe, reads only
-- Cost      O(items); find O(limit log members)

local ALL, ADMINISTRATOR, EVERYONE = 0x7fffffff, 1, 0x112
local PAGE_BYTES = 512 * 1024 -- a page ends beyond it
local PORTION = 50            -- entities that are fetched before the bytes are looked at
local PORTIONS_MAX = 100      -- a page ends after so many, even if a table full of holes gave little

local user, needs, limit, now = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

local function state_of(kind)
  local full, ends = unpack(redis.call('HMGET', KEYS[3], kind .. '.full', kind .. '.until'))
  if not full then
    return 0
  end
  return ends and tonumber(ends) <= now and 2 or 1
end

local function is_old(marks, id)
  local ends = redis.call('ZSCORE', marks, id)
  return ends and tonumber(ends) <= now
end

-- the user's standing: nil when nobody knows, false for a stranger, else "member" or "admin"
local function standing_of(member)
  local state = state_of('member')
  if redis.call('HGET', KEYS[1], 'owner') == user then
    return 'admin'
  end
  if member and state ~= 2 and not is_old(KEYS[5], user) then
    return 'member'
  end
  if state == 1 then
    return false
  end
  local known = redis.call('GET', KEYS[2])
  if known == 'none' then
    return false
  end
  return known or nil
end

local function bits_of(member)
  local holders = {user, '@everyone'}
  local is_good, entity = pcall(cjson.decode, member or '{}')
  if is_good and type(entity) == 'table' and type(entity.roles) == 'table' then
    for i = 1, math.min(#entity.roles, 250) do
      local role = entity.roles[i]
      role = type(role) == 'number' and string.format('%.0f', role) or tostring(role)
      if string.match(role, '^%d+$') then
        holders[#holders + 1] = role
      end
    end
  end
  local bits = 0
  for i, value in ipairs(redis.call('HMGET', KEYS[1], unpack(holders))) do
    bits = bit.bor(bits, tonumber(value or nil) or (i == 2 and EVERYONE or 0))
  end
  return bits
end

local member = redis.call('HGET', KEYS[4], user)
local standing = standing_of(member)
local access, bits = 3, 0
if not standing then
  access = standing == nil and 0 or 1
else
  bits = standing == 'admin' and ALL or bits_of(member)
  if bit.band(bits, ADMINISTRATOR) ~= 0 then
    bits = ALL
  end
  if bit.band(limit, ADMINISTRATOR) == 0 then
    bits = bit.band(bits, limit)
  end
  if bit.band(bits, needs) ~= needs then
    access = 2
  end
end

local kind, how = ARGV[5], ARGV[6]
local state = state_of(kind)
local items, next_cursor = {}, '0'
local changes, generation = unpack(redis.call('HMGET', KEYS[3], kind .. '.n', kind .. '.g'))

local function get(ids)
  local at = 1
  while at <= #ids do
    local id
    id, at = struct.unpack('>I4c0', ids, at)
    local entity = state ~= 2 and redis.call('HGET', KEYS[6], id)
    if entity and not is_old(KEYS[7], id) then
      items[#items + 1] = entity
    elseif state == 1 then
      items[#items + 1] = 0
    else
      local ends = redis.call('ZSCORE', KEYS[8], id)
      items[#items + 1] = ends and tonumber(ends) > now and 0 or 1
    end
  end
end

local function page(cursor, count)
  local of, at = string.match(cursor, '^(%d+):(%d+)$')
  local bytes, portions = 0, 0
  local has_marks = state == 1 and redis.call('EXISTS', KEYS[7]) == 1
  generation = generation or '0'
  if of ~= generation then
    at = '0'
  end
  repeat
    local scanned = redis.call('HSCAN', KEYS[6], at, 'COUNT', PORTION)
    at = scanned[1]
    portions = portions + 1
    for i = 2, #scanned[2], 2 do
      if not has_marks or not is_old(KEYS[7], scanned[2][i - 1]) then
        items[#items + 1] = scanned[2][i]
        bytes = bytes + #scanned[2][i]
      end
    end
  until at == '0' or #items >= count or bytes >= PAGE_BYTES or portions >= PORTIONS_MAX
  next_cursor = at == '0' and '0' or generation .. ':' .. at
end

local function find(prefix, count)
  local ids, seen = {}, {}
  for rank = 0, 1 do
    local from = '[' .. rank .. prefix
    for _, entry in ipairs(redis.call('ZRANGEBYLEX', KEYS[9], from, from .. '\255', 'LIMIT', 0, 2 * count)) do
      local id = string.match(entry, '([^%z]*)$')
      if not seen[id] and #ids < count then
        seen[id] = true
        ids[#ids + 1] = id
      end
    end
  end
  for i, entity in ipairs(#ids > 0 and redis.call('HMGET', KEYS[6], unpack(ids)) or {}) do
    if entity then
      items[#items + 1] = entity
    end
  end
end

if access == 3 then
  if how == 'get' then
    get(ARGV[7])
  elseif how == 'page' then
    page(ARGV[7], tonumber(ARGV[8]))
  elseif how == 'find' then
    find(ARGV[7], tonumber(ARGV[8]))
  end
end
return {access, bits, tonumber(changes or 0), state, next_cursor, items}
