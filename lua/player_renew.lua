-- SPDX-License-Identifier: MIT
-- player_renew: say that a connection of a player is still there.
--
-- KEYS[1]  sb:{player:<realm>:<id>}:conns  hash  see player_join
-- ARGV[1]  node/connection
-- ARGV[2]  keep                            milliseconds
--
-- Returns  1
-- Repeat   safe
-- Cost     O(1)

redis.call('HSET', KEYS[1], ARGV[1], '')
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
