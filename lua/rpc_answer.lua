-- SPDX-License-Identifier: MIT
-- rpc_answer: answer a question that came by a list, on the list that it names.
--
-- KEYS[1]  a list          sb:{inbox:<realm>:<node>}:rpc or whatever the asker reads
-- ARGV[1]  answer          JSON
-- ARGV[2]  life            milliseconds; that it is set is what wakes the asker
--
-- Returns  1
-- Repeat   answers twice
-- Cost     O(1)

redis.call('RPUSH', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
