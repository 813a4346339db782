-- SPDX-License-Identifier: MIT
-- fleet_command: count a command that makes no room.
--
-- KEYS[1]  sb:{fleet:<realm>:all}:heads  hash     see fleet_head
-- KEYS[2]  ...:commands                  hash     see fleet_reserve
-- KEYS[3]  ...:due                       zset     see fleet_reserve
-- KEYS[4]  ...:number                    integer  see fleet_slot
-- ARGV[1]  instance
-- ARGV[2]  op         enum fleet_op
-- ARGV[3]  requester
-- ARGV[4]  numbers    now, due (8 bytes each, big-endian)
--
-- Returns  {0, id, owner, url, command}
--          {refusal}   enum fleet_refusal: no such instance, or 32 are under way; nothing was written
-- Repeat   not safe
-- Cost     O(1); COST_COMMAND

local HEADS, COMMANDS, DUE, NUMBER = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local UNKNOWN, BUSY = 3, 6
local now, due = struct.unpack('>I8I8', ARGV[4])

-- include: fleet_head
-- include: fleet_slot

local h = read_head(ARGV[1])
if not h then
  return {UNKNOWN}
end
local slot = free_slot(h)
if not slot then
  return {BUSY}
end
local command = begin_command(h, slot, tonumber(ARGV[2]), ARGV[3], '')
write_head(h)
return {0, h.id, h.owner, h.url, command}
