-- SPDX-License-Identifier: MIT
-- fleet_place: take an id for a room, and a place for it.
--
-- KEYS[1]  sb:{fleet:<realm>:all}:heads  hash     see fleet_head
-- KEYS[2]  ...:claims                    hash     see fleet_names
-- KEYS[3]  ...:reserved                  hash     see fleet_reserve
-- KEYS[4]  ...:commands                  hash     see fleet_reserve
-- KEYS[5]  ...:due                       zset     see fleet_reserve
-- KEYS[6]  ...:number                    integer  the last command's number, without its slot
-- KEYS[7]  ...:nodes                     zset     node => when its lease is over, ms
-- KEYS[8]  ...:free                      zset     see fleet_index
-- KEYS[9]  ...:tags                      hash     see fleet_index
-- KEYS[10] ...:uids                      hash     processUid => ids of its instances, in the order of joining
-- KEYS[11] ...:facts                     hash     see fleet_all
-- KEYS[12] ...:metadata                  zset     see fleet_reserve
-- ARGV[1]  base
-- ARGV[2]  how        'i' on the instance ARGV[3], 'u' on the last one with the processUid ARGV[3]; in capitals:
--                     though it drains or is stale; 'l' least loaded, 'm' most loaded, 'r' any
-- ARGV[3]  pin
-- ARGV[4]  tags       that a candidate must have, 16 bytes each; of a pinned one: none or one
-- ARGV[5]  metadata   a JSON object; '': none
-- ARGV[6]  requester
-- ARGV[7]  numbers    now, due (8 bytes each), four random ones (4 bytes each), big-endian
--
-- Returns  {0, id, owner, url, command}   a command's number: what fleet_settle asks for
--          {refusal}   enum fleet_refusal; nothing was written
-- Repeat   not safe
-- Cost     O(log candidates) for one tag; for more O(candidates that have the rarest one) at worst.
--          Redis' CPU, 32 calls at a time, 1,000 instances of 20 rooms, 5 types: any of one tag 35 to 50 us, refused as busy
--          26 us; with a label 42 to 70 us, with two of which one is rare 41 us; two labels of a quarter each that nobody has
--          together 155 us

local HEADS, CLAIMS, RESERVED, COMMANDS, DUE, NUMBER = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local NODES, FREE, TAGS = KEYS[7], KEYS[8], KEYS[9]
local base, how, tags = ARGV[1], ARGV[2], ARGV[4]
local now, due, random1, random2, random3, random4 = struct.unpack('>I8I8I4I4I4I4', ARGV[7])
local EXISTS, NO_CANDIDATE, UNKNOWN, DRAINING, DISCONNECTED, BUSY = 1, 2, 3, 4, 5, 6
local PROBES = {random1, random2, random3}
local CHUNK, STEPS = 64, 32

-- include: fleet_head
-- include: fleet_index

-- A claim of 25 bytes (see fleet_names) begins with an id; where there is no such instance any more it does not count.
local function is_claimed()
  local list = redis.call('HGET', CLAIMS, base) or ''
  for at = 1, #list, 25 do
    if redis.call('HEXISTS', HEADS, string.sub(list, at, at + 15)) == 1 then
      return true
    end
  end
  return false
end

if is_claimed() or redis.call('HEXISTS', RESERVED, base) == 1 then
  return {EXISTS}
end

local leases = {}
local function is_live(owner)
  if leases[owner] == nil then
    local ends = redis.call('ZSCORE', NODES, owner)
    leases[owner] = ends and tonumber(ends) > now or false
  end
  return leases[owner]
end

local heads = {}
local function live_head(entry)
  local id = string.sub(entry, 26)
  local h = heads[id] or read_head(id)
  heads[id] = h
  return h and is_live(h.owner) and h or nil
end

-- ---- entries of the index that share a beginning

local function bounds(prefix)
  return '[' .. prefix, '(' .. prefix .. '\255'
end

local function count(prefix)
  local from, to = bounds(prefix)
  return redis.call('ZLEXCOUNT', FREE, from, to)
end

