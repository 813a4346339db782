-- SPDX-License-Identifier: MIT
-- fleet_stale: an instance has missed polls.
--
-- KEYS     see fleet_all
-- ARGV[1]  instance
-- ARGV[2]  owner
-- ARGV[3]  event      instance:stale
-- ARGV[4]  topic      of the channel of events
-- ARGV[5]  bounds     see fleet_meta
--
-- Returns  {0, dropped}  it is stale; the event is told once in an episode; the log has dropped so many entries
--          {2}        there is no such instance
--          {3}        it is another node's
-- Repeat   safe
-- Cost     O(1); 36 us

local topic, bounds = ARGV[4], ARGV[5]

-- include: fleet_all
-- include: fleet_meta
-- include: fleet_log
-- include: fleet_head
-- include: fleet_index

local h = read_head(ARGV[1])
if not h then
  return {2}
elseif h.owner ~= ARGV[2] then
  return {3}
elseif h.stale == 1 then
  return {0, 0}
end
h.stale = 1
relist(h)
write_head(h)
tell(ARGV[3])
return {0, append_events()}
