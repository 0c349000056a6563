-- Reads the first bytes of what is stored under a session's key: all but its data.
-- KEYS: session. ARGV: tag, last byte.
-- Replies {tag, bytes}.

return {ARGV[1], redis.call('GETRANGE', KEYS[1], 0, ARGV[2])}
