-- One publication: appended to the history, indexed for joining clients and published, in one step.
-- Its label is 'p' for progress, which newer progress of the same key supersedes; 's:<type>:<attempt>:<change>' for a
-- change of state; 'e:…' for a terminal one; '-' for anything else. Behind it '~<seconds>' is how long the snapshot keeps
-- an entry whose key nobody owns, without news of the key; then '#<dedup_id>' may follow.

local ENDED_TTL_MS = 10 * 60 * 1000
local ACTIVE_TTL_MS = 7 * 24 * 3600 * 1000
local MAX_ACTIVE = 10000 -- active downloads, and ended ones likewise
local MAX_SNAPSHOT_BYTES = 64 * 1024 * 1024
local MAX_HISTORY_BYTES = 32 * 1024 * 1024
local MAX_EVICTIONS_PER_CALL = 1000 -- beyond a bound: one large entry may take the room of many small ones
local MAX_EXPIRED_PER_CALL = 4

-- Corrects the bytes of both hashes of the snapshot. One that Redis evicted took its bytes along, and is of no use without
-- its index, nor the index without it. Without `meta` the bytes are counted.
local function check_sizes(channel)
  local is_unknown = channel.sizes[channel.latest] < 0
  for hash, index in pairs({[channel.latest] = channel.touched, [channel.ended] = channel.ended_at}) do
    if redis.call('EXISTS', hash, index) < 2 then
      redis.call('DEL', hash, index)
      channel.sizes[hash] = 0
    elseif is_unknown then
      channel.sizes[hash] = 0
      for _, entry in ipairs(redis.call('HVALS', hash)) do channel.sizes[hash] = channel.sizes[hash] + #entry end
    end
  end
end

local function snapshot_bytes(channel)
  return channel.sizes[channel.latest] + channel.sizes[channel.ended]
end

local function is_owned(channel, key)
  return redis.call('EXISTS', string.gsub(channel.meta, 'meta$', 'job:') .. key) == 1
end

local function remove(channel, hash, field)
  channel.sizes[hash] = channel.sizes[hash] - redis.call('HSTRLEN', hash, field)
  redis.call('HDEL', hash, field)
end

local function remove_ended(channel, key)
  redis.call('ZREM', channel.ended_at, key)
  remove(channel, channel.ended, key)
end

local function remove_active(channel, key)
  redis.call('ZREM', channel.touched, key)
  redis.call('ZREM', channel.deadlines, key)
  remove(channel, channel.latest, 's ' .. key)
  remove(channel, channel.latest, 'p ' .. key)
end

-- Drops keys whose time of silence is over. A key that has an owner by now stays.
local function expire_silent(channel, now, limit)
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', channel.deadlines, '-inf', now, 'LIMIT', 0, limit)) do
    if is_owned(channel, key) then redis.call('ZREM', channel.deadlines, key) else remove_active(channel, key) end
  end
end

local function set_deadline(channel, label, key, now)
  local ttl_s = string.match(label, '~(%d+)')
  if ttl_s then
    if redis.call('ZADD', channel.deadlines, now + ttl_s * 1000, key) == 1 then
      expire_later(channel, channel.deadlines, true)
    end
  elseif string.sub(label, 1, 1) == 's' then
    redis.call('ZREM', channel.deadlines, key)
  end
end

local function evict_expired(channel, now)
  expire_silent(channel, now, MAX_EXPIRED_PER_CALL)
  local ended = redis.call('ZRANGEBYSCORE', channel.ended_at, '-inf', now - ENDED_TTL_MS,
    'LIMIT', 0, MAX_EXPIRED_PER_CALL)
  for _, key in ipairs(ended) do remove_ended(channel, key) end
  local active = redis.call('ZRANGEBYSCORE', channel.touched, '-inf', now - ACTIVE_TTL_MS,
    'LIMIT', 0, MAX_EXPIRED_PER_CALL)
  for _, key in ipairs(active) do remove_active(channel, key) end
end

