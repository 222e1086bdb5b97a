-- Deletions. Each leaves a tombstone, so that a submission or a claim that is sent again revives nothing.
-- A deletion is text of five lines: submission, command, host, change and attempt, and names of files, each followed by a
-- slash. The attempt is left out where there was no record.

local TOMBSTONE_TTL_S = 3600 -- longer than calls are kept to be sent again
local MAX_CLEARED = 1000 -- ids of clearing commands that are remembered; any client may send any number of them

local function remove_record(channel, record, id, deletion)
  unindex_link(channel, record, id)
  drop_from_sets(channel, id)
  redis.pcall('HINCRBY', channel.meta, channel.total, -record_bytes(record))
  redis.call('DEL', record)
  redis.call('SET', tombstone_key(record), deletion, 'EX', TOMBSTONE_TTL_S)
end

-- `command` is the key of the command, or ''. `members` are further members of the event. Returns the deletion.
local function delete(channel, id, command, members, with_file)
  local record = record_key(channel, id)
  local part, file_path, state, host, submission, marker, attempt =
    unpack(redis.call('HMGET', record, 'part', 'file_path', 'state', 'host', 'submission', 'finishing', 'attempt'))
  local file_names = ''
  if state ~= 'complete' and part and part ~= '' then file_names = part .. '/' end
  if marker and (with_file or state ~= 'complete') then
    file_names = file_names .. '\n' .. marker .. '/' -- as record_written
  elseif with_file and file_path then
    file_names = file_names .. string.match(file_path, '[^/]+$') .. '/'
  end
  for file_name in string.gmatch(file_names, '[^/]+') do record_orphan(channel, record, file_name) end
  local _, change = change_state(channel, id, 'deleted', 'deleted', members)
  local deletion = table.concat({submission or '', command, host or '', change .. ' ' .. attempt, file_names}, '\n')
  remove_record(channel, record, id, deletion)
  return deletion
end

-- Returns what clients are shown of a key, or nil.
local function shown_entry(channel, id)
  return redis.call('HGET', channel.latest, 's ' .. id) or redis.call('HGET', channel.latest, 'p ' .. id)
    or redis.call('HGET', channel.ended, id) or nil
end

-- Publishes the deletion of what has no record. `attempt` is '' where it never had one.
local function publish_deleted(channel, id, attempt, change, members)
  local event_type = channel.family .. '_deleted'
  local label = 'e:' .. event_type .. ':' .. attempt .. ':' .. change .. (attempt == '' and 'p' or '')
  if attempt ~= '' then members = ',"attempt":' .. attempt .. ',"change":' .. change .. members end
  append_and_publish(channel, label, id,
    '{"type":"' .. event_type .. '","' .. channel.family .. '_id":' .. cjson.encode(id) .. members .. '}')
end

-- Deletes what clients are shown of a key that no record holds, for everyone: a program that published it may be gone. Nothing
-- that was published after `cutoff` (ms) goes. Returns the deletion, or nil if there is nothing of this family.
local function delete_unowned(channel, id, command, members, cutoff)
  if redis.call('EXISTS', record_key(channel, id)) == 1 then return nil end
  local entry = shown_entry(channel, id)
  local is_event, event = pcall(cjson.decode, string.match(entry or '', '\n(.*)$') or '{}')
  local shown = is_event and type(event) == 'table' and tostring(event.type) or ''
  local is_download = string.find(shown, '^download_') ~= nil
  if not entry or string.find(shown, '_deleted$') or is_download ~= (channel.family == 'download') then return nil end
  local shown_at = redis.call('ZSCORE', channel.touched, id) or redis.call('ZSCORE', channel.ended_at, id) or 0
  if tonumber(shown_at) > tonumber(cutoff) then return nil end
  local now = int(now_ms())
  publish_deleted(channel, id, '', now, members)
  local deletion = table.concat({'', command, '', now, ''}, '\n')
  redis.call('SET', tombstone_key(record_key(channel, id)), deletion, 'EX', TOMBSTONE_TTL_S)
  return deletion
end

-- Deletes the records of the jobs that ended first, beyond MAX_DONE, as a command would: their events say why.
function evict_oldest_done(channel)
  while redis.call('ZCARD', channel.done) > MAX_DONE do
    each_job(channel, redis.call('ZRANGE', channel.done, 0, 0), function(id, record)
      if redis.call('EXISTS', record) == 1 then delete(channel, id, '', ',"reason":"too_many"', false) end
      redis.call('ZREM', channel.done, id)
    end)
  end
