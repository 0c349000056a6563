-- Reads entries of a subject's page, those confirmed last first.
-- KEYS: subject. ARGV: tag, first and last rank.
-- Answers {tag, session, time of its entry, session, …}.

local page = redis.call('ZREVRANGE', KEYS[1], ARGV[2], ARGV[3], 'WITHSCORES')
return {ARGV[1], unpack(page)}
