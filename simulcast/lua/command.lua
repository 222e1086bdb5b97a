-- A client's command. A job without an owner changes its state here; an owner reads the desired state when it is woken
-- and at every renewal.

local MAX_RESULTS = 16 -- results that a record keeps, for commands that are sent again
local TRANSITIONS = {
  pause = {desired = 'paused', from = {queued = true, running = true}},
  resume = {desired = 'running', from = {paused = true, running = true}},
  cancel = {desired = 'cancelled', from = {queued = true, running = true, paused = true}},
  retry = {desired = 'running', from = {error = true, cancelled = true}},
}
-- Fields with the time of the newest such command.
local ORDERS = {
  limit = 'limited_at', relink = 'linked_at', move = 'moved_at', prioritize = 'moved_at', schedule = 'scheduled_at', rename = 'named_at',
}
local RETRY_NOW = {desired = 'running', from = {queued = true}} -- of a job that waits for its next try, or its start

local function previous_results(record)
  return string.gmatch(redis.call('HGET', record, 'commands') or '', '[^\n]+')
end

local function save_result(record, key, result, at)
  local lines = {}
  for line in previous_results(record) do table.insert(lines, line) end
  table.insert(lines, result .. ' ' .. int(at) .. ' ' .. key)
  if #lines > MAX_RESULTS then table.remove(lines, 1) end
  redis.call('HSET', record, 'commands', table.concat(lines, '\n'))
end

-- Returns the result of a command that was given before, and the time of it.
local function previous_result(record, key)
  for line in previous_results(record) do
    local result, at, previous_key = string.match(line, '^(%S+) (%d+) (.*)$')
    if previous_key == key then
      redis.call('HSET', record, 'commands', redis.call('HGET', record, 'commands')) -- a write, for WAIT
      return result, at
    end
  end
  return nil
end

-- Publishes nothing: clients read the limit in the record. A limit that another server accepted is kept there even when
-- the job's end was sent to this server first.
local function set_limit(channel, record, id, state, bytes_per_s, is_repeated)
  if state == 'complete' and not is_repeated then return 'invalid_transition' end
  redis.call('HSET', record, 'limit', bytes_per_s)
  if state == 'running' then wake_workers(channel, id) end
  return 'accepted'
end

-- Changes the state of a job without an owner.
local function apply(channel, record, id, action, transition)
  local desired = transition.desired
  if desired == 'running' then
    if action == 'retry' and transition ~= RETRY_NOW then
      redis.call('HINCRBY', record, 'attempt', 1)
      redis.call('HSET', record, 'progress', '0.0', 'received', '0', 'crashes', '0', 'retries', '0', 'furthest', '0')
      redis.call('HDEL', record, 'file_path', 'finishing')
    end
    if action == 'retry' then redis.call('HDEL', record, 'error', 'start_at') end
    change_state(channel, id, 'queued', 'queued', take_command_id(record))
    make_ready(channel, id)
  else
    redis.call('ZREM', channel.ready, id)
    if action == 'cancel' then record_written(channel, record) end
    change_state(channel, id, desired, desired, take_command_id(record))
  end
end

