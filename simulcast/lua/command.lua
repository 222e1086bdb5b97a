-- What a client wishes. KEYS as in jobs.lua.
-- ARGV: channel, max_length, id, action, command_id (a JSON string, or ''), and for delete '1' if the file is to go too,
-- for limit bytes a second ('' for no limit).
-- Returns 'accepted', 'unknown_download' or 'invalid_transition'. What has no owner changes at once, in here;
-- what has one gets a desired state, which its owner reads when woken and at every renewal.

local KEPT_COMMANDS = 8

local function answer(record, command_id, result)
  if command_id ~= '' then
    local kept = {}
    for line in string.gmatch(redis.call('HGET', record, 'commands') or '', '[^\n]+') do table.insert(kept, line) end
    table.insert(kept, result .. ' ' .. command_id)
    if #kept > KEPT_COMMANDS then table.remove(kept, 1) end
    redis.call('HSET', record, 'commands', table.concat(kept, '\n'))
  end
  return result
end

local function answered_before(record, command_id)
  if command_id == '' then return nil end
  for line in string.gmatch(redis.call('HGET', record, 'commands') or '', '[^\n]+') do
    local result, known = string.match(line, '^(%S+) (.*)$')
    if known == command_id then return result end
  end
  return nil
end

-- What each action asks for, and of which states.
local WISHES = {
  pause = {desired = 'paused', of = {queued = true, running = true}},
  resume = {desired = 'running', of = {paused = true, running = true}},
  cancel = {desired = 'cancelled', of = {queued = true, running = true, paused = true}},
  retry = {desired = 'running', of = {error = true, cancelled = true}},
}

local function retry(keys, args, record, id)
  redis.call('HINCRBY', record, 'attempt', 1)
  redis.call('HSET', record, 'progress', '0.0', 'received', '0', 'crashes', '0',
    'retries', '0', 'furthest', '0')
  redis.call('HDEL', record, 'error', 'file_path')
end

-- Nothing is told: whoever asks reads it in the record.
local function limit(args, record, id, state, bytes_per_s)
  if state == 'complete' then return 'invalid_transition' end
  redis.call('HSET', record, 'limit', bytes_per_s)
  if state == 'running' then redis.call('PUBLISH', args[1] .. ':wake', id) end
  return 'accepted'
end

local GONE_S = 300 -- how long a deletion that is sent again is recognised

local function delete(keys, args, record, id, command_id, with_file)
  local r = redis.call('HMGET', record, 'part', 'file_path', 'state')
  if r[3] ~= 'complete' then leave_litter(args[1], record, r[1]) end
  if with_file and r[2] then leave_litter(args[1], record, string.match(r[2], '[^/]+$')) end
  change_state(keys, args, id, 'deleted', 'deleted', command_id ~= '' and ',"command_id":' .. command_id or '')
  for _, place in ipairs({7, 8, 10}) do redis.call('ZREM', keys[place], id) end
  redis.call('DEL', record)
  if command_id ~= '' then redis.call('SET', record .. ':gone', command_id, 'EX', GONE_S) end
  return 'accepted'
end

local function command(keys, args)
  local id, action, command_id = args[3], args[4], args[5]
  local record = record_key(args[1], id)
  local r = redis.call('HMGET', record, 'state', 'desired', 'retry_at')
  if not r[1] then
    local again = action == 'delete' and command_id ~= '' and redis.call('GET', record .. ':gone') == command_id
    return again and 'accepted' or 'unknown_download'
  end
  local before = answered_before(record, command_id)
  if before then return before end
  if action == 'delete' then
    if r[1] == 'running' then return answer(record, command_id, 'invalid_transition') end
    return delete(keys, args, record, id, command_id, args[6] == '1')
  end
  if action == 'limit' then return answer(record, command_id, limit(args, record, id, r[1], args[6])) end
  local wish = WISHES[action]
  local waits = r[1] == 'queued' and r[3] and action == 'retry'
  if waits then wish = {desired = 'running', of = {queued = true}} end
  if not wish.of[r[1]] or (r[1] == 'running' and r[2] == wish.desired) then
    return answer(record, command_id, 'invalid_transition')
  end
  redis.call('HSET', record, 'desired', wish.desired)
  if command_id ~= '' then
    redis.call('HSET', record, 'desired_by', command_id)
  else
    redis.call('HDEL', record, 'desired_by') -- what is told next is not what an earlier command asked for
  end
  if r[1] == 'running' then
    if wish.desired == 'running' then redis.call('HDEL', record, 'desired_by') end -- takes a wish back: nothing to tell
    redis.call('PUBLISH', args[1] .. ':wake', id)
  elseif wish.desired == 'running' then
    if waits then
      redis.call('HDEL', record, 'error') -- tried now, in the same attempt
    elseif action == 'retry' then
      retry(keys, args, record, id)
    end
    change_state(keys, args, id, 'queued', 'queued', by_command(record))
    make_ready(keys, args, id)
  else
    redis.call('ZREM', keys[8], id)
    if action == 'cancel' then leave_litter(args[1], record, redis.call('HGET', record, 'part')) end
    change_state(keys, args, id, wish.desired, wish.desired, by_command(record))
  end
  return answer(record, command_id, 'accepted')
end

-- ARGV: channel, max_length, at_most. Deletes records of what has ended, oldest first; files stay. Returns how many.
local function clear(keys, args)
  local ids = redis.call('ZRANGE', keys[10], 0, tonumber(args[3]) - 1)
  for _, id in ipairs(ids) do
    local record = record_key(args[1], id)
    if redis.call('EXISTS', record) == 1 then delete(keys, args, record, id, '', false) end
    redis.call('ZREM', keys[10], id)
  end
  return #ids
end

-- ARGV: channel, host, at_most. Names of files that nobody owns any more; whoever asks removes them.
local function litter(keys, args)
  local key = '{' .. args[1] .. '}:litter:' .. args[2]
  local names = redis.call('LRANGE', key, 0, tonumber(args[3]) - 1)
  if #names > 0 then redis.call('LTRIM', key, #names, -1) end
  return names
end
