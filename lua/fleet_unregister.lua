-- SPDX-License-Identifier: MIT
-- fleet_unregister: a registration is no more.
--
-- KEYS[1]  sb:{fleet:<realm>:all}:registrations  hash  see fleet_register
-- KEYS[2]  ...:expiring                          zset  see fleet_register
-- KEYS[3]  ...:seats                             hash  see fleet_seats
-- ARGV[1]  id
--
-- Returns  {0, instance, owner, ...}  it was there, or its places were; who had them
--          {2}   neither was there
-- Repeat   safe
-- Cost     O(instances that are there with it)

local SEATS = KEYS[3]

-- include: fleet_seats

local seats = read_seats(ARGV[1])
local was_there = redis.call('HDEL', KEYS[1], ARGV[1]) == 1
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HDEL', SEATS, ARGV[1])
if not was_there and #seats == 0 then
  return {2}
end
return {0, unpack(seats)}
