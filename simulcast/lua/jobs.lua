-- Downloads and their owners. A job's record is a hash in the slot of the channel:
--   download_id url site options name about priority rank state desired desired_by attempt started_attempt change
--   token fence worker host crashes last_report commands progress speed received total limit error file_path
--   phase retries retry_at retry_delay_ms delay_ms lease_ms crashed_at created_at updated_at submission commanded_at
--   limited_at linked_at moved_at scheduled_at named_at link shown bytes owner callback_url traceparent start_at, and the
--   workers' own: part etag size spans finishing furthest mirror
-- `about` is JSON: the members download_id, name, owner (the user who added it, if any), traceparent (of what caused it,
-- if known) and url of every state event, written by a client that has an encoder.
-- `start_at` is the time in ms before which no worker claims a job that waits for its start, or is paused before it.
-- `link` is a link that no claim has yet: its site, the JSON of its public form, and itself, on a line each.

local MAX_QUEUE_BYTES = 256 * 1024 * 1024 -- of the records of all jobs, ended ones too, as they were submitted
local MAX_JOBS = 200000 -- records, likewise
local NEARLY_FULL = 0.875 -- of maxmemory
local RECORD_BYTES = 1024 -- of a record, besides its submission
local RECOUNT_INTERVAL_MS = 10000
local MAX_DONE = 10000 -- records of ended jobs
local MAX_ORPHANS = 100000 -- names of files that wait for a worker of their host; beyond, its scan finds the oldest
local ORPHANS_TTL_S = 30 * 24 * 3600
-- A job of `ready` with a score from here on can't be claimed yet: the difference is the time from which it can, ms.
-- A worker of an older version ignores that, and claims the job once no other job is ready: early, but no worse.
local DELAYED_SCORE_BASE = 1000000000000000
local ENDED_RECORD_TTL_MS = 24 * 3600 * 1000 -- of a job that is no download
local UNSWEPT_TTL_MS = 3600 * 1000 -- of its record, until expire_own_jobs takes it out of its sets
local LABEL_KINDS = {
  queued = 's', started = 's', resumed = 's', paused = 's',
  complete = 'e', error = 'e', cancelled = 'e', deleted = 'e',
}

-- The channel with the KEYS that every function of its jobs gets.
local function jobs_from(KEYS, name, max_length)
  local channel = channel_from(KEYS, name, max_length)
  channel.jobs = KEYS[7] -- sorted set by time of creation, ms
  channel.ready = KEYS[8] -- sorted set by rank
  channel.leases = KEYS[9] -- sorted set by time of expiry, ms
  channel.done = KEYS[10] -- sorted set of ended jobs by time of their end, ms
  channel.family = string.match(KEYS[7], ':jobs$') and 'download' or 'job' -- of own_jobs.lua
  channel.total = channel.family == 'job' and 'own_bytes' or 'queue_bytes' -- field of `meta`: bytes of all records
  channel.alive = channel.family == 'job' and 'own_alive' or 'alive' -- field of `meta`: see check_time
  return channel
end

-- Calls `act` with each id and the key of its record. A record that another program wrote may have another type, or lack
-- fields: its job leaves the sets, so that it stops no other one.
local function each_job(channel, ids, act)
  for _, id in ipairs(ids) do
    if not pcall(act, id, record_key(channel, id)) then drop_from_sets(channel, id) end
  end
end

local function orphans_key(channel, host)
  return '{' .. channel.name .. '}:orphaned_files:' .. host
end

local function wake_workers(channel, id)
  redis.call('PUBLISH', channel.name .. '//wake', id)
end

-- Records a file that no job owns any more: a worker of the host that wrote it removes it, or one that finds it.
local function add_orphan(channel, host, file_name)
  redis.call('RPUSH', orphans_key(channel, host), file_name)
  redis.call('LTRIM', orphans_key(channel, host), -MAX_ORPHANS, -1)
  redis.call('EXPIRE', orphans_key(channel, host), ORPHANS_TTL_S)
  wake_workers(channel, '') -- of many channels, a worker looks at those alone that have work
end

local function record_orphan(channel, record, file_name)
  local host = redis.call('HGET', record, 'host')
  if not host or not file_name or file_name == '' then return end
  add_orphan(channel, host, file_name)
end

-- The key of a record's tombstone, which no id of another job leads to.
local function tombstone_key(record)
  return (string.gsub(record, '}:job:', '}:gone:', 1))
end

-- Returns the deletion of an earlier record of that key, for as long as it is remembered, or nil.
local function read_tombstone(record)
  return redis.call('GET', tombstone_key(record)) or nil
end

-- Returns whether the record of that submission was deleted.
local function is_deleted(record, submission)
  local tombstone = read_tombstone(record)
  return tombstone and submission ~= '' and string.match(tombstone, '^[^\n]*') == submission
end

