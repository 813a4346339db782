-- SPDX-License-Identifier: MIT
-- ---- fleet_names: who has which base, and so which public ids there are.
--
-- A claim is an instance's id (16 bytes), its origin ('0' by a command, '1' otherwise) and its join number (8 bytes,
-- big-endian). The claims of a base stand in the order of their right to it: the first keeps it, all others are
-- called <processUid>~<base>.
-- A rename is <kind><length of the base, 2 bytes><base>; kinds: 'a' all of the instance's rooms of that base, 'o' all
-- but one.
--
-- Wants    fleet_all, fleet_meta, fleet_log
-- Returns  bases_of(id), load_claims(bases), remove_claim(base, id), claim_rooms(us, join, origins, bases, are_ascending), then
--          add_own(us, bases, origins, told, shared), settle_names(us); release_rooms(us, bases) for one that goes;
--          know(names, jsons, tails), sort_foreign(), know_foreign(from, till),
--          tell_destroyed() for the events; write_claims(), write_renames(us), describe(id, uid)
local CLAIM = 25

-- ---- what is known of instances

local uids = {} -- id => {uid, uid within JSON}, now; false: there is no such instance
local old_uids = {}

local function uid_of(id, known)
  local uid = known and known[id] or uids[id]
  if uid == nil then
    local facts = redis.call('HGET', FACTS, id)
    uid = false
    if facts then
      local raw, json = struct.unpack('>I4c0I4c0', facts)
      uid = {raw, json}
    end
    uids[id] = uid
  end
  return uid
end

-- ---- claims

local before, claims = {}, {} -- base => its claims when this step began, and now
local touched = {}

