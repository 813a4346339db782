-- SPDX-License-Identifier: MIT
-- fleet_remove: an instance leaves the fleet.
--
-- KEYS     see fleet_all
-- ARGV[1]  leaving    id (16 bytes), owner (behind 1 byte of length), version (8), is orphan (1), the event
--                     instance:leave (behind 4)
-- ARGV[2]  topic      of the channel of events
-- ARGV[3]  bounds     see fleet_meta
--
-- Returns  {0, dropped, requester, command, ...}  it is gone; the log has dropped so many entries; what was under way
--          {2}   there is no such instance
--          {3}   it is another node's, its record is newer, or its owner lives
-- Repeat   safe; only the first is told 0
-- Cost     O(its rooms); 20 rooms: 190 us, 50,000: 0.47 s of Redis' CPU, measured as fleet_apply

local topic, bounds = ARGV[2], ARGV[3]

-- include: fleet_all
-- include: fleet_meta
-- include: fleet_log
-- include: fleet_head
-- include: fleet_index
-- include: fleet_reserve
-- include: fleet_names
-- include: fleet_kin
-- include: fleet_gone

local leaving = read_leaving(ARGV[1])
local h = read_head(leaving.id)
if not h then
  return {2}
elseif not may_go(h, leaving) then
  return {3}
end
leaving.bases = release_rooms(leaving.id, bases_of(leaving.id))
load_claims(leaving.bases)
local lost = go(h, leaving)
settle_names(nil)
sort_foreign()
know_foreign(0, math.huge)
tell_destroyed()
write_claims()
write_renames(nil)
return {0, finish(), unpack(lost)}
