-- SPDX-License-Identifier: MIT
-- ---- rate_bucket: when the bucket of KEYS[1] will be full again after ARGV[4] tokens have been taken.
--
-- Wants    the keys and arguments of rate_take
-- Returns  now, period; full, and wait: milliseconds until the tokens are there, 0 or less: now. More tokens than the
--          bucket holds end the script with the period.
local now, limit, period, count =
  tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

if count > limit then
  return period
end

local full = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
full = math.min(full, now + period) + count * period / limit
local wait = math.ceil(full - now - period - 0.001)
