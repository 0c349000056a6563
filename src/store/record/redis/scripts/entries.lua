-- Reads entries of a subject's sorted set, the most recently confirmed first.
-- KEYS: subject. ARGV: tag, first and last rank.
-- Replies {tag, session, time of its entry, session, …}.

local entries = redis.call('ZREVRANGE', KEYS[1], ARGV[2], ARGV[3], 'WITHSCORES')
return {ARGV[1], unpack(entries)}
