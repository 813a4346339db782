-- SPDX-License-Identifier: MIT
-- fleet_beat: a node lives, and looks after what nobody else does.
--
-- KEYS     see fleet_all
-- ARGV[1]  node
-- ARGV[2]  ttl        of its lease, ms; 0: it leaves
-- ARGV[3]  now        ms
-- ARGV[4]  epoch      that the fleet gets unless it has one that still counts
-- ARGV[5]  most       owners that are returned
-- ARGV[6]  run        of this server; '': it does not say
--
-- Returns  {epoch, owner, ...}  owners of instances whose lease is over
-- Repeat   safe
-- Cost     O(nodes + what is overdue); 105 us

local SETTLE_MAX = 256               -- overdue commands in one beat
local FORSAKEN_MS = 10 * 60 * 1000   -- metadata of a processUid that has not come back for so long goes
local FORSAKEN_MAX = 16
local LEASE_KEEP_MS = 60000          -- leases that are over stay for so long
local VERSIONS_PER_MS = 1024         -- as in fleet_meta
local TIMED_OUT = 2
local node, ttl, now = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

-- include: fleet_all
-- include: fleet_head
-- include: fleet_index
-- include: fleet_reserve

if ttl > 0 then
  redis.call('ZADD', NODES, string.format('%.0f', now + ttl), node)
else
  redis.call('ZREM', NODES, node)
end
redis.call('ZREMRANGEBYSCORE', NODES, '-inf', string.format('%.0f', now - LEASE_KEEP_MS))

-- Another server, or this one started again, may have less than was told before, versions included: one that is later
-- than all of those has everybody read everything.
local kept = redis.call('HMGET', META, 'epoch', 'run', 'version')
local epoch, run, version = tonumber(kept[1]), kept[2], tonumber(kept[3])
local is_another = run and ARGV[6] ~= '' and run ~= ARGV[6]
if not epoch or is_another then
  epoch = math.max(tonumber(ARGV[4]), (epoch or 0) + 1)
  redis.call('HSET', META, 'epoch', string.format('%.0f', epoch))
end
if is_another and version then
  local floor = math.max(now * VERSIONS_PER_MS, version + 1)
  version = floor
  for _, id in ipairs(redis.call('ZRANGE', VERSIONS, 0, -1)) do -- what lies behind the floor is read piece by piece
    version = version + 1
    redis.call('ZADD', VERSIONS, string.format('%.0f', version), id)
  end
  redis.call('HSET', META, 'version', string.format('%.0f', version), 'floor', string.format('%.0f', floor))
end
if ARGV[6] ~= '' and run ~= ARGV[6] then
  redis.call('HSET', META, 'run', ARGV[6])
end

for _, member in ipairs(redis.call('ZRANGEBYSCORE', DUE, '-inf', ARGV[3], 'LIMIT', 0, SETTLE_MAX)) do
  local h = read_head(string.sub(member, 1, 16))
  local slot = struct.unpack('>I8', member, 17) % 32
  local command = h and take_command(h, slot)
  if command then -- any later state tells whether there is a room
    settle_command(h, command, TIMED_OUT, '0')
    relist(h)
    write_head(h)
  else
    redis.call('ZREM', DUE, member)
  end
end

for _, uid in ipairs(redis.call('ZRANGEBYSCORE', FORSAKEN, '-inf', string.format('%.0f', now - FORSAKEN_MS),
  'LIMIT', 0, FORSAKEN_MAX)) do
  local from = struct.pack('>I4c0', #uid, uid)
  redis.call('ZREMRANGEBYLEX', METADATA, '[' .. from, '(' .. from .. '\255')
  redis.call('ZREM', FORSAKEN, uid)
end

local result = {epoch}
for _, owner in ipairs(redis.call('HKEYS', OWNERS)) do
  local ends = redis.call('ZSCORE', NODES, owner)
  if (not ends or tonumber(ends) <= now) and #result <= tonumber(ARGV[5]) then
    result[#result + 1] = owner
  end
end
return result
