-- Enters a session on its subject's page, or confirms that it stands there.
-- KEYS: subject. ARGV: session, now, what the page's life has to be at least.
-- Answers {session, number of entries}.

redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return {ARGV[1], redis.call('ZCARD', KEYS[1])}
