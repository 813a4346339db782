-- SPDX-License-Identifier: MIT
-- fleet_admit: an agent is there with a registration's key.
--
-- KEYS[1]  sb:{fleet:<realm>:all}:registrations  hash  see fleet_register
-- KEYS[2]  ...:seats                             hash  see fleet_seats
-- KEYS[3]  ...:nodes                             zset  node => when its lease is over, ms
-- ARGV[1]  id
-- ARGV[2]  now        ms
-- ARGV[3]  instance   16 bytes; '': nobody, look only
-- ARGV[4]  owner
--
-- Returns  {0, record}  admitted, or looked at
--          {1, record}  all places are taken
--          {2}          there is none, or it has expired
-- Repeat   safe
-- Cost     O(instances that are there with it)

local SEATS, NODES = KEYS[2], KEYS[3]
local now, instance, owner = tonumber(ARGV[2]), ARGV[3], ARGV[4]

-- include: fleet_seats

local record = redis.call('HGET', KEYS[1], ARGV[1])
local most, expires = struct.unpack('>I4I8', record or struct.pack('>I4I8', 0, 1))
if expires > 0 and expires <= now then
  return {2}
elseif instance == '' then
  return {0, record}
end

local function is_live(node)
  local ends = redis.call('ZSCORE', NODES, node)
  return ends and tonumber(ends) > now
end

local seats, taken = read_seats(ARGV[1]), {}
for i = 1, #seats, 2 do
  if seats[i] ~= instance and is_live(seats[i + 1]) then
    taken[#taken + 1], taken[#taken + 2] = seats[i], seats[i + 1]
  end
end
if #taken / 2 >= most then
  return {1, record}
end
taken[#taken + 1], taken[#taken + 2] = instance, owner
write_seats(ARGV[1], taken)
return {0, record}
