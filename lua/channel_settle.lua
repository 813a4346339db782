-- SPDX-License-Identifier: MIT
-- channel_settle: everything up to a number has been delivered.
--
-- KEYS[1]  sb:{<kind>:<realm>:<id>}:q        list     the entries
-- KEYS[2]  ...:n                               integer  the last number
-- KEYS[3]  ...:s                               integer  everything up to here is settled; never goes back
-- ARGV[1]  number
-- ARGV[2]  keep count                        settled entries that stay; 0 for queues
-- ARGV[3]  life                              of the list, in milliseconds; the mark lives longer than both
--
-- Returns  the settled mark; 0 when the channel has never been used. A number that has not been given out
--          (any more) settles nothing: Redis lost something, and others' entries may have it by now
-- Repeat   safe
-- Cost     O(trimmed); 4 us

local EXTRA_MS = 60000 -- as in channel_append

local marks = redis.call('MGET', KEYS[2], KEYS[3])
local appended = tonumber(marks[1])
if not appended then
  return 0
end

local length = redis.call('LLEN', KEYS[1])
local first = appended - length + 1
local settled = tonumber(marks[2]) or first - 1
local number = tonumber(ARGV[1])

if number <= settled or number > appended then
  return settled
end
local life = math.max(ARGV[3], redis.call('PTTL', KEYS[1]))
redis.call('SET', KEYS[3], number, 'PX', life + EXTRA_MS)
local cut = number - ARGV[2]
if cut >= first then
  redis.call('LTRIM', KEYS[1], cut - first + 1, -1)
end
return number
