-- SPDX-License-Identifier: MIT
-- ---- fleet_index: who may be given a room, by what a placement may ask for.
-- Wants    FREE  sb:{fleet:<realm>:all}:free  zset  all scores 0: <list><tag><score><id>, an entry for each
--                                                   tag of each candidate. Lists: 'u' without a bound on
--                                                   connections, score: connections (8 bytes, big-endian);
--                                                   with one both 'r', likewise, and 'q', score: connections
--                                                   by their bound (a double, big-endian)
--          TAGS  ...:tags  hash  id => its tags, 16 bytes each
-- Returns  index_entries(head, tags), relist(head)
local function index_entries(h, tags)
  local entries, n = {}, 0
  if h.listed == 0 then
    return entries
  end
  local raw = struct.pack('>I8', h.connections) .. h.id
  local ratio = h.listed == 2 and struct.pack('>d', h.connections / h.max_connections) .. h.id
  for at = 1, #tags, 16 do
    local tag = string.sub(tags, at, at + 15)
    if ratio then
      entries[n + 1], entries[n + 2] = 'r' .. tag .. raw, 'q' .. tag .. ratio
      n = n + 2
    else
      n = n + 1
      entries[n] = 'u' .. tag .. raw
    end
  end
  return entries
end

local function index_add(entries)
  local pairs_of, n = {}, 0
  for i = 1, #entries do
    pairs_of[n + 1], pairs_of[n + 2] = 0, entries[i]
    n = n + 2
  end
  if n > 0 then
    redis.call('ZADD', FREE, unpack(pairs_of))
  end
end

local function index_remove(entries)
  if #entries > 0 then
    redis.call('ZREM', FREE, unpack(entries))
  end
end

-- Its standing has changed, its connections and tags have not.
local function relist(h)
  local wanted = wanted_list(h)
  if wanted == h.listed then
    return
  end
  local tags = redis.call('HGET', TAGS, h.id) or ''
  index_remove(index_entries(h, tags))
  h.listed = wanted
  index_add(index_entries(h, tags))
end
