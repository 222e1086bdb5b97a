-- What a client wishes. KEYS as in jobs.lua. ARGV: channel, max_length, id, action, command_id (a JSON string, or '').
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
  redis.call('HSET', record, 'progress', '0.0', 'received', '0', 'crashes', '0')
  redis.call('HDEL', record, 'error', 'file_path')
end

local function command(keys, args)
  local id, action, command_id = args[3], args[4], args[5]
  local record = record_key(args[1], id)
  local r = redis.call('HMGET', record, 'state', 'desired')
  if not r[1] then return 'unknown_download' end
  local before = answered_before(record, command_id)
  if before then return before end
  local wish = WISHES[action]
  if not wish.of[r[1]] or (r[1] == 'running' and r[2] == wish.desired) then
    return answer(record, command_id, 'invalid_transition')
  end
  redis.call('HSET', record, 'desired', wish.desired)
  if command_id ~= '' then redis.call('HSET', record, 'desired_by', command_id) end
  if r[1] == 'running' then
    if wish.desired == 'running' then redis.call('HDEL', record, 'desired_by') end -- takes a wish back: nothing to tell
    redis.call('PUBLISH', args[1] .. ':wake', id)
  elseif wish.desired == 'running' then
    if action == 'retry' then retry(keys, args, record, id) end
    change_state(keys, args, id, 'queued', 'queued', by_command(record))
    make_ready(keys, args, id)
  else
    redis.call('ZREM', keys[8], id)
    change_state(keys, args, id, wish.desired, wish.desired, by_command(record))
  end
  return answer(record, command_id, 'accepted')
end
