-- SPDX-License-Identifier: MIT
-- job_find: who has a job, when it was last seen, and how much waits for it.
--
-- KEYS[1]  sb:{mailbox:<realm>:<job>}:hb  string  see job_poll
-- KEYS[2]  sb:{mailbox:<realm>:<job>}:q   list    see job_enqueue
-- ARGV[1]  now                            milliseconds since 1970
--
-- Returns  {}  no heartbeat
--          {last seen, waiting, universe}  waiting: what the job's next poll would be handed
-- Repeat   safe, reads only
-- Cost     O(what waits)

local beat = redis.call('GET', KEYS[1])

if not beat then
  return {}
end

local universe, now, waiting = string.sub(beat, 29), tonumber(ARGV[1]), 0
for _, entry in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
  local _, expires, scope_len = struct.unpack('>I8I8B', entry)
  local scope = string.sub(entry, 18, 17 + scope_len)
  if expires > now and (scope == '' or scope == universe) then
    waiting = waiting + 1
  end
end
return {tonumber(string.sub(beat, 1, 13)), waiting, universe}
