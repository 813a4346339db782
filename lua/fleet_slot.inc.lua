-- SPDX-License-Identifier: MIT
-- ---- fleet_slot: a command is under way to an instance. At most 32 are, each in a slot of its own.
-- Wants    COMMANDS, DUE (see fleet_reserve), now, due
--          NUMBER  sb:{fleet:<realm>:all}:number  integer  counts commands; is never behind the clock, so that it
--                                                          never says the same twice, whatever Redis lost
-- Returns  free_slot(head), begin_command(head, slot, op, requester, base)
local SLOTS, PER_MS = 32, 64

local function free_slot(h)
  local lowest = bit.band(bit.bnot(h.slots), h.slots + 1) -- only the lowest bit that is not set
  if lowest == 0 then
    return nil
  end
  local _, exponent = math.frexp(math.abs(lowest))
  return exponent - 1
end

-- The command's number, which has its slot in it. The head is not written.
local function begin_command(h, slot, op, requester, base)
  local count = math.max((tonumber(redis.call('GET', NUMBER)) or 0) + 1, now * PER_MS)
  redis.call('SET', NUMBER, string.format('%.0f', count))
  local number = count * SLOTS + slot
  redis.call('HSET', COMMANDS, h.id .. string.char(slot),
    struct.pack('>I8BBc0I2c0', number, op, #requester, requester, #base, base))
  redis.call('ZADD', DUE, due, h.id .. struct.pack('>I8', number))
  h.slots = h.slots + 2 ^ slot
  return number
end
