-- Who does which download. KEYS: the flow's six, then 7 jobs (zset by creation)  8 ready (zset by rank)
-- 9 leases (zset by expiry)  10 done (zset of ended jobs, by time of their end).
-- ARGV begins with channel, max_length. A job's record is a hash beside them, in the same slot:
--   url site options name about state desired desired_by attempt change token fence worker host crashes rank started_attempt
--   said commands progress speed received total error file_path created_at updated_at limit retries retry_at, and what
--   workers note: part etag size spans finishing furthest
-- `about` is the JSON of download_id, name and url, made once by who knows how to write JSON.

local LOST_WORKERS = 3
local MOST_DONE = 10000 -- ended jobs that are kept
local MOST_LITTER = 1000 -- file names that wait for a worker of their host
local MOST_LOOKED_AT = 500 -- ready jobs among which one is looked for whose site isn't busy
-- From this score on a job of `ready` isn't to be claimed yet: what is beyond it is the time (ms) from which it may be.
-- A worker of an older version, which doesn't know that, claims it once nothing else is ready: early, and nothing worse.
local LATER = 1000000000000000

local function record_key(channel, id)
  return '{' .. channel .. '}:job:' .. id
end

local KIND = {
  queued = 's', started = 's', resumed = 's', paused = 's',
  complete = 'e', error = 'e', cancelled = 'e', deleted = 'e',
}

-- A file that nobody owns any more: a worker on the host that wrote it removes it.
local function leave_litter(channel, record, name)
  local host = redis.call('HGET', record, 'host')
  if not host or not name or name == '' then return end
  local key = '{' .. channel .. '}:litter:' .. host
  redis.call('RPUSH', key, name)
  redis.call('LTRIM', key, -MOST_LITTER, -1)
end

local function forget_oldest_done(keys, channel)
  while redis.call('ZCARD', keys[10]) > MOST_DONE do
    local id = redis.call('ZPOPMIN', keys[10])[1]
    redis.call('ZREM', keys[7], id)
    redis.call('DEL', record_key(channel, id))
  end
end

-- Writes the record's new state and tells it, in one step. `what` names the event, `extra` is JSON members with a leading comma.
local function change_state(keys, args, id, state, what, extra)
  local record = record_key(args[1], id)
  local change = redis.call('HINCRBY', record, 'change', 1)
  redis.call('HSET', record, 'state', state, 'updated_at', int(now_ms()), 'speed', '0')
  redis.call('HDEL', record, 'retry_at')
  if state ~= 'error' and state ~= 'queued' then redis.call('HDEL', record, 'error') end
  local r = redis.call('HMGET', record, 'about', 'attempt', 'progress', 'received', 'total')
  local payload = '{"type":"download_' .. what .. '",' .. r[1] .. ',"attempt":' .. r[2] .. ',"change":' .. int(change)
    .. ',"progress":' .. r[3] .. ',"speed":0,"received_bytes":' .. r[4] .. ',"total_bytes":' .. r[5] .. extra .. '}'
  if KIND[what] == 'e' then
    redis.call('ZADD', keys[10], now_ms(), id)
    forget_oldest_done(keys, args[1])
  else
    redis.call('ZREM', keys[10], id)
  end
  local label = KIND[what] .. ':download_' .. what .. ':' .. r[2] .. ':' .. int(change)
  return emit(keys, args[1], args[2], label, id, payload)
end

local function by_command(record)
  local command_id = redis.call('HGET', record, 'desired_by')
  if not command_id or command_id == '' then return '' end
  redis.call('HDEL', record, 'desired_by')
  return ',"command_id":' .. command_id
end

local function make_ready(keys, args, id)
  redis.call('ZADD', keys[8], redis.call('HGET', record_key(args[1], id), 'rank') or '0', id)
  redis.call('PUBLISH', args[1] .. ':wake', id)
end

-- Back into the queue, at once or, where its owner noted delay_ms, that much later.
local function queue_again(keys, args, id, extra, delay_ms)
  if not delay_ms then
    local event = change_state(keys, args, id, 'queued', 'queued', extra)
    make_ready(keys, args, id)
    return event
  end
  local at = now_ms() + tonumber(delay_ms)
  local event = change_state(keys, args, id, 'queued', 'queued', ',"retry_at":' .. string.format('%.3f', at / 1000) .. extra)
  redis.call('HSET', record_key(args[1], id), 'retry_at', int(at))
  redis.call('ZADD', keys[8], int(LATER + at), id)
  return event
end

