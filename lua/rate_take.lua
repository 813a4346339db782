-- SPDX-License-Identifier: MIT
-- rate_take: take tokens from a bucket, all or none.
--
-- A bucket of `limit` tokens that refills evenly over `period` is kept as the one moment at which it
-- will be full again: each token that is taken moves that moment on by period / limit, and it can
-- never lie further ahead than one period.
--
-- KEYS[1]  sb:{rate:<realm>:<subject>}:bucket  string  full again at: milliseconds since 1970, with a
--                                                      fraction; missing: it is full
-- ARGV[1]  now                                 milliseconds since 1970
-- ARGV[2]  limit                               tokens, > 0
-- ARGV[3]  period                              milliseconds, > 0
-- ARGV[4]  count                               tokens wanted, > 0
--
-- Returns  0    taken
--          n    not taken; so many milliseconds until they would be there (the period, when they are
--               more than the bucket holds)
-- Repeat   takes again
-- Cost     5.1 µs

-- include: rate_bucket

if wait > 0 then
  return wait
end

redis.call('SET', KEYS[1], string.format('%.3f', full), 'PX', math.ceil(full - now) + 1)
return 0
