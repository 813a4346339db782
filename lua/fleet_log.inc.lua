-- SPDX-License-Identifier: MIT
-- ---- fleet_log: versions, totals, the hash of everything, and the events of one step.
-- Wants    fleet_all
--          topic, bounds  of the channel of events: see channel_append; bounds are live bound, keep count, ttl, life,
--                         now (8 bytes each, big-endian)
-- Returns  meta, tell(event), tell_all(kind, documents), next_version(id), mix(digits), count_types(json, by), finish()
local EXTRA_MS = 60000         -- as in channel_append
local NUMBERS_PER_MS = 1024
local ENTRY_MAX = 262144
local PUBLISH_MAX = 1048576    -- of more than this only the last entry goes to the topic: its number tells that others
                               -- are to be read
local live_bound, keep_count, ttl, life, now = struct.unpack('>I8I8I8I8I8', bounds)

local FIELDS = {'version', 'floor', 'hash', 'join', 'order', 'instances', 'rooms', 'connections', 'types'}
local kept = redis.call('HMGET', META, unpack(FIELDS))
local meta = {hash = kept[3] or '4f53cda18c2baa0c', types = kept[9] or '[]'}
for i = 1, #FIELDS do
  meta[FIELDS[i]] = meta[FIELDS[i]] or tonumber(kept[i]) or 0
end
if meta.version == 0 then -- so that no version is ever said twice, whatever Redis lost
  meta.version = now * NUMBERS_PER_MS
  meta.floor = meta.version
end
local hash_high, hash_low = tonumber(string.sub(meta.hash, 1, 8), 16), tonumber(string.sub(meta.hash, 9), 16)

-- A term of the hash comes or goes.
local function mix(digits)
  hash_high = bit.bxor(hash_high, tonumber(string.sub(digits, 1, 8), 16))
  hash_low = bit.bxor(hash_low, tonumber(string.sub(digits, 9, 16), 16))
end

local function next_version(id)
  meta.version = meta.version + 1
  redis.call('ZADD', VERSIONS, string.format('%.0f', meta.version), id)
  return meta.version
end

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

local events = {}

local function tell(event)
  events[#events + 1] = event
end

-- An event of this kind for each document.
local function tell_all(kind, documents)
  local head = 'event: ' .. kind .. '\ndata: '
  local from, bytes = 1, 0
  for i = 1, #documents do
    bytes = bytes + #documents[i] + #head + 2
    if bytes > ENTRY_MAX or i == #documents then
      tell(head .. table.concat(documents, '\n\n' .. head, from, i) .. '\n\n')
      from, bytes = i + 1, 0
    end
  end
end

-- The hash that is kept is the one that was told last.
local function tell_sync()
  local hash = string.format('%08x%08x', hash_high % 2 ^ 32, hash_low % 2 ^ 32)
  if hash == meta.hash then
    return
  end
  meta.hash = hash
  tell(string.format('event: sync\ndata: {"instances":%.0f,"rooms":%.0f,"connections":%.0f,"roomTypes":',
    meta.instances, meta.rooms, meta.connections) .. meta.types .. ',"stateHash":"' .. meta.hash .. '"}\n\n')
end

-- Whole events, about 256 KiB together.
local function payloads_of(list)
  local payloads, from, bytes, total = {}, 1, 0, 0
  for i = 1, #list do
    if bytes > 0 and bytes + #list[i] > ENTRY_MAX then
      payloads[#payloads + 1] = table.concat(list, '', from, i - 1)
      from, bytes = i, 0
    end
    bytes, total = bytes + #list[i], total + #list[i]
  end
  if bytes > 0 then
    payloads[#payloads + 1] = table.concat(list, '', from)
  end
  return payloads, total
end

local function first_number()
  local last = redis.call('LINDEX', LIST, -1)
  local number = last and struct.unpack('>I8', last) + 1 or now * NUMBERS_PER_MS
  if not last then
    redis.call('SET', SETTLED, string.format('%.0f', number - 1), 'PX', life + EXTRA_MS)
  end
  redis.call('SET', LAST, string.format('%.0f', number), 'PX', life + EXTRA_MS)
  return number
end

-- As channel_append does for somebody who listens, which nobody need do. Returns how many the bound dropped.
local function trim_log(number, length)
  local first = number - length + 1
  local settled = tonumber(redis.call('GET', SETTLED)) or first - 1
  local cut = math.max(number - live_bound, settled - keep_count)
  if cut >= first then
    redis.call('LTRIM', LIST, cut - first + 1, -1)
  end
  if cut <= settled then
    return 0
  end
  redis.call('SET', SETTLED, string.format('%.0f', cut), 'PX', life + EXTRA_MS)
  return cut - math.max(settled, first - 1)
end

local function append_events()
  local payloads, total = payloads_of(events)
  local dropped = 0
  for i = 1, #payloads do
    local number = redis.call('INCR', LAST)
    if number == 1 then
      number = first_number()
    end
    local entry = struct.pack('>I8I8', number, now + ttl) .. payloads[i]
    if total <= PUBLISH_MAX or i == #payloads then
      redis.call('SPUBLISH', topic, entry)
    end
    local length = redis.call('RPUSH', LIST, entry)
    if number % 64 == 0 then
      dropped = dropped + trim_log(number, length)
    end
  end
  if #payloads > 0 and redis.call('PTTL', LIST) < ttl then
    redis.call('PEXPIRE', LIST, life)
    redis.call('PEXPIRE', LAST, life + EXTRA_MS, 'GT')
    redis.call('PEXPIRE', SETTLED, life + EXTRA_MS, 'GT')
  end
  return dropped
end

-- The end of a step that may have changed what documents show. Returns how many entries the log has dropped.
local function finish()
  if has_new_types then
    meta.types = union_of_types()
  end
  tell_sync()
  local changed, n = {}, 0
  for i = 1, #FIELDS do
    local value = meta[FIELDS[i]]
    value = type(value) == 'number' and string.format('%.0f', value) or value
    if value ~= kept[i] then
      changed[n + 1], changed[n + 2] = FIELDS[i], value
      n = n + 2
    end
  end
  if n > 0 then
    redis.call('HSET', META, unpack(changed))
  end
  return append_events()
end
