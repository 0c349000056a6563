-- Replaces the expected state with a record: a compare-and-swap, and a creation where nothing is expected.
-- KEYS: session. ARGV: tag, now, expected version or '', record.
-- Replies {tag, 'done'}, {tag, 'absent'} or {tag, 'found', what is stored}.

local tag, now, expected, record = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local stored = redis.call('GET', KEYS[1])

if not stored or (is_tombstone(stored) and has_lapsed(stored, now)) then
  if expected ~= '' then return {tag, 'absent'} end
elseif not is_record(stored) or version(stored) ~= expected or is_expired(stored, now) then
  return {tag, 'found', stored}
elseif last_active(stored) > last_active(record) then
  -- It was touched since the writer loaded it.
  record = record:sub(1, 70) .. stored:sub(71, 78) .. record:sub(79)
end

redis.call('SET', KEYS[1], record, 'PX', life(record, now))
return {tag, 'done'}
