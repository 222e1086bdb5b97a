-- One publication: into the history, into what new clients are given, and out to every front-end, in one step.
-- label: 'p' newer supersedes older of its key; 's:type:attempt:change' a change of state; 'e:…' an end; '-' neither.

local ENDED_FOR_MS = 10 * 60 * 1000
local ACTIVE_FOR_MS = 7 * 24 * 3600 * 1000
local MOST_DOWNLOADS = 10000
local POPS = 4 -- bounds what one call may cost

local function forget_old(keys, now)
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', keys[6], '-inf', now - ENDED_FOR_MS, 'LIMIT', 0, POPS)) do
    redis.call('ZREM', keys[6], key)
    redis.call('HDEL', keys[5], key)
  end
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', keys[4], '-inf', now - ACTIVE_FOR_MS, 'LIMIT', 0, POPS)) do
    redis.call('ZREM', keys[4], key)
    redis.call('HDEL', keys[3], 's ' .. key, 'p ' .. key)
  end
  if redis.call('ZCARD', keys[6]) > MOST_DOWNLOADS then
    redis.call('HDEL', keys[5], redis.call('ZPOPMIN', keys[6])[1])
  end
  if redis.call('ZCARD', keys[4]) > MOST_DOWNLOADS then
    local key = redis.call('ZPOPMIN', keys[4])[1]
    redis.call('HDEL', keys[3], 's ' .. key, 'p ' .. key)
  end
end

local function remember(keys, label, key, entry)
  local kind = string.sub(label, 1, 1)
  if kind == '-' then return end
  local now = now_ms()
  if kind == 'e' then
    redis.call('HDEL', keys[3], 's ' .. key, 'p ' .. key)
    redis.call('ZREM', keys[4], key)
    redis.call('HSET', keys[5], key, entry)
    redis.call('ZADD', keys[6], now, key)
  else
    redis.call('HSET', keys[3], kind .. ' ' .. key, entry)
    redis.call('ZADD', keys[4], now, key)
  end
  forget_old(keys, now)
end

-- Returns the publication's id, <epoch>-<offset>.
local function emit(keys, channel, max_length, label, key, payload)
  local epoch, offset, tag = head(keys)
  offset = offset + 1
  local id = epoch .. '-' .. int(offset)
  local body = label .. ' ' .. key .. '\n' .. payload
  redis.call('XADD', keys[2], 'MAXLEN', '~', max_length, id, 'e', body)
  redis.call('HSET', keys[1], 'offset', int(offset))
  local entry = id .. ' ' .. body
  remember(keys, label, key, entry)
  redis.call('PUBLISH', channel, tag .. ' ' .. entry)
  return id
end
