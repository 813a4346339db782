-- SPDX-License-Identifier: MIT
-- channel_read: the entries after a cursor, within bounds.
--
-- KEYS[1]  sb:{<kind>:<realm>:<id>}:q        list     the entries
-- KEYS[2]  ...:n                               integer  the last number
-- KEYS[3]  ...:s                               integer  everything up to here is settled
-- ARGV[1]  cursor                            0: the settled mark; 'first': before the first entry
-- ARGV[2]  entries at most                   > 0
-- ARGV[3]  bytes at most                     one entry is always returned
-- ARGV[4]  life                              milliseconds, of KEYS[3] at least if it is written
--
-- Returns  {appended, settled, missed, expired, has more, has gone back, {entry, ...}}
--          missed: entries after the cursor that are gone. A hole of 2^19 numbers or more is none of
--            entries: the channel expired and began anew at the clock (1024 numbers a millisecond),
--            and how many went with it nobody knows; then it is 0.
--          expired: entries that nobody settled and no bound dropped, but that are gone. The settled mark
--            is moved over them, so that they are told of once.
-- Repeat   safe
-- Cost     O(entries); 4 us when there is none

local EXTRA_MS = 60000    -- as in channel_append
local HOLE_MAX = 524288   -- 2^19
local PORTION = 8         -- entries that are fetched before the bytes are looked at

local count_max, bytes_max = tonumber(ARGV[2]), tonumber(ARGV[3])
local length = redis.call('LLEN', KEYS[1])
local appended = tonumber(redis.call('GET', KEYS[2]))
if not appended then
  appended = length > 0 and struct.unpack('>I8', redis.call('LINDEX', KEYS[1], -1)) or 0
end
local first = appended - length + 1
local settled = tonumber(redis.call('GET', KEYS[3])) or first - 1
local cursor = ARGV[1] == 'first' and first - 1 or tonumber(ARGV[1])
local has_gone_back = cursor > appended

if cursor == 0 or has_gone_back then
  cursor = settled
end

local function hole(numbers)
  return numbers > 0 and numbers < HOLE_MAX and numbers or 0
end
local missed, expired = hole(first - 1 - cursor), hole(first - 1 - settled)
if first - 1 > settled then
  settled = first - 1
  redis.call('SET', KEYS[3], settled, 'PX', math.max(ARGV[4], redis.call('PTTL', KEYS[1])) + EXTRA_MS)
end

local entries, bytes, at = {}, 0, math.max(cursor - first + 1, 0)
local is_full = false
while at < length and not is_full do
  local portion = redis.call('LRANGE', KEYS[1], at, at + PORTION - 1)
  for i = 1, #portion do
    bytes = bytes + #portion[i]
    if #entries == count_max or (bytes > bytes_max and #entries > 0) then
      is_full = true
      break
    end
    entries[#entries + 1] = portion[i]
    at = at + 1
  end
end
return {appended, settled, missed, expired, at < length and 1 or 0, has_gone_back and 1 or 0, entries}
