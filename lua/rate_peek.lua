-- SPDX-License-Identifier: MIT
-- rate_peek: would rate_take get so many tokens of a bucket? It takes none.
--
-- KEYS[1]  sb:{rate:<realm>:<subject>}:bucket  string  full again at: as rate_take writes it; missing: it is full
-- ARGV[1]  now                                 milliseconds since 1970
-- ARGV[2]  limit                               tokens, > 0
-- ARGV[3]  period                              milliseconds, > 0
-- ARGV[4]  count                               tokens wanted, > 0
--
-- Returns  0    they are there
--          n    they are not; so many milliseconds until they would be (the period, when they are more than
--               the bucket holds)
-- Repeat   safe
-- Cost     O(1)

-- include: rate_bucket

return math.max(0, wait)
