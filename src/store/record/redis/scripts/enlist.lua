-- Adds a session to its subject's sorted set, or confirms that it is there.
-- KEYS: subject. ARGV: tag, session, now, how long the set has to live at least.
-- Replies {tag, number of entries}.

local function prolong()
  local life = math.max(redis.call('PTTL', KEYS[1]), tonumber(ARGV[4]))
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', life))
end

-- First for an entry that is there: after that, a full server takes the confirmation, which needs no memory.
local is_known = redis.call('ZSCORE', KEYS[1], ARGV[2])
if is_known then prolong() end
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[2])
if not is_known then prolong() end
return {ARGV[1], redis.call('ZCARD', KEYS[1])}
