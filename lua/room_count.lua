-- SPDX-License-Identifier: MIT
-- room_count: how many sockets are in a room, on nodes that live.
--
-- KEYS[1]  sb:{room:<realm>:<nsp#room>}:members  hash  see room_join
-- KEYS[2]  ...:nodes                               hash
-- ARGV[1]  live                                  the ids of all nodes that live, each between blanks: ' a b '
--
-- Returns  the count
-- Repeat   safe
-- Cost     O(nodes); when a node died O(members), once, unless there are more than SWEEP_MAX: room_list
--          drops those a page at a time

local SWEEP_MAX = 1000

local counts = redis.call('HGETALL', KEYS[2])
local count, dead, has_dead = 0, {}, false

for i = 1, #counts, 2 do
  if string.find(ARGV[1], ' ' .. counts[i] .. ' ', 1, true) then
    count = count + counts[i + 1]
  else
    dead[counts[i]], has_dead = true, true
  end
end

if has_dead and redis.call('HLEN', KEYS[1]) <= SWEEP_MAX then
  local members = redis.call('HGETALL', KEYS[1])
  for i = 1, #members, 2 do
    if dead[members[i + 1]] then
      redis.call('HDEL', KEYS[1], members[i])
    end
  end
  for node in pairs(dead) do
    redis.call('HDEL', KEYS[2], node)
  end
end
return count
