-- Counts the entries of a subject's sorted set.
-- KEYS: subject. ARGV: tag.
-- Replies {tag, number of entries}.

return {ARGV[1], redis.call('ZCARD', KEYS[1])}
