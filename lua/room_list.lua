-- SPDX-License-Identifier: MIT
-- room_list: who is in a room, a page at a time. Members on nodes that are dead are dropped.
--
-- KEYS[1]  sb:{room:<realm>:<nsp#room>}:members  hash  see room_join
-- KEYS[2]  ...:nodes                               hash
-- ARGV[1]  cursor                                '0', or what the page before returned
-- ARGV[2]  count                                 about how many; a small room comes whole
-- ARGV[3]  live                                  the ids of all nodes that live, each between blanks: ' a b '
--
-- Returns  {cursor of the next page or '0', socket id, ...}
--          Who is in the room all the while is told of at least once, as HSCAN has it
-- Repeat   safe
-- Cost     O(count)

local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local answer, members = {page[1]}, page[2]

for i = 1, #members, 2 do
  local socket, node = members[i], members[i + 1]
  if string.find(ARGV[3], ' ' .. node .. ' ', 1, true) then
    answer[#answer + 1] = socket
  elseif redis.call('HDEL', KEYS[1], socket) == 1 and redis.call('HINCRBY', KEYS[2], node, -1) <= 0 then
    redis.call('HDEL', KEYS[2], node)
  end
end
return answer
