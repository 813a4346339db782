-- member_release: leave a server's place in a relay channel, if it is still this connection's.
--
-- KEYS[1]  sb:{mods:<realm>:<channel>}:member:<server>  string  the connection
-- ARGV[1]  connection                                   1..128 bytes
--
-- Returns  1  left
--          0  it was somebody else's, or nobody's; nothing was written
-- Repeat   safe
-- Cost     O(1)

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
