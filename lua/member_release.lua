-- SPDX-License-Identifier: MIT
-- member_release: leave a server's place in a relay channel, if it is still this connection's.
--
-- KEYS[1]  sb:{mods:<realm>:<channel>}:member:<server>  string  the connection
-- KEYS[2]  sb:{mods:<realm>:<channel>}:mark:<server>    integer the last entry it was delivered
-- ARGV[1]  connection                                   1..128 bytes
-- ARGV[2]  grace                                        milliseconds that the mark stays; 0: it goes at once
--
-- Returns  1  left
--          0  it was somebody else's, or nobody's; nothing was written
-- Repeat   safe
-- Cost     O(1)

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return redis.call('DEL', KEYS[1])
