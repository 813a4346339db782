-- SPDX-License-Identifier: MIT
-- fleet_apply: an instance's full state becomes what everybody sees.
--
-- KEYS     see fleet_all
-- ARGV[1]  id
-- ARGV[2]  owner
-- ARGV[3]  numbers    seq (4 bytes), is repeat (1), poll (8), status, autoCreate, has maxRooms, has maxConnections (1
--                     each), maxRooms, maxConnections (4 each, signed), connections (8), rooms (4), seq of the state that
--                     the differences are from (4); big-endian
-- ARGV[4]  record     what nodes read
-- ARGV[5]  digest     16 hexadecimal digits
-- ARGV[6]  uid
-- ARGV[7]  uid within JSON
-- ARGV[8]  url        of the endpoint, as JSON
-- ARGV[9]  types      as JSON
-- ARGV[10] tags       16 bytes each
-- ARGV[11] document   InstanceInfo up to its rooms, for its join; '': it has joined
-- ARGV[12] rest       InstanceInfo behind its rooms
-- ARGV[13] rooms      all of them: see fleet_all
-- ARGV[14] added      '1': in ascending order, else '0'; origin ('0' by a command, '1'), base (behind 2 bytes), tail:
--                     how much of its beginning, and of its end, is that of the first tail of this origin (2 bytes each),
--                     and what is between (behind 4)
-- ARGV[15] changed    origin, base
-- ARGV[16] removed    base
-- ARGV[17] replaced   as in fleet_remove; '': none
-- ARGV[18] topic      of the channel of events
-- ARGV[19] bounds     see fleet_meta
--
-- Returns  {0, dropped, version, join, rival base, rival, renamed, requester, command, ...}  applied; the log has dropped
--                     so many entries; a room that was made by a command elsewhere and has a base of ours, and what the
--                     one of the two is called that does not keep it, or '' three times; what was under way to the one
--                     that was replaced
--          {1}        a seq that is no later
--          {2}        differences, and what they are from is not there, or not any more
--          {3, id}    its processUid is there under an owner who is dead: to be replaced; '': another node's
-- Repeat   safe as a repeat
-- Cost     O(what has changed). Redis' CPU, 32 calls at a time, 1,000 instances of 20 rooms and three tags: connections
--          only 60 to 80 us (a third of it the index); a first state 240 to 310 us; with 50,000 rooms 0.5 s, 0.9 s while
--          Redis has to grow for it (its events alone are 17 MB)

local topic, bounds = ARGV[18], ARGV[19]
local id, owner = ARGV[1], ARGV[2]
local seq, is_repeat, poll, status, creates, has_max_rooms, has_max_connections, max_rooms,
  max_connections, connections, room_count, base_seq = struct.unpack('>I4BI8BBBBi4i4I8I4I4', ARGV[3])
local uid, types, tags, document = ARGV[6], ARGV[9], ARGV[10], ARGV[11]
local has_rooms_changed = ARGV[14] ~= '' or ARGV[15] ~= '' or ARGV[16] ~= '' or ARGV[17] ~= ''

-- include: fleet_all
-- include: fleet_head
-- include: fleet_index

local h = read_head(id)
local is_first = not h
local is_repeated = h and is_repeat == 1 and seq == h.seq

if is_first and document == '' then
  return {2}
elseif h and h.owner ~= owner then
  return {3, ''}
elseif h and seq <= h.seq and not is_repeated then
  return {1}
elseif is_repeated then
  return {0, 0, h.version, h.join, '', '', ''}
elseif document == '' and h.seq ~= base_seq then -- only its owner writes it: Redis has lost what came after
  return {2}
end

