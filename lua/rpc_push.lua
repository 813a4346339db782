-- SPDX-License-Identifier: MIT
-- rpc_push: a question for whoever works for a shard.
--
-- KEYS[1]  sb:{rpc:<realm>:<shard>}:q  list  questions, oldest first; workers take them with BLPOP. Lives as
--                                            long as its last question may be answered
-- ARGV[1]  question                    JSON; it says until when an answer is waited for
-- ARGV[2]  max                         questions
-- ARGV[3]  life                        milliseconds
--
-- Returns  1  it waits, or is taken already
--          0  too many wait; nothing was written
-- Repeat   asks twice
-- Cost     O(1)

if redis.call('LLEN', KEYS[1]) >= tonumber(ARGV[2]) then
  return 0
end
redis.call('RPUSH', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