-- What candidates need besides the rarest tag, which is first.
local others = {}
local function order_tags()
  local rarest, fewest
  for at = 1, #tags, 16 do
    local tag = string.sub(tags, at, at + 15)
    local found = #tags > 16 and count('u' .. tag) + count('r' .. tag) or 0
    if not fewest or found < fewest then
      rarest, fewest = tag, found
    end
    others[#others + 1] = tag
  end
  for i = 1, #others do
    if others[i] == rarest then
      table.remove(others, i)
      break
    end
  end
  return rarest
end

-- Those of the entries that have the other tags, too: then there is an entry of that tag with the same score.
local function with_others(entries)
  for i = 1, #others do
    local wanted, kept = {}, {}
    for k = 1, #entries do
      wanted[k] = string.sub(entries[k], 1, 1) .. others[i] .. string.sub(entries[k], 18)
    end
    if #wanted > 0 then
      local scores = redis.call('ZMSCORE', FREE, unpack(wanted))
      for k = 1, #entries do
        if scores[k] then
          kept[#kept + 1] = entries[k]
        end
      end
    end
    entries = kept
  end
  return entries
end

-- The first entry of a list (from its end for the most loaded) whose instance is a candidate.
local function first_candidate(prefix)
  local from, to = bounds(prefix)
  local is_last = how == 'm'
  local size = 1
  while true do
    local entries = is_last and redis.call('ZREVRANGEBYLEX', FREE, to, from, 'LIMIT', 0, size) or
      redis.call('ZRANGEBYLEX', FREE, from, to, 'LIMIT', 0, size)
    local fitting = with_others(entries)
    for i = 1, #fitting do
      if live_head(fitting[i]) then
        return fitting[i]
      end
    end
    if #entries < size then
      return nil
    end
    if is_last then
      to = '(' .. entries[size]
    else
      from = '(' .. entries[size]
    end
    size = CHUNK
  end
end

-- ---- one of many, each as likely as the others

local function all_of(prefix, to)
  local from, till = bounds(prefix)
  while true do
    local entries = redis.call('ZRANGEBYLEX', FREE, from, till, 'LIMIT', 0, CHUNK)
    local fitting = with_others(entries)
    for i = 1, #fitting do
      if live_head(fitting[i]) then
        to[#to + 1] = fitting[i]
      end
    end
    if #entries < CHUNK then
      return
    end
    from = '(' .. entries[CHUNK]
  end
end

-- The entry with so many before it: Redis would step over each of them, so many ones are counted instead.
local function nth(prefix, at)
  local from, to = bounds(prefix)
  if at < STEPS then
    return redis.call('ZRANGEBYLEX', FREE, from, to, 'LIMIT', at, 1)
  end
  local first = redis.call('ZRANK', FREE, redis.call('ZRANGEBYLEX', FREE, from, to, 'LIMIT', 0, 1)[1])
  return redis.call('ZRANGE', FREE, first + at, first + at)
end

-- A few blind tries first: nearly always the first one hits.
local function any_of(prefixes)
  local counts, total = {}, 0
  for i = 1, #prefixes do
    counts[i] = count(prefixes[i])
    total = total + counts[i]
  end
  for probe = 1, total > 0 and #PROBES or 0 do
    local at, i = PROBES[probe] % total, 1
    while at >= counts[i] do
      at, i = at - counts[i], i + 1
    end
    local fitting = with_others(nth(prefixes[i], at))
    if fitting[1] and live_head(fitting[1]) then
      return live_head(fitting[1])
    end
  end
  local fair = {}
  for i = 1, #prefixes do
    all_of(prefixes[i], fair)
  end
  return #fair > 0 and live_head(fair[random4 % #fair + 1]) or nil
end

local function load_of(entry)
  return (struct.unpack('>I8', entry, 18))
end

-- Connections by their bound are compared only when every candidate has one.
local function best_prefixes(rarest)
  if how == 'r' then
    return {'u' .. rarest, 'r' .. rarest}
  end
  local unbounded = first_candidate('u' .. rarest)
  local bounded = first_candidate((unbounded and 'r' or 'q') .. rarest)
  if unbounded and bounded then
    local a, b = load_of(unbounded), load_of(bounded)
    if a == b then
      return {string.sub(unbounded, 1, 25), string.sub(bounded, 1, 25)}
    end
    return {string.sub((a < b) == (how == 'l') and unbounded or bounded, 1, 25)}
  end
  local only = unbounded or bounded
  return only and {string.sub(only, 1, 25)} or {}
end

-- ---- a pinned one

local function pinned_id()
  if string.upper(how) == 'I' then
    return ARGV[3]
  end
  return string.sub(redis.call('HGET', KEYS[10], ARGV[3]) or '', -16)
end

local function has_tag(id, tag)
  local has = redis.call('HGET', TAGS, id) or ''
  for at = 1, #has, 16 do
    if string.sub(has, at, at + 15) == tag then
      return true
    end
  end
  return false
end

local function pinned()
  local h, is_forced = read_head(pinned_id()), how == string.upper(how)
  if not h then
    return nil, UNKNOWN
  elseif status_of(h) == 1 and not is_forced then
    return nil, DRAINING
  elseif h.stale == 1 and not is_forced or not is_live(h.owner) then
    return nil, DISCONNECTED
  elseif h.creates == 0 or tags ~= '' and not has_tag(h.id, tags) then
    return nil, NO_CANDIDATE
  end
  return h
end

local h, refusal
if string.find('iIuU', how, 1, true) then
  h, refusal = pinned()
else
  h, refusal = any_of(best_prefixes(order_tags())), NO_CANDIDATE
end
if not h then
  return {refusal}
end

-- include: fleet_slot

local slot = free_slot(h)
if not slot then
  return {BUSY}
end
-- What was put for an earlier room of that id may be there still: nobody saw it go.
if ARGV[5] ~= '' or redis.call('EXISTS', KEYS[12]) == 1 then
  local uid = struct.unpack('>I4c0', redis.call('HGET', KEYS[11], h.id))
  local prefix = struct.pack('>I4c0', #uid, uid) .. base
  redis.call('ZREMRANGEBYLEX', KEYS[12], '[' .. prefix .. '\0', '(' .. prefix .. '\1')
  if ARGV[5] ~= '' then
    redis.call('ZADD', KEYS[12], 0, prefix .. '\0' .. ARGV[5])
  end
end
local command = begin_command(h, slot, 0, ARGV[6], base)
redis.call('HSET', RESERVED, base, 'r')
h.making = h.making + 1
relist(h)
write_head(h)
return {0, h.id, h.owner, h.url, command}
