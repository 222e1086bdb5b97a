-- What an owner says of its download. KEYS as in jobs.lua.
-- ARGV: channel, max_length, id, token, what, text, then field, value, … that go into the record.
-- what 'progress': text is the whole event. what 'note': nothing is told. Else the event's name: text is its extra members.
-- Returns the event's id ('' for a note), or nil where the token is not the owner's: a stale owner can't speak.
local function report(keys, args)
  local id, token, what, text = args[3], args[4], args[5], args[6]
  local record = record_key(args[1], id)
  local r = redis.call('HMGET', record, 'token', 'said')
  local said = token .. ' ' .. what .. ' '
  if r[2] and string.sub(r[2], 1, #said) == said then
    redis.call('HSET', record, 'said', r[2]) -- a write, so that WAIT waits for what was written the first time too
    return string.sub(r[2], #said + 1)
  end
  if r[1] ~= token then return false end
  if #args > 6 then redis.call('HSET', record, unpack(args, 7)) end
  if what == 'note' then return '' end
  if what == 'progress' then
    redis.call('HSET', record, 'updated_at', int(now_ms()))
    return emit(keys, args[1], args[2], 'p', id, text)
  end
  local event
  redis.call('HSET', record, 'crashes', '0')
  if what == 'queued' or what == 'paused' or what == 'cancelled' then
    event = settle(keys, args, id, text)
  else
    redis.call('ZREM', keys[9], id)
    redis.call('HSET', record, 'token', '', 'worker', '')
    event = change_state(keys, args, id, what, what, text)
  end
  redis.call('HSET', record, 'said', said .. event)
  return event
end
