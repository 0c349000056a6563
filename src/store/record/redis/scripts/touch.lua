-- Moves the last-activity time of a session forward, in place and never back; its data stay where they are.
-- KEYS: session. ARGV: tag, now, epoch, last-activity time as it is stored.
-- Replies {tag, 'touched'}, {tag, 'absent'}, {tag, 'expired'}, {tag, 'rotated'} or {tag, 'found', what is stored}.

local tag, now = ARGV[1], tonumber(ARGV[2])
local stored = redis.call('GETRANGE', KEYS[1], 0, FIXED - 1)

if stored == '' then return {tag, 'absent'} end
if not is_record(stored) then return {tag, 'found', stored} end
if is_expired(stored, now) then return {tag, 'expired'} end
if epoch(stored) ~= ARGV[3] then return {tag, 'rotated'} end

if int(ARGV[4], 1) > last_active(stored) then
  -- In this order, since a full server refuses the second as the first write of a script. It takes no memory.
  redis.call('PEXPIRE', KEYS[1], life(stored:sub(1, 70) .. ARGV[4] .. stored:sub(79), now))
  redis.call('SETRANGE', KEYS[1], 70, ARGV[4])
end
return {tag, 'touched'}
