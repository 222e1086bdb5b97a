-- Which processes there are, and how many jobs in which state. Each process says every few seconds that it lives.
-- KEYS: 1 records (hash by name)  2 until (zset by when each is believed gone, ms)  3 totals (hash, counters of all of them).

local MOST_PROCESSES = 1000 -- beyond, whoever would be believed gone first makes room

local function forget_process(keys, name)
  redis.call('ZREM', keys[2], name)
  redis.call('HDEL', keys[1], name)
end

-- ARGV: name, ttl_ms (0 for one that ends), record, then counter, by how much, …
local function beat(keys, args)
  local now, ttl = now_ms(), tonumber(args[2])
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', keys[2], '-inf', now, 'LIMIT', 0, 100)) do
    forget_process(keys, name)
  end
  if ttl > 0 then
    redis.call('HSET', keys[1], args[1], args[3])
    redis.call('ZADD', keys[2], now + ttl, args[1])
    redis.call('PEXPIRE', keys[1], 10 * ttl)
    redis.call('PEXPIRE', keys[2], 10 * ttl)
    if redis.call('ZCARD', keys[2]) > MOST_PROCESSES then forget_process(keys, redis.call('ZRANGE', keys[2], 0, 0)[1]) end
  else
    forget_process(keys, args[1])
  end
  for i = 4, #args, 2 do redis.call('HINCRBY', keys[3], args[i], args[i + 1]) end
  return 1
end

-- Returns the records of those that live, and the totals as a flat list.
local function processes(keys)
  local names = redis.call('ZRANGEBYSCORE', keys[2], '(' .. int(now_ms()), '+inf', 'LIMIT', 0, MOST_PROCESSES)
  local records = {}
  for _, name in ipairs(names) do
    local record = redis.call('HGET', keys[1], name)
    if record then table.insert(records, record) end
  end
  return {records, redis.call('HGETALL', keys[3])}
end

-- KEYS as in jobs.lua. ARGV: channel, first, at_most. Counts a page of the jobs, from place `first` of their order on.
-- Returns how many jobs the page has, for how many ms the job that waits longest could have begun ('' where none could),
-- then state, number, …
local function survey(keys, args)
  local ids = redis.call('ZRANGE', keys[7], args[2], args[2] + args[3] - 1)
  local counts, since, now = {}, nil, now_ms()
  for _, id in ipairs(ids) do
    local r = redis.call('HMGET', record_key(args[1], id), 'state', 'updated_at', 'retry_at')
    if r[1] then
      counts[r[1]] = (counts[r[1]] or 0) + 1
      local at = tonumber(r[3] or r[2]) -- one that waits for its next try has been waiting from then on
      if r[1] == 'queued' and at and at <= now and (not since or at < since) then since = at end
    end
  end
  local reply = {#ids, since and int(now - since) or ''}
  for state, count in pairs(counts) do
    table.insert(reply, state)
    table.insert(reply, count)
  end
  return reply
end
