-- Removes entries from a subject's sorted set, unless they were confirmed since they were read.
-- KEYS: subject. ARGV: tag, session, time of its entry, session, …
-- Replies {tag, number of entries that were removed}.

local removed = 0
for i = 2, #ARGV, 2 do
  if redis.call('ZSCORE', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    removed = removed + redis.call('ZREM', KEYS[1], ARGV[i])
  end
end
return {ARGV[1], removed}
