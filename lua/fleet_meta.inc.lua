-- SPDX-License-Identifier: MIT
-- ---- fleet_meta: versions, totals, the hash of everything, and entries of the log of events.
-- Wants    fleet_all
--          topic, bounds  of the channel of events: see channel_append; bounds are live bound, keep count, ttl, life,
--                         now (8 bytes each, big-endian)
--          META  sb:{fleet:<realm>:all}:meta  hash  totals are the last join number, the last order of creation,
--                                                    instances, rooms, connections (8 bytes each, big-endian)
-- Returns  meta, mix(digits), next_version(id), sync_event(), write_meta(); next_number(), then push_entry(number,
--          entry, is_told), and renew_log() behind the last one
local EXTRA_MS = 60000         -- as in channel_append
local NUMBERS_PER_MS = 1024
local live_bound, keep_count, ttl, life, now = struct.unpack('>I8I8I8I8I8', bounds)

local TOTALS = '>I8I8I8I8I8'

local kept = redis.call('HMGET', META, 'version', 'floor', 'hash', 'types', 'totals')
local meta = {
  version = tonumber(kept[1]) or 0, floor = tonumber(kept[2]) or 0, hash = kept[3] or '4f53cda18c2baa0c',
  types = kept[4] or '[]', join = 0, order = 0, instances = 0, rooms = 0, connections = 0,
}
if kept[5] then
  meta.join, meta.order, meta.instances, meta.rooms, meta.connections = struct.unpack(TOTALS, kept[5])
end
local old_floor = meta.floor
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

-- Nothing when the hash is the one that was told last: it is the one that is kept.
local function sync_event()
  local hash = string.format('%08x%08x', hash_high % 2 ^ 32, hash_low % 2 ^ 32)
  if hash == meta.hash then
    return nil
  end
  meta.hash = hash
  return string.format('event: sync\ndata: {"instances":%.0f,"rooms":%.0f,"connections":%.0f,"roomTypes":',
    meta.instances, meta.rooms, meta.connections) .. meta.types .. ',"stateHash":"' .. hash .. '"}\n\n'
end

local function write_meta()
  redis.call('HSET', META, 'version', string.format('%.0f', meta.version), 'hash', meta.hash,
    'totals', struct.pack(TOTALS, meta.join, meta.order, meta.instances, meta.rooms, meta.connections))
  if meta.floor ~= old_floor then
    redis.call('HSET', META, 'floor', string.format('%.0f', meta.floor))
  end
  if meta.types ~= kept[4] then
    redis.call('HSET', META, 'types', meta.types)
  end
end

-- ---- the log

local function next_number()
  local number = redis.call('INCR', LAST)
  if number > 1 then
    return number
  end
  local last = redis.call('LINDEX', LIST, -1)
  number = last and struct.unpack('>I8', last) + 1 or now * NUMBERS_PER_MS
  if not last then
    redis.call('SET', SETTLED, string.format('%.0f', number - 1), 'PX', life + EXTRA_MS)
  end
  redis.call('SET', LAST, string.format('%.0f', number), 'PX', life + EXTRA_MS)
  return number
end

-- What an entry begins with.
local function entry_head(number)
  return struct.pack('>I8I8', number, now + ttl)
end

-- Trims as channel_append does for somebody who listens, which nobody need do. Returns how many the bound dropped.
local function push_entry(number, entry, is_told)
  if is_told then
    redis.call('SPUBLISH', topic, entry)
  end
  local length = redis.call('RPUSH', LIST, entry)
  if number % 64 > 0 then
    return 0
  end
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

local function renew_log()
  if redis.call('PTTL', LIST) < ttl then
    redis.call('PEXPIRE', LIST, life)
    redis.call('PEXPIRE', LAST, life + EXTRA_MS, 'GT')
    redis.call('PEXPIRE', SETTLED, life + EXTRA_MS, 'GT')
  end
end
