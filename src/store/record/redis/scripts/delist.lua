-- Removes entries from a subject's sorted set, unless they were confirmed since they were read.
-- KEYS: subject. ARGV: session, time of its entry, session, …
-- Replies the number of entries that were removed.

local removed = 0
for i = 1, #ARGV, 2 do
  if redis.call('ZSCORE', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    removed = removed + redis.call('ZREM', KEYS[1], ARGV[i])
  end
end
return removed