-- An owner hands its job back for the new link; a job that failed, or waits for its next try, is ready with it. One that
-- waits for its start goes on waiting.
local function relink(channel, record, id, state, desired, command_id, link)
  if state == 'complete' or state == 'cancelled' then return 'invalid_transition' end
  set_link(channel, record, id, link)
  redis.call('HSET', record, 'link', link)
  local growth = math.max(0, RECORD_BYTES + 3 * #link - record_bytes(record))
  redis.call('HSET', record, 'bytes', record_bytes(record) + growth)
  redis.pcall('HINCRBY', channel.meta, 'queue_bytes', growth)
  if state == 'paused' or (state == 'queued' and is_ahead(redis.call('HGET', record, 'start_at'))) then
    change_state(channel, id, state, state, command_id ~= '' and ',"command_id":' .. command_id or '')
  elseif state == 'running' then
    if desired == 'running' then redis.call('HSET', record, 'desired_by', command_id) end
    wake_workers(channel, id)
  else
    redis.call('HSET', record, 'desired', 'running', 'desired_by', command_id)
    apply(channel, record, id, 'retry', state == 'error' and TRANSITIONS.retry or RETRY_NOW)
  end
  return 'accepted'
end

-- Changes the time from which workers may claim a job. One that waits for its next try waits for that time instead.
local function schedule(channel, record, id, state, retry_at, old_start_at, start_at, members)
  if state ~= 'queued' and state ~= 'paused' then return 'invalid_transition' end
  local is_later = is_ahead(start_at)
  if not is_later and not is_ahead(old_start_at) and not retry_at then return 'accepted' end
  if is_later then redis.call('HSET', record, 'start_at', start_at) else redis.call('HDEL', record, 'start_at') end
  if retry_at then redis.call('HDEL', record, 'error') end
  change_state(channel, id, state, state, members)
  if state == 'queued' then make_ready(channel, id) end
  return 'accepted'
end

-- Changes the name that the file will get. An owner has read it already, or may have published the file under it.
local function rename(channel, record, id, state, retry_at, name, members)
  local is_idle = (state == 'queued' and not retry_at) or state == 'paused'
  if not is_idle or redis.call('HEXISTS', record, 'finishing') == 1 then return 'invalid_transition' end
  set_name(channel, record, id, name)
  change_state(channel, id, state, state, members)
  return 'accepted'
end

-- Carries one command out for a record that exists. Returns the result.
local function carry_out(channel, record, id, action, command_id, detail, members, is_repeated)
  local state, desired, retry_at, start_at =
    unpack(redis.call('HMGET', record, 'state', 'desired', 'retry_at', 'start_at'))
  if action == 'limit' then return set_limit(channel, record, id, state, detail, is_repeated) end
  if action == 'relink' then return relink(channel, record, id, state, desired, command_id, detail) end
  if action == 'move' or action == 'prioritize' then
    if state ~= 'queued' then return 'invalid_transition' end
    return reorder(channel, id, action, detail, members)
  end
  if action == 'schedule' then
    return schedule(channel, record, id, state, retry_at, start_at, detail, members)
  end
  if action == 'rename' then return rename(channel, record, id, state, retry_at, detail, members) end
  local transition = TRANSITIONS[action]
  if action == 'retry' and state == 'queued' and (retry_at or start_at) then transition = RETRY_NOW end
  -- A running job has no transition for 'delete'.
  if not transition or not transition.from[state] or (state == 'running' and desired == transition.desired) then
    return 'invalid_transition'
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
    if action == 'resume' and redis.call('HEXISTS', record, 'shown') == 1 then
      change_state(channel, id, 'running', 'resumed', '')
    end
  else
    apply(channel, record, id, action, transition)
  end
  return 'accepted'
end

-- Publishes an end again, with the command that it overtook: the owner had reported it here, where the command that another
-- server had accepted before was not known yet. Returns whether there is one.
local function publish_overtaken(channel, record, id, action, command_id, accepted_at)
  local entry = redis.call('HGET', channel.ended, id)
  local kind, attempt, change, payload = string.match(entry or '', '^%S+ (e:%l+_%l+):(%d+):(%d+) [^\n]*\n(.*)}$')
  if not change or tonumber(change) < accepted_at or string.find(payload, '"overtaken":', 1, true) then return false end
  local next_change = int(tonumber(change) + 1)
  redis.call('HSET', record, 'change', next_change)
  index_job(channel, id)
  payload = string.gsub(payload, '"change":' .. change, '"change":' .. next_change)
  if command_id ~= '' then payload = payload .. ',"command_id":' .. command_id end
  payload = payload .. ',"overtaken":"' .. action .. '"}'
  append_and_publish(channel, kind .. ':' .. attempt .. ':' .. next_change, id, payload)
  return true
end

-- `command_id` is a JSON string, or ''; then `nonce` stands for it. `detail` is '1' to delete the file too, a limit in
-- bytes a second ('' for none), a link as in the record, a priority or position (see queue_order.lua), a start in ms
-- ('' for now), or a name as JSON. `accepted_at` is '' unless another server accepted the command, in ms: a command that
-- is sent again overrules none that was accepted later.
-- Returns {result, time of acceptance}, and of a deletion the deletion behind it. The result is 'accepted',
-- 'unknown_download', 'invalid_transition', of a move 'not_waiting' or 'conflict', or 'unavailable' while this server may lack what its predecessor acknowledged:
-- the job may be in another state than its record. To a command that is sent again it returns nil where a later one
-- overrules it, and {'later'} where its job, or the state that it was given in, may still be sent again by another process.
function command(KEYS, ARGV)
  local name, max_length, id, action, command_id, nonce, detail, accepted_at = unpack(ARGV)
  local channel = jobs_from(KEYS, name, max_length)
  local record = record_key(channel, id)
  local key = (channel.family == 'job' and 'job ' or '') .. action .. ' ' .. (command_id ~= '' and command_id or nonce)
  local members = command_id ~= '' and ',"command_id":' .. command_id or ''
  local state, created_at, family = unpack(redis.call('HMGET', record, 'state', 'created_at', 'family'))
  if (family or 'download') ~= channel.family then state = nil end
  local tombstone = read_tombstone(record)
  if not state and tombstone and string.match(tombstone, '^[^\n]*\n([^\n]*)') == key then
    redis.call('EXPIRE', tombstone_key(record), TOMBSTONE_TTL_S) -- a write, so that WAIT covers the first call's writes too
    return {'accepted', int(now_ms()), tombstone}
  end
  local is_repeated = accepted_at ~= ''
  if not state and is_repeated then return not tombstone and {'later'} end
  if not is_repeated and is_taking_over(channel, now_ms()) then return {'unavailable'} end
  if not state then
    clamp_times(channel, now_ms())
    local deletion = action == 'delete' and delete_unowned(channel, id, key, members, now_ms())
    return deletion and {'accepted', int(now_ms()), deletion} or {'unknown_download'}
  end
  local previous, previous_at = previous_result(record, key)
  if previous then return {previous, previous_at} end
  local order = ORDERS[action] or 'commanded_at'
  local now = tonumber(accepted_at) or now_ms()
  local newest = tonumber(redis.call('HGET', record, order)) or 0
  channel.changed_at = now
  if is_repeated and (newest > now or tonumber(created_at) > now) then return false end
  if action == 'delete' and state ~= 'running' then
    return {'accepted', int(now), delete(channel, id, key, members, detail == '1')}
  end
  local result = carry_out(channel, record, id, action, command_id, detail, members, is_repeated)
  -- The owner's report of its effect may come first.
  if is_repeated and TRANSITIONS[action] and state == TRANSITIONS[action].desired then result = 'accepted' end
  if is_repeated and (state == 'complete' or state == 'error') and (action == 'pause' or action == 'cancel')
    and publish_overtaken(channel, record, id, action, command_id, now) then
    result = 'accepted'
  end
  -- It overrules nothing yet: the command before it may be the one that it has to follow.
  if is_repeated and result ~= 'accepted' then return {'later'} end
  if result == 'accepted' then redis.call('HSET', record, order, int(math.max(newest, now))) end
  if result == 'accepted' or command_id ~= '' then save_result(record, key, result, now) end
  return {result, int(now)}
end
