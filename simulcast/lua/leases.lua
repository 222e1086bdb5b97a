-- Claims and their leases.

local MAX_LOST_WORKERS = 3
local MAX_SCANNED = 500 -- ready jobs, from the first one, that a claim looks at to find one whose site isn't busy
local MAX_SCANNED_FURTHER = 2000 -- and further ones, from the place where the previous such claim ended
local SCAN_TTL_MS = 10000 -- then jobs that were looked at are looked at again
local MAX_SCANS = 100
local MAX_PER_CALL = 20 -- expired leases, and delayed jobs likewise, that one claim handles
local TAKEOVER_MS = 5000 -- each process notices within that time that this server took over

local function end_lease(channel, id, record)
  redis.call('ZREM', channel.leases, id)
  redis.call('HSET', record, 'token', '', 'worker', '')
end

-- Ends a lease and gives the job its desired state: paused, cancelled, or else queued. A job with a new link is ready
-- immediately. Returns the event's id and the change.
local function release_job(channel, id, members)
  local record = record_key(channel, id)
  local desired, delay_ms, link = unpack(redis.call('HMGET', record, 'desired', 'delay_ms', 'link'))
  end_lease(channel, id, record)
  redis.call('HDEL', record, 'delay_ms')
  if desired == 'paused' or desired == 'cancelled' then
    if desired == 'cancelled' then record_written(channel, record) end
    return change_state(channel, id, desired, desired, take_command_id(record) .. members)
  end
  if not link then return requeue(channel, id, members, delay_ms) end
  redis.call('HDEL', record, 'error')
  return requeue(channel, id, take_command_id(record))
end

-- Counts the workers that were lost in a row. Progress beyond what the last of them had ends the row.
local function count_crash(record)
  redis.call('HSET', record, 'crashed_at', redis.call('HGET', record, 'received') or '0')
  return redis.call('HINCRBY', record, 'crashes', 1)
end

local function expire_leases(channel, now)
  local expired = redis.call('ZRANGEBYSCORE', channel.leases, '-inf', now, 'LIMIT', 0, MAX_PER_CALL)
  each_job(channel, expired, function(id, record)
    if redis.call('HEXISTS', record, 'about') == 0 then -- an operator deleted the record
      drop_from_sets(channel, id)
    elseif count_crash(record) >= MAX_LOST_WORKERS and redis.call('HGET', record, 'desired') == 'running' then
      local message = 'set aside: ' .. MAX_LOST_WORKERS .. ' workers in a row were lost while they downloaded it'
      end_lease(channel, id, record)
      redis.call('HSET', record, 'error', message)
      change_state(channel, id, 'error', 'error', ',"error_message":"' .. message .. '"')
    else
      release_job(channel, id, '')
    end
  end)
end

local function promote_due(channel, now)
  local due = redis.call('ZRANGEBYSCORE', channel.ready, int(DELAYED_SCORE_BASE), int(DELAYED_SCORE_BASE + now),
    'LIMIT', 0, MAX_PER_CALL)
  each_job(channel, due, function(id) make_ready(channel, id) end)
end

local scans, scan_count = {}, 0 -- by queue and busy sites: {index of the next ready job, time of expiry in ms}

-- Takes the first ready job from that index on whose site isn't busy. Returns its id, or nil, and the index behind the
-- last job that was looked at.
local function take_from(channel, busy, first, count)
  local entries = redis.call('ZRANGE', channel.ready, int(first), int(first + count - 1), 'WITHSCORES')
  for i = 1, #entries, 2 do
    local id, index = entries[i], first + (i - 1) / 2
    if tonumber(entries[i + 1]) >= DELAYED_SCORE_BASE then return nil, index end
    local state, site, about, attempt, start_at =
      unpack(redis.pcall('HMGET', record_key(channel, id), 'state', 'site', 'about', 'attempt', 'start_at'))
    if state ~= 'queued' or not about or not attempt then
      redis.call('ZREM', channel.ready, id)
    elseif is_ahead(start_at) then
      make_ready(channel, id) -- a function of an older version took it for ready
    elseif not (site and busy[site]) then
      redis.call('ZREM', channel.ready, id)
      return id, index
    end
  end
  return nil, first + #entries / 2
