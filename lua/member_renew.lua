-- SPDX-License-Identifier: MIT
-- member_renew: keep a server's place in a relay channel, unless a newer connection has it.
--
-- KEYS[1]  sb:{mods:<realm>:<channel>}:member:<server>  string  the connection; lives for the ttl
-- KEYS[2]  sb:{mods:<realm>:<channel>}:mark:<server>    integer the last entry it was delivered
-- ARGV[1]  connection                                   1..128 bytes
-- ARGV[2]  ttl                                          milliseconds, > 0
--
-- Returns  1  kept, or taken again because nobody had it
--          0  somebody else has it; nothing was written
-- Repeat   safe
-- Cost     O(1)

local holder = redis.call('GET', KEYS[1])

if holder and holder ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1
