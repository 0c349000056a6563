-- Replaces whatever is stored under the key, nothing included, with a tombstone.
-- KEYS: session. ARGV: tag, now, tombstone.
-- Replies {tag, 'ended', the head of what was stored or ''}, {tag, 'already'} or {tag, 'found', what cannot be read}.

local tag, now, tombstone = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local stored = redis.call('GET', KEYS[1]) or ''
local reply = {tag, 'ended', stored:sub(1, HEAD)}

local function reserve_until(bytes)
  tombstone = tombstone:sub(1, 25) .. bytes .. tombstone:sub(34)
end

if stored ~= '' and is_record(stored) then
  -- It outlasts every state of the session that a writer could still hold.
  if deadline(stored) > reserved_until(tombstone) then reserve_until(stored:sub(87, 94)) end
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

-- A logout works on a full server, too: the few bytes are less than what most sessions took.
return put(KEYS[1], tombstone, ttl(reserved_until(tombstone), now), true) or reply
