-- SPDX-License-Identifier: MIT
-- job_enqueue: put a command into a job's mailbox and wake whoever holds a poll for it.
--
-- KEYS[1]  sb:{mailbox:<realm>:<job>}:hb      string   see job_poll
-- KEYS[2]  sb:{mailbox:<realm>:<job>}:q       list     the mailbox, lives as long as its last command
-- KEYS[3]  sb:{mailbox:<realm>:<job>}:n       integer  the last number given out
-- KEYS[4]  sb:{mailbox:<realm>:<job>}:i:<id>  string   only with an id: it was stored
-- ARGV[1]  universe      the only one whose jobs may be reached; '': any
-- ARGV[2]  is live only  '1': a job without a heartbeat gets nothing
-- ARGV[3]  now           milliseconds since 1970
-- ARGV[4]  ttl           milliseconds
-- ARGV[5]  cap           entries
-- ARGV[6]  topic         the keyspace topic of the mailbox
-- ARGV[7]  command       one byte: length of its scope; the scope: the universe that may have it, or
--                        nothing; the payload
--
-- An entry is number (8 bytes, big endian), expiry in milliseconds since 1970 (8 bytes) and command.
--
-- Returns  -1  a live job of another universe; nothing was written
--          -2  live only, and there is no heartbeat; nothing was written
--          {is live, dropped, expired}  stored, now or before; so many older commands were dropped
--              because of the cap, so many had expired and are gone
-- Repeat   safe with an id
-- Cost     7.5 µs; O(cap) when the mailbox is full

local KEY_SLACK_MS = 1000

local universe, now, ttl, cap = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local beat = redis.call('GET', KEYS[1])

if beat and universe ~= '' and string.sub(beat, 29) ~= universe then
  return -1
end
if not beat and ARGV[2] == '1' then
  return -2
end
local is_live = beat and 1 or 0
if KEYS[4] and not redis.call('SET', KEYS[4], '1', 'NX', 'PX', ttl) then
  return {is_live, 0, 0}
end

local number = redis.call('INCR', KEYS[3])
if number == 1 then
  number = now * 1024
  redis.call('SET', KEYS[3], string.format('%.0f', number))
end
local length = redis.call('RPUSH', KEYS[2], struct.pack('>I8I8', number, now + ttl) .. ARGV[7])
if redis.call('PTTL', KEYS[2]) < ttl then
  redis.call('PEXPIRE', KEYS[2], ttl + KEY_SLACK_MS)
  redis.call('PEXPIRE', KEYS[3], ttl + KEY_SLACK_MS)
end

local dropped, expired = 0, 0
if length > cap then
  for i, entry in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
    local _, expires = struct.unpack('>I8I8', entry)
    if expires <= now then
      redis.call('LSET', KEYS[2], i - 1, '')
      expired = expired + 1
    end
  end
  if expired > 0 then
    redis.call('LREM', KEYS[2], 0, '')
  end
  dropped = math.max(length - expired - cap, 0)
  redis.call('LTRIM', KEYS[2], dropped, -1)
end

redis.call('SPUBLISH', ARGV[6], '')
return {is_live, dropped, expired}
