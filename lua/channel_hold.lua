-- SPDX-License-Identifier: MIT
-- channel_hold: somebody listens; let the channel live, and let go of what a feed kept long enough.
--
-- KEYS[1]  sb:{<kind>:<realm>:<id>}:q        list     the entries
-- KEYS[2]  ...:n                               integer  the last number
-- KEYS[3]  ...:s                               integer  everything up to here is settled
-- KEYS[4]  ...:l                               string   the listeners' lease: it ends a grace after the last hold
-- KEYS[5]  ...:o                               integer  entries since nobody listens
-- KEYS[6]  ...:a                               string   "<number>:<ms>": so old were entries up to number then
-- ARGV[1]  lease                             milliseconds
-- ARGV[2]  life                              of the list, in milliseconds
-- ARGV[3]  keep                              milliseconds that settled entries stay; 0: settling trims them
-- ARGV[4]  now                               Redis' milliseconds
--
-- Returns  {settled, appended}; both 0 when the channel was never used
-- Repeat   safe
-- Cost     O(1), 12 us; O(trimmed) when settled entries have been kept for long enough, which is noticed
--          between one and two times `keep` after they were appended

local EXTRA_MS = 60000 -- as in channel_append

redis.call('SET', KEYS[4], 1, 'PX', ARGV[1])
redis.call('DEL', KEYS[5])

local appended = tonumber(redis.call('GET', KEYS[2]))
if not appended then
  return {0, 0}
end

redis.call('PEXPIRE', KEYS[1], ARGV[2], 'GT')
redis.call('PEXPIRE', KEYS[2], ARGV[2] + EXTRA_MS, 'GT')
redis.call('PEXPIRE', KEYS[3], ARGV[2] + EXTRA_MS, 'GT')

local length = redis.call('LLEN', KEYS[1])
local first = appended - length + 1
local settled = tonumber(redis.call('GET', KEYS[3])) or first - 1
local keep, now = tonumber(ARGV[3]), tonumber(ARGV[4])

if keep > 0 and settled >= first then
  local mark = redis.call('GET', KEYS[6])
  local marked, at = string.match(mark or '', '^(%d+):(%d+)$')
  if marked and now - at >= keep then
    local cut = math.min(tonumber(marked), settled)
    if cut >= first then
      redis.call('LTRIM', KEYS[1], cut - first + 1, -1)
    end
  end
  if not marked or now - at >= keep then
    redis.call('SET', KEYS[6], string.format('%.0f:%.0f', appended, now), 'PX', ARGV[2] + EXTRA_MS)
  end
end
return {settled, appended}
