-- Jobs of any kind, which other people's programs run, and their owners: the processes that run them.
-- A job's record is a hash beside those of downloads, so that both have one space of ids:
--   family ('job') job_id about state desired desired_by attempt started_attempt change token ended_token worker lease_ms
--   measures last_report commands result error created_at updated_at submission commanded_at bytes retry_delay_ms
--   callback_url
-- `about` is JSON: the members job_id, kind, name and owner (the user whose job it is, if one was named: the last one) of
-- every event. `measures` is JSON with a leading comma: progress, done,
-- total, unit and message, as the owner reported them last. Both are written by a client that has an encoder.
-- `ended_token` is the token of the newest lease that ended: a start that is sent again revives nothing.

local MAX_LOST_PER_CALL = 500 -- leases that one call ends, and queued and ended jobs likewise
local JOB_LEASE_MS = 10000 -- as own_jobs.py, unless an owner asks for another one
local LOST = 'its process was lost'
local NOT_STARTED = 'nobody started it in time'

-- The channel with the sets of its jobs: own_queued has the time up to which each has to be started, ms.
local function own_jobs_from(KEYS, max_length)
  local name = string.match(KEYS[1], '^{(.*)}:meta$')
  local prefix = '{' .. name .. '}:own_'
  local sets = {unpack(KEYS, 1, 6)}
  for _, set in ipairs({'jobs', 'queued', 'leases', 'done'}) do table.insert(sets, prefix .. set) end
  return jobs_from(sets, name, max_length)
end

local function end_job_lease(channel, id, record, token)
  end_lease(channel, id, record)
  redis.call('HSET', record, 'ended_token', token)
end

local function fail_job(channel, id, record, message)
  redis.call('HSET', record, 'error', message)
  change_state(channel, id, 'error', 'error', ',"error_message":"' .. message .. '"')
end

-- Ends the jobs whose owners are silent, and those that nobody started in time. Forgets what ended long ago.
local function expire_own_jobs(channel, now)
  local lost = redis.call('ZRANGEBYSCORE', channel.leases, '-inf', now, 'LIMIT', 0, MAX_LOST_PER_CALL)
  each_job(channel, lost, function(id, record)
    local token, desired = unpack(redis.call('HMGET', record, 'token', 'desired'))
    if not token then -- an operator deleted the record
      drop_from_sets(channel, id)
    else
      end_job_lease(channel, id, record, token)
      if desired == 'cancelled' then
        change_state(channel, id, 'cancelled', 'cancelled', take_command_id(record))
      else
        fail_job(channel, id, record, LOST)
      end
    end
  end)
  local forgotten = redis.call('ZRANGEBYSCORE', channel.ready, '-inf', now, 'LIMIT', 0, MAX_LOST_PER_CALL)
  each_job(channel, forgotten, function(id, record)
    redis.call('ZREM', channel.ready, id)
    if redis.call('HGET', record, 'state') == 'queued' then fail_job(channel, id, record, NOT_STARTED) end
  end)
  local old = redis.call('ZRANGEBYSCORE', channel.done, '-inf', now - ENDED_RECORD_TTL_MS, 'LIMIT', 0, MAX_LOST_PER_CALL)
  each_job(channel, old, function(id, record)
    redis.pcall('HINCRBY', channel.meta, channel.total, -record_bytes(record))
    drop_from_sets(channel, id)
    redis.call('DEL', record)
  end)
end

-- A front-end's poll: whoever follows a channel notices that processes of its jobs were lost. Returns the reply of `head`.
local function poll(KEYS, ARGV)
  local max_length = ARGV[3]
  if max_length then
    local channel = own_jobs_from(KEYS, max_length)
    if redis.call('EXISTS', channel.leases, channel.ready, channel.done) > 0 then
      local now = now_ms()
      check_time(channel, now, JOB_LEASE_MS)
      expire_own_jobs(channel, now)
    end
  end
  return head(KEYS, ARGV)
end

