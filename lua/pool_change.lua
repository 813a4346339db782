-- SPDX-License-Identifier: MIT
-- pool_change: put entities into a guild's pool, take some out.
--
-- A back end that says what is so changes the pool, and the change is counted. What a node has asked for
-- and keeps for a while (a fill) names the count that it saw before it asked: when the pool has changed
-- since, the answer may be the older one, and nothing is kept.
--
-- KEYS[1]  sb:{guild:<realm>:<guild>}:p:<type>  hash  id => entity
-- KEYS[2]  sb:{guild:<realm>:<guild>}:m         hash  see pool_read
-- KEYS[3]  sb:{guild:<realm>:<guild>}:f:<type>  zset  see pool_read
-- KEYS[4]  sb:{guild:<realm>:<guild>}:x:<type>  zset  see pool_read
-- KEYS[5]  sb:{guild:<realm>:<guild>}:i         zset  members: <rank><folded text>\0<id>, all scores 0;
--                                                     rank 0: the whole of a name, 1: from a word on
-- KEYS[6]  sb:{guild:<realm>:<guild>}:w         hash  members: id => its folded texts, each with its rank in
--                                                     front and a line feed behind
-- ARGV[1]  type
-- ARGV[2]  now       milliseconds since 1970
-- ARGV[3]  fill      the count that was seen; '': a change
-- ARGV[4]  ends      fill: until when the entities are good
-- ARGV[5]  forget    fill: until when ids that do not exist are known not to
-- ARGV[6]  max       entities in the pool
-- ARGV[7]  full      change: '1' from now on the pool is complete, '0' it is not, '' as before
-- ARGV[8]  entities  id, entity, folded texts: each behind its length (4 bytes, big endian)
-- ARGV[9]  ids       change: that exist no more; fill: that do not exist
--
-- Returns  1   done
--          0   a fill that comes too late; nothing was written
--          -1  there would be too many; nothing was written
-- Repeat   safe
-- Cost     O(entities), members O(entities log members)

local SWEEP_MAX = 2000 -- marks whose time has passed that go with one call: more than one adds

local kind, now, fill, ends, forget = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local entities, ids = ARGV[8], ARGV[9]

local function unindex(id)
  for text in string.gmatch(redis.call('HGET', KEYS[6], id) or '', '([^\n]*)\n') do
    redis.call('ZREM', KEYS[5], text .. '\0' .. id)
  end
  redis.call('HDEL', KEYS[6], id)
end

local function index(id, texts)
  unindex(id)
  if texts == '' then
    return
  end
  redis.call('HSET', KEYS[6], id, texts)
  for text in string.gmatch(texts, '([^\n]*)\n') do
    redis.call('ZADD', KEYS[5], 0, text .. '\0' .. id)
  end
end

local function count_new()
  local at, new, id, _ = 1, 0
  while at <= #entities do
    id, _, _, at = struct.unpack('>I4c0I4c0I4c0', entities, at)
    new = new + 1 - redis.call('HEXISTS', KEYS[1], id)
  end
  return new
end

if fill ~= '' and fill ~= (redis.call('HGET', KEYS[2], kind .. '.n') or '0') then
  return 0
end
if redis.call('HLEN', KEYS[1]) + count_new() > tonumber(ARGV[6]) then
  return -1
end

local at = 1
while at <= #entities do
  local id, entity, texts
  id, entity, texts, at = struct.unpack('>I4c0I4c0I4c0', entities, at)
  redis.call('HSET', KEYS[1], id, entity)
  redis.call('ZREM', KEYS[4], id)
  if fill ~= '' then
    redis.call('ZADD', KEYS[3], ends, id)
  else
    redis.call('ZREM', KEYS[3], id)
  end
  if kind == 'member' then
    index(id, texts)
  end
end

at = 1
while at <= #ids do
  local id
  id, at = struct.unpack('>I4c0', ids, at)
  redis.call('HDEL', KEYS[1], id)
  redis.call('ZREM', KEYS[3], id)
  if fill ~= '' then
    redis.call('ZADD', KEYS[4], forget, id)
  end
  if kind == 'member' then
    unindex(id)
  end
end

local passed = redis.call('ZCOUNT', KEYS[4], '-inf', now)
if passed > 0 then
  redis.call('ZREMRANGEBYRANK', KEYS[4], 0, math.min(passed, SWEEP_MAX) - 1)
end
if fill ~= '' and ids ~= '' then
  redis.call('PEXPIREAT', KEYS[4], forget) -- none of them is good for longer
end

if fill == '' then
  redis.call('HINCRBY', KEYS[2], kind .. '.n', 1)
  redis.call('HSET', KEYS[2], kind .. '.at', now)
  if ARGV[7] == '1' then
    redis.call('HSET', KEYS[2], kind .. '.full', 1)
    redis.call('HDEL', KEYS[2], kind .. '.until')
  elseif ARGV[7] == '0' then
    redis.call('HDEL', KEYS[2], kind .. '.full', kind .. '.until')
  end
end
return 1
