-- SPDX-License-Identifier: MIT
-- ---- fleet_all: the keys of the scripts that change what documents show.
--
-- KEYS[1]  sb:{fleet:<realm>:all}:heads  hash     see fleet_head
-- KEYS[2]  ...:reserved                  hash     see fleet_reserve
-- KEYS[3]  ...:holds                     zset     see fleet_reserve
-- KEYS[4]  ...:commands                  hash     see fleet_reserve
-- KEYS[5]  ...:due                       zset     see fleet_reserve
-- KEYS[6]  ...:free                      zset     see fleet_index
-- KEYS[7]  ...:tags                      hash     see fleet_index
-- KEYS[8]  ...:facts                     hash     id => uid, uid within JSON, types (each behind its length, 4 bytes,
--                                                 big-endian)
-- KEYS[9]  ...:metadata                  zset     see fleet_reserve
-- KEYS[10] ...:claims                    hash     see fleet_names
-- KEYS[11] ...:known                     hash     a public id => order of its create, RoomInfo as it was then: see
--                                                 fleet_names
-- KEYS[12] ...:tails                     hash     <id><base> => RoomInfo behind the id, where `known` has another's
-- KEYS[13] ...:renames                   hash     id => its bases that have another public id, see fleet_names
-- KEYS[14] ...:rooms                     hash     id => its rooms in order: origin (1 byte), connections (4), length of
--                                                 the base (2), base
-- KEYS[15] ...:records                   hash     id => its image, as it was given
-- KEYS[16] ...:described                 hash     id => its rooms' metadata, a JSON object: base => object
-- KEYS[17] ...:forsaken                  zset     uid that has metadata, but no instance => since when, ms
-- KEYS[18] ...:uids                      hash     processUid => ids of its instances, in the order of joining
-- KEYS[19] ...:synced                    hash     id => when it last answered, ms
-- KEYS[20] ...:nodes                     zset     node => when its lease is over, ms
-- KEYS[21] ...:owners                    hash     node => how many instances are its own
-- KEYS[22] ...:versions                  zset     id => version of its last change
-- KEYS[23] ...:gone                      zset     id => version of its removal; the newest ones
-- KEYS[24] ...:types                     hash     a type as JSON => in how many lists it is
-- KEYS[25] ...:meta                      hash     version, floor (what went before it is not known), hash, types (the
--                                                 union as JSON), totals: see fleet_meta; epoch, run: see
--                                                 fleet_beat
-- KEYS[26] ...:q, ...:n, ...:s                    the channel of events: see channel_append
-- Returns  the names of the keys
local HEADS, RESERVED, HOLDS, COMMANDS, DUE = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local FREE, TAGS, FACTS, METADATA, CLAIMS = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local KNOWN, TAILS, RENAMES, ROOMS, RECORDS = KEYS[11], KEYS[12], KEYS[13], KEYS[14], KEYS[15]
local DESCRIBED, FORSAKEN, UIDS, SYNCED, NODES = KEYS[16], KEYS[17], KEYS[18], KEYS[19], KEYS[20]
local OWNERS, VERSIONS, GONE, TYPES, META = KEYS[21], KEYS[22], KEYS[23], KEYS[24], KEYS[25]
local LIST, LAST, SETTLED = KEYS[26], KEYS[27], KEYS[28]
local CHUNK = 1000 -- of what one call to Redis is given