-- Beyond the bounds, evicts the oldest ended entries first, then the least recently updated active ones.
local function evict(channel)
  local max_bytes = bound_bytes(MAX_SNAPSHOT_BYTES, 8)
  for _ = 1, MAX_EVICTIONS_PER_CALL do
    local ended, active = redis.call('ZCARD', channel.ended_at), redis.call('ZCARD', channel.touched)
    local is_large = snapshot_bytes(channel) > max_bytes
    if ended > MAX_ACTIVE or (is_large and ended > 0) then
      remove_ended(channel, redis.call('ZRANGE', channel.ended_at, 0, 0)[1])
    elseif active > MAX_ACTIVE or (is_large and active > 0) then
      remove_active(channel, redis.call('ZRANGE', channel.touched, 0, 0)[1])
    else
      return
    end
  end
end

local function index_entry(channel, label, key, entry, now)
  local kind = string.sub(label, 1, 1)
  if kind == '-' then return end
  local hash, index, field = channel.latest, channel.touched, kind .. ' ' .. key
  if kind == 'e' then hash, index, field = channel.ended, channel.ended_at, key end
  local old_bytes = redis.call('HSTRLEN', hash, field)
  if old_bytes == 0 or channel.sizes[channel.latest] < 0 then check_sizes(channel) end
  if kind == 'e' then remove_active(channel, key) end
  redis.call('HSET', hash, field, entry)
  redis.call('ZADD', index, now, key)
  set_deadline(channel, label, key, now)
  channel.sizes[hash] = channel.sizes[hash] + #entry - old_bytes
  evict_expired(channel, now)
  evict(channel)
  if old_bytes == 0 then
    expire_later(channel, hash, true)
    expire_later(channel, index, true)
  end
end

-- Drops the oldest eighth of the history until the rest is within its bound in bytes. `written`: the bytes of all
-- entries ever appended. An entry of an older version of this library does not tell the bytes before it, and is dropped.
-- Returns the bytes before the oldest entry that is left, as far as they are known.
local function trim_history(channel, written)
  local max_bytes, trimmed = bound_bytes(MAX_HISTORY_BYTES, 8), channel.trimmed
  while written - trimmed > max_bytes do
    local oldest = redis.call('XRANGE', channel.history, '-', '+', 'COUNT', 1)[1]
    trimmed = tonumber(oldest[2][4]) or 0
    if written - trimmed > max_bytes then
      redis.call('XTRIM', channel.history, 'MAXLEN', math.floor(redis.call('XLEN', channel.history) * 7 / 8))
    end
  end
  return trimmed
end

-- Returns whether the history took the entry.
local function append_entry(call, channel, id, body)
  local reply = call('XADD', channel.history, 'MAXLEN', '~', channel.max_length, id, 'e', body,
    'b', int(channel.written))
  return type(reply) ~= 'table' or not reply.err
end

-- Returns the publication's id, <epoch>-<offset>.
local function append_and_publish(channel, label, key, payload)
  local epoch, head, tag = ensure_epoch(channel)
  local was_indexed = channel.indexed == epoch .. '-' .. int(head)
  local now = now_us()
  local offset = int(head + 1)
  local id = epoch .. '-' .. offset
  local body = label .. ' ' .. key .. '\n' .. payload
  local entry = id .. ' ' .. body
  local written = channel.written + #body + ENTRY_BYTES
  if not append_entry(redis.pcall, channel, id, body) then
    -- `meta` and history contradict each other: one of them was restored, or has entries of others.
    epoch, head, tag = open_epoch(channel, epoch, head)
    id = epoch .. '-1'
    offset, entry, written = '1', id .. ' ' .. body, channel.written + #body + ENTRY_BYTES
    append_entry(redis.call, channel, id, body)
  end
  keep_channel(channel, channel.history, true)
  index_entry(channel, label, key, entry, math.floor(now / 1000))
  if string.sub(label, 1, 1) == 'e' then keep_end(channel, label, key, entry) end
  redis.call('HSET', channel.meta, 'offset', offset, 'published', offset .. ' ' .. int(now),
    'written', int(written), 'trimmed', int(trim_history(channel, written)),
    'snapshot_bytes', int(snapshot_bytes(channel)), 'ended_bytes', int(channel.sizes[channel.ended]),
    'indexed', was_indexed and id or channel.indexed)
  redis.call(cluster and 'SPUBLISH' or 'PUBLISH', channel.name, tag .. ' ' .. entry)
  return id
end
