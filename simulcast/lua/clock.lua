-- Stored deadlines, where the server was away or its clock was set.

-- Notices that the server was away, or that its clock was set, by the time of the last call. `lease_ms` is the length of
-- the caller's leases. An absence is none of the workers' fault: it ends no lease.
local check_time

do
  local ALIVE_INTERVAL_MS = 1000
  local MAX_CLAMPED = 20 -- deadlines that one call looks at while the clock seems right

  -- Gives every owner its whole lease from now on.
  local function extend_leases(channel, now)
    local leases = redis.call('ZRANGE', channel.leases, 0, -1, 'WITHSCORES')
    for i = 1, #leases, 2 do
      local lease_ms = tonumber(redis.pcall('HGET', record_key(channel, leases[i]), 'lease_ms')) or 0
      if tonumber(leases[i + 1]) < now + lease_ms then redis.call('ZADD', channel.leases, now + lease_ms, leases[i]) end
    end
  end

  -- No lease ends later than its own length from now, and no delayed job waits for longer than it was to; a job of any kind
  -- that is queued waits for its start, in this sense.
  local function clamp_deadlines(channel, now, lease_ms, limit)
    for _, id in ipairs(redis.call('ZREVRANGEBYSCORE', channel.leases, '+inf', now + lease_ms, 'LIMIT', 0, limit)) do
      local ends_at = now + (tonumber(redis.pcall('HGET', record_key(channel, id), 'lease_ms')) or lease_ms)
      if tonumber(redis.call('ZSCORE', channel.leases, id)) > ends_at then
        redis.call('ZADD', channel.leases, ends_at, id)
      end
    end
    local is_download = channel.family == 'download'
    local base = is_download and DELAYED_SCORE_BASE or 0
    local delayed = redis.call('ZREVRANGEBYSCORE', channel.ready, '+inf', int(base + now), 'LIMIT', 0, limit)
    for _, id in ipairs(delayed) do
      local record = record_key(channel, id)
      local retry_at = now + (tonumber(redis.pcall('HGET', record, 'retry_delay_ms')) or math.huge)
      if tonumber(redis.call('ZSCORE', channel.ready, id)) > base + retry_at then
        if is_download then redis.call('HSET', record, 'retry_at', int(retry_at)) end
        redis.call('ZADD', channel.ready, int(base + retry_at), id)
      end
    end
  end

  function check_time(channel, now, lease_ms)
    local epoch = ensure_epoch(channel)
    local alive_epoch, alive_at = string.match(redis.call('HGET', channel.meta, channel.alive) or '', '^(%d+) (%d+)$')
    local absence_ms = now - (tonumber(alive_at) or now)
    clamp_deadlines(channel, now, lease_ms, absence_ms < 0 and -1 or MAX_CLAMPED)
    if alive_at and (alive_epoch ~= tostring(epoch) or absence_ms > math.max(lease_ms / 3, MIN_ABSENCE_MS)) then
      extend_leases(channel, now)
    end
    if not alive_at or alive_epoch ~= tostring(epoch) or absence_ms < 0 or absence_ms > ALIVE_INTERVAL_MS then
      redis.call('HSET', channel.meta, channel.alive, epoch .. ' ' .. int(now))
      expire_later(channel, channel.meta, true)
    end
  end
end