local facts = struct.pack('>I4c0I4c0I4c0', #uid, uid, #ARGV[7], ARGV[7], #types, types)
local old_facts = h and redis.call('HGET', FACTS, id)
local old_tags = h and redis.call('HGET', TAGS, id) or ''

-- include: fleet_meta

local function take_numbers()
  meta.rooms = meta.rooms - h.rooms + room_count
  meta.connections = meta.connections - h.connections + connections
  h.seq, h.status, h.creates, h.rooms, h.connections = seq, status, creates, room_count, connections
  h.has_max_rooms, h.has_max_connections = has_max_rooms, has_max_connections
  h.max_rooms, h.max_connections, h.url, h.stale = max_rooms, max_connections, ARGV[8], 0
  if h.override == status + 1 then
    h.override = 0
  end
  redis.call('HSET', SYNCED, id, string.format('%.0f', now))
end

local function take_record()
  mix(ARGV[5])
  h.digest = ARGV[5]
  h.version = next_version(id)
  redis.call('HSET', RECORDS, id, ARGV[4])
end

-- ---- other numbers or another status: what nearly all states say. What comes behind is not even made then

if h and h.holds == 0 and h.rooms == room_count and h.digest ~= ARGV[5] and not has_rooms_changed and
  old_facts == facts and old_tags == tags then
  local old_entries = index_entries(h, tags)
  local was_listed, old_connections, old_max = h.listed, h.connections, h.max_connections
  take_numbers()
  h.listed = wanted_list(h)
  if h.listed ~= was_listed or connections ~= old_connections or max_connections ~= old_max then
    index_remove(old_entries)
    index_add(index_entries(h, tags))
  end
  mix(h.digest)
  take_record()
  redis.call('HSET', ROOMS, id, ARGV[13])
  write_head(h)
  local sync, dropped = sync_event(), 0
  if sync then
    local number = next_number()
    dropped = push_entry(number, entry_head(number) .. sync, true)
    renew_log()
  end
  write_meta()
  return {0, dropped, h.version, h.join, '', '', ''}
end

-- include: fleet_log
-- include: fleet_reserve
-- include: fleet_kin

-- ---- the same processUid elsewhere

local function orphan()
  for other in string.gmatch(redis.call('HGET', UIDS, uid) or '', string.rep('.', 16)) do
    local head = read_head(other)
    if head and is_lease_over(head.owner) then
      return other
    end
  end
  return nil
end

if is_first and ARGV[17] == '' then
  local other = orphan()
  if other then
    return {3, other}
  end
end

local old_uid = old_facts and struct.unpack('>I4c0', old_facts)
local has_names = is_first or h.rooms ~= room_count or old_uid ~= uid or has_rooms_changed

-- ---- the rooms' names, and all events but the last

-- Returns a refusal, or {rival base, rival, renamed, requester, command, ...}
local function change_names()
  -- include: fleet_names
  -- include: fleet_gone

  local function read_bases(packed)
    local list, at = {}, 1
    while at <= #packed do
      list[#list + 1], at = struct.unpack('>I2c0', packed, at)
    end
    return list
  end

  local function read_changed(packed)
    local origins, bases, at = {}, {}, 1
    while at <= #packed do
      local n = #bases + 1
      origins[n] = string.sub(packed, at, at)
      bases[n], at = struct.unpack('>I2c0', packed, at + 1)
    end
    return origins, bases
  end

  local function read_added(packed)
    local origins, bases, told, firsts, at, n = {}, {}, {}, {}, 2, 0
    while at <= #packed do
      local origin, base, begin_len, end_len, middle, after = struct.unpack('>c1I2c0I2I2I4c0', packed, at)
      local first = firsts[origin]
      if not first then
        first = {tail = middle, begins = {[0] = ''}, ends = {[0] = ''}}
        firsts[origin] = first
      end
      local begins, ends = first.begins, first.ends
      begins[begin_len] = begins[begin_len] or string.sub(first.tail, 1, begin_len)
      ends[end_len] = ends[end_len] or string.sub(first.tail, -end_len)
      n, at = n + 1, after
      origins[n], bases[n] = origin, base
      told[n] = begins[begin_len] .. middle .. ends[end_len]
    end
    return origins, bases, told, string.sub(packed, 1, 1) == '1'
  end

  -- Of several of our rooms with one base the differences do not tell which one they mean: all rooms do.
  local function recount(bases, join)
    local doubtful = {}
    for i = 1, #bases do
      if not doubtful[bases[i]] and count_of(before[bases[i]], id) > 1 then
        doubtful[bases[i]] = true
        while count_of(claims[bases[i]], id) > 0 do
          remove_claim(bases[i], id)
        end
      end
    end
    local packed, at = next(doubtful) and ARGV[13] or '', 1
    while at <= #packed do
      local origin = string.sub(packed, at, at)
      local _, _, base, after = struct.unpack('>BI4I2c0', packed, at)
      if doubtful[base] then
        add_claim(base, id, origin, join)
      end
      at = after
    end
  end

  local function rival(origins, bases, shared)
    for _, i in ipairs(shared) do
      local list = claims[bases[i]]
      for at = 1, origins[i] == '0' and #list or 0, CLAIM do
        local other = string.sub(list, at, at + 15)
        if other ~= id and string.sub(list, at + 16, at + 16) == '0' then
          local loser = string.sub(list, 1, 16) == id and other or id
          return bases[i], other, uid_of(loser)[1] .. '~' .. bases[i]
        end
      end
    end
    return '', '', ''
  end

  local origins, added, told, are_ascending = read_added(ARGV[14])
  local changed_origins, changed = read_changed(ARGV[15])
  local removed = read_bases(ARGV[16])
  if (h and h.rooms or 0) + #added - #removed ~= room_count then
    if is_first or #added ~= room_count or #removed + #changed > 0 then
      return {2}
    end
    -- all of it again, from somebody who does not know how far it had come
    starts_over = true
    removed = bases_of(id)
  end

  local replaced, leaving
  if ARGV[17] ~= '' then
    leaving = read_leaving(ARGV[17])
    replaced = read_head(leaving.id)
    if replaced and not is_lease_over(replaced.owner) then
      replaced = nil -- it lives: both stay
    elseif replaced and not may_go(replaced, leaving) then
      return {3, leaving.id}
    end
  end

  if is_first then
    meta.join = meta.join + 1
  end
  local join = h and h.join or meta.join
  local lost = {}
  uids[id] = {uid, ARGV[7]}
  load_claims(removed)
  load_claims(changed)
  if old_uid and old_uid ~= uid then
    local _, old_json = struct.unpack('>I4c0I4c0', old_facts)
    local contested = {}
    old_uids[id] = {old_uid, old_json}
    for base in pairs(renames_of(id)) do
      contested[#contested + 1], is_forced[base] = base, true
    end
    load_claims(contested)
  end
  if replaced then
    leaving.bases = bases_of(leaving.id)
    load_claims(leaving.bases)
    lost = go(replaced, leaving)
  end
  for i = 1, #removed do
    remove_claim(removed[i], id)
    lost_tails[#lost_tails + 1] = id .. removed[i]
  end
  for i = 1, #changed do
    remove_claim(changed[i], id)
    add_claim(changed[i], id, changed_origins[i], join)
  end
  local shared = claim_rooms(id, join, origins, added, are_ascending)
  recount(removed, join)
  recount(changed, join)
  local jsons = add_own(id, added, origins, told, shared)
  settle_names(id)
  redis.call('HSET', ROOMS, id, ARGV[13])
  sort_foreign()
  know_foreign(0, join)
  if is_first then
    tell_list('event: instance:join\ndata: ' .. document, jsons, told, ARGV[12] .. '\n\n')
  end
  know(own_names, own_jsons, own_tails)
  know_foreign(join, math.huge)
  tell_destroyed()
  write_claims()
  write_renames(id)
  if metadata_is_there then
    describe(id, uid)
  end
  local rival_base, rival_id, loser = rival(origins, added, shared)
  return {rival_base, rival_id, loser, unpack(lost)}
end

local result = {'', '', ''}
if has_names then
  result = change_names()
  if type(result[1]) == 'number' then
    return result
  end
end

-- ---- the rest of what is kept

local is_same = not has_names and h.digest == ARGV[5] and old_facts == facts and old_tags == tags and
  redis.call('HGET', RECORDS, id) == ARGV[4]
h = h or {
  id = id, owner = owner, override = 0, stale = 0, listed = 0, making = 0, holds = 0, slots = 0,
  rooms = 0, connections = 0, max_connections = 0, version = 0, join = meta.join,
}

local function reindex(old_entries)
  local is_old, fresh, stale = {}, {}, {}
  for i = 1, #old_entries do
    is_old[old_entries[i]] = true
  end
  for _, entry in ipairs(index_entries(h, tags)) do
    if is_old[entry] then
      is_old[entry] = nil
    else
      fresh[#fresh + 1] = entry
    end
  end
  for entry in pairs(is_old) do
    stale[#stale + 1] = entry
  end
  index_remove(stale)
  index_add(fresh)
end

local was_listed, old_connections, old_max = h.listed, h.connections, h.max_connections
local old_entries = not is_same and index_entries(h, old_tags) or {}
take_numbers()
for _, base in ipairs(drop_holds(h, poll)) do
  if redis.call('HEXISTS', CLAIMS, base) == 0 then -- it never became a room
    forget_metadata_of(id, base)
  end
end
if is_same then
  relist(h)
else
  h.listed = wanted_list(h)
  if h.listed ~= was_listed or connections ~= old_connections or max_connections ~= old_max or tags ~= old_tags then
    reindex(old_entries)
  end
end

if is_first then
  meta.instances = meta.instances + 1
  add_owned(owner, 1)
end
if not is_same then
  if old_facts then
    mix(h.digest)
  end
  take_record()
  if not has_names then
    redis.call('HSET', ROOMS, id, ARGV[13])
  end
end
if old_facts ~= facts then
  local _, _, old_types = struct.unpack('>I4c0I4c0I4c0', old_facts or struct.pack('>I4I4I4c0', 0, 0, 2, '[]'))
  if old_types ~= types then
    count_types(old_types, -1)
    count_types(types, 1)
  end
  redis.call('HSET', FACTS, id, facts)
end
if old_tags ~= tags then
  redis.call('HSET', TAGS, id, tags)
end
if old_uid and old_uid ~= uid then
  leave_uid(id, old_uid)
end
if old_uid ~= uid then
  redis.call('HSET', UIDS, uid, (redis.call('HGET', UIDS, uid) or '') .. id)
  redis.call('ZREM', FORSAKEN, uid)
end
write_head(h)
return {0, finish(), h.version, h.join, unpack(result)}
