-- SPDX-License-Identifier: MIT
-- channel_append: number an entry, give it to whoever listens, and keep it.
--
-- KEYS[1]  sb:{<kind>:<realm>:<id>}:q        list     the entries: number and expiry (8 bytes each,
--                                                     big-endian), payload; numbers without holes
-- KEYS[2]  ...:n                               integer  the last number; outlives the list
-- KEYS[3]  ...:s                               integer  everything up to here is settled
-- KEYS[4]  ...:l                               string   somebody listens, or broke off just now
-- KEYS[5]  ...:o                               integer  entries since nobody listens
-- KEYS[6]  ...:m:<id>                          integer  absent, or: the number the message with this id got
-- ARGV[1]  topic                             the keyspace topic of KEYS[1]
-- ARGV[2]  tail                              the entry without its number
-- ARGV[3]  rule                              'queue', 'live' (not stored when nobody listens), or
--                                            'long' (ttl is more than what the listeners renew it to)
-- ARGV[4]  bounds                            seven numbers of 8 bytes, big-endian, in one piece because
--                                            each argument costs time and these are seldom needed:
--            base                            a new channel's first number: Redis' milliseconds * 1024
--            offline cap                     >= 0
--            live bound                      >= 1, >= offline cap
--            keep count                      settled entries that may stay
--            ttl                             milliseconds that the list must live from now on at least
--            life                            milliseconds that it is given, > ttl
--            once ttl                        milliseconds; with KEYS[6]
--
-- Returns  {number, listeners, dropped offline, dropped live, is duplicate}; number 0: not stored
-- Repeat   safe with KEYS[6] only
-- Cost     O(1); of 200 bytes: with a listener 5 us (in each 64th call O(trimmed) more), without, beyond the
--          cap, 13 us

-- What n, s and o live longer than the list: numbers must not begin anew above entries. Nor may a short
-- entry's life be given to them when the list lives for a long one.
local EXTRA_MS = 60000
local BOUNDS = '>I8I8I8I8I8I8I8'

if KEYS[6] then
  local earlier = redis.call('GET', KEYS[6])
  if earlier then
    return {tonumber(earlier), 0, 0, 0, 1}
  end
end

local number = redis.call('INCR', KEYS[2])
if number == 1 then
  local base, _, _, _, _, life = struct.unpack(BOUNDS, ARGV[4])
  local last = redis.call('LINDEX', KEYS[1], -1)
  if last then -- the number was evicted, the entries were not
    number = struct.unpack('>I8', last) + 1
  else
    number = base
    redis.call('SET', KEYS[3], number - 1, 'PX', life + EXTRA_MS)
  end
  redis.call('SET', KEYS[2], number, 'PX', life + EXTRA_MS)
end

local entry = struct.pack('>I8', number) .. ARGV[2]
local listeners = redis.call('SPUBLISH', ARGV[1], entry)
local rule, dropped_offline, dropped_live = ARGV[3], 0, 0
local is_offline = listeners == 0 and redis.call('EXISTS', KEYS[4]) == 0

if is_offline then
  local _, offline_cap = struct.unpack(BOUNDS, ARGV[4])
  if rule == 'live' or offline_cap == 0 then
    redis.call('DECR', KEYS[2])
    return {0, 0, rule == 'live' and 0 or 1, 0, 0}
  end
end

local length = redis.call('RPUSH', KEYS[1], entry)

-- The usual case, and all of it: somebody listens, and nothing is due.
if listeners > 0 and length > 1 and number % 64 ~= 0 and rule ~= 'long' and not KEYS[6] then
  return {number, listeners, 0, 0, 0}
end

local _, offline_cap, live_bound, keep_count, ttl, life, once_ttl = struct.unpack(BOUNDS, ARGV[4])
local function outlive_list()
  return math.max(life, redis.call('PTTL', KEYS[1])) + EXTRA_MS
end

-- A listener renews n and s every few seconds; without one it is done here.
if listeners > 0 and rule ~= 'long' then
  if length == 1 then
    redis.call('PEXPIRE', KEYS[1], life)
  end
elseif length == 1 or redis.call('PTTL', KEYS[1]) < ttl then
  redis.call('PEXPIRE', KEYS[1], life)
  for i = 2, 5 do
    if i ~= 4 then
      redis.call('PEXPIRE', KEYS[i], life + EXTRA_MS, 'GT')
    end
  end
end

if is_offline then
  local queued = redis.call('INCR', KEYS[5])
  if queued == 1 then
    redis.call('PEXPIRE', KEYS[5], outlive_list())
  elseif queued > offline_cap then
    local settled = tonumber(redis.call('GET', KEYS[3])) or number - length
    local waiting = number - settled
    if waiting > offline_cap then -- one in, the oldest out
      redis.call('LPOP', KEYS[1])
      redis.call('SET', KEYS[3], math.max(settled, number - length) + 1, 'PX', outlive_list())
      length = length - 1
      dropped_offline = 1
    else -- somebody reads without listening
      redis.call('SET', KEYS[5], waiting, 'PX', outlive_list())
    end
  end
end

if number % 64 == 0 then
  local first = number - length + 1
  local settled = tonumber(redis.call('GET', KEYS[3])) or first - 1
  local cut = math.max(number - live_bound, settled - keep_count)
  if cut >= first then
    redis.call('LTRIM', KEYS[1], cut - first + 1, -1)
  end
  if cut > settled then
    redis.call('SET', KEYS[3], cut, 'PX', outlive_list())
    dropped_live = cut - math.max(settled, first - 1)
  end
  redis.call('PEXPIRE', KEYS[2], life + EXTRA_MS, 'GT')
end

if KEYS[6] then
  redis.call('SET', KEYS[6], number, 'PX', once_ttl)
end
return {number, listeners, dropped_offline, dropped_live, 0}
