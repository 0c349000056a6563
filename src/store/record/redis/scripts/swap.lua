-- Puts a record in place of the expected state: a compare-and-swap, and a creation where nothing is expected.
-- KEYS: session. ARGV: tag, now, expected version or '', record.
-- Answers {tag, 'done'}, {tag, 'absent'} or {tag, 'found', what stands there}.

local tag, now, expected, record = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local stands = redis.call('GET', KEYS[1])

if not stands or (is_tombstone(stands) and is_over(stands, now)) then
  if expected ~= '' then return {tag, 'absent'} end
elseif not is_record(stands) or version(stands) ~= expected or is_expired(stands, now) then
  return {tag, 'found', stands}
elseif last_active(stands) > last_active(record) then
  -- Somebody has touched it since it was loaded.
  record = record:sub(1, 70) .. stands:sub(71, 78) .. record:sub(79)
end

redis.call('SET', KEYS[1], record, 'PX', life(record, now))
return {tag, 'done'}
