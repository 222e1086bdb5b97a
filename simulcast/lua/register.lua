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

-- Flags (https://redis.io/docs/latest/develop/programmability/lua-api/#script_flags). A full Redis runs every function
-- but those without a flag, which alone can fill it: what the others add has bounds, and some of them free memory.
local READS, RUNS_IN_FULL_REDIS, NEEDS_MEMORY = {'no-writes'}, {'allow-oom'}, {}

local function register(name, flags, callback)
  redis.register_function({
    function_name = 'simulcast_' .. name .. '_' .. VERSION,
    flags = flags,
    callback = function(KEYS, ARGV)
      if is_split(KEYS) then return redis.error_reply('TRYAGAIN the slot is being migrated') end
      return callback(KEYS, ARGV)
    end,
  })
end

register('publish', NEEDS_MEMORY, publish)
register('head', RUNS_IN_FULL_REDIS, poll)
register('snapshot', RUNS_IN_FULL_REDIS, snapshot)
register('submit', NEEDS_MEMORY, submit)
register('claim', RUNS_IN_FULL_REDIS, claim)
register('renew', RUNS_IN_FULL_REDIS, renew)
register('report_event', RUNS_IN_FULL_REDIS, report_event)
register('command', RUNS_IN_FULL_REDIS, command)
register('clear', RUNS_IN_FULL_REDIS, clear)
register('forget', RUNS_IN_FULL_REDIS, forget)
register('restore', RUNS_IN_FULL_REDIS, restore)
register('queue_job', NEEDS_MEMORY, queue_job)
register('start_job', NEEDS_MEMORY, start_job)
register('renew_jobs', RUNS_IN_FULL_REDIS, renew_jobs)
register('report_job', RUNS_IN_FULL_REDIS, report_job)
register('list_jobs', RUNS_IN_FULL_REDIS, list_jobs)
register('read_jobs', READS, read_jobs)
