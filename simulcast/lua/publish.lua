-- Functions of a channel. KEYS begin with those of channel_from.

local MAX_FOLLOWING = 16 -- publications that are returned with a head
local MAX_FOLLOWING_BYTES = 64 * 1024

-- A seventh key remembers the id of a publication that has an idempotency key. Returns the publication's id, or nil for
-- progress or a change of state of a key that is owned here: its owner's functions alone publish these. No publisher's
-- change of state has the label of one of theirs, by which front-ends know repetitions. `dedup_id` may be ''. `ttl_s`: how
-- long the snapshot keeps it without news of its key.
local function publish(KEYS, ARGV)
  local name, max_length, label, key, payload, dedup_ttl_s, dedup_id, ttl_s = unpack(ARGV)
  local channel, dedup_key = channel_from(KEYS, name, max_length), KEYS[7]
  if dedup_key then
    local first_id = redis.call('GET', dedup_key)
    if first_id then
      redis.call('EXPIRE', dedup_key, dedup_ttl_s) -- a write, so that WAIT covers the first call's writes too
      return first_id
    end
  end
  if string.find(label, '^[pse]') and is_owned(channel, key) then return false end
  if string.find(label, '^[se]') and dedup_id == '' then label = string.gsub(label, '%d$', '%0p') end
  if string.find(label, '^[ps]') then label = label .. '~' .. ttl_s end
  if dedup_id ~= '' then label = label .. '#' .. dedup_id end -- like no other label
  local id = append_and_publish(channel, label, key, payload)
  if dedup_key then redis.call('SET', dedup_key, id, 'EX', dedup_ttl_s) end
  return id
end

-- Returns epoch, offset, tag, the last known position of the previous epoch ('' if there is none), and the age of the
-- offset's publication in µs ('' if another version of the library, which didn't store it, published last).
local function read_head(channel)
  local epoch, offset, tag = ensure_epoch(channel)
  keep_channel(channel, channel.meta, offset > 0)
  local previous, published = unpack(redis.call('HMGET', channel.meta, 'previous', 'published'))
  local published_offset, published_us = string.match(published or '', '^(%d+) (%d+)$')
  local age_us = published_offset == int(offset) and int(math.max(0, now_us() - published_us)) or ''
  local previous_epoch, previous_offset = string.match(previous or '', '^(%d+)%-(%d+)$')
  return {epoch, int(offset), tag, whole(previous_epoch) and whole(previous_offset) and previous or '', age_us}
end

-- Returns id, entry, … of the first publications behind that position.
local function read_following(channel, after)
  local following, bytes = {}, 0
  for _, stored in ipairs(redis.call('XRANGE', channel.history, '(' .. after, '+', 'COUNT', MAX_FOLLOWING)) do
    local id, body = stored[1], stored[2][2]
    bytes = bytes + #body
    if bytes > MAX_FOLLOWING_BYTES then break end
    table.insert(following, id)
    table.insert(following, body)
  end
  return following
end

-- With '1' for `reread_incarnation`, notices that this server was a replica and was promoted, and reads its memory. Every
-- front-end passes it once a second. `after` is '' or the last position that the caller has: what follows it is returned
-- behind the head, as far as it is little.
local function head(KEYS, ARGV)
  local reread_incarnation, after = ARGV[1], ARGV[2]
  local channel = channel_from(KEYS)
  if reread_incarnation == '1' then
    read_incarnation()
    read_memory()
  end
  local reply = read_head(channel)
  local now = now_ms()
  local alive_epoch, alive_at = string.match(redis.call('HGET', channel.meta, 'alive') or '', '^(%d+) (%d+)$')
  -- An absence is left to the next claim or renewal, which has the leases.
  if alive_epoch == reply[1] and now - alive_at > 400 and now - alive_at < MIN_ABSENCE_MS then
    redis.call('HSET', channel.meta, 'alive', alive_epoch .. ' ' .. int(now))
  end
  if after ~= '' and after ~= reply[1] .. '-' .. reply[2] then reply[6] = read_following(channel, after) end
  return reply
end

-- Times that lie ahead were stored before the clock was set back: they are those of now, and a key has its whole time of
-- silence from now on.
local function clamp_times(channel, now)
  local ahead = redis.call('ZRANGEBYSCORE', channel.touched, '(' .. int(now), '+inf', 'WITHSCORES')
  for i = 1, #ahead, 2 do
    local deadline = redis.call('ZSCORE', channel.deadlines, ahead[i])
    if deadline then redis.call('ZADD', channel.deadlines, deadline - ahead[i + 1] + now, ahead[i]) end
    redis.call('ZADD', channel.touched, now, ahead[i])
  end
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', channel.ended_at, '(' .. int(now), '+inf')) do
    redis.call('ZADD', channel.ended_at, now, key)
  end
end

-- Returns the reply of `head`, then the entries of `latest`, the terminal entries of the last minutes, the age of each of
-- these in ms, and key, ms since its newest entry, … of those that nobody owns: all of it exact at that head.
local function snapshot(KEYS)
  local channel = channel_from(KEYS)
  read_incarnation()
  local reply, entries, ages_ms = read_head(channel), {}, {}
  local now = now_ms()
  clamp_times(channel, now)
  expire_silent(channel, now, MAX_ACTIVE)
  redis.call('HSET', channel.meta, 'snapshot_bytes', int(snapshot_bytes(channel)))
  local scored = redis.call('ZRANGEBYSCORE', channel.ended_at, now - ENDED_TTL_MS, '+inf', 'WITHSCORES')
  for i = 1, #scored, 2 do
    local entry = redis.call('HGET', channel.ended, scored[i])
    if entry then
      table.insert(entries, entry)
      table.insert(ages_ms, int(math.max(0, now - scored[i + 1])))
    end
  end
  local silent = {}
  for _, key in ipairs(redis.call('ZRANGE', channel.deadlines, 0, -1)) do
    local touched_at = redis.call('ZSCORE', channel.touched, key) or now
    table.insert(silent, key)
    table.insert(silent, int(math.max(0, now - touched_at)))
  end
  reply[6], reply[7], reply[8], reply[9] = redis.call('HVALS', channel.latest), entries, ages_ms, silent
  return reply
end
