-- SPDX-License-Identifier: MIT
-- ---- fleet_seats: the instances that are there with one registration.
-- Wants    SEATS  sb:{fleet:<realm>:all}:seats  hash  registration => instance (16 bytes), owner (behind 1 byte of
--                                                     length), …
-- Returns  read_seats(registration): {instance, owner, …}, write_seats(registration, seats)
local function read_seats(registration)
  local packed, seats, at = redis.call('HGET', SEATS, registration) or '', {}, 1
  while at <= #packed do
    local n = #seats
    seats[n + 1], seats[n + 2], at = struct.unpack('>c16Bc0', packed, at)
  end
  return seats
end

local function write_seats(registration, seats)
  local packed = {}
  for i = 1, #seats, 2 do
    packed[#packed + 1] = struct.pack('>c16Bc0', seats[i], #seats[i + 1], seats[i + 1])
  end
  if #packed == 0 then
    redis.call('HDEL', SEATS, registration)
  else
    redis.call('HSET', SEATS, registration, table.concat(packed))
  end
end
