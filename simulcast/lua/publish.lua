-- KEYS: the flow's six, and a seventh where the publication has an idempotency key.
-- ARGV: channel, max_length, label, key, payload, once_ttl_s
local function publish(keys, args)
  if keys[7] then
    local first = redis.call('GET', keys[7])
    if first then return first end
  end
  local id = emit(keys, args[1], args[2], args[3], args[4], args[5])
  if keys[7] then redis.call('SET', keys[7], id, 'EX', args[6]) end
  return id
end

-- KEYS: the flow's six. Returns epoch, offset, tag. Asked once a second by every front-end, so it also looks whether
-- the server's life changed under a loaded library (a replica that was promoted).
local function where(keys)
  read_life()
  local epoch, offset, tag = head(keys)
  return {epoch, int(offset), tag}
end

-- KEYS: the flow's six. Returns epoch, offset, tag, and every entry of `latest` and `ended`: exact at that position.
local function snapshot(keys)
  local reply = where(keys)
  local cut = now_ms() - ENDED_FOR_MS
  reply[4] = redis.call('HVALS', keys[3])
  local recent = redis.call('ZRANGEBYSCORE', keys[6], cut, '+inf')
  reply[5] = {}
  for i = 1, #recent, 100 do
    for _, entry in ipairs(redis.call('HMGET', keys[5], unpack(recent, i, math.min(i + 99, #recent)))) do
      if entry then table.insert(reply[5], entry) end
    end
  end
  return reply
end
