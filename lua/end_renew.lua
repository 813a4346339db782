-- SPDX-License-Identifier: MIT
-- end_renew: an owner says that its sessions go on.
--
-- KEYS[1]  sb:{ends:all:<shard>}:due       zset  session => when its end is due, ms
-- KEYS[2]  sb:{ends:all:<shard>}:sessions  hash  session => its record, see end_begin
-- ARGV[1]  lease     milliseconds
-- ARGV[2]  keep      see end_begin
-- ARGV[3]  sessions  a line for each: owner, tab, name
--
-- Returns  {owner, ...}  those whose session is another's, or not there: nothing was written for it
-- Repeat   safe
-- Cost     O(sessions given)

local time = redis.call('TIME')
local due = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[1]
local lost = {}

for owner, name in string.gmatch(ARGV[3], '([^\t\n]*)\t([^\n]*)\n') do
  local record = redis.call('HGET', KEYS[2], name)
  if record and string.sub(record, 1, #owner + 1) == owner .. '\n' then
    redis.call('ZADD', KEYS[1], due, name)
  else
    lost[#lost + 1] = owner
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return lost
