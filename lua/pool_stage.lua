-- SPDX-License-Identifier: MIT
-- pool_stage: put some of the entities aside that are to replace a whole pool.
--
-- KEYS[1]  sb:{guild:<realm>:<guild>}:sp:<stage>  hash  as p:<type> will be
-- KEYS[2]  sb:{guild:<realm>:<guild>}:si:<stage>  zset  as i will be
-- KEYS[3]  sb:{guild:<realm>:<guild>}:sw:<stage>  hash  as w will be
-- KEYS[4]  sb:{guild:<realm>:<guild>}:m           hash  see pool_read
-- ARGV[1]  type
-- ARGV[2]  life      milliseconds that they stay aside
-- ARGV[3]  max       entities in the pool
-- ARGV[4]  entities  see pool_change
--
-- Returns  changes   the pool's count of changes
--          -1        there would be too many; nothing was written
-- Repeat   safe
-- Cost     as pool_change

local kind, life, entities = ARGV[1], ARGV[2], ARGV[4]
local at, count = 1, redis.call('HLEN', KEYS[1])

while at <= #entities do
  local id, entity, texts, after
  id, entity, texts, after = struct.unpack('>I4c0I4c0I4c0', entities, at)
  at = after
  if redis.call('HEXISTS', KEYS[1], id) == 0 then
    count = count + 1
  end
end
if count > tonumber(ARGV[3]) then
  return -1
end

at = 1
while at <= #entities do
  local id, entity, texts
  id, entity, texts, at = struct.unpack('>I4c0I4c0I4c0', entities, at)
  redis.call('HSET', KEYS[1], id, entity)
  if kind == 'member' and texts ~= '' then
    redis.call('HSET', KEYS[3], id, texts)
    for text in string.gmatch(texts, '([^\n]*)\n') do
      redis.call('ZADD', KEYS[2], 0, text .. '\0' .. id)
    end
  end
end
for i = 1, 3 do
  redis.call('PEXPIRE', KEYS[i], life)
end
return tonumber(redis.call('HGET', KEYS[4], kind .. '.n') or 0)
