-- Reads what is stored of a session: a GET whose answer names its question, even where nothing is stored.
-- KEYS: session. ARGV: tag.
-- Replies {tag, what is stored or nil}.

return {ARGV[1], redis.call('GET', KEYS[1])}
