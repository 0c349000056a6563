-- Reads the log of revocations in the order of its numbers.
-- KEYS: log. ARGV: tag, the number to go on behind, how many entries at most.
-- Replies {tag, the newest entry or '', {entry, …}}.

local entries = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[2], '+inf', 'LIMIT', 0, ARGV[3])
return {ARGV[1], redis.call('ZREVRANGE', KEYS[1], 0, 0)[1] or '', entries}
