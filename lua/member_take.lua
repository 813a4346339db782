-- SPDX-License-Identifier: MIT
-- member_take: give a server's place in a relay channel to its newest connection.
--
-- KEYS[1]  sb:{mods:<realm>:<channel>}:member:<server>  string  the connection; lives for the ttl
-- KEYS[2]  sb:{mods:<realm>:<channel>}:mark:<server>    integer the last entry it was delivered
-- ARGV[1]  connection                                   1..128 bytes
-- ARGV[2]  ttl                                          milliseconds, > 0
--
-- Returns  {former, mark}
--          former: the connection that had the place before; '' when there was none or it was this one
--          mark: '' when there is none
-- Repeat   safe
-- Cost     O(1)

local former = redis.call('GET', KEYS[1])

redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return {former and former ~= ARGV[1] and former or '', redis.call('GET', KEYS[2]) or ''}
