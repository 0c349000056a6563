-- Moves the last use of a session forward, in place and never back; its data stay where they are.
-- KEYS: session. ARGV: tag, now, epoch, last use as it is stored.
-- Answers {tag, 'touched'}, {tag, 'absent'}, {tag, 'expired'}, {tag, 'rotated'} or {tag, 'found', what stands there}.

local tag, now = ARGV[1], tonumber(ARGV[2])
local stands = redis.call('GETRANGE', KEYS[1], 0, FIXED - 1)

if stands == '' then return {tag, 'absent'} end
if not is_record(stands) then return {tag, 'found', stands} end
if is_expired(stands, now) then return {tag, 'expired'} end
if epoch(stands) ~= ARGV[3] then return {tag, 'rotated'} end

if int(ARGV[4], 1) > last_active(stands) then
  redis.call('SETRANGE', KEYS[1], 70, ARGV[4])
  redis.call('PEXPIRE', KEYS[1], life(stands:sub(1, 70) .. ARGV[4] .. stands:sub(79), now))
end
return {tag, 'touched'}
