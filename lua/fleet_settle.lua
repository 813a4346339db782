-- SPDX-License-Identifier: MIT
-- fleet_settle: the one decision about how a command ended.
--
-- KEYS[1]  sb:{fleet:<realm>:all}:heads  hash     see fleet_head
-- KEYS[2]  ...:reserved                  hash     see fleet_reserve
-- KEYS[3]  ...:holds                     zset     see fleet_reserve
-- KEYS[4]  ...:commands                  hash     see fleet_reserve
-- KEYS[5]  ...:due                       zset     see fleet_reserve
-- KEYS[6]  ...:free                      zset     see fleet_index
-- KEYS[7]  ...:tags                      hash     see fleet_index
-- KEYS[8]  ...:facts                     hash     see fleet_all
-- KEYS[9]  ...:metadata                  zset     see fleet_reserve
-- ARGV[1]  instance
-- ARGV[2]  command    its number
-- ARGV[3]  outcome    enum fleet_outcome
-- ARGV[4]  poll       the last one that was sent
--
-- Returns  1: it was under way; 0: it had ended before
-- Repeat   safe; only the first is told 1
-- Cost     O(1); 14 us

local HEADS, RESERVED, HOLDS, COMMANDS, DUE = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local FREE, TAGS, FACTS, METADATA = KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local id, number = ARGV[1], tonumber(ARGV[2])
local slot = number % 32

-- include: fleet_head
-- include: fleet_index
-- include: fleet_reserve

local packed = redis.call('HGET', COMMANDS, id .. string.char(slot))
if not packed or struct.unpack('>I8', packed) ~= number then
  return 0
end
local h = read_head(id)
settle_command(h, take_command(h, slot), tonumber(ARGV[3]), ARGV[4])
relist(h)
write_head(h)
return 1
