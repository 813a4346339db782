-- SPDX-License-Identifier: MIT
-- pool_replace: what was put aside becomes the pool, complete; or, when nothing was, the pool is empty.
--
-- KEYS[1]   sb:{guild:<realm>:<guild>}:p:<type>     see pool_change for these six
-- KEYS[2]   sb:{guild:<realm>:<guild>}:m
-- KEYS[3]   sb:{guild:<realm>:<guild>}:f:<type>
-- KEYS[4]   sb:{guild:<realm>:<guild>}:x:<type>
-- KEYS[5]   sb:{guild:<realm>:<guild>}:i
-- KEYS[6]   sb:{guild:<realm>:<guild>}:w
-- KEYS[7]   sb:{guild:<realm>:<guild>}:sp:<stage>   see pool_stage for these three; not given: nothing
-- KEYS[8]   sb:{guild:<realm>:<guild>}:si:<stage>
-- KEYS[9]   sb:{guild:<realm>:<guild>}:sw:<stage>
-- ARGV[1]   type
-- ARGV[2]   now      milliseconds since 1970
-- ARGV[3]   changes  the count that was seen before the entities were known; '': whatever it is
-- ARGV[4]   count    entities that were put aside
-- ARGV[5]   ends     until when the pool is good; '': for good
-- ARGV[6]   full     '1' the pool is complete, '0' nothing is known of it
--
-- Returns   1   done
--           0   the pool has changed meanwhile, or what was put aside has gone; nothing was written
-- Repeat    safe: a second time it finds that the pool has changed
-- Cost      O(1); what it replaces is freed in the background

local kind, now, changes, ends = ARGV[1], ARGV[2], ARGV[3], ARGV[5]

if changes ~= '' and changes ~= (redis.call('HGET', KEYS[2], kind .. '.n') or '0') then
  return 0
end
if KEYS[7] and redis.call('HLEN', KEYS[7]) ~= tonumber(ARGV[4]) then
  return 0
end

local function replace(key, by)
  redis.call('UNLINK', key)
  if by and redis.call('EXISTS', by) == 1 then
    redis.call('RENAME', by, key)
    redis.call('PERSIST', key)
  end
end

replace(KEYS[1], KEYS[7])
redis.call('UNLINK', KEYS[3], KEYS[4])
if kind == 'member' then
  replace(KEYS[5], KEYS[8])
  replace(KEYS[6], KEYS[9])
end

redis.call('HINCRBY', KEYS[2], kind .. '.n', 1)
redis.call('HINCRBY', KEYS[2], kind .. '.g', 1)
redis.call('HSET', KEYS[2], kind .. '.at', now)
if ARGV[6] == '1' then
  redis.call('HSET', KEYS[2], kind .. '.full', 1)
else
  redis.call('HDEL', KEYS[2], kind .. '.full')
end
if ends == '' then
  redis.call('HDEL', KEYS[2], kind .. '.until')
else
  redis.call('HSET', KEYS[2], kind .. '.until', ends)
end
return 1