end

-- Takes the first ready job whose site isn't busy out of the queue. Returns its id, or nil if none is known. `sites`: the
-- busy ones in one text.
local function take_ready(channel, busy, sites, now)
  if sites == '' then return (take_from(channel, busy, 0, MAX_PER_CALL)) end
  local id, index = take_from(channel, busy, 0, MAX_SCANNED)
  if id or index < MAX_SCANNED then return id end
  local key = channel.ready .. ' ' .. sites
  local scan = scans[key]
  if not scan then
    if scan_count >= MAX_SCANS then scans, scan_count = {}, 0 end
    scan_count = scan_count + 1
  end
  if not scan or now > scan.expires_at or now < scan.expires_at - SCAN_TTL_MS then
    scan = {index = MAX_SCANNED, expires_at = now + SCAN_TTL_MS}
    scans[key] = scan
  end
  id, scan.index = take_from(channel, busy, scan.index, MAX_SCANNED_FURTHER)
  return id
end

-- Returns whether this server took over moments ago, and processes may still have to send again what its predecessor
-- acknowledged: a job that looks ready may be running, or have ended.
local function is_taking_over(channel, now)
  local age_ms = now - ensure_epoch(channel)
  local previous = redis.call('HGET', channel.meta, 'previous')
  return never_promoted == false and previous ~= '' and age_ms >= 0 and age_ms < TAKEOVER_MS
end

-- The seventh and further ARGV are busy sites. Returns {}, or {token, record as a flat list, event}.
-- The token is a counter and a nonce, compared as a whole: a failover that loses a claim may repeat a counter.
local function claim(KEYS, ARGV)
  local name, max_length, worker, lease_ms, nonce, host = unpack(ARGV, 1, 6)
  local channel = jobs_from(KEYS, name, max_length)
  local now, busy, sites = now_ms(), {}, {unpack(ARGV, 7)}
  for _, site in ipairs(sites) do busy[site] = true end
  table.sort(sites)
  check_time(channel, now, tonumber(lease_ms))
  expire_leases(channel, now)
  promote_due(channel, now)
  if is_taking_over(channel, now) then return {} end
  local id = take_ready(channel, busy, table.concat(sites, ' '), now)
  if not id then return {} end
  local record = record_key(channel, id)
  local token = int(redis.call('HINCRBY', record, 'fence', 1)) .. '-' .. nonce
  local attempt, started_attempt = unpack(redis.call('HMGET', record, 'attempt', 'started_attempt'))
  redis.call('HSET', record, 'token', token, 'worker', worker, 'host', host, 'started_attempt', attempt,
    'lease_ms', lease_ms)
  redis.call('ZADD', channel.leases, now + tonumber(lease_ms), id)
  redis.call('HDEL', record, 'link')
  local event = started_attempt == attempt and 'resumed' or 'started'
  change_state(channel, id, 'running', event, '')
  return {token, redis.call('HGETALL', record), event}
end

-- The third and further ARGV are id, token, … of the leases. Returns for each one 'lost', or the desired state, a space
-- and the job's limit in bytes a second ('' if it has none). 'queued' asks for the lease back: there is a new link.
local function renew(KEYS, ARGV)
  local name, lease_ms = unpack(ARGV, 1, 2)
  local channel = jobs_from(KEYS, name)
  local now, reply = now_ms(), {}
  check_time(channel, now, tonumber(lease_ms))
  for i = 3, #ARGV, 2 do
    local id, token = ARGV[i], ARGV[i + 1]
    local record = record_key(channel, id)
    local owner, desired, limit, stored_ms, link =
      unpack(redis.pcall('HMGET', record, 'token', 'desired', 'limit', 'lease_ms', 'link'))
    if owner == token then
      if stored_ms ~= lease_ms then redis.call('HSET', record, 'lease_ms', lease_ms) end
      redis.call('ZADD', channel.leases, now + tonumber(lease_ms), id)
      if link and desired == 'running' then desired = 'queued' end
      table.insert(reply, desired .. ' ' .. (limit or ''))
    else
      table.insert(reply, 'lost')
    end
  end
  return reply
end