-- ARGV: channel, max_length, id, about, url, name, priority, then field, value, … that go into the record.
-- Returns 1, or 0 when the id is taken.
local function submit(keys, args)
  local id = args[3]
  local record = record_key(args[1], id)
  if redis.call('EXISTS', record) == 1 then return 0 end
  local now = now_ms()
  redis.call('HSET', record, 'download_id', id, 'about', args[4], 'url', args[5], 'name', args[6], 'desired', 'running',
    'attempt', '1', 'change', '0', 'fence', '0', 'crashes', '0', 'progress', '0.0', 'received', '0', 'total', 'null',
    'created_at', int(now), 'rank', int(now - tonumber(args[7]) * 10000000000000), 'priority', args[7])
  if #args > 7 then redis.call('HSET', record, unpack(args, 8)) end
  redis.call('ZADD', keys[7], now, id)
  change_state(keys, args, id, 'queued', 'queued', '')
  make_ready(keys, args, id)
  return 1
end

-- What becomes of a download whose owner is gone: what was wished for, else back into the queue.
local function settle(keys, args, id, extra)
  local record = record_key(args[1], id)
  local r = redis.call('HMGET', record, 'desired', 'delay_ms')
  local desired = r[1]
  redis.call('ZREM', keys[9], id)
  redis.call('HSET', record, 'token', '', 'worker', '')
  redis.call('HDEL', record, 'delay_ms')
  if desired == 'paused' or desired == 'cancelled' then
    if desired == 'cancelled' then leave_litter(args[1], record, redis.call('HGET', record, 'part')) end
    return change_state(keys, args, id, desired, desired, by_command(record) .. extra)
  end
  return queue_again(keys, args, id, extra, r[2])
end

local function expire_leases(keys, args, now)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', keys[9], '-inf', now, 'LIMIT', 0, 20)) do
    local record = record_key(args[1], id)
    if redis.call('HEXISTS', record, 'about') == 0 then -- somebody removed it by hand
      for _, place in ipairs({7, 8, 9, 10}) do redis.call('ZREM', keys[place], id) end
    elseif redis.call('HINCRBY', record, 'crashes', 1) >= LOST_WORKERS
      and redis.call('HGET', record, 'desired') == 'running' then
      local message = 'set aside: ' .. LOST_WORKERS .. ' workers in a row were lost while they downloaded it'
      redis.call('ZREM', keys[9], id)
      redis.call('HSET', record, 'token', '', 'worker', '', 'error', message)
      change_state(keys, args, id, 'error', 'error', ',"error_message":"' .. message .. '"')
    else
      settle(keys, args, id, '')
    end
  end
end

local function make_due(keys, args, now)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', keys[8], int(LATER), int(LATER + now), 'LIMIT', 0, 20)) do
    make_ready(keys, args, id)
  end
end

-- Takes the first ready job whose site isn't busy out of the queue; nil where there is none.
local function next_ready(keys, args, busy)
  local most = next(busy) and MOST_LOOKED_AT or 20
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', keys[8], '-inf', '(' .. int(LATER), 'LIMIT', 0, most)) do
    local r = redis.call('HMGET', record_key(args[1], id), 'state', 'site')
    if r[1] ~= 'queued' then
      redis.call('ZREM', keys[8], id)
    elseif not (r[2] and busy[r[2]]) then
      redis.call('ZREM', keys[8], id)
      return id
    end
  end
  return nil
end

-- ARGV: channel, max_length, worker, lease_ms, nonce, host, then busy sites. Returns {} or {token, record as a flat list}.
-- The token is counter and nonce, compared whole: after a failover that lost a claim two owners hold the same counter.
local function claim(keys, args)
  local now, busy = now_ms(), {}
  for i = 7, #args do busy[args[i]] = true end
  expire_leases(keys, args, now)
  make_due(keys, args, now)
  local id = next_ready(keys, args, busy)
  if not id then return {} end
  local record = record_key(args[1], id)
  local fence = redis.call('HINCRBY', record, 'fence', 1)
  local token = int(fence) .. '-' .. args[5]
  local first = redis.call('HGET', record, 'started_attempt') ~= redis.call('HGET', record, 'attempt')
  redis.call('HSET', record, 'token', token, 'worker', args[3], 'host', args[6],
    'started_attempt', redis.call('HGET', record, 'attempt'))
  redis.call('ZADD', keys[9], now + tonumber(args[4]), id)
  change_state(keys, args, id, 'running', first and 'started' or 'resumed', '')
  return {token, redis.call('HGETALL', record)}
end

-- ARGV: channel, lease_ms, then id, token for each.
-- Returns for each 'lost', or the state that is desired of it and, behind a space, its limit in bytes a second if it has one.
local function renew(keys, args)
  local until_ms = now_ms() + tonumber(args[2])
  local reply = {}
  for i = 3, #args, 2 do
    local r = redis.call('HMGET', record_key(args[1], args[i]), 'token', 'desired', 'limit')
    if r[1] == args[i + 1] then
      redis.call('ZADD', keys[9], until_ms, args[i])
      table.insert(reply, r[2] .. ' ' .. (r[3] or ''))
    else
      table.insert(reply, 'lost')
    end
  end
  return reply
end
