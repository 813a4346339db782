-- member_take: give a server's place in a relay channel to its newest connection.
--
-- KEYS[1]  sb:{mods:<realm>:<channel>}:member:<server>  string  the connection; lives for the ttl
-- ARGV[1]  connection                                   1..128 bytes
-- ARGV[2]  ttl                                          milliseconds, > 0
--
-- Returns  the connection that had the place before; '' when there was none or it was this one
-- Repeat   safe
-- Cost     O(1)

local former = redis.call('GET', KEYS[1])

redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return former and former ~= ARGV[1] and former or ''
