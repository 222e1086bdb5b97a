-- VERSION is the hash of this text: in a rolling upgrade two versions live side by side, neither replaces the other.

-- Returns whether the slot is being migrated key by key. A call's keys may then lie on both sides, and the function would
-- fail half done; the sign is that a lookup of a missing key fails. A migration of a whole slot at a time (Valkey 9,
-- Redis 8.4) has no such phase.
local function is_split(KEYS)
  if cluster == nil then read_incarnation() end
  if not cluster then return false end
  local reply = redis.pcall('EXISTS', string.match(KEYS[1], '^{.*}') .. ':nothing')
  return type(reply) == 'table' and reply.err ~= nil
end

local function register(name, callback)
  redis.register_function('simulcast_' .. name .. '_' .. VERSION, function(KEYS, ARGV)
    if is_split(KEYS) then return redis.error_reply('TRYAGAIN the slot is being migrated') end
    return callback(KEYS, ARGV)
  end)
end

register('publish', publish)
register('head', head)
register('snapshot', snapshot)
register('submit', submit)
register('claim', claim)
register('renew', renew)
register('report_event', report_event)
register('command', command)
register('clear', clear)
register('forget', forget)
register('restore', restore)
register('orphaned_files', orphaned_files)
register('heartbeat', heartbeat)
register('processes', processes)
register('queue_stats', queue_stats)