-- Whoever is not there (Redis lost him, and not all that was his) has no right to anything.
local function hold_claims(base, list)
  before[base], claims[base] = list, list
  touched[#touched + 1] = base
  for at = #list - CLAIM + 1, 1, -CLAIM do
    if not uid_of(string.sub(list, at, at + 15)) then
      claims[base] = string.sub(claims[base], 1, at - 1) .. string.sub(claims[base], at + CLAIM)
    end
  end
end

local function load_claims(bases)
  for from = 1, #bases, CHUNK do
    local till = math.min(from + CHUNK - 1, #bases)
    local found = redis.call('HMGET', CLAIMS, unpack(bases, from, till))
    for i = from, till do
      local base = bases[i]
      if not before[base] then
        hold_claims(base, found[i - from + 1] or '')
      end
    end
  end
end

local function right_of(list, at)
  return string.byte(list, at + 16), (struct.unpack('>I8', list, at + 17))
end

local function add_claim(base, id, origin, join)
  local list, claim = claims[base], id .. origin .. struct.pack('>I8', join)
  local kind = string.byte(origin)
  for at = 1, #list, CLAIM do
    local other_kind, other_join = right_of(list, at)
    if kind < other_kind or kind == other_kind and join < other_join then
      claims[base] = string.sub(list, 1, at - 1) .. claim .. string.sub(list, at)
      return
    end
  end
  claims[base] = list .. claim
end

-- Of several of an instance the one with the least right.
local function remove_claim(base, id)
  local list = claims[base]
  for at = #list - CLAIM + 1, 1, -CLAIM do
    if string.sub(list, at, at + 15) == id then
      claims[base] = string.sub(list, 1, at - 1) .. string.sub(list, at + CLAIM)
      return
    end
  end
end

local function count_of(list, id)
  local count = 0
  for at = 1, #list, CLAIM do
    if string.sub(list, at, at + 15) == id then
      count = count + 1
    end
  end
  return count
end

-- How the rooms of one instance among these claims are renamed: nil not at all.
local function rename_of(list, id)
  local count = count_of(list, id)
  if count == 0 then
    return nil
  elseif string.sub(list, 1, 16) ~= id then
    return 'a'
  end
  return count > 1 and 'o' or nil
end

-- Where rooms of these bases stand in an instance, and how many connections they have.
local function find_rooms(id, wanted)
  local packed, found, at, position = redis.call('HGET', ROOMS, id) or '', {}, 1, 0
  while at <= #packed do
    local _, connections, base, after = struct.unpack('>BI4I2c0', packed, at)
    position = position + 1
    if wanted[base] and not found[base] then
      found[base] = {position, connections}
    end
    at = after
  end
  return found
end

-- The bases of all its rooms.
local function bases_of(id)
  local packed, list, at, _ = redis.call('HGET', ROOMS, id) or '', {}, 1
  while at <= #packed do
    _, _, list[#list + 1], at = struct.unpack('>BI4I2c0', packed, at)
  end
  return list
end

-- ---- RoomInfo

local metadata_is_there = redis.call('EXISTS', METADATA) == 1

-- base => what a caller has put, a JSON object, of all rooms of a processUid
local put = {}
local function metadata_of(uid)
  local found = put[uid]
  if not found then
    local from = struct.pack('>I4c0', #uid, uid)
    found = {}
    for _, member in ipairs(redis.call('ZRANGEBYLEX', METADATA, '[' .. from, '(' .. from .. '\255')) do
      local cut = string.find(member, '\0', #from + 1, true)
      found[string.sub(member, #from + 1, cut - 1)] = string.sub(member, cut + 1)
    end
    put[uid] = found
  end
  return found
end

-- What was put by a caller counts unless the agent says something itself.
local function with_metadata(tail, uid, base)
  local found = metadata_is_there and metadata_of(uid)[base]
  if not found or string.find(tail, ',"metadata":', 1, true) then
    return tail
  end
  return string.sub(tail, 1, -2) .. ',"metadata":' .. found .. '}'
end

-- What is known of a public id: the order of its create (8 bytes), the two lowest bytes of that eight times each, its
-- name within JSON behind 2 bytes, '' for the name itself, and the rest of its RoomInfo as it was then. (Of a long text
-- Lua's hash takes only some bytes, each eighth at most: these tell apart what is equal else.)
local marks = {}

local function known_of(order, name, json, tail)
  local low, high = order % 256, math.floor(order / 256) % 256
  marks[low] = marks[low] or string.rep(string.char(low), 8)
  marks[high] = marks[high] or string.rep(string.char(high), 8)
  local packed = json == name and '\0\0' or struct.pack('>I2c0', #json, json)
  return struct.pack('>I8', order) .. marks[low] .. marks[high] .. packed .. tail
end

-- Returns its order, name within JSON, tail
local function read_known(info, name)
  local order, _, json, at = struct.unpack('>I8c16I2c0', info)
  return order, json ~= '' and json or name, string.sub(info, at)
end

-- The tail of a room that is there already, as its instance told it, with the connections that it has now.
local function tail_of(id, base, connections, origin)
  local tail = redis.call('HGET', TAILS, id .. base)
  if not tail then
    local info = redis.call('HGET', KNOWN, base)
    tail = info and select(3, read_known(info, base)) or '"type":"","connections":0}'
  end
  if connections then
    tail = string.gsub(tail, '"connections":%d+', string.format('"connections":%.0f', connections), 1)
  end
  return (string.gsub(tail, ',"local":%a+', origin == '0' and ',"local":false' or '%0', 1))
end

-- ---- the difference

local own_names, own_jsons, own_tails = {}, {}, {} -- creates of rooms that this step adds: told in their order
local is_own = {}
local foreign = {}                  -- creates of others, and of ours by a change of right
local destroyed = {}                -- names
local tails, lost_tails = {}, {}    -- <id><base>, tail, …; <id><base>, …
local renamed = {}                  -- id => {base => kind or false}
local is_forced = {}                -- bases whose names change though their claims do not

local function note_rename(id, base, old, new)
  renamed[id] = renamed[id] or {}
  renamed[id][base] = new or false
  if old then
    mix(redis.sha1hex('rename' .. id .. old .. base))
  end
  if new then
    mix(redis.sha1hex('rename' .. id .. new .. base))
  end
end

local function note_tail(id, base, tail)
  tails[#tails + 1] = id .. base
  tails[#tails + 1] = tail
end

-- Who is the only one may have made its public id known, and may not be the one that has it for long.
local function keep_tail(base)
  local id = string.sub(before[base], 1, 16)
  if #before[base] ~= CLAIM or not string.find(claims[base], id, 1, true) or
    redis.call('HEXISTS', TAILS, id .. base) == 1 then
    return
  end
  local info = redis.call('HGET', KNOWN, base)
  if info then
    note_tail(id, base, (select(3, read_known(info, base))))
  end
end

-- The public ids of one base: name => {id of the first that has it, name within JSON, its origin}
local function names_of(base, list, known)
  local names = {}
  if list ~= '' then
    names[base] = {string.sub(list, 1, 16), base, string.sub(list, 17, 17)}
  end
  for at = 1 + CLAIM, #list, CLAIM do
    local id = string.sub(list, at, at + 15)
    local uid = uid_of(id, known)
    if uid then
      local name = uid[1] .. '~' .. base
      names[name] = names[name] or {id, uid[2] .. '~' .. base, string.sub(list, at + 16, at + 16)}
    end
  end
  return names
end

local function compare_renames(base)
  local seen = {}
  for _, list in ipairs({before[base], claims[base]}) do
    for at = 1, #list, CLAIM do
      local id = string.sub(list, at, at + 15)
      local was, is = rename_of(before[base], id), rename_of(claims[base], id)
      if not seen[id] and was ~= is then
        note_rename(id, base, was, is)
      end
      seen[id] = true
    end
  end
end

-- Several rooms have or had this base.
local function contest(base)
  keep_tail(base)
  compare_renames(base)
  local names = names_of(base, claims[base])
  for name, of in pairs(names) do
    if not is_own[name] and redis.call('HEXISTS', KNOWN, name) == 0 then
      foreign[#foreign + 1] = {name = name, id = of[1], json = of[2], origin = of[3], base = base}
    end
  end
  for name in pairs(names_of(base, before[base], old_uids)) do
    if not names[name] then
      destroyed[#destroyed + 1] = name
    end
  end
end

-- A room of ours that has a base with others, once all claims are there; they come in their order. Of several of ours
-- with one base the first with the keeper's origin is the one that keeps it.
local keeps, starts_over = {}, false
local function name_own(us, base, origin, tail)
  local list = claims[base]
  local uid = uids[us]
  local name, json, is_new = base, base, before[base] == ''
  if #list > CLAIM then
    local is_kept = string.sub(list, 1, 17) == us .. origin and not keeps[base] and
      (starts_over or string.sub(before[base], 1, 16) ~= us)
    keeps[base] = keeps[base] or is_kept
    if not is_kept then
      name, json = uid[1] .. '~' .. base, uid[2] .. '~' .. base
      is_new = redis.call('HEXISTS', KNOWN, name) == 0
    end
  end
  note_tail(us, base, tail)
  if is_new and not is_own[name] then
    is_own[name] = true
    return json, name
  end
  return json
end

-- Claims for all rooms that come. Nearly all have a base of their own: those are done with here, `shared` are the
-- places of the others. In ascending order none is there twice.
local function claim_rooms(us, join, origins, bases, are_ascending)
  local first, shared = {}, {}
  local claim = {['0'] = us .. '0' .. struct.pack('>I8', join), ['1'] = us .. '1' .. struct.pack('>I8', join)}

  local function share(i, found)
    local base = bases[i]
    if not claims[base] then
      hold_claims(base, found or '')
    end
    add_claim(base, us, origins[i], join)
    shared[#shared + 1] = i
  end

  for from = 1, #bases, CHUNK do
    local till = math.min(from + CHUNK - 1, #bases)
    local found = redis.call('HMGET', CLAIMS, unpack(bases, from, till))
    local own, n = {}, 0
    for i = from, till do
      local base = bases[i]
      if claims[base] or found[i - from + 1] then
        share(i, found[i - from + 1])
      elseif first[base] then -- twice in one instance
        share(first[base])
        share(i)
      else
        first[base] = not are_ascending and i or nil
        own[n + 1], own[n + 2] = base, claim[origins[i]]
        n = n + 2
      end
    end
    for at = 1, n, CHUNK do
      redis.call('HSET', CLAIMS, unpack(own, at, math.min(at + CHUNK - 1, n)))
    end
  end
  table.sort(shared)
  return shared
end

-- What all rooms that come are called: returns their names within JSON.
local function add_own(us, bases, origins, told, shared)
  if metadata_is_there then
    for i = 1, #bases do
      told[i] = with_metadata(told[i], uids[us][1], bases[i])
    end
  end
  if #shared == 0 then
    own_names, own_jsons, own_tails = bases, bases, told
    return bases
  end
  local is_shared, jsons, n = {}, {}, 0
  for _, i in ipairs(shared) do
    is_shared[i] = true
  end
  for i = 1, #bases do
    local name = bases[i]
    jsons[i] = name
    if is_shared[i] then
      jsons[i], name = name_own(us, bases[i], origins[i], told[i])
    end
    if name then
      n = n + 1
      own_names[n], own_jsons[n], own_tails[n] = name, jsons[i], told[i]
    end
  end
  return jsons
end

-- Gives up the claims of an instance that goes. Nearly all rooms have a base of their own: those are done with here.
-- Returns the bases of the others.
local function release_rooms(us, bases)
  local shared, has_tails = {}, redis.call('EXISTS', TAILS) == 1
  for from = 1, #bases, CHUNK do
    local till = math.min(from + CHUNK - 1, #bases)
    local found = redis.call('HMGET', CLAIMS, unpack(bases, from, till))
    local own = {}
    for i = from, till do
      local list = found[i - from + 1]
      if list and #list == CLAIM and string.sub(list, 1, 16) == us then
        own[#own + 1] = bases[i]
        destroyed[#destroyed + 1] = bases[i]
        lost_tails[#lost_tails + 1] = has_tails and us .. bases[i] or nil
      else
        shared[#shared + 1] = bases[i]
      end
    end
    if #own > 0 then
      redis.call('HDEL', CLAIMS, unpack(own))
    end
  end
  return shared
end

-- All touched bases: what goes, what is renamed. `us`: who adds, nil in a removal.
local function settle_names(us)
  for i = 1, #touched do
    local base = touched[i]
    local old, new = before[base], claims[base]
    if is_forced[base] then
      contest(base)
    elseif old ~= new and not (old == '' and #new == CLAIM) then
      if new == '' and #old == CLAIM then
        destroyed[#destroyed + 1] = base
      elseif #new > CLAIM or #old > CLAIM or string.sub(new, 1, 16) ~= us then
        contest(base)
      end -- else it has another owner, who told its tail
    end
  end
end

-- ---- what is told of it

local function know(names, jsons, tails)
  local order = meta.order
  for from = 1, #names, CHUNK do
    local infos, n = {}, 0
    for i = from, math.min(from + CHUNK - 1, #names) do
      infos[n + 1], infos[n + 2] = names[i], known_of(order + i, names[i], jsons[i], tails[i])
      n = n + 2
    end
    redis.call('HSET', KNOWN, unpack(infos))
  end
  meta.order = order + #names
  tell_all('room:create', jsons, tails)
end

-- Puts what is foreign into the order of joining, and of rooms.
local function sort_foreign()
  local by_id = {}
  for _, create in ipairs(foreign) do
    by_id[create.id] = by_id[create.id] or {}
    by_id[create.id][create.base] = true
  end
  for id, wanted in pairs(by_id) do
    by_id[id] = find_rooms(id, wanted)
  end
  for _, create in ipairs(foreign) do
    local room = by_id[create.id][create.base]
    local list = claims[create.base]
    create.position = room and room[1] or 0
    for at = 1, #list, CLAIM do
      if string.sub(list, at, at + 15) == create.id then
        create.join = struct.unpack('>I8', list, at + 17)
      end
    end
    create.tail = with_metadata(tail_of(create.id, create.base, room and room[2], create.origin),
      uid_of(create.id)[1], create.base)
  end
  table.sort(foreign, function(a, b)
    if a.join ~= b.join then
      return a.join < b.join
    end
    return a.position < b.position
  end)
end

local function know_foreign(from, till)
  for _, create in ipairs(foreign) do
    if create.join >= from and create.join < till then
      know({create.name}, {create.json}, {create.tail})
    end
  end
end

local function tell_destroyed()
  local orders, jsons, tails, n, is_sorted = {}, {}, {}, 0, true
  for from = 1, #destroyed, CHUNK do
    local till = math.min(from + CHUNK - 1, #destroyed)
    local found = redis.call('HMGET', KNOWN, unpack(destroyed, from, till))
    for i = 1, #found do
      if found[i] then
        orders[n + 1], jsons[n + 1], tails[n + 1] = read_known(found[i], destroyed[from + i - 1])
        n = n + 1
        is_sorted = is_sorted and orders[n] >= (orders[n - 1] or 0)
      end
    end
    redis.call('HDEL', KNOWN, unpack(destroyed, from, till))
  end
  if not is_sorted then
    local places, sorted_jsons, sorted_tails = {}, {}, {}
    for i = 1, n do
      places[orders[i]] = i
    end
    table.sort(orders)
    for i = 1, n do
      sorted_jsons[i], sorted_tails[i] = jsons[places[orders[i]]], tails[places[orders[i]]]
    end
    jsons, tails = sorted_jsons, sorted_tails
  end
  tell_all('room:destroy', jsons, tails)
end

-- ---- what is kept of it

local function in_chunks(command, key, list)
  for from = 1, #list, CHUNK do
    redis.call(command, key, unpack(list, from, math.min(from + CHUNK - 1, #list)))
  end
end

local function write_claims()
  local kept, emptied = {}, {}
  for i = 1, #touched do
    local base = touched[i]
    if claims[base] == '' then
      emptied[#emptied + 1] = base
    elseif claims[base] ~= before[base] then
      kept[#kept + 1] = base
      kept[#kept + 1] = claims[base]
    end
  end
  in_chunks('HSET', CLAIMS, kept)
  in_chunks('HDEL', CLAIMS, emptied)
  in_chunks('HDEL', TAILS, redis.call('EXISTS', TAILS) == 1 and lost_tails or {})
  in_chunks('HSET', TAILS, tails)
end

local function renames_of(id)
  local packed, kinds, at = redis.call('HGET', RENAMES, id) or '', {}, 1
  while at <= #packed do
    local kind = string.sub(packed, at, at)
    local base, after = struct.unpack('>I2c0', packed, at + 1)
    kinds[base] = kind
    at = after
  end
  return kinds
end

-- `us` get their version from the step itself.
local function write_renames(us)
  for id, changes in pairs(renamed) do
    local kinds, packed = renames_of(id), {}
    for base, kind in pairs(changes) do
      kinds[base] = kind
    end
    for base, kind in pairs(kinds) do
      packed[#packed + 1] = kind and kind .. struct.pack('>I2c0', #base, base) or ''
    end
    packed = table.concat(packed)
    if packed == '' then
      redis.call('HDEL', RENAMES, id)
    else
      redis.call('HSET', RENAMES, id, packed)
    end
    if id ~= us and redis.call('HEXISTS', HEADS, id) == 1 then
      next_version(id)
    end
  end
end

-- ---- metadata of an instance's rooms, which dies with them

local function has_claim(base, id)
  return count_of(redis.call('HGET', CLAIMS, base) or '', id) > 0
end

local function set_described(id, text)
  local old = redis.call('HGET', DESCRIBED, id) or ''
  if old == text then
    return false
  end
  if old ~= '' then
    mix(redis.sha1hex('metadata' .. id .. old))
    redis.call('HDEL', DESCRIBED, id)
  end
  if text ~= '' then
    mix(redis.sha1hex('metadata' .. id .. text))
    redis.call('HSET', DESCRIBED, id, text)
  end
  return true
end

-- Once claims are written. Returns whether it has changed.
local function describe(id, uid)
  local from, members = struct.pack('>I4c0', #uid, uid), {}
  for _, member in ipairs(redis.call('ZRANGEBYLEX', METADATA, '[' .. from, '(' .. from .. '\255')) do
    local cut = string.find(member, '\0', #from + 1, true)
    local base, json = string.sub(member, #from + 1, cut - 1), string.sub(member, cut + 1)
    if has_claim(base, id) then
      members[#members + 1] = '"' .. base .. '":' .. json
    elseif redis.call('HEXISTS', CLAIMS, base) + redis.call('HEXISTS', RESERVED, base) == 0 then
      redis.call('ZREM', METADATA, member)
    end
  end
  return set_described(id, #members > 0 and '{' .. table.concat(members, ',') .. '}' or '')
end
