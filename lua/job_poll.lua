-- SPDX-License-Identifier: MIT
-- job_poll: renew a job's heartbeat and take what waits in its mailbox.
--
-- KEYS[1]  sb:{mailbox:<realm>:<job>}:hb  string  '<last seen> <indexed> <universe>', both 13 digits
-- KEYS[2]  sb:{mailbox:<realm>:<job>}:q   list    the mailbox: see job_enqueue
-- KEYS[3]  sb:{mailbox:<realm>:<job>}:c   string  safe take only: the last cursor handed out
-- ARGV[1]  universe                       who polls
-- ARGV[2]  now                            milliseconds since 1970, 13 digits
-- ARGV[3]  ttl of the heartbeat           milliseconds
-- ARGV[4]  index due                      '': job_index has just been told of the job; else it must be
--                                          told again when that was before this, 13 digits
-- ARGV[5]  ack                            safe take only: a cursor
--
-- Returns  -1  the job belongs to another universe; nothing was written
--          -2  job_index must be told of the job first; nothing was written
--          -3  no such cursor was ever handed out; nothing was written
--          {}  nothing waits
--          {expired, cursor, payload, …}  oldest first. Without an ack they are gone from the mailbox,
--              with one they stay until the cursor is acknowledged. Entries that have expired are gone
--              and counted; those for another universe stay.
-- Repeat   safe with an ack; without one what was taken is not handed out again
-- Cost     4.8 µs when nothing waits

local CURSOR_KEEP_MS = 24 * 3600 * 1000

local universe, now, ack = ARGV[1], ARGV[2], tonumber(ARGV[5])
local beat = redis.call('GET', KEYS[1])
local indexed = now

if beat and string.sub(beat, 29) ~= universe then
  return -1
end
if ARGV[4] ~= '' then
  indexed = beat and string.sub(beat, 15, 27)
  if not beat or indexed < ARGV[4] then
    return -2
  end
end
local handed_out = ack and tonumber(redis.call('GET', KEYS[3]) or 0)
if ack and ack > handed_out then
  return -3
end

redis.call('PSETEX', KEYS[1], ARGV[3], now .. ' ' .. indexed .. ' ' .. universe)
if ack and ack > 0 then
  redis.call('PEXPIRE', KEYS[3], CURSOR_KEEP_MS)
end

local entries = redis.call('LRANGE', KEYS[2], '0', '-1')
if #entries == 0 then
  return entries
end

local answer, gone, expired, cursor = {0, 0}, {}, 0, ack or 0
local now_ms = tonumber(now)
for i, entry in ipairs(entries) do
  local number, expires, scope_len = struct.unpack('>I8I8B', entry)
  local scope = string.sub(entry, 18, 17 + scope_len)
  if expires <= now_ms then
    expired = expired + 1
    gone[#gone + 1] = i - 1
  elseif scope == '' or scope == universe then
    if not ack or number <= ack then
      gone[#gone + 1] = i - 1
    end
    if not ack or number > ack then
      answer[#answer + 1] = string.sub(entry, 18 + scope_len)
      cursor = number
    end
  end
end

if #gone == #entries then
  redis.call('DEL', KEYS[2])
elseif #gone > 0 then
  for _, index in ipairs(gone) do
    redis.call('LSET', KEYS[2], index, '')
  end
  redis.call('LREM', KEYS[2], 0, '')
end
if ack and cursor > handed_out then
  redis.call('SET', KEYS[3], string.format('%.0f', cursor), 'PX', CURSOR_KEEP_MS)
end
answer[1], answer[2] = expired, cursor
return answer
