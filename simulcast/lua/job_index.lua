-- The index of a channel's jobs, by which a page of a list is read without the others. Each function that changes a job's
-- state keeps it in the same step; progress leaves it alone. Two sorted sets have each job under the number of its state times
-- STATE_BASE, plus a time in ms: that of its creation in `…_by_creation`, of its last change of state in `…_by_change`. The
-- jobs of an owner are in two further such sets.

local STATE_BASE = 10000000000000 -- no time in ms reaches that before the year 2286
local STATE_NUMBERS = {queued = 0, running = 1, paused = 2, complete = 3, error = 4, cancelled = 5}
local OTHER_STATE = 6 -- one of a later version

local function record_key(channel, id)
  return '{' .. channel.name .. '}:job:' .. id
end

-- Returns the keys of both sets: of all jobs for the owner '', else of the jobs of that owner, whose name may be any text.
local function index_keys(channel, owner)
  local suffix = owner == '' and '' or ':' .. redis.sha1hex(owner)
  return channel.jobs .. '_by_creation' .. suffix, channel.jobs .. '_by_change' .. suffix
end

-- Returns the user whose job it is, or ''. In JSON no value holds the text that is looked for: its quotes are escaped.
local function owner_of(channel, record)
  local text = redis.pcall('HGET', record, channel.family == 'download' and 'owner' or 'about')
  if type(text) ~= 'string' then return '' end -- the record of another program may have another type
  if channel.family == 'download' then return text end
  local encoded = string.match(text, ',"owner":(".*)$')
  local is_list, list = pcall(cjson.decode, '[' .. (encoded or '') .. ']')
  return is_list and type(list[1]) == 'string' and list[1] or ''
end

local function add_to_index(channel, key, state, at, id)
  local time = math.min(math.max(tonumber(at) or 0, 0), STATE_BASE - 1)
  redis.call('ZADD', key, int((STATE_NUMBERS[state] or OTHER_STATE) * STATE_BASE + time), id)
  if channel.family == 'job' then expire_later(channel, key, true) end
end

-- Puts the job where its record says that it belongs.
local function index_job(channel, id)
  local record = record_key(channel, id)
  local state, created_at, change = unpack(redis.call('HMGET', record, 'state', 'created_at', 'change'))
  local owner = owner_of(channel, record)
  for _, of in ipairs(owner == '' and {''} or {'', owner}) do
    local by_creation, by_change = index_keys(channel, of)
    add_to_index(channel, by_creation, state, created_at, id)
    add_to_index(channel, by_change, state, change, id)
  end
end

local function unindex_job(channel, id, owner)
  for _, of in ipairs(owner == '' and {''} or {'', owner}) do
    local by_creation, by_change = index_keys(channel, of)
    redis.call('ZREM', by_creation, id)
    redis.call('ZREM', by_change, id)
  end
end

-- Takes a job out of all sets; its record may be gone, but has to be there for those of its owner.
local function drop_from_sets(channel, id)
  unindex_job(channel, id, owner_of(channel, record_key(channel, id)))
  for _, set in ipairs({channel.jobs, channel.ready, channel.leases, channel.done}) do redis.call('ZREM', set, id) end
end
