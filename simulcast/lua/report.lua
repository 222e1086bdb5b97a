local OVERTAKEN = {cancelled = 'cancel', paused = 'pause'}

-- One report of an owner about its job; rejects one whose lease has expired. `kind` is
--   'progress': `text` is the event;
--   'save': nothing is published;
--   the name of a state event that ends the lease: `text` is further members of it, and behind a line break, if any, a
--   last progress event, which is published before it.
-- `first_change` is '' unless another server made the change first: its number, a space, the state that came of it, and
-- what its event named. The command that asked for that may be sent again later. Further ARGV are field, value, … of the
-- record.
-- An end that overtakes an accepted cancel, pause or new link names that command in its event. A failure that a new link overtakes
-- is none: the job goes on with that link. An end that a server gets which has just taken over is put off (TRYAGAIN).
-- Returns the event's id ('' for 'save') and a change as `first_change`, or nil if `token` is not the owner's.
local function report_event(KEYS, ARGV)
  local name, max_length, id, token, kind, text, first_change = unpack(ARGV, 1, 7)
  local channel = jobs_from(KEYS, name, max_length)
  local record = record_key(channel, id)
  local owner, last_report, link, commanded_at, desired =
    unpack(redis.call('HMGET', record, 'token', 'last_report', 'link', 'commanded_at', 'desired'))
  local report = token .. ' ' .. kind .. ' '
  if last_report and string.sub(last_report, 1, #report) == report then
    redis.call('HSET', record, 'last_report', last_report) -- a write, so that WAIT covers the first call's writes too
    return {string.match(last_report, '^(%S+) ?(.*)$', #report + 1)}
  end
  if owner ~= token then return false end
  -- The command that this end would overtake may have been accepted by the server before, and be sent again in a moment.
  if (kind == 'complete' or kind == 'error') and first_change == '' and desired == 'running'
    and is_taking_over(channel, now_ms()) then
    return redis.error_reply('TRYAGAIN this server took over a moment ago')
  end
  if #ARGV > 7 then redis.call('HSET', record, unpack(ARGV, 8)) end
  if link then set_link(channel, record, id, link) end -- the owner has the old one
  if kind == 'save' then return {''} end
  if kind == 'progress' then
    redis.call('HSET', record, 'updated_at', int(now_ms()))
    local received, crashed_at = unpack(redis.call('HMGET', record, 'received', 'crashed_at'))
    if crashed_at and tonumber(received) > tonumber(crashed_at) then
      redis.call('HSET', record, 'crashes', '0')
      redis.call('HDEL', record, 'crashed_at')
    end
    if redis.call('HEXISTS', record, 'shown') == 1 then return {''} end
    return {append_and_publish(channel, 'p', id, text)}
  end
  local event_id, change
  local members, progress = string.match(text, '^([^\n]*)\n?(.*)$')
  -- Behind an end that clients know, progress would tell them that the job runs again.
  if progress ~= '' and first_change == '' and redis.call('HEXISTS', record, 'shown') == 0 then
    append_and_publish(channel, 'p', id, progress)
  end
  local changed_at, first_state, named = string.match(first_change, '^(%d+) (%l+)(.*)$')
  channel.changed_at = changed_at
  if (first_state == 'paused' or first_state == 'cancelled') and (tonumber(commanded_at) or 0) <= tonumber(changed_at) then
    redis.call('HSET', record, 'desired', first_state)
  end
  redis.call('HSET', record, 'crashes', '0')
  if kind == 'queued' or kind == 'paused' or kind == 'cancelled' or (kind == 'error' and link) then
    event_id, change = release_job(channel, id, members)
  else
    local overtaken = not named and (OVERTAKEN[desired] or link and 'relink')
    if overtaken then named = take_command_id(record) .. ',"overtaken":"' .. overtaken .. '"' end
    end_lease(channel, id, record)
    event_id, change = change_state(channel, id, kind, kind, members .. (named or ''))
  end
  change = change .. ' ' .. redis.call('HGET', record, 'state') .. (named or '')
  redis.call('HSET', record, 'last_report', report .. event_id .. ' ' .. change)
  return {event_id, change}
end
