-- Replaces whatever is stored under the key, nothing included, with a tombstone.
-- KEYS: session. ARGV: tag, now, tombstone.
-- Replies {tag, 'ended', what was stored or ''}, {tag, 'already'} or {tag, 'found', what cannot be read}.

local tag, now, tombstone = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local stored = redis.call('GET', KEYS[1]) or ''
local reply = {tag, 'ended', stored}

local function reserve_until(bytes)
  tombstone = tombstone:sub(1, 25) .. bytes .. tombstone:sub(34)
end

-- Whether the tombstone guards more than the record that is stored: tokens that outlive it, or an ID under which nothing is.
local guards_more = true

if stored ~= '' and is_record(stored) then
  guards_more = reserved_until(tombstone) > deadline(stored)
  -- It outlasts every state of the session that a writer could still hold.
  if not guards_more then reserve_until(stored:sub(87, 94)) end
elseif stored ~= '' and is_tombstone(stored) then
  if not has_lapsed(stored, now) then
    reply = {tag, 'already'}
    if reserved_until(stored) > reserved_until(tombstone) then reserve_until(stored:sub(26, 33)) end
    if is_by_client(stored) or not is_by_client(tombstone) then
      tombstone = tombstone:sub(1, 17) .. ended_at(stored) .. tombstone:sub(26, 33) .. stored:sub(34)
    end
    if tombstone == stored then return reply end
  end
elseif stored ~= '' then
  return {tag, 'found', stored}
end

local put = redis.pcall('SET', KEYS[1], tombstone, 'PX', ttl(reserved_until(tombstone), now))
if type(put) == 'table' and put.err then
  -- A server that is out of memory takes no tombstone. Ending must not fail for that where only a creation that is still
  -- under way could bring the session back.
  if guards_more or not put.err:find('OOM', 1, true) then return redis.error_reply(put.err) end
  redis.call('DEL', KEYS[1])
end
return reply
