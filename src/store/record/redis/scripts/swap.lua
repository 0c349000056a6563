-- Replaces the expected state with a record: a compare-and-swap, and a creation where nothing is expected.
-- KEYS: session. ARGV: tag, now, expected version or '', record, largest share of the memory in percent or ''.
-- Replies {tag, 'done'}, {tag, 'absent'} or {tag, 'found', what is stored}; or the error CROWDED if more memory than the
-- share is used.

local tag, now, expected, record, share = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], tonumber(ARGV[5])

local function is_crowded()
  local info = redis.pcall('INFO', 'memory')
  if type(info) ~= 'string' then return false end
  local used, most = info:match('used_memory:(%d+)'), info:match('maxmemory:(%d+)')
  if not used or not most or most == '0' then return false end
  return tonumber(used) > tonumber(most) * share / 100
end

local stored = redis.call('GET', KEYS[1])

if not stored or (is_tombstone(stored) and has_lapsed(stored, now)) then
  if expected ~= '' then return {tag, 'absent'} end
elseif not is_record(stored) or version(stored) ~= expected or is_expired(stored, now) then
  return {tag, 'found', stored}
elseif last_active(stored) > last_active(record) then
  -- It was touched since the writer loaded it.
  record = record:sub(1, 70) .. stored:sub(71, 78) .. record:sub(79)
end

if share and is_crowded() then return redis.error_reply('CROWDED no memory is left for another anonymous session') end

-- What is not larger than before may be written on a full server.
local may_overfill = stored and #record <= #stored
return put(KEYS[1], record, life(record, now), may_overfill) or {tag, 'done'}
