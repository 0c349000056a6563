-- Strikes entries off a subject's page, unless they were confirmed since they were read.
-- KEYS: subject. ARGV: session, time of its entry, session, …
-- Answers the number that went.

local gone = 0
for i = 1, #ARGV, 2 do
  if redis.call('ZSCORE', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    gone = gone + redis.call('ZREM', KEYS[1], ARGV[i])
  end
end
return gone
