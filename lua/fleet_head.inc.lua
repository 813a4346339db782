-- SPDX-License-Identifier: MIT
-- ---- fleet_head: an instance's small record, all that placing and settling need of it.
-- Wants    HEADS  sb:{fleet:<realm>:all}:heads  hash  id => the fields below, packed
-- Returns  read_head(id), write_head(head), status_of(head), wanted_list(head)
local HEAD = '>BBBBBBBI4i4i4I4I8I2I4I4I8I8c16Bc0I2c0'

local function read_head(id)
  local raw = redis.call('HGET', HEADS, id)
  if not raw then
    return nil
  end
  local status, override, stale, creates, listed, has_max_rooms, has_max_connections, seq,
    max_rooms, max_connections, rooms, connections, making, holds, slots, join, version, digest,
    owner, url = struct.unpack(HEAD, raw)
  return {
    id = id, status = status, override = override, stale = stale, creates = creates, listed = listed,
    has_max_rooms = has_max_rooms, has_max_connections = has_max_connections, seq = seq,
    max_rooms = max_rooms, max_connections = max_connections, rooms = rooms,
    connections = connections, making = making, holds = holds, slots = slots, join = join,
    version = version, digest = digest, owner = owner, url = url,
  }
end

local function write_head(h)
  redis.call('HSET', HEADS, h.id, struct.pack(HEAD, h.status, h.override, h.stale, h.creates,
    h.listed, h.has_max_rooms, h.has_max_connections, h.seq, h.max_rooms, h.max_connections, h.rooms,
    h.connections, h.making, h.holds, h.slots, h.join, h.version, h.digest,
    #h.owner, h.owner, #h.url, h.url))
end

-- Statuses are 0 active, 1 draining, 2 any other; an override is a status and one, or 0: none.
local function status_of(h)
  return h.override > 0 and h.override - 1 or h.status
end

-- Where it stands in the index: 0 nowhere (no candidate), 1 without a bound on connections, 2 with one.
local function wanted_list(h)
  if status_of(h) ~= 0 or h.stale == 1 or h.creates == 0 then
    return 0
  end
  if h.has_max_rooms == 1 and h.rooms + h.making + h.holds >= h.max_rooms then
    return 0
  end
  if h.has_max_connections == 0 then
    return 1
  end
  return h.connections < h.max_connections and 2 or 0
end
