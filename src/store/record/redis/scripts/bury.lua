-- Replaces whatever is stored under the key, nothing included, with a tombstone.
-- KEYS: session. ARGV: tag, now, ID, time of the end and until as they are stored.
-- Replies {tag, 'ended', what was stored or ''}, {tag, 'already'} or {tag, 'found', what cannot be read}.

local tag, now, id, at, until_ = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5]
local stored = redis.call('GET', KEYS[1]) or ''
local reply = {tag, 'ended', stored}

-- Whether the tombstone guards more than the record that is stored: tokens that outlive it, or an ID under which nothing is.
local guards_more = true

if stored ~= '' and is_record(stored) then
  guards_more = int(until_, 1) > deadline(stored)
  -- It outlasts every state of the session that a writer could still hold.
  if deadline(stored) > int(until_, 1) then until_ = stored:sub(87, 94) end
elseif stored ~= '' and is_tombstone(stored) then
  if not has_lapsed(stored, now) then
    if int(stored, 26) >= int(until_, 1) then return {tag, 'already'} end
    at = stored:sub(18, 25)
    reply = {tag, 'already'}
  end
elseif stored ~= '' then
  return {tag, 'found', stored}
end

local put = redis.pcall('SET', KEYS[1], '\0' .. id .. at .. until_, 'PX', ttl(int(until_, 1), now))
if type(put) == 'table' and put.err then
  -- A server that is out of memory takes no tombstone. Ending must not fail for that where only a creation that is still
  -- under way could bring the session back.
  if guards_more or not put.err:find('OOM', 1, true) then return redis.error_reply(put.err) end
  redis.call('DEL', KEYS[1])
end
return reply
