-- SPDX-License-Identifier: MIT
-- fleet_dismiss: an agent that was there with a registration has gone.
--
-- KEYS[1]  sb:{fleet:<realm>:all}:seats  hash  see fleet_seats
-- ARGV[1]  id
-- ARGV[2]  instance
--
-- Returns  1: its place is free; 0: it had none
-- Repeat   safe; only the first is told 1
-- Cost     O(instances that are there with it)

local SEATS = KEYS[1]

-- include: fleet_seats

local seats = read_seats(ARGV[1])
for i = 1, #seats, 2 do
  if seats[i] == ARGV[2] then
    table.remove(seats, i)
    table.remove(seats, i)
    write_seats(ARGV[1], seats)
    return 1
  end
end
return 0
