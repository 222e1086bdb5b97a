-- A claim that another server acknowledged is written back, so that a failover takes no job from its owner. A command that
-- came before may have paused or cancelled the job, since it had no owner: clients were shown that, and the owner's own
-- report of it is no news.

-- `event` is 'started' or 'resumed'. The seventh and further ARGV are field, value, … of the record as it was claimed.
-- Returns 1, or nil if the job was deleted, or belongs to another owner.
local function restore(KEYS, ARGV)
  local name, max_length, id, token, lease_ms, event = unpack(ARGV, 1, 6)
  local channel = jobs_from(KEYS, name, max_length)
  local record, claimed = record_key(channel, id), {}
  for i = 7, #ARGV, 2 do claimed[ARGV[i]] = ARGV[i + 1] end
  local submission = claimed.submission or ''
  if is_deleted(record, submission) then return false end
  local state, owner, fence, stored_submission, change, attempt =
    unpack(redis.call('HMGET', record, 'state', 'token', 'fence', 'submission', 'change', 'attempt'))
  local commanded_at, desired, desired_by, commands, linked_at, link =
    unpack(redis.call('HMGET', record, 'commanded_at', 'desired', 'desired_by', 'commands', 'linked_at', 'link'))
  if owner == token or string.find(redis.call('HGET', record, 'last_report') or '', token, 1, true) == 1 then
    redis.call('HSET', record, 'token', owner) -- a write, so that WAIT covers the first call's writes too
    return 1
  end
  if state and ((stored_submission or '') ~= submission or tonumber(fence) >= tonumber(claimed.fence)
    or tonumber(attempt) > tonumber(claimed.attempt)) then
    return false
  end
  redis.call('HSET', record, unpack(ARGV, 7))
  if not state then redis.pcall('HINCRBY', channel.meta, 'queue_bytes', record_bytes(record)) end
  redis.call('HSET', record, 'change', change or '0')
  channel.changed_at = claimed.change
  local is_commanded = (tonumber(commanded_at) or 0) > (tonumber(claimed.commanded_at) or 0)
  local is_shown = is_commanded and (state == 'paused' or state == 'cancelled')
  if is_commanded then
    redis.call('HSET', record, 'desired', desired, 'commands', commands, 'commanded_at', commanded_at)
    if is_shown then desired_by = string.match(commands, 'accepted %d+ %l+ ("[^\n]*)$') end -- of its event
    if desired_by then redis.call('HSET', record, 'desired_by', desired_by) end
  end
  if link and tonumber(linked_at) > (tonumber(claimed.linked_at) or 0) then
    redis.call('HSET', record, 'linked_at', linked_at)
    set_link(channel, record, id, link)
  else
    redis.call('HDEL', record, 'link')
    index_link(channel, record, id)
  end
  add_job(channel, claimed.created_at, id)
  redis.call('ZREM', channel.ready, id)
  redis.call('ZADD', channel.leases, now_ms() + tonumber(lease_ms), id)
  if is_shown then
    redis.call('HSET', record, 'shown', state)
    redis.call('ZREM', channel.done, id)
    index_job(channel, id)
  else
    change_state(channel, id, 'running', event, '')
  end
  wake_workers(channel, id)
  return 1
end
