-- A client's command. A job without an owner changes its state here; an owner reads the desired state when it is woken
-- and at every renewal.

local MAX_RESULTS = 8 -- results that a record keeps, for commands that are sent again
local TOMBSTONE_TTL_S = 300 -- how long a deletion that is sent again is recognised
local TRANSITIONS = {
  pause = {desired = 'paused', from = {queued = true, running = true}},
  resume = {desired = 'running', from = {paused = true, running = true}},
  cancel = {desired = 'cancelled', from = {queued = true, running = true, paused = true}},
  retry = {desired = 'running', from = {error = true, cancelled = true}},
}
local RETRY_NOW = {desired = 'running', from = {queued = true}} -- of a job that waits for its next try

local function previous_results(record)
  return string.gmatch(redis.call('HGET', record, 'commands') or '', '[^\n]+')
end

local function save_result(record, command_id, result)
  if command_id ~= '' then
    local lines = {}
    for line in previous_results(record) do table.insert(lines, line) end
    table.insert(lines, result .. ' ' .. command_id)
    if #lines > MAX_RESULTS then table.remove(lines, 1) end
    redis.call('HSET', record, 'commands', table.concat(lines, '\n'))
  end
  return result
end

local function previous_result(record, command_id)
  if command_id == '' then return nil end
  for line in previous_results(record) do
    local result, id = string.match(line, '^(%S+) (.*)$')
    if id == command_id then return result end
  end
  return nil
end

-- Publishes nothing: clients read the limit in the record.
local function set_limit(channel, record, id, state, bytes_per_s)
  if state == 'complete' then return 'invalid_transition' end
  redis.call('HSET', record, 'limit', bytes_per_s)
  if state == 'running' then wake_workers(channel, id) end
  return 'accepted'
end

local function delete(channel, record, id, command_id, with_file)
  local part, file_path, state = unpack(redis.call('HMGET', record, 'part', 'file_path', 'state'))
  if state ~= 'complete' then record_orphan(channel, record, part) end
  if with_file and file_path then record_orphan(channel, record, string.match(file_path, '[^/]+$')) end
  change_state(channel, id, 'deleted', 'deleted', command_id ~= '' and ',"command_id":' .. command_id or '')
  for _, set in ipairs({channel.jobs, channel.ready, channel.done}) do redis.call('ZREM', set, id) end
  redis.call('DEL', record)
  if command_id ~= '' then redis.call('SET', record .. ':gone', command_id, 'EX', TOMBSTONE_TTL_S) end
  return 'accepted'
end

-- Changes the state of a job without an owner.
local function apply(channel, record, id, action, transition)
  local desired = transition.desired
  if desired == 'running' then
    if action == 'retry' and transition ~= RETRY_NOW then
      redis.call('HINCRBY', record, 'attempt', 1)
      redis.call('HSET', record, 'progress', '0.0', 'received', '0', 'crashes', '0', 'retries', '0', 'furthest', '0')
      redis.call('HDEL', record, 'file_path')
    end
    if action == 'retry' then redis.call('HDEL', record, 'error') end
    change_state(channel, id, 'queued', 'queued', take_command_id(record))
    make_ready(channel, id)
  else
    redis.call('ZREM', channel.ready, id)
    if action == 'cancel' then record_orphan(channel, record, redis.call('HGET', record, 'part')) end
    change_state(channel, id, desired, desired, take_command_id(record))
  end
end

-- `command_id` is a JSON string, or ''. `detail` is '1' to delete the file too, or a limit in bytes a second ('' for
-- none). Returns 'accepted', 'unknown_download' or 'invalid_transition'.
local function command(KEYS, ARGV)
  local name, max_length, id, action, command_id, detail = unpack(ARGV)
  local channel = jobs_from(KEYS, name, max_length)
  local record = record_key(channel, id)
  local state, desired, retry_at = unpack(redis.call('HMGET', record, 'state', 'desired', 'retry_at'))
  if not state then
    local is_repeated = action == 'delete' and command_id ~= '' and redis.call('GET', record .. ':gone') == command_id
    return is_repeated and 'accepted' or 'unknown_download'
  end
  local previous = previous_result(record, command_id)
  if previous then return previous end
  if action == 'delete' and state ~= 'running' then return delete(channel, record, id, command_id, detail == '1') end
  if action == 'limit' then return save_result(record, command_id, set_limit(channel, record, id, state, detail)) end
  local transition = TRANSITIONS[action]
  if action == 'retry' and state == 'queued' and retry_at then transition = RETRY_NOW end
  -- A running job has no transition for 'delete'.
  if not transition or not transition.from[state] or (state == 'running' and desired == transition.desired) then
    return save_result(record, command_id, 'invalid_transition')
  end
  redis.call('HSET', record, 'desired', transition.desired)
  -- Back to 'running' the owner has nothing to report, and an earlier command's id belongs to no later event.
  if command_id ~= '' and not (state == 'running' and transition.desired == 'running') then
    redis.call('HSET', record, 'desired_by', command_id)
  else
    redis.call('HDEL', record, 'desired_by')
  end
  if state == 'running' then
    wake_workers(channel, id)
  else
    apply(channel, record, id, action, transition)
  end
  return save_result(record, command_id, 'accepted')
end

-- Deletes the records of the jobs that ended first, at most `limit`; files stay. Returns how many.
local function clear(KEYS, ARGV)
  local name, max_length, limit = unpack(ARGV)
  local channel = jobs_from(KEYS, name, max_length)
  local ids = redis.call('ZRANGE', channel.done, 0, tonumber(limit) - 1)
  for _, id in ipairs(ids) do
    local record = record_key(channel, id)
    if redis.call('EXISTS', record) == 1 then delete(channel, record, id, '', false) end
    redis.call('ZREM', channel.done, id)
  end
  return #ids
end
