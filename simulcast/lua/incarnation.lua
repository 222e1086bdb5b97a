-- The incarnation of the server process, and the epoch of a channel's counter, which never outlives it.

local CHANNEL_TTL_MS = 14 * 24 * 3600 * 1000 -- at most, since a publication, or since a front-end followed the channel
local UNUSED_TTL_MS = 10 * 60 * 1000
local SHORT_MEMORY = 0.75 -- of maxmemory
local MIN_BOUND_BYTES = 1024 * 1024
local ENTRY_BYTES = 48 -- of an entry of the history, besides its text
local MAX_EPOCH = 2 ^ 53 - 1 -- a history with larger ids is none of ours; so far Lua counts without gaps
local MIN_ABSENCE_MS = 1500 -- a shorter silence is no absence: workers and front-ends call once a second

-- Run id and replication id; nil until they are read. Library locals live exactly as long as the server process. No key
-- could hold the incarnation: after a failover that lost acknowledged writes, every key looks as it did before.
local incarnation
local never_promoted -- true if this server was a master for as long as its replication ids tell
local cluster -- true if this server belongs to a cluster
local used_memory, max_memory = 0, 0 -- bytes, as a front-end's last poll read them; 0 for no limit

-- The channel of one call: its name (that of its Pub/Sub channel), about how many entries its history keeps, and the
-- KEYS that every function of a channel gets.
local function channel_from(KEYS, name, max_length)
  return {
    name = name,
    max_length = max_length,
    meta = KEYS[1], -- hash: incarnation epoch offset tag previous published alive, and sizes: snapshot_bytes
    -- ended_bytes written (bytes of all entries ever appended) trimmed (bytes before the oldest entry) queue_bytes
    -- indexed (position up to which the index of jobs is right) sweep (see index_repair.lua)
    history = KEYS[2], -- stream: e, the entry; b, the bytes of all entries before it
    latest = KEYS[3], -- hash: 's <key>' newest state entry, 'p <key>' newest progress entry
    touched = KEYS[4], -- sorted set: keys of `latest` by the time of their newest entry, ms
    ended = KEYS[5], -- hash: terminal entries by key
    ended_at = KEYS[6], -- sorted set: keys of `ended` by the time of their end, ms
    deadlines = string.gsub(KEYS[1], 'meta$', 'deadlines'), -- sorted set: keys of `latest` that nobody owns, by the time
    -- at which they leave it, ms
  }
end

local function int(number)
  return string.format('%.0f', number)
end

-- Returns the text if it is a whole number up to MAX_EPOCH, else nil.
local function whole(text)
  return string.match(text or '', '^%d+$') and tonumber(text) <= MAX_EPOCH and text or nil
end

local function now_us()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local function now_ms()
  return math.floor(now_us() / 1000)
end

-- Returns one field of INFO, '' where it is missing, or nil where the server has no INFO (fakeredis).
local function info_field(section, field)
  local info = redis.pcall('INFO', section)
  if type(info) == 'table' then
    -- fakeredis has no text there, but an object that may be an older error's.
    if type(info.err) ~= 'string' or string.find(info.err, 'nknown', 1, true) then return nil end
    error(info.err)
  end
  return string.match(info, field .. ':(%w+)') or ''
end

-- Reads and returns the bytes that this server uses, and those that it may use, 0 without a limit.
local function read_memory()
  used_memory = tonumber(info_field('memory', 'used_memory')) or 0
  max_memory = tonumber(info_field('memory', 'maxmemory')) or 0
  return used_memory, max_memory
end

-- Returns a bound in bytes, or less where the server has less memory: a part of it, given as its inverse.
local function bound_bytes(max_bytes, parts)
  if max_memory == 0 then return max_bytes end
  return math.max(MIN_BOUND_BYTES, math.min(max_bytes, math.floor(max_memory / parts)))
end

-- Returns whether memory runs short for a channel without jobs.
local function is_short_of_memory(channel)
  return max_memory > 0 and used_memory > max_memory * SHORT_MEMORY and not channel.jobs
end

-- Lets a key of a channel expire, unless that is far off, and returns whether it wrote. A channel that was only named
-- expires soon after its last use, and so does a new key where memory runs short and the channel has no jobs.
local function expire_later(channel, key, is_published)
  local ttl_ms = is_published and not is_short_of_memory(channel) and CHANNEL_TTL_MS or UNUSED_TTL_MS
  if redis.call('PTTL', key) >= ttl_ms * 3 / 4 then return false end
  redis.call('PEXPIRE', key, ttl_ms)
  return true
