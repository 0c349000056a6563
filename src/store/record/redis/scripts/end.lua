-- Puts a tombstone over whatever stands under the key, nothing included.
-- KEYS: session. ARGV: tag, now, ID, time of the end and until as they are stored.
-- Answers {tag, 'ended', what stood there or ''}, {tag, 'already'} or {tag, 'found', what cannot be read}.

local tag, now, id, at, until_ = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5]
local stands = redis.call('GET', KEYS[1]) or ''
local answer = {tag, 'ended', stands}

-- Whether a tombstone guards more than the record that stands here: tokens that outlive it, or an ID of which nothing is kept.
local guards_more = true

if stands ~= '' and is_record(stands) then
  guards_more = int(until_, 1) > deadline(stands)
  -- It outlasts every state of the session that anybody could still hold.
  if deadline(stands) > int(until_, 1) then until_ = stands:sub(87, 94) end
elseif stands ~= '' and is_tombstone(stands) then
  if not is_over(stands, now) then
    if int(stands, 26) >= int(until_, 1) then return {tag, 'already'} end
    at = stands:sub(18, 25)
    answer = {tag, 'already'}
  end
elseif stands ~= '' then
  return {tag, 'found', stands}
end

local put = redis.pcall('SET', KEYS[1], '\0' .. id .. at .. until_, 'PX', ttl(int(until_, 1), now))
if type(put) == 'table' and put.err then
  -- A server that is out of memory takes no tombstone. Ending must not fail for that where nothing but a creation that is
  -- still on its way could bring the session back.
  if guards_more or not put.err:find('OOM', 1, true) then return redis.error_reply(put.err) end
  redis.call('DEL', KEYS[1])
end
return answer
