-- SPDX-License-Identifier: MIT
-- ---- fleet_reserve: how commands end, and what is kept or let go of then.
-- Wants    RESERVED  sb:{fleet:<realm>:all}:reserved  hash  base => 'r' a create is under way, 'h<poll>' held
--                                                           until an answer to a later poll than that
--          HOLDS     ...:holds     zset  all scores 0: <id><base>
--          COMMANDS  ...:commands  hash  <id><slot> => number, op, requester, base
--          DUE       ...:due       zset  <id><number> => when anybody may settle it, ms
--          METADATA  ...:metadata  zset  all scores 0: <uid's length><uid><base>\0<JSON object>
--          FACTS     ...:facts     hash  id => uid, and more: see fleet_all
--          CLAIMS    ...:claims    hash  base => who has a room of that base: see fleet_names
-- Returns  take_command(head, slot), settle_command(head, command, outcome, poll), drop_holds(head, poll),
--          forget_metadata(uid, base)
local COMMAND = '>I8BBc0I2c0'
local CREATE, DRAIN = 0, 2
local DONE, TIMED_OUT = 0, 2

local function uid_of_facts(facts)
  return (struct.unpack('>I4c0', facts))
end

local function forget_metadata(uid, base)
  local from = struct.pack('>I4c0', #uid, uid) .. base
  redis.call('ZREMRANGEBYLEX', METADATA, '[' .. from .. '\0', '(' .. from .. '\1')
end

local function forget_metadata_of(id, base)
  if redis.call('EXISTS', METADATA) == 1 then
    forget_metadata(uid_of_facts(redis.call('HGET', FACTS, id)), base)
  end
end

-- The command in a slot, which is free from now on. The head is not written.
local function take_command(h, slot)
  local field = h.id .. string.char(slot)
  local packed = redis.call('HGET', COMMANDS, field)
  if not packed then
    return nil
  end
  local number, op, requester, base = struct.unpack(COMMAND, packed)
  redis.call('HDEL', COMMANDS, field)
  redis.call('ZREM', DUE, h.id .. struct.pack('>I8', number))
  h.slots = h.slots - 2 ^ slot
  return {number = number, op = op, requester = requester, base = base}
end

-- An ack and a time-out leave no instant in which the room's id is neither reserved nor held.
local function settle_command(h, command, outcome, poll)
  if command.op ~= CREATE then
    if outcome == DONE and command.op >= DRAIN then
      h.override = command.op == DRAIN and 2 or 1
    end
    return
  end
  h.making = h.making - 1
  if outcome == DONE or outcome == TIMED_OUT then
    h.holds = h.holds + 1
    redis.call('HSET', RESERVED, command.base, 'h' .. (outcome == DONE and '0' or poll))
    redis.call('ZADD', HOLDS, 0, h.id .. command.base)
  else
    redis.call('HDEL', RESERVED, command.base)
    forget_metadata_of(h.id, command.base)
  end
end

-- A state has arrived that answers a poll: what was held before that has been shown or proven absent.
local function drop_holds(h, poll)
  if h.holds == 0 then
    return {}
  end
  local dropped = {}
  for _, member in ipairs(redis.call('ZRANGEBYLEX', HOLDS, '[' .. h.id, '(' .. h.id .. '\255')) do
    local base = string.sub(member, 17)
    if poll > tonumber(string.sub(redis.call('HGET', RESERVED, base) or 'h0', 2)) then
      redis.call('ZREM', HOLDS, member)
      redis.call('HDEL', RESERVED, base)
      h.holds = h.holds - 1
      dropped[#dropped + 1] = base
    end
  end
  return dropped
end
