-- SPDX-License-Identifier: MIT
-- fleet_touch: an instance has answered a poll with what is known already.
--
-- KEYS[1]  sb:{fleet:<realm>:all}:heads  hash     see fleet_head
-- KEYS[2]  ...:synced                    hash     id => when it last answered, ms
-- KEYS[3]  ...:reserved                  hash     see fleet_reserve
-- KEYS[4]  ...:holds                     zset     see fleet_reserve
-- KEYS[5]  ...:free                      zset     see fleet_index
-- KEYS[6]  ...:tags                      hash     see fleet_index
-- KEYS[7]  ...:facts                     hash     see fleet_all
-- KEYS[8]  ...:metadata                  zset     see fleet_reserve
-- KEYS[9]  ...:claims                    hash     see fleet_names
-- ARGV[1]  instance
-- ARGV[2]  owner
-- ARGV[3]  poll       that it answers
-- ARGV[4]  now        milliseconds
--
-- Returns  0 done, 2 there is no such instance, 3 it is another node's
-- Repeat   safe
-- Cost     O(1), COST_TOUCH; O(its holds) when it has any

local HEADS, SYNCED, RESERVED, HOLDS, FREE, TAGS = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local FACTS, METADATA, CLAIMS = KEYS[7], KEYS[8], KEYS[9]
local COMMANDS, DUE -- no command ends here

-- include: fleet_head
-- include: fleet_index
-- include: fleet_reserve

local h = read_head(ARGV[1])
if not h then
  return 2
elseif h.owner ~= ARGV[2] then
  return 3
end
redis.call('HSET', SYNCED, h.id, ARGV[4])
if h.holds == 0 and h.override == 0 and h.stale == 0 then
  return 0
end

-- What was held and is no room by now never became one.
for _, base in ipairs(drop_holds(h, tonumber(ARGV[3]))) do
  if redis.call('HEXISTS', CLAIMS, base) == 0 then
    forget_metadata_of(h.id, base)
  end
end
if h.override == h.status + 1 then
  h.override = 0
end
h.stale = 0
relist(h)
write_head(h)
return 0
