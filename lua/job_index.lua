-- SPDX-License-Identifier: MIT
-- job_index: note that a universe has a job that polls.
--
-- A job is told of at its first poll and again each minute (job_poll sees to it), always before its
-- heartbeat says so: a job with a heartbeat is in the index. The index may hold more: whoever reads it
-- asks the heartbeats. What was not told of for the keep is dropped here.
--
-- KEYS[1]  sb:{jobs:<realm>:<universe>}:live  sorted set  job → when it was told of; lives for the keep
-- ARGV[1]  job
-- ARGV[2]  now                                milliseconds since 1970
-- ARGV[3]  keep                               milliseconds; more than a minute and a heartbeat
--
-- Returns  1
-- Repeat   safe
-- Cost     O(log n), and what is dropped

redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[2] - ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
