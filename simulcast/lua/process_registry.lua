-- The live processes, which send a heartbeat every few seconds, and the number of jobs in each state.

local heartbeat, processes, queue_stats

do
  local MAX_PROCESSES = 1000 -- beyond, the one that would expire first is removed
  local MAX_EXPIRED_PROCESSES = 100 -- in one call
  local TOTALS_TTL_MS = 30 * 24 * 3600 * 1000
  local MAX_RETRIES_SCANNED = 1000 -- queued jobs that wait for their next try, before the oldest one that waits for a worker

  local function registry_from(KEYS)
    return {
      records = KEYS[1], -- hash by name
      expires_at = KEYS[2], -- sorted set of names by time of expiry, ms
      totals = KEYS[3], -- hash: counters of all processes, live or not
    }
  end

  local function remove_process(registry, process)
    redis.call('ZREM', registry.expires_at, process)
    redis.call('HDEL', registry.records, process)
  end

  -- A ttl_ms of 0 removes the process. The fourth and further ARGV are counter, increment, …
  function heartbeat(KEYS, ARGV)
    local process, ttl_ms, record = unpack(ARGV, 1, 3)
    local registry = registry_from(KEYS)
    local now, ttl = now_ms(), tonumber(ttl_ms)
    local expired = redis.call('ZRANGEBYSCORE', registry.expires_at, '-inf', now, 'LIMIT', 0, MAX_EXPIRED_PROCESSES)
    for _, name in ipairs(expired) do remove_process(registry, name) end
    if ttl > 0 then
      -- The clock was set back: no process stays for hours.
      local late = redis.call('ZRANGEBYSCORE', registry.expires_at, '(' .. int(now + 10 * ttl), '+inf',
        'LIMIT', 0, MAX_EXPIRED_PROCESSES)
      for _, name in ipairs(late) do redis.call('ZADD', registry.expires_at, now + ttl, name) end
      redis.call('HSET', registry.records, process, record)
      redis.call('ZADD', registry.expires_at, now + ttl, process)
      redis.call('PEXPIRE', registry.records, 10 * ttl)
      redis.call('PEXPIRE', registry.expires_at, 10 * ttl)
      if redis.call('ZCARD', registry.expires_at) > MAX_PROCESSES then
        remove_process(registry, redis.call('ZRANGE', registry.expires_at, 0, 0)[1])
      end
    else
      remove_process(registry, process)
    end
    for i = 4, #ARGV, 2 do
      local counter, increment = ARGV[i], ARGV[i + 1]
      redis.pcall('HINCRBY', registry.totals, counter, increment)
    end
    redis.call('PEXPIRE', registry.totals, TOTALS_TTL_MS)
    return 1
  end

  -- Returns the records of the live processes, the totals as a flat list, and the memory that this server uses and may use
  -- (0 without a limit), in bytes.
  function processes(KEYS)
    local registry = registry_from(KEYS)
    local names = redis.call('ZRANGEBYSCORE', registry.expires_at, '(' .. int(now_ms()), '+inf',
      'LIMIT', 0, MAX_PROCESSES)
    local records = {}
    for _, name in ipairs(names) do
      local record = redis.call('HGET', registry.records, name)
      if record then table.insert(records, record) end
    end
    local used, limit = read_memory()
    return {records, redis.call('HGETALL', registry.totals), int(used), int(limit)}
  end

  -- Returns the age in ms of the oldest runnable job ('' if there is none), then state, count, …; or nil while the index is
  -- repaired: call again.
  function queue_stats(KEYS, ARGV)
    local channel, now = jobs_from(KEYS, ARGV[1]), now_ms()
    if not bring_index_up_to_date(KEYS, channel) then return false end
    local by_creation, by_change = index_keys(channel, '')
    local oldest
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', by_change, 0, '(' .. int(STATE_BASE), 'LIMIT', 0, MAX_RETRIES_SCANNED)) do
      local updated_at, retry_at, start_at =
        unpack(redis.pcall('HMGET', record_key(channel, id), 'updated_at', 'retry_at', 'start_at'))
      local runnable_at = tonumber(retry_at or updated_at)
      runnable_at = runnable_at and math.max(runnable_at, tonumber(start_at) or 0)
      if runnable_at and runnable_at <= now and (not oldest or runnable_at < oldest) then oldest = runnable_at end
      if not retry_at and not start_at then break end -- the next ones became ready later
    end
    local reply = {oldest and int(now - oldest) or ''}
    for state, number in pairs(STATE_NUMBERS) do
      local base = number * STATE_BASE
      table.insert(reply, state)
      table.insert(reply, redis.call('ZCOUNT', by_creation, int(base), '(' .. int(base + STATE_BASE)))
    end
    return reply
  end
end

register('heartbeat', RUNS_IN_FULL_REDIS, heartbeat)
register('processes', READS, processes)
register('queue_stats', RUNS_IN_FULL_REDIS, queue_stats)
