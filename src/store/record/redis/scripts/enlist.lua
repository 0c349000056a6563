-- Adds a session to its subject's sorted set, or confirms that it is there.
-- KEYS: subject. ARGV: session, now, how long the set has to live at least.
-- Replies {session, number of entries}.

redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return {ARGV[1], redis.call('ZCARD', KEYS[1])}