-- Creates the record if there is none, and keeps the sets for as long as they are used. Behind a line break `about` may have
-- the callback, which else is that of before. Returns an error, or nil.
local function ensure_record(channel, record, id, about_and_callback, now)
  local about, callback = string.match(about_and_callback, '^([^\n]*)\n?(.*)$')
  local created_at = redis.call('HGET', record, 'created_at')
  if not created_at then
    local bytes = RECORD_BYTES + #id + #about_and_callback
    local lack = lack_of_room(channel, bytes)
    if lack then return redis.error_reply('QUEUEFULL ' .. lack .. ': remove some') end
    created_at = int(now)
    redis.pcall('HINCRBY', channel.meta, channel.total, bytes)
    redis.call('HSET', record, 'family', 'job', 'job_id', id, 'change', '0', 'created_at', created_at, 'bytes', bytes)
  end
  unindex_job(channel, id, owner_of(channel, record)) -- the next one may be another's
  -- The program that starts a job need not know whose it is. In JSON no value holds this text: its quotes are escaped.
  if not string.find(about, ',"owner":"', 1, true) then
    about = about .. (string.match(redis.call('HGET', record, 'about') or '', ',"owner":".*$') or '')
  end
  redis.call('HSET', record, 'about', about, 'desired', 'running', 'measures', ',"progress":0.0')
  redis.call('HDEL', record, 'desired_by', 'result', 'error')
  if callback ~= '' then redis.call('HSET', record, 'callback_url', callback) end
  add_job(channel, created_at, id)
  for _, set in ipairs({channel.jobs, channel.done}) do expire_later(channel, set, true) end
  return nil
end

-- Announces a job that a process will start within `ttl_ms`. `nonce` recognises a call that is sent again. `attempt`: ''
-- for the next one; the announcement of one that began or ended already changes nothing. `members` are further ones of
-- the event. `first_change` is '' unless another server made the change first.
-- Returns {state, attempt, change}, or {'taken'} if the id is a download's, or nil if it was removed meanwhile.
local function queue_job(KEYS, ARGV)
  local max_length, id, about, nonce, ttl_ms, attempt, members, first_change = unpack(ARGV, 1, 8)
  local channel = own_jobs_from(KEYS, max_length)
  local record, now = record_key(channel, id), now_ms()
  local state, family, submission, stored, change =
    unpack(redis.call('HMGET', record, 'state', 'family', 'submission', 'attempt', 'change'))
  if is_deleted(record, nonce) then return false end
  if state and family ~= 'job' then return {'taken'} end
  if submission == nonce then
    redis.call('HSET', record, 'submission', nonce) -- a write, so that WAIT covers the first call's writes too
    return {state, stored, change}
  end
  if first_change ~= '' and change and tonumber(change) >= tonumber(first_change) then return false end
  local given = tonumber(attempt)
  if state and (state == 'running' or (given or state == 'queued') and (given or 0) <= tonumber(stored)) then
    return {state, stored, change}
  end
  local refusal = ensure_record(channel, record, id, about, now)
  if refusal then return refusal end
  local next_attempt = math.max(given or 0, state and tonumber(stored) + 1 or 1)
  redis.call('HSET', record, 'attempt', int(next_attempt), 'submission', nonce, 'token', '', 'worker', '',
    'retry_delay_ms', ttl_ms)
  redis.call('ZADD', channel.ready, now + tonumber(ttl_ms), id)
  channel.changed_at = first_change
  local _, queued_change = change_state(channel, id, 'queued', 'queued', members)
  return {'queued', int(next_attempt), queued_change}
end

-- Gives the caller the lease of a job that nobody runs. A queued one keeps its attempt; any other begins the next one, or
-- `attempt`, if that is larger. `first_change` is '' unless another server made the change first.
-- Returns {'started', attempt, change, desired state}; {'taken', owner, end of its lease in ms, or 0}; {'lost'}; or, once,
-- {'cancelled'} for a job that was cancelled while it was queued.
local function start_job(KEYS, ARGV)
  local max_length, id, about, token, lease_ms, worker, attempt, first_change = unpack(ARGV, 1, 8)
  local channel = own_jobs_from(KEYS, max_length)
  local record, now = record_key(channel, id), now_ms()
  check_time(channel, now, tonumber(lease_ms))
  expire_own_jobs(channel, now)
  local state, family, owner, ended_token, stored, started, change, desired, other =
    unpack(redis.call('HMGET', record, 'state', 'family', 'token', 'ended_token', 'attempt', 'started_attempt', 'change',
      'desired', 'worker'))
  if is_deleted(record, token) then return {'lost'} end
  if state and family ~= 'job' then return {'taken', 'a download', '0'} end
  if owner == token or ended_token == token then
    redis.call('HSET', record, 'family', family) -- a write, so that WAIT covers the first call's writes too
    if owner == token then return {'started', stored, change, desired} end
    return {state == 'cancelled' and 'cancelled' or 'lost'}
  end
  local given = tonumber(attempt) or 0
  if first_change ~= '' then
    if change and tonumber(change) >= tonumber(first_change) then return {'lost'} end
  elseif state == 'running' then
    return {'taken', other, redis.call('ZSCORE', channel.leases, id) or '0'}
  elseif state == 'cancelled' and started ~= stored and given <= tonumber(stored) then
    redis.call('HSET', record, 'started_attempt', stored, 'ended_token', token)
    return {'cancelled'}
  end
  local refusal = ensure_record(channel, record, id, about, now)
  if refusal then return refusal end
  local next_attempt = not state and 1 or state == 'queued' and tonumber(stored) or tonumber(stored) + 1
  next_attempt = int(math.max(given, next_attempt))
  redis.call('HSET', record, 'attempt', next_attempt, 'started_attempt', next_attempt, 'submission', token, 'token', token,
    'worker', worker, 'lease_ms', lease_ms)
  redis.call('ZREM', channel.ready, id)
  redis.call('ZADD', channel.leases, now + tonumber(lease_ms), id)
  channel.changed_at = first_change
  local _, started_change = change_state(channel, id, 'running', 'started', '')
  return {'started', next_attempt, started_change, 'running'}
