-- The limits of all workers together, and the part of them that each worker has. A worker calls again and again; one that
-- does not for its ttl gives its part back.

local set_limits, share_limits

do
  local LIMITS_TTL_MS = 366 * 24 * 3600 * 1000 -- since a worker last read them
  local MAX_TTL_MS = 3600 * 1000 -- as of the longest lease
  local MAX_SHARING = 1000 -- workers; beyond, those that called longest ago are forgotten

  local function limits_from(KEYS)
    return {
      text = KEYS[1], -- a version (random text), a line break, and the limits as JSON
      parts = KEYS[2], -- hash of workers: number of downloads, a space, bytes a second ('' for any number)
      until_ms = KEYS[3], -- sorted set of workers by the time at which they give their parts back
    }
  end

  -- A call that is sent again changes nothing.
  function set_limits(KEYS, ARGV)
    redis.call('SET', limits_from(KEYS).text, ARGV[1], 'PX', LIMITS_TTL_MS)
    return 1
  end

  local function forget(limits, workers)
    for _, name in ipairs(workers) do
      redis.call('HDEL', limits.parts, name)
      redis.call('ZREM', limits.until_ms, name)
    end
  end

  local function expire_parts(limits, now)
    forget(limits, redis.call('ZRANGEBYSCORE', limits.until_ms, '-inf', int(now)))
    forget(limits, redis.call('ZRANGEBYSCORE', limits.until_ms, '(' .. int(now + MAX_TTL_MS), '+inf')) -- set back since then
    forget(limits, redis.call('ZRANGE', limits.until_ms, 0, -MAX_SHARING - 1))
  end

  -- Returns the sums of what all other workers have.
  local function sum_of_others(limits, worker)
    local downloads, speed = 0, 0
    local parts = redis.call('HGETALL', limits.parts)
    for i = 1, #parts, 2 do
      local running, rate = string.match(parts[i + 1], '^(%d+) (%d*)$')
      if parts[i] ~= worker and running then
        downloads, speed = downloads + running, speed + (tonumber(rate) or 0)
      end
    end
    return downloads, speed
  end

  -- Gives a worker its part of the speed: by the number of downloads that it runs among all, and no more than others have
  -- left. `max_speed` and `max_downloads` are those that hold now by the limits of `version`, '' for none; with another
  -- version nobody gets more. `running` includes a download that is about to begin, with '1' for `begins`.
  -- Returns the time in ms, version, limits ('' for those of `version`), whether that download may begin ('1'), bytes a
  -- second ('' for any number), and the number of downloads that run in all.
  function share_limits(KEYS, ARGV)
    local worker, ttl_ms, version, max_speed, max_downloads, running, begins = unpack(ARGV)
    local limits, now, ttl = limits_from(KEYS), now_ms(), tonumber(ttl_ms)
    local stored, text = string.match(redis.call('GET', limits.text) or '\n', '^([^\n]*)\n?(.*)$')
    expire_parts(limits, now)
    if ttl == 0 then
      forget(limits, {worker})
      return {int(now), stored, '', '', '', 0}
    end
    running = tonumber(running)
    local others, taken = sum_of_others(limits, worker)
    local is_new = stored ~= version
    local may_begin = not is_new and (max_downloads == '' or others + running <= tonumber(max_downloads))
    if begins == '1' and not may_begin then running = running - 1 end
    local speed = max_speed
    if is_new then
      speed = string.match(redis.call('HGET', limits.parts, worker) or '', ' (%d*)$') or ''
    elseif max_speed ~= '' then
      local fair = running > 0 and max_speed * running / (others + running) or 0
      speed = int(math.max(0, math.min(fair, max_speed - taken)))
    end
    redis.call('HSET', limits.parts, worker, int(running) .. ' ' .. speed)
    redis.call('ZADD', limits.until_ms, int(now + ttl), worker)
    for _, key in ipairs({limits.parts, limits.until_ms}) do redis.call('PEXPIRE', key, 10 * ttl) end
    redis.call('PEXPIRE', limits.text, LIMITS_TTL_MS)
    return {int(now), stored, is_new and text or '', may_begin and '1' or '', speed, int(others + running)}
  end
end

register('set_limits', NEEDS_MEMORY, set_limits)
register('share_limits', RUNS_IN_FULL_REDIS, share_limits)
