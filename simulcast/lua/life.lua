-- The life of a channel's counter. KEYS that every function of a channel gets, in this order:
-- 1 meta (life, epoch, offset, tag, before)  2 history (stream)  3 latest (hash)  4 touched (zset)  5 ended (hash)  6 ended_at (zset)

-- Lives as long as this server process has the library loaded. It names the server's own life, which no key can:
-- after a failover that lost acknowledged writes, every key looks as it did before.
local life
local cluster -- whether this server belongs to one

local function int(number)
  return string.format('%.0f', number)
end

local function now_us()
  local t = redis.call('TIME')
  return t[1] * 1000000 + t[2]
end

local function now_ms()
  return math.floor(now_us() / 1000)
end

local function field(section, name)
  local info = redis.pcall('INFO', section)
  if type(info) == 'table' then
    if string.find(tostring(info.err), 'nknown', 1, true) then return nil end
    error(tostring(info.err))
  end
  return string.match(info, name .. ':(%w+)') or ''
end

-- Where there is no INFO (fakeredis), the life is that of this library.
local function read_incarnation()
  cluster = field('cluster', 'cluster_enabled') == '1'
  local run_id = field('server', 'run_id')
  if run_id then
    life = run_id .. '.' .. field('replication', 'master_replid')
  else
    life = life or 'since ' .. int(now_ms())
  end
end

-- A new epoch is larger than any id in the stream, or XADD would refuse it. The tag is what a plain PUBLISH can't know:
-- it hangs on run_id, so nobody who may only publish can forge a position.
local function open_epoch(keys, old_epoch, old_offset)
  local epoch = math.max(now_ms(), (tonumber(old_epoch) or 0) + 1)
  local last = redis.call('XREVRANGE', keys[2], '+', '-', 'COUNT', 1)[1]
  if last then epoch = math.max(epoch, tonumber(string.match(last[1], '^%d+')) + 1) end
  local tag = string.sub(redis.sha1hex(life .. ' ' .. keys[1] .. ' ' .. int(epoch)), 1, 12)
  redis.call('HSET', keys[1], 'life', life, 'epoch', int(epoch), 'offset', '0', 'tag', tag, 'at', '',
    'before', old_epoch and old_epoch .. '-' .. int(old_offset or 0) or '')
  return int(epoch), 0, tag
end

-- Returns epoch (text), offset (number), tag: where the channel is. Opens an epoch when acknowledged writes may be gone.
local function head(keys)
  if not life then read_incarnation() end
  local meta = redis.call('HMGET', keys[1], 'life', 'epoch', 'offset', 'tag')
  -- What is stored may be newer than what this library knows: after a failover to and fro another version noted it, and
  -- two that insisted on theirs would open an epoch at every call.
  if meta[1] ~= life then read_incarnation() end
  local offset = tonumber(meta[3])
  if meta[1] ~= life or not meta[2] or not offset or not meta[4]
    or (offset > 0 and redis.call('EXISTS', keys[2]) == 0) then
    return open_epoch(keys, meta[2], offset)
  end
  return meta[2], offset, meta[4]
end
