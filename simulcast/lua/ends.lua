-- Ends that wait to be told to other programs. They are kept in the call that publishes them, apart from the history, which
-- progress may push them out of before a worker comes.

local MAX_ENDS = 10000
local MAX_ENDS_BYTES = 4 * 1024 * 1024
local ENDS_TTL_MS = 24 * 3600 * 1000
local ENDS_WAIT = '\nends' -- a wake-up that no id of a job is

-- The list of ends, oldest first: the bytes of all up to this one, the callback of its job, if any, and the entry.
local function ends_key(channel)
  return '{' .. channel.name .. '}:ends'
end

-- Keeps an end, unless it is the deletion of something that ended before, or never will. `entry`: as in the snapshot.
local function keep_end(channel, label, key, entry)
  if string.find(label, '^e:%l+_deleted:') then return end
  local ends, record = ends_key(channel), string.gsub(channel.meta, 'meta$', 'job:') .. key
  local callback = redis.call('HGET', record, 'callback_url') or ''
  local before = string.match(redis.call('LINDEX', ends, -1) or '', '^%d+') or 0
  local bytes = before + #entry + #callback + ENTRY_BYTES
  local length = redis.call('RPUSH', ends, int(bytes) .. ' ' .. callback .. '\n' .. entry)
  local max_bytes = bound_bytes(MAX_ENDS_BYTES, 32)
  while length > MAX_ENDS or bytes - (string.match(redis.call('LINDEX', ends, 0), '^%d+') or 0) > max_bytes do
    redis.call('LPOP', ends)
    length = length - 1
  end
  redis.call('PEXPIRE', ends, is_short_of_memory(channel) and UNUSED_TTL_MS or ENDS_TTL_MS)
  if length == 1 then redis.call('PUBLISH', channel.name .. '//wake', ENDS_WAIT) end
end
