-- KEYS: the flow's six, and a seventh where the publication has an idempotency key.
-- ARGV: channel, max_length, label, key, payload, once_ttl_s
local function publish(keys, args)
  if keys[7] then
    local first = redis.call('GET', keys[7])
    if first then
      redis.call('EXPIRE', keys[7], args[6]) -- a write, so that WAIT waits for what was written the first time too
      return first
    end
  end
  local id = emit(keys, args[1], args[2], args[3], args[4], args[5])
  if keys[7] then redis.call('SET', keys[7], id, 'EX', args[6]) end
  return id
end

-- KEYS: the flow's six. ARGV: 1 to look whether the server's life changed under the loaded library (a replica that was
-- promoted): every front-end does so once a second. Returns epoch, offset, tag, how far the epoch before had come, and how
-- many µs ago that offset was published ('' where that isn't known: another version, which didn't note it, was the last).
local function where(keys, args)
  if args[1] == '1' then read_incarnation() end
  local epoch, offset, tag = head(keys)
  local meta = redis.call('HMGET', keys[1], 'before', 'at')
  local of, at = string.match(meta[2] or '', '^(%d+) (%d+)$')
  return {epoch, int(offset), tag, meta[1] or '', of == int(offset) and int(now_us() - at) or ''}
end

-- KEYS: the flow's six. Returns what `where` does, then the entries of `latest`, those of `ended`, and how many ms ago
-- each of these ended: exact at that position.
local function snapshot(keys)
  local reply = where(keys, {'1'})
  local now = now_ms()
  local scored = redis.call('ZRANGEBYSCORE', keys[6], now - ENDED_FOR_MS, '+inf', 'WITHSCORES')
  reply[6], reply[7], reply[8] = redis.call('HVALS', keys[3]), {}, {}
  for i = 1, #scored, 2 do
    local entry = redis.call('HGET', keys[5], scored[i])
    if entry then
      table.insert(reply[7], entry)
      table.insert(reply[8], int(now - scored[i + 1]))
    end
  end
  return reply
end
