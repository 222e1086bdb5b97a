-- One publication: into the history, into what new clients are given, and out to every front-end, in one step.
-- label: 'p' newer supersedes older of its key; 's:type:attempt:change' a change of state; 'e:…' an end; '-' neither.

local ENDED_FOR_MS = 10 * 60 * 1000
local ACTIVE_FOR_MS = 7 * 24 * 3600 * 1000
local MOST_DOWNLOADS = 10000
local MOST_BYTES = 64 * 1024 * 1024
local POPS = 4 -- bounds what one call may cost

-- Each of these returns by how many bytes what is kept has grown.
local function put(hash, field, value)
  local before = redis.call('HSTRLEN', hash, field)
  redis.call('HSET', hash, field, value)
  return #value - before
end

local function drop(hash, field)
  local before = redis.call('HSTRLEN', hash, field)
  if before > 0 then redis.call('HDEL', hash, field) end
  return -before
end

local function forget_end(keys, key)
  redis.call('ZREM', keys[6], key)
  return drop(keys[5], key)
end

local function forget_active(keys, key)
  redis.call('ZREM', keys[4], key)
  return drop(keys[3], 's ' .. key) + drop(keys[3], 'p ' .. key)
end

local function forget_old(keys, now)
  local grown = 0
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', keys[6], '-inf', now - ENDED_FOR_MS, 'LIMIT', 0, POPS)) do
    grown = grown + forget_end(keys, key)
  end
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', keys[4], '-inf', now - ACTIVE_FOR_MS, 'LIMIT', 0, POPS)) do
    grown = grown + forget_active(keys, key)
  end
  return grown
end

-- Beyond the bounds the oldest ends go first, then what was not heard of for longest.
local function forget_most(keys, kept)
  for _ = 1, POPS do
    local ends, active = redis.call('ZCARD', keys[6]), redis.call('ZCARD', keys[4])
    if ends > MOST_DOWNLOADS or (kept > MOST_BYTES and ends > 0) then
      kept = kept + forget_end(keys, redis.call('ZRANGE', keys[6], 0, 0)[1])
    elseif active > MOST_DOWNLOADS or (kept > MOST_BYTES and active > 0) then
      kept = kept + forget_active(keys, redis.call('ZRANGE', keys[4], 0, 0)[1])
    else
      return kept
    end
  end
  return kept
end

local function remember(keys, label, key, entry, now)
  local kind = string.sub(label, 1, 1)
  if kind == '-' then return end
  local grown = 0
  if kind == 'e' then
    grown = forget_active(keys, key) + put(keys[5], key, entry)
    redis.call('ZADD', keys[6], now, key)
  else
    grown = put(keys[3], kind .. ' ' .. key, entry)
    redis.call('ZADD', keys[4], now, key)
  end
  local kept = (tonumber(redis.call('HGET', keys[1], 'kept')) or 0) + grown + forget_old(keys, now)
  redis.call('HSET', keys[1], 'kept', int(forget_most(keys, kept)))
end

-- Returns the publication's id, <epoch>-<offset>.
local function emit(keys, channel, max_length, label, key, payload)
  local epoch, offset, tag = head(keys)
  local now = now_us()
  local place = int(offset + 1)
  local id = epoch .. '-' .. place
  local body = label .. ' ' .. key .. '\n' .. payload
  redis.call('XADD', keys[2], 'MAXLEN', '~', max_length, id, 'e', body)
  redis.call('HSET', keys[1], 'offset', place, 'at', place .. ' ' .. int(now))
  local entry = id .. ' ' .. body
  remember(keys, label, key, entry, math.floor(now / 1000))
  redis.call(cluster and 'SPUBLISH' or 'PUBLISH', channel, tag .. ' ' .. entry)
  return id
end
