-- Appends an entry to the log of revocations: a sorted set by number. An entry begins with the time until which it is kept and its
-- number, so that no two are equal. The newest is always kept, so that numbers go on.
-- KEYS: log. ARGV: tag, entry, the time until which it is kept, now, the least number.
-- Replies {tag, number}.

local number = tonumber(ARGV[5])
local newest = redis.call('ZREVRANGE', KEYS[1], 0, 0)[1]
if newest then number = math.max(number, tonumber(string.match(newest, '^%-?%d+:(%d+):')) + 1) end
local text = string.format('%.0f', number)
local added = ARGV[3] .. ':' .. text .. ':' .. ARGV[2]
redis.call('ZADD', KEYS[1], text, added)

-- A few of the oldest, so that a clock that runs ahead removes little.
for _, entry in ipairs(redis.call('ZRANGE', KEYS[1], 0, 7)) do
  if entry ~= added and tonumber(string.match(entry, '^(%-?%d+):')) <= tonumber(ARGV[4]) then
    redis.call('ZREM', KEYS[1], entry)
  end
end
return {ARGV[1], text}