end

-- Carries out deletions that another server acknowledged, and publishes each: where this server has nothing of the job,
-- clients may have heard of it, and not of its deletion, from the other one. The third and further ARGV are id, deletion, …
local function forget(KEYS, ARGV)
  local name, max_length = unpack(ARGV, 1, 2)
  local channel = jobs_from(KEYS, name, max_length)
  for i = 3, #ARGV, 2 do
    local id, deletion = ARGV[i], ARGV[i + 1]
    local record = record_key(channel, id)
    local submission, host, change, attempt, file_names =
      string.match(deletion, '^([^\n]*)\n[^\n]*\n([^\n]*)\n(%d+) ?(%d*)\n(.*)$')
    local state, stored = unpack(redis.call('HMGET', record, 'state', 'submission'))
    local is_known = read_tombstone(record) == deletion
    if not is_known and host ~= '' then
      for file_name in string.gmatch(file_names, '[^/]+') do add_orphan(channel, host, file_name) end
    end
    if state and (stored or '') == submission then
      channel.changed_at = change
      change_state(channel, id, 'deleted', 'deleted', '')
      remove_record(channel, record, id, deletion)
    else
      local is_unheard = not (is_known or state or shown_entry(channel, id))
      if is_unheard then publish_deleted(channel, id, attempt, change, '') else delete_unowned(channel, id, '', '', change) end
      redis.call('SET', tombstone_key(record), deletion, 'EX', TOMBSTONE_TTL_S)
    end
  end
  return 1
end

-- Returns the time of the clearing command of that id, in ms: now, unless it was given before.
local function cleared_at(channel, command_id)
  local key, now = '{' .. channel.name .. '}:cleared', now_ms() -- sorted set of ids by that time
  redis.call('ZREMRANGEBYSCORE', key, '-inf', int(now - TOMBSTONE_TTL_S * 1000))
  local cutoff = int(redis.call('ZSCORE', key, command_id) or now)
  redis.call('ZADD', key, cutoff, command_id)
  redis.call('ZREMRANGEBYRANK', key, 0, -MAX_CLEARED - 1)
  redis.call('EXPIRE', key, TOMBSTONE_TTL_S)
  return cutoff
end

-- An end that lies ahead came before the clock was set back: it is one of now.
local function clamp_ends(channel, now)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', channel.done, '(' .. int(now), '+inf')) do
    redis.call('ZADD', channel.done, now, id)
  end
  clamp_times(channel, now)
end

-- Deletes the records of the jobs that ended first, at most `limit`, and by `cutoff` (ms); files stay. A `cutoff` of ''
-- is now, or that of an earlier call with the same command_id. Once no record is left, deletes ends without one, of `limit`
-- entries of the snapshot, newest first and without the first `kept`, which are no such ends.
-- Returns the cutoff, `kept` for the next call ('' after the last one), then id, deletion, …
local function clear(KEYS, ARGV)
  local name, max_length, limit, command_id, cutoff, kept = unpack(ARGV)
  local channel = jobs_from(KEYS, name, max_length)
  if cutoff == '' then clamp_ends(channel, now_ms()) end
  if cutoff == '' then cutoff = command_id ~= '' and cleared_at(channel, command_id) or int(now_ms()) end
  local reply = {cutoff, kept}
  each_job(channel, redis.call('ZRANGEBYSCORE', channel.done, '-inf', cutoff, 'LIMIT', 0, limit), function(id, record)
    if redis.call('EXISTS', record) == 1 then
      local deletion = delete(channel, id, '', '', false)
      table.insert(reply, id)
      table.insert(reply, deletion)
    end
    redis.call('ZREM', channel.done, id)
  end)
  if #reply > 2 then return reply end
  local ends = redis.call('ZREVRANGEBYSCORE', channel.ended_at, cutoff, '-inf', 'LIMIT', kept, limit)
  for _, id in ipairs(ends) do
    local family = string.match(redis.call('HGET', channel.ended, id) or '', '^%S+ e:(%l+)_') -- nil: a type of a user's own
    local deletion = family == channel.family and delete_unowned(channel, id, '', '', cutoff)
    if deletion then
      table.insert(reply, id)
      table.insert(reply, deletion)
    else
      kept = kept + 1
    end
  end
  reply[2] = #ends < tonumber(limit) and '' or int(kept)
  return reply
end