-- Records everything that an unfinished download has written: its part file, and the file that it may have published
-- already, recognised by its identity, behind a line break: its name may be another file's by now.
local function record_written(channel, record)
  local part, marker = unpack(redis.call('HMGET', record, 'part', 'finishing'))
  record_orphan(channel, record, part)
  if marker then record_orphan(channel, record, '\n' .. marker) end
  redis.call('HDEL', record, 'finishing')
end

-- Of a channel without jobs the index is whole, which the epoch that is opened here records.
local function add_job(channel, created_at, id)
  ensure_epoch(channel)
  redis.call('ZADD', channel.jobs, created_at, id)
end

local evict_oldest_done -- of deletions.lua

-- Returns how far a job is, as members of its events, and where a download stands that is queued.
local function measures(channel, record, state)
  if channel.family == 'job' then return redis.call('HGET', record, 'measures') or '' end
  local progress, received, total, priority, rank =
    unpack(redis.call('HMGET', record, 'progress', 'received', 'total', 'priority', 'rank'))
  local text = ',"progress":' .. progress .. ',"speed":0,"received_bytes":' .. received .. ',"total_bytes":' .. total
  if state ~= 'queued' then return text end
  priority, rank = int(tonumber(priority) or 0), string.format('%.6f', tonumber(rank) or 0)
  return text .. ',"priority":' .. priority .. ',"queue_rank":' .. rank
end

-- Returns whether that time, as of a record, is still to come. Another program's text may be no time.
local function is_ahead(start_at)
  local at = tonumber(start_at) or 0
  return at > now_ms() and at < STATE_BASE
end

-- Writes the record's new state and publishes <family>_<event> in one step, unless clients were shown that state before
-- (see restore). `members` are further members of the event: JSON with a leading comma, or ''. A change has the number of
-- the ms in which it was made first, at whatever server (`channel.changed_at`): a server that came back with older data
-- gives no number twice, and a repetition has that of the first. Returns the event's id, '-' without one, and the change.
local function change_state(channel, id, state, event, members)
  local record = record_key(channel, id)
  local is_shown = redis.call('HGET', record, 'shown') == event
  redis.call('HDEL', record, 'shown')
  local previous = tonumber(redis.call('HGET', record, 'change')) or 0
  local change = int(is_shown and previous or math.max(previous + 1, tonumber(channel.changed_at) or now_ms()))
  redis.call('HSET', record, 'state', state, 'change', change, 'updated_at', int(now_ms()), 'speed', '0')
  redis.call('HDEL', record, 'retry_at', 'phase')
  if state ~= 'error' and state ~= 'queued' then redis.call('HDEL', record, 'error') end
  local about, attempt, start_at = unpack(redis.call('HMGET', record, 'about', 'attempt', 'start_at'))
  if start_at and state ~= 'queued' and state ~= 'paused' then
    redis.call('HDEL', record, 'start_at')
  elseif is_ahead(start_at) then
    members = ',"start_at":' .. string.format('%.3f', start_at / 1000) .. members
  end
  local kind, event_type = LABEL_KINDS[event], channel.family .. '_' .. event
  local payload = '{"type":"' .. event_type .. '",' .. about .. ',"attempt":' .. attempt .. ',"change":' .. change
    .. measures(channel, record, state) .. members .. '}'
  if channel.family == 'job' then
    redis.call('PEXPIRE', record, kind == 'e' and ENDED_RECORD_TTL_MS + UNSWEPT_TTL_MS or CHANNEL_TTL_MS)
  end
  if kind == 'e' then
    redis.call('ZADD', channel.done, now_ms(), id)
  else
    redis.call('ZREM', channel.done, id)
  end
  if state ~= 'deleted' then index_job(channel, id) end
  if is_shown then return '-', change end
  local label = kind .. ':' .. event_type .. ':' .. attempt .. ':' .. change
  local event_id = append_and_publish(channel, label, id, payload)
  if state ~= 'deleted' then evict_oldest_done(channel) end
  return event_id, change
end

-- Takes the id of the command that asked for the present change out of the record, as a member for its event.
local function take_command_id(record)
  local command_id = redis.call('HGET', record, 'desired_by')
  if not command_id or command_id == '' then return '' end
  redis.call('HDEL', record, 'desired_by')
  return ',"command_id":' .. command_id
end

-- Lets workers claim a job: from its start on, where that is still to come.
local function make_ready(channel, id)
  local record = record_key(channel, id)
  local rank, start_at = unpack(redis.call('HMGET', record, 'rank', 'start_at'))
  if is_ahead(start_at) then
    redis.call('HDEL', record, 'retry_delay_ms') -- no clock that is set makes it wait for less
    redis.call('ZADD', channel.ready, int(DELAYED_SCORE_BASE + start_at), id)
  else
    redis.call('ZADD', channel.ready, rank or '0', id)
    wake_workers(channel, id)
  end
