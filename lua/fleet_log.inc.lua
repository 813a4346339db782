-- SPDX-License-Identifier: MIT
-- ---- fleet_log: the union of types, and the events of one step.
-- Wants    fleet_all, fleet_meta
-- Returns  tell(event), tell_all(kind, jsons, tails), tell_list(head, jsons, tails, tail), count_types(json, by),
--          append_events(), finish()
local ENTRY_MAX = 262144
local PUBLISH_MAX = 1048576    -- of more than this only the last entry goes to the topic: its number tells that others
                               -- are to be read
local PIECE_BYTES = 7168       -- about so much table.concat joins without copying it again

-- ---- the union of all types, in the order of their UTF-16 units

local function union_of_types()
  local ESCAPES = {b = 8, f = 12, n = 10, r = 13, t = 9}

  local function units_of(json)
    local units, at = {}, 2
    while at < #json do
      local byte = string.byte(json, at)
      if byte == 92 then -- a backslash
        local kind = string.sub(json, at + 1, at + 1)
        local is_number = kind == 'u'
        units[#units + 1] = is_number and tonumber(string.sub(json, at + 2, at + 5), 16) or
          ESCAPES[kind] or string.byte(kind)
        at = at + (is_number and 6 or 2)
      else
        local len = byte < 128 and 1 or byte < 224 and 2 or byte < 240 and 3 or 4
        local code = len == 1 and byte or byte % 2 ^ (7 - len)
        for i = 1, len - 1 do
          code = code * 64 + (string.byte(json, at + i) or 0) % 64
        end
        if code >= 65536 then
          units[#units + 1] = 55296 + math.floor((code - 65536) / 1024)
          code = 56320 + (code - 65536) % 1024
        end
        units[#units + 1] = code
        at = at + len
      end
    end
    return units
  end

  local function is_before(a, b)
    for i = 1, math.min(#a.units, #b.units) do
      if a.units[i] ~= b.units[i] then
        return a.units[i] < b.units[i]
      end
    end
    return #a.units < #b.units
  end

  local types = redis.call('HKEYS', TYPES)
  for i = 1, #types do
    types[i] = {json = types[i], units = units_of(types[i])}
  end
  table.sort(types, is_before)
  for i = 1, #types do
    types[i] = types[i].json
  end
  return '[' .. table.concat(types, ',') .. ']'
end

local has_new_types = false

-- Each text of a JSON array comes (by 1) or goes (by -1).
local function count_types(json, by)
  local at = 2
  while string.byte(json, at) == 34 do -- a quote
    local till = at + 1
    while string.byte(json, till) ~= 34 do
      till = till + (string.byte(json, till) == 92 and 2 or 1)
    end
    local name = string.sub(json, at, till)
    local count = redis.call('HINCRBY', TYPES, name, by)
    if count == 0 then
      redis.call('HDEL', TYPES, name)
    end
    has_new_types = has_new_types or count == 0 or count == by
    at = till + 2
  end
end

-- ---- events

-- Texts may be many megabytes: they stay in pieces until an entry is made of them, once. An entry begins with a piece
-- for its number and holds whole events, about 256 KiB of them, or one that is larger.
local pieces, n_pieces = {}, 0
local starts = {} -- of entries among the pieces
local entry_bytes, all_bytes = 0, 0

local function begin_events(bytes)
  if #starts == 0 or entry_bytes + bytes > ENTRY_MAX then
    n_pieces = n_pieces + 1
    starts[#starts + 1] = n_pieces
    entry_bytes = 0
  end
  entry_bytes, all_bytes = entry_bytes + bytes, all_bytes + bytes
end

local function tell(event)
  begin_events(#event)
  n_pieces = n_pieces + 1
  pieces[n_pieces] = event
end

-- What is told of rooms, one behind the other, in texts of about PIECE_BYTES. A room is its name within JSON and its
-- tail; tails are much alike, whole documents would be many long texts that differ little: such ones Lua finds slowly.
local function texts_of(before, jsons, tails, behind)
  local texts, run, n, bytes, ends = {}, {}, 0, 0, {}
  for i = 1, #jsons do
    local ending = ends[tails[i]]
    if not ending then
      ending = '",' .. tails[i] .. behind
      ends[tails[i]] = ending
    end
    run[n + 1], run[n + 2], run[n + 3] = before, jsons[i], ending
    n, bytes = n + 3, bytes + #before + #jsons[i] + #ending
    if bytes > PIECE_BYTES or i == #jsons then
      texts[#texts + 1] = table.concat(run, '', 1, n)
      n, bytes = 0, 0
    end
  end
  return texts
end

-- An event of this kind for each room.
local function tell_all(kind, jsons, tails)
  local texts = texts_of('event: ' .. kind .. '\ndata: {"id":"', jsons, tails, '\n\n')
  for i = 1, #texts do
    tell(texts[i])
  end
end

-- One event with all these rooms within.
local function tell_list(head, jsons, tails, tail)
  local texts, bytes = texts_of('{"id":"', jsons, tails, ','), #head + #tail
  if #texts > 0 then
    texts[#texts] = string.sub(texts[#texts], 1, -2)
  end
  for i = 1, #texts do
    bytes = bytes + #texts[i]
  end
  begin_events(bytes)
  pieces[n_pieces + 1] = head
  for i = 1, #texts do
    pieces[n_pieces + 1 + i] = texts[i]
  end
  n_pieces = n_pieces + #texts + 2
  pieces[n_pieces] = tail
end

-- One text of 36. Lua makes it in one go, so that nothing is copied but once.
local function glue(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21, a22,
  a23, a24, a25, a26, a27, a28, a29, a30, a31, a32, a33, a34, a35, a36)
  return a1 .. (a2 or '') .. (a3 or '') .. (a4 or '') .. (a5 or '') .. (a6 or '') .. (a7 or '') .. (a8 or
    '') .. (a9 or '') .. (a10 or '') .. (a11 or '') .. (a12 or '') .. (a13 or '') .. (a14 or '') .. (a15 or
    '') .. (a16 or '') .. (a17 or '') .. (a18 or '') .. (a19 or '') .. (a20 or '') .. (a21 or '') .. (a22 or
    '') .. (a23 or '') .. (a24 or '') .. (a25 or '') .. (a26 or '') .. (a27 or '') .. (a28 or '') .. (a29 or
    '') .. (a30 or '') .. (a31 or '') .. (a32 or '') .. (a33 or '') .. (a34 or '') .. (a35 or '') .. (a36 or
    '')
end

-- One text of the pieces. What is long is copied once for each factor of 36, not of two as by table.concat.
local function fuse(list, from, till)
  while till > from do
    local fused, n = {}, 0
    for i = from, till, 36 do
      n = n + 1
      fused[n] = glue(unpack(list, i, math.min(i + 35, till)))
    end
    list, from, till = fused, 1, n
  end
  return list[from]
end

local function append_events()
  local dropped = 0
  starts[#starts + 1] = n_pieces + 1
  for i = 1, #starts - 1 do
    local number = next_number()
    pieces[starts[i]] = entry_head(number)
    local entry = fuse(pieces, starts[i], starts[i + 1] - 1)
    dropped = dropped + push_entry(number, entry, all_bytes <= PUBLISH_MAX or i == #starts - 1)
  end
  if n_pieces > 0 then
    renew_log()
  end
  return dropped
end

-- The end of a step that may have changed what documents show. Returns how many entries the log has dropped.
local function finish()
  if has_new_types then
    meta.types = union_of_types()
  end
  local sync = sync_event()
  if sync then
    tell(sync)
  end
  write_meta()
  return append_events()
end
