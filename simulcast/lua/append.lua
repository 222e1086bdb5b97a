-- One publication: appended to the history, indexed for joining clients and published, in one step.
-- Its label is 'p' for progress, which newer progress of the same key supersedes; 's:<type>:<attempt>:<change>' for a
-- change of state; 'e:…' for a terminal one; '-' for anything else.

local ENDED_TTL_MS = 10 * 60 * 1000
local ACTIVE_TTL_MS = 7 * 24 * 3600 * 1000
local MAX_ACTIVE = 10000 -- active downloads, and ended ones likewise
local MAX_SNAPSHOT_BYTES = 64 * 1024 * 1024
local MAX_EVICTIONS_PER_CALL = 4

-- Each of the following functions returns how many bytes the snapshot has grown.
local function put(hash, field, value)
  local old_size = redis.call('HSTRLEN', hash, field)
  redis.call('HSET', hash, field, value)
  return #value - old_size
end

local function remove(hash, field)
  local old_size = redis.call('HSTRLEN', hash, field)
  if old_size > 0 then redis.call('HDEL', hash, field) end
  return -old_size
end

local function remove_ended(channel, key)
  redis.call('ZREM', channel.ended_at, key)
  return remove(channel.ended, key)
end

local function remove_active(channel, key)
  redis.call('ZREM', channel.touched, key)
  return remove(channel.latest, 's ' .. key) + remove(channel.latest, 'p ' .. key)
end

local function evict_expired(channel, now)
  local growth = 0
  local ended = redis.call('ZRANGEBYSCORE', channel.ended_at, '-inf', now - ENDED_TTL_MS,
    'LIMIT', 0, MAX_EVICTIONS_PER_CALL)
  for _, key in ipairs(ended) do growth = growth + remove_ended(channel, key) end
  local active = redis.call('ZRANGEBYSCORE', channel.touched, '-inf', now - ACTIVE_TTL_MS,
    'LIMIT', 0, MAX_EVICTIONS_PER_CALL)
  for _, key in ipairs(active) do growth = growth + remove_active(channel, key) end
  return growth
end

-- Beyond the bounds, evicts the oldest ended entries first, then the least recently updated active ones. Returns the
-- size that is left.
local function evict(channel, size)
  for _ = 1, MAX_EVICTIONS_PER_CALL do
    local ended, active = redis.call('ZCARD', channel.ended_at), redis.call('ZCARD', channel.touched)
    if ended > MAX_ACTIVE or (size > MAX_SNAPSHOT_BYTES and ended > 0) then
      size = size + remove_ended(channel, redis.call('ZRANGE', channel.ended_at, 0, 0)[1])
    elseif active > MAX_ACTIVE or (size > MAX_SNAPSHOT_BYTES and active > 0) then
      size = size + remove_active(channel, redis.call('ZRANGE', channel.touched, 0, 0)[1])
    else
      return size
    end
  end
  return size
end

local function index_entry(channel, label, key, entry, now)
  local kind = string.sub(label, 1, 1)
  if kind == '-' then return end
  local growth = 0
  if kind == 'e' then
    growth = remove_active(channel, key) + put(channel.ended, key, entry)
    redis.call('ZADD', channel.ended_at, now, key)
  else
    growth = put(channel.latest, kind .. ' ' .. key, entry)
    redis.call('ZADD', channel.touched, now, key)
  end
  local size = tonumber(redis.call('HGET', channel.meta, 'snapshot_bytes')) or 0
  size = evict(channel, size + growth + evict_expired(channel, now))
  redis.call('HSET', channel.meta, 'snapshot_bytes', int(size))
end

-- Returns the publication's id, <epoch>-<offset>.
local function append_and_publish(channel, label, key, payload)
  local epoch, head, tag = ensure_epoch(channel)
  local now = now_us()
  local offset = int(head + 1)
  local id = epoch .. '-' .. offset
  local body = label .. ' ' .. key .. '\n' .. payload
  redis.call('XADD', channel.history, 'MAXLEN', '~', channel.max_length, id, 'e', body)
  redis.call('HSET', channel.meta, 'offset', offset, 'published', offset .. ' ' .. int(now))
  local entry = id .. ' ' .. body
  index_entry(channel, label, key, entry, math.floor(now / 1000))
  redis.call(cluster and 'SPUBLISH' or 'PUBLISH', channel.name, tag .. ' ' .. entry)
  return id
end