end

-- Puts a job back into the queue: immediately, or from delay_ms on. Returns the event's id and the change.
local function requeue(channel, id, members, delay_ms)
  if not delay_ms then
    local event_id, change = change_state(channel, id, 'queued', 'queued', members)
    make_ready(channel, id)
    return event_id, change
  end
  local retry_at = now_ms() + tonumber(delay_ms)
  members = ',"retry_at":' .. string.format('%.3f', retry_at / 1000) .. members
  local event_id, change = change_state(channel, id, 'queued', 'queued', members)
  redis.call('HSET', record_key(channel, id), 'retry_at', int(retry_at), 'retry_delay_ms', delay_ms)
  redis.call('ZADD', channel.ready, int(DELAYED_SCORE_BASE + retry_at), id)
  return event_id, change
end

local recounted_at = 0 -- ms

local function record_bytes(record)
  return tonumber(redis.pcall('HGET', record, 'bytes')) or 2 * RECORD_BYTES
end

-- Returns why a record of that size does not fit into the queue, or nil. The last part of Redis' memory is for the jobs that
-- are there: the channels together get none of it. The total is counted where it is not known (`meta` expired, or an older
-- version of this library wrote records), and in a while before a refusal.
local function lack_of_room(channel, bytes)
  if max_memory > 0 and used_memory > max_memory * NEARLY_FULL then return 'Redis is nearly full' end
  local max_bytes, now = bound_bytes(MAX_QUEUE_BYTES, 4), now_ms()
  local total = tonumber(whole(redis.call('HGET', channel.meta, channel.total))) or -1
  if total < 0 or (total + bytes > max_bytes and now > recounted_at + RECOUNT_INTERVAL_MS) then
    recounted_at = total < 0 and recounted_at or now
    total = 0
    for _, id in ipairs(redis.call('ZRANGE', channel.jobs, 0, -1)) do
      total = total + record_bytes(record_key(channel, id))
    end
    redis.call('HSET', channel.meta, channel.total, int(total))
  end
  local is_full = total + bytes > max_bytes or redis.call('ZCARD', channel.jobs) >= MAX_JOBS
  return is_full and 'the records of this channel fill their part of Redis' or nil
end

-- `submission` is a nonce, by which a call that is sent again is recognised, and `created_at` is '' unless it is one. With
-- '1' for `unless_same`, a download of the same URL and options that has not failed is returned in place of a new one,
-- except `gone`, the id of one whose file is gone. The thirteenth and further ARGV are field, value, … of the record.
-- A call with the id of a download of the same URL and options returns that.
-- Returns the record as a flat list, {} if it was deleted meanwhile, or nil if the id is taken.
local function submit(KEYS, ARGV)
  local name, max_length, id, about, url, options, file_name, priority, submission, unless_same, gone, created_at =
    unpack(ARGV, 1, 12)
  local channel = jobs_from(KEYS, name, max_length)
  local record = record_key(channel, id)
  if redis.call('EXISTS', record) == 1 then
    local is_first = redis.call('HGET', record, 'submission') == submission
    if not is_first and (created_at ~= '' or field_of(record) ~= link_field(url, options)) then return false end
    redis.call('HSET', record, 'download_id', id) -- a write, so that WAIT covers the first call's writes too
    return redis.call('HGETALL', record)
  end
  if is_deleted(record, submission) then return {} end
  local same = unless_same == '1' and created_at == '' and find_same(channel, url, options)
  if same and same ~= gone then
    redis.call('HSET', record_key(channel, same), 'download_id', same) -- a write, so that WAIT covers its submission too
    return redis.call('HGETALL', record_key(channel, same))
  end
  local bytes = RECORD_BYTES
  for _, argument in ipairs(ARGV) do bytes = bytes + #argument end
  local lack = created_at == '' and lack_of_room(channel, bytes)
  if lack then return redis.error_reply('QUEUEFULL ' .. lack .. ': clear or delete some') end
  redis.pcall('HINCRBY', channel.meta, 'queue_bytes', bytes)
  local now = tonumber(created_at) or now_ms()
  redis.call('HSET', record, 'bytes', bytes, 'download_id', id, 'about', about, 'url', url, 'options', options,
    'name', file_name, 'desired', 'running', 'attempt', '1', 'change', '0', 'fence', '0', 'crashes', '0', 'progress', '0.0',
    'received', '0', 'total', 'null', 'created_at', int(now), 'rank', int(now - tonumber(priority) * 10000000000000),
    'priority', priority, 'submission', submission)
  if #ARGV > 12 then redis.call('HSET', record, unpack(ARGV, 13)) end
  index_link(channel, record, id)
  add_job(channel, now, id)
  channel.changed_at = now
  change_state(channel, id, 'queued', 'queued', '')
  make_ready(channel, id)
  return redis.call('HGETALL', record)
end