end

-- Lets all keys of a channel expire later, once one of them has to.
local function keep_channel(channel, key, is_published)
  if not expire_later(channel, key, is_published) then return end
  local keys = {channel.meta, channel.history, channel.latest, channel.touched, channel.ended, channel.ended_at,
    channel.deadlines}
  for _, other in ipairs(keys) do expire_later(channel, other, is_published) end
end

-- Without INFO the incarnation is that of this library.
local function read_incarnation()
  cluster = info_field('cluster', 'cluster_enabled') == '1'
  local run_id = info_field('server', 'run_id')
  if run_id then
    incarnation = run_id .. '.' .. info_field('replication', 'master_replid')
    never_promoted = info_field('replication', 'role') == 'master'
      and not string.find(info_field('replication', 'master_replid2'), '[^0]')
  else
    incarnation = incarnation or 'since ' .. int(now_ms())
  end
end

-- A master whose backlog expires takes a new replication id and has lost nothing. One that was promoted has the id of
-- its former master as its second one.
local function is_current(stored)
  if stored == incarnation then return true end
  return never_promoted and stored and string.match(stored, '^%w+') == string.match(incarnation, '^%w+')
end

-- A new epoch is larger than any id in the stream, or XADD would refuse it. The tag depends on run_id, which a client
-- that may only PUBLISH can't know, so such a client can't forge a position.
local function open_epoch(channel, old_epoch, old_offset)
  local epoch = math.max(now_ms(), (tonumber(old_epoch) or 0) + 1)
  local newest = redis.call('XREVRANGE', channel.history, '+', '-', 'COUNT', 1)[1]
  if newest then
    local body, bytes_before = newest[2][2], tonumber(newest[2][4]) or 0
    local newest_epoch = tonumber(string.match(newest[1], '^%d+'))
    if newest_epoch >= MAX_EPOCH then redis.call('DEL', channel.history) else epoch = math.max(epoch, newest_epoch + 1) end
    channel.written = math.max(channel.written, bytes_before + #body + ENTRY_BYTES) -- `meta` may be lost
  end
  local prefix = string.match(channel.meta, '^(.*)meta$')
  local was_indexed = channel.indexed == (old_epoch or '') .. '-' .. int(old_offset or 0)
  if was_indexed or redis.call('EXISTS', prefix .. 'jobs', prefix .. 'own_jobs') == 0 then
    channel.indexed = int(epoch) .. '-0'
  end
  local tag = string.sub(redis.sha1hex(incarnation .. ' ' .. channel.meta .. ' ' .. int(epoch)), 1, 12)
  redis.call('HSET', channel.meta, 'incarnation', incarnation, 'epoch', int(epoch), 'offset', '0', 'tag', tag,
    'published', '', 'written', int(channel.written), 'indexed', channel.indexed,
    'previous', old_epoch and old_epoch .. '-' .. int(old_offset or 0) or '')
  expire_later(channel, channel.meta, false)
  return int(epoch), 0, tag
end

-- Opens an epoch if acknowledged writes may be gone. Reads the sizes of history and snapshot, and `indexed`. Returns epoch
-- (text), offset (number), tag.
local function ensure_epoch(channel)
  if not incarnation then read_incarnation() end
  local stored, epoch, offset, tag, written, trimmed, snapshot_bytes, ended_bytes, indexed =
    unpack(redis.call('HMGET', channel.meta, 'incarnation', 'epoch', 'offset', 'tag', 'written', 'trimmed',
      'snapshot_bytes', 'ended_bytes', 'indexed'))
  channel.indexed = indexed or ''
  channel.written, channel.trimmed = tonumber(whole(written)) or 0, tonumber(whole(trimmed)) or 0
  ended_bytes = tonumber(whole(ended_bytes)) or 0
  channel.sizes = {
    [channel.latest] = (tonumber(whole(snapshot_bytes)) or -1) - ended_bytes, -- negative if unknown
    [channel.ended] = ended_bytes,
  }
  -- Another version of this library may have stored a newer incarnation, after a failover to and fro. Two versions that
  -- each insisted on their own would open an epoch at every call.
  if not is_current(stored) then read_incarnation() end
  epoch, offset = whole(epoch), tonumber(whole(offset))
  if not is_current(stored) or not epoch or not offset or not string.match(tag or '', '^%x+$')
    or (offset > 0 and redis.call('EXISTS', channel.history) == 0) then
    return open_epoch(channel, epoch, offset)
  end
  return epoch, offset, tag
end
