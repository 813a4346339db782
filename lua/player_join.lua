-- SPDX-License-Identifier: MIT
-- player_join: add a connection to a player's, unless there are too many already.
--
-- KEYS[1]  sb:{player:<realm>:<id>}:conns  hash    '<node>/<connection>' → ''
-- KEYS[2]  sb:{player:<realm>:<id>}:swept  string  with the nodes only: that was done just now
-- ARGV[1]  node/connection
-- ARGV[2]  max                             connections, > 0
-- ARGV[3]  keep                            milliseconds that the hash lives after the last join or renewal
-- ARGV[4]  nodes                           only when it was refused before: the ids of all nodes that
--                                          live, each between blanks; others' connections are removed,
--                                          at most once a second
--
-- Returns  1  it is among the connections
--          0  there are max others
-- Repeat   safe
-- Cost     3.3 µs; O(connections) with the nodes

local SWEEP_EVERY_MS = 1000

if ARGV[4] and redis.call('SET', KEYS[2], '1', 'NX', 'PX', SWEEP_EVERY_MS) then
  for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
    local node = string.match(field, '^[^/]*')
    if not string.find(ARGV[4], ' ' .. node .. ' ', 1, true) then
      redis.call('HDEL', KEYS[1], field)
    end
  end
end

if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[2]) and
   redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  return 0
end

redis.call('HSET', KEYS[1], ARGV[1], '')
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
