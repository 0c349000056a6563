-- What is stored under a session's key: a record (first byte 1) or a tombstone (first byte 0). `Stored::encode` has their forms.
-- Offsets are those of the fixed part of a record, counted from one. Integers are little endian; times are in ms.

-- The head of a record is all but its data, and has HEAD bytes at most.
local FIXED, HEAD, MARGIN, LONGEST = 94, 2048, 120000, 1e15

local function int(blob, at)
  return (struct.unpack('<i8', blob, at))
end

local function is_record(blob)
  return blob:byte(1) == 1 and #blob >= FIXED
end

local function is_tombstone(blob)
  return blob:byte(1) == 0 and #blob == 34
end

local function version(record)
  return record:sub(19, 26) .. record:sub(31, 38)
end

local function epoch(record) return record:sub(27, 30) end
local function last_active(record) return int(record, 71) end
local function idle(record) return int(record, 79) end
local function deadline(record) return int(record, 87) end

-- A last-activity time in the future counts as now.
local function is_expired(record, now)
  return now >= deadline(record) or now >= math.min(last_active(record), now) + idle(record)
end

-- Those of a tombstone.
local function ended_at(tombstone) return tombstone:sub(18, 25) end
local function reserved_until(tombstone) return int(tombstone, 26) end
local function is_by_client(tombstone) return tombstone:byte(34) == 1 end

local function has_lapsed(tombstone, now)
  return now >= reserved_until(tombstone)
end

-- Longer than the session lives, so that the store can tell why it has ended, and that no server whose clock is a minute
-- ahead of another's ends it early. What is larger than the server takes as an expiry is capped.
local function ttl(ends, now)
  return string.format('%.0f', math.min(math.max(ends - now, 0) + MARGIN, LONGEST))
end

local function life(record, now)
  return ttl(math.min(deadline(record), last_active(record) + idle(record)), now)
end

-- Puts a value in place of what is stored, which a full server takes as well if it `may_overfill`. Such a server refuses the
-- first write of a script that could take memory, and no later one. Returns the error reply, if there is one; before Redis 7
-- its code follows the name of the script.
local function put(key, value, life, may_overfill)
  local stored = redis.pcall('SET', key, value, 'PX', life)
  if not stored.err then return nil end
  if not may_overfill or not stored.err:find('OOM', 1, true) then
    return redis.error_reply(stored.err:match('%-(%u+ [^\r\n]*)') or stored.err)
  end
  redis.call('DEL', key)
  redis.call('SET', key, value, 'PX', life)
  return nil
end