end

-- Renews the leases of one process. The third and further ARGV are id, token, … Returns the desired state of each, 'unknown'
-- for a job that this server never had or has forgotten, or 'lost' where another process has it, or none: unless the
-- start of that lease may still be sent again.
local function renew_jobs(KEYS, ARGV)
  local max_length, lease_ms = unpack(ARGV, 1, 2)
  local channel = own_jobs_from(KEYS, max_length)
  local now, reply = now_ms(), {}
  check_time(channel, now, tonumber(lease_ms))
  for i = 3, #ARGV, 2 do
    local id, token = ARGV[i], ARGV[i + 1]
    local record = record_key(channel, id)
    local owner, desired = unpack(redis.pcall('HMGET', record, 'token', 'desired'))
    if owner == token then
      redis.call('ZADD', channel.leases, now + tonumber(lease_ms), id)
      expire_later(channel, record, true)
      table.insert(reply, desired)
    elseif is_taking_over(channel, now) then
      table.insert(reply, 'running')
    else
      local is_known = redis.call('EXISTS', record) == 1 or read_tombstone(record)
      table.insert(reply, is_known and 'lost' or 'unknown')
    end
  end
  expire_own_jobs(channel, now)
  return reply
end

-- One report of an owner; rejects one whose lease was lost. `kind` is 'progress', or the state that ends the lease:
-- complete, error, cancelled, or queued (to be tried again: the next attempt, to be started within `ttl_ms`). `members` are
-- further members of that event. `first_change` is '' unless another server made the change first. Further ARGV are field,
-- value, … of the record. An end that overtakes an accepted cancel names it; a job that is to be cancelled is not queued.
-- Returns {desired state} for progress; else {event's id, change, state, members that it was given here}; or nil if
-- `token` is not the owner's.
local function report_job(KEYS, ARGV)
  local max_length, id, token, kind, text, members, ttl_ms, first_change = unpack(ARGV, 1, 8)
  local channel = own_jobs_from(KEYS, max_length)
  local record = record_key(channel, id)
  local owner, last_report, desired, about, attempt =
    unpack(redis.call('HMGET', record, 'token', 'last_report', 'desired', 'about', 'attempt'))
  local report = token .. ' ' .. kind .. ' '
  if last_report and string.sub(last_report, 1, #report) == report then
    redis.call('HSET', record, 'last_report', last_report) -- a write, so that WAIT covers the first call's writes too
    return {string.match(last_report, '^(%S+) (%d+) (%l+)(.*)$', #report + 1)}
  end
  if owner ~= token then return false end
  if kind == 'progress' then
    redis.call('HSET', record, 'measures', text, 'updated_at', int(now_ms()))
    append_and_publish(channel, 'p', id, '{"type":"job_progress",' .. about .. ',"attempt":' .. attempt .. text .. '}')
    return {desired}
  end
  -- The command that this end would overtake may have been accepted by the server before, and be sent again in a moment.
  if first_change == '' and desired == 'running' and is_taking_over(channel, now_ms()) then
    return redis.error_reply('TRYAGAIN this server took over a moment ago')
  end
  local state, named = kind, ''
  if first_change == '' and desired == 'cancelled' then
    named = take_command_id(record)
    if kind == 'queued' then state = 'cancelled' end
    if kind == 'complete' or kind == 'error' then named = named .. ',"overtaken":"cancel"' end
  end
  if text ~= '' then redis.call('HSET', record, 'measures', text) end
  if #ARGV > 8 then redis.call('HSET', record, unpack(ARGV, 9)) end
  end_job_lease(channel, id, record, token)
  channel.changed_at = first_change
  if state == 'queued' then
    redis.call('HINCRBY', record, 'attempt', 1)
    redis.call('HSET', record, 'retry_delay_ms', ttl_ms)
    redis.call('ZADD', channel.ready, now_ms() + tonumber(ttl_ms), id)
  end
  local event_id, change = change_state(channel, id, state, state, members .. named)
  redis.call('HSET', record, 'last_report', report .. event_id .. ' ' .. change .. ' ' .. state .. named)
  return {event_id, change, state, named}
end
