-- SPDX-License-Identifier: MIT
-- channel_leave: a listener is gone; if it was the last one, say until when the live bound stays.
--
-- KEYS[1]  sb:{<kind>:<realm>:<id>}:l        string   the listeners' lease
-- ARGV[1]  topic                             the keyspace topic of the channel's list
-- ARGV[2]  grace                             milliseconds; 0: it left in order, there is none
--
-- Returns  1 nobody listens now; 0 somebody still does, and nothing was changed
-- Repeat   safe
-- Cost     O(1)

if redis.call('PUBSUB', 'SHARDNUMSUB', ARGV[1])[2] > 0 then
  return 0
end
if ARGV[2] == '0' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], 1, 'PX', ARGV[2])
end
return 1
