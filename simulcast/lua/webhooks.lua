-- Deliveries of ends to addresses, at least once each. A lane is all that waits for one address about one key, in order: its
-- first delivery alone is sent, by one worker at a time.

-- One name for all of them: Lua has room for few.
local BOUNDS = {
  DELIVERY_LEASE_MS = 20000, -- longer than a worker takes to send one
  DELIVERIES_TTL_MS = 2 * 24 * 3600 * 1000, -- longer than one is tried
  MAX_WAITING_BYTES = 8 * 1024 * 1024, -- for one address, and for all callbacks together
  DELIVERY_BYTES = 256, -- of a delivery, besides its entry
  SCRIPT = 'script:', -- in place of an address: the script of the operator
  MAX_SCRIPTS = 4,
  SCRIPT_LEASE_MS = 360000,
  MAX_SENT_TO_PAYEE = 16, -- simultaneously, by one worker: to an address, or to the server of callbacks
  MAX_SENT_CALLBACKS = 64,
  MAX_SPREAD_PER_CALL = 200, -- ends
  MAX_LANES_PER_CALL = 100,
  MAX_PUT_BACK = 20, -- lanes, in one call
  BUSY_MS = 1000, -- how long a lane is put off whose address is sent enough
  MAX_PUT_OFF_MS = 2 * 3600 * 1000, -- a later time is one of a clock that was ahead
}

local function webhooks_from(channel)
  local prefix = '{' .. channel.name .. '}:webhook_'
  return {
    lanes = prefix .. 'lanes', -- sorted set by the time from which the first delivery may be sent, ms
    failures = prefix .. 'failures', -- hash by lane: failed tries of its first delivery, a space, and the last reason
    paused = prefix .. 'paused', -- hash by address: failures in a row (those side by side count once), a space, and the time until which it is left alone, ms
    bytes = prefix .. 'bytes', -- hash by address, '' for all callbacks: bytes that wait
    lane = prefix .. 'lane:', -- lists: ms at which it began to wait, 'webhook' or 'callback', the address, and the entry
  }
end

local function parse_delivery(text)
  local began_at, kind, address, entry = string.match(text or '', '^(%d+) (%l+) ([^\n]*)\n(.*)$')
  return tonumber(began_at), kind == 'callback' and '' or address, address, entry
end

-- Returns whether there was room; in a Redis that is full it is little. `payer`: the address, or '' for a callback.
local function add_delivery(webhooks, payer, address, key, entry, now)
  local bytes = (tonumber(redis.call('HGET', webhooks.bytes, payer)) or 0) + #entry + BOUNDS.DELIVERY_BYTES
  local is_full = max_memory > 0 and used_memory > max_memory
  if bytes > (is_full and MIN_BOUND_BYTES or bound_bytes(BOUNDS.MAX_WAITING_BYTES, 32)) then return false end
  local lane = redis.sha1hex(address .. '\n' .. key)
  local kind = payer == '' and 'callback' or 'webhook'
  redis.call('HSET', webhooks.bytes, payer, int(bytes))
  redis.call('RPUSH', webhooks.lane .. lane, int(now) .. ' ' .. kind .. ' ' .. address .. '\n' .. entry)
  redis.call('ZADD', webhooks.lanes, 'NX', int(now), lane)
  for _, written in ipairs({webhooks.bytes, webhooks.lane .. lane, webhooks.lanes}) do
    redis.call('PEXPIRE', written, BOUNDS.DELIVERIES_TTL_MS)
  end
  return true
end

-- Makes deliveries of the ends that wait. Returns how many had no room.
local function spread_ends(channel, webhooks, addresses, now)
  local ends, dropped = redis.call('LRANGE', ends_key(channel), 0, BOUNDS.MAX_SPREAD_PER_CALL - 1), 0
  for _, text in ipairs(ends) do
    local callback, entry = string.match(text, '^%d+ ([^\n]*)\n(.*)$')
    local key = string.match(entry or '', '^%S+ %S+ ([^\n]*)\n')
    for address in string.gmatch(key and addresses or '', '[^\n]+') do
      if address == callback then callback = '' end
      if not add_delivery(webhooks, address, address, key, entry, now) then dropped = dropped + 1 end
    end
    if key and callback ~= '' and not add_delivery(webhooks, '', callback, key, entry, now) then dropped = dropped + 1 end
  end
  if #ends > 0 then redis.call('LTRIM', ends_key(channel), #ends, -1) end
  return dropped
end

-- Takes a lane out of all sets, once nothing of it waits that can be read.
local function close_lane(webhooks, lane)
  redis.call('DEL', webhooks.lane .. lane)
  redis.call('ZREM', webhooks.lanes, lane)
  redis.call('HDEL', webhooks.failures, lane)
  if redis.call('EXISTS', webhooks.lanes) == 0 then redis.call('DEL', webhooks.paused, webhooks.bytes) end
end

-- Returns the failures of an address in a row, and the time until which it is left alone, 0 where it is not.
local function pause_of(webhooks, address, now)
  local failures, text = string.match(redis.call('HGET', webhooks.paused, address) or '', '^(%d+) (%d+)$')
  local until_ms = tonumber(text) or 0
  local is_paused = until_ms > now and until_ms < now + BOUNDS.MAX_PUT_OFF_MS
  return tonumber(failures) or 0, is_paused and until_ms or 0
end

-- Whose deliveries are counted together: an address, or the server of a callback, whatever else its address says.
local function payee_of(payer, address)
  if payer ~= '' then return payer end
  return string.match(string.gsub(string.lower(address), '^(%w+://)[^/?#]*@', '%1'), '^%w+://[^/?#]*') or address
end

-- Leases the first delivery of a lane. `sending`: how many are being sent, by payee, '' for all callbacks. Returns {lane, payee,
-- delivery, its failed tries, the failures of its address in a row, ms since it began to wait}, or nil.
local function take_first(webhooks, lane, sending, now)
  local text = redis.call('LINDEX', webhooks.lane .. lane, 0)
  local began_at, payer, address = parse_delivery(text)
  if not began_at then
    close_lane(webhooks, lane)
    return nil
  end
  local failures, paused_until = pause_of(webhooks, address, now)
  if paused_until > 0 then
    redis.call('ZADD', webhooks.lanes, int(paused_until), lane)
    return nil
  end
  local payee = payee_of(payer, address)
  local to_payee, callbacks = sending[payee] or 0, sending[''] or 0
  local max_sent = address == BOUNDS.SCRIPT and BOUNDS.MAX_SCRIPTS or BOUNDS.MAX_SENT_TO_PAYEE
  if to_payee >= max_sent or (payer == '' and callbacks >= BOUNDS.MAX_SENT_CALLBACKS) then
    redis.call('ZADD', webhooks.lanes, int(now + BOUNDS.BUSY_MS), lane)
    return nil
  end
  sending[payee] = to_payee + 1
  if payer == '' then sending[''] = callbacks + 1 end
  local lease_ms = address == BOUNDS.SCRIPT and BOUNDS.SCRIPT_LEASE_MS or BOUNDS.DELIVERY_LEASE_MS
  redis.call('ZADD', webhooks.lanes, int(now + lease_ms), lane)
  local tries = string.match(redis.call('HGET', webhooks.failures, lane) or '', '^%d+') or '0'
  return {lane, payee, text, tries, int(failures), int(math.max(0, now - began_at))}
end

-- Leases deliveries that are due, at most `limit`. `addresses`: those that are told of every end, on a line each. The fourth and
-- further ARGV are payee, deliveries that the caller is sending there, …, '' for all callbacks.
-- Returns how many ends had no room, ms until the next call has something to do ('' for nothing), and the deliveries.
local function take_deliveries(KEYS, ARGV)
  local name, limit, addresses = unpack(ARGV, 1, 3)
  local channel, now, sending = channel_from(KEYS, name), now_ms(), {}
  local webhooks = webhooks_from(channel)
  for i = 4, #ARGV, 2 do sending[ARGV[i]] = tonumber(ARGV[i + 1]) end
  local reply = {spread_ends(channel, webhooks, addresses, now), ''}
  local late = redis.call('ZREVRANGEBYSCORE', webhooks.lanes, '+inf', int(now + BOUNDS.MAX_PUT_OFF_MS), 'LIMIT', 0, BOUNDS.MAX_PUT_BACK)
  for _, lane in ipairs(late) do redis.call('ZADD', webhooks.lanes, int(now), lane) end
  local due = redis.call('ZRANGEBYSCORE', webhooks.lanes, '-inf', int(now), 'LIMIT', 0, BOUNDS.MAX_LANES_PER_CALL)
  for _, lane in ipairs(due) do
    if #reply - 2 >= tonumber(limit) then break end
    local delivery = take_first(webhooks, lane, sending, now)
    if delivery then table.insert(reply, delivery) end
  end
  local next_at = redis.call('ZRANGE', webhooks.lanes, 0, 0, 'WITHSCORES')[2]
  if next_at then reply[2] = int(math.max(0, next_at - now)) end
  if redis.call('EXISTS', ends_key(channel)) == 1 then reply[2] = '0' end
  return reply
end

-- Settles the first delivery of a lane, unless another worker settled it: `id` is that of its event. `delay_ms` is '' where it
-- is done, as `is_delivered` ('1') or given up; else it is sent again after that, and its address left alone for `pause_ms`.
-- Returns whether it was settled here.
local function settle_delivery(KEYS, ARGV)
  local name, lane, id, is_delivered, delay_ms, pause_ms, reason = unpack(ARGV)
  local webhooks, now = webhooks_from(channel_from(KEYS, name)), now_ms()
  local _, payer, address, entry = parse_delivery(redis.call('LINDEX', webhooks.lane .. lane, 0))
  if not entry or string.match(entry, '^%S+') ~= id then return 0 end
  if delay_ms ~= '' then
    local tries = string.match(redis.call('HGET', webhooks.failures, lane) or '', '^%d+') or 0
    redis.call('HSET', webhooks.failures, lane, int(tries + 1) .. ' ' .. reason)
    local failures, paused_until = pause_of(webhooks, address, now)
    if paused_until == 0 then -- else it failed beside the one that let it be paused
      redis.call('HSET', webhooks.paused, address, int(failures + 1) .. ' ' .. int(now + pause_ms))
    end
    redis.call('ZADD', webhooks.lanes, int(now + delay_ms), lane)
    for _, written in ipairs({webhooks.failures, webhooks.paused, webhooks.lanes}) do
      redis.call('PEXPIRE', written, BOUNDS.DELIVERIES_TTL_MS)
    end
    return 1
  end
  if is_delivered == '1' or payer == '' then redis.call('HDEL', webhooks.paused, address) end
  local bytes = tonumber(redis.call('HGET', webhooks.bytes, payer)) -- nil where Redis evicted it
  if bytes then redis.call('HSET', webhooks.bytes, payer, int(math.max(0, bytes - #entry - BOUNDS.DELIVERY_BYTES))) end
  redis.call('HDEL', webhooks.failures, lane)
  redis.call('LPOP', webhooks.lane .. lane)
  if redis.call('EXISTS', webhooks.lane .. lane) == 1 then
    redis.call('ZADD', webhooks.lanes, int(now), lane)
    redis.call('PEXPIRE', webhooks.lanes, BOUNDS.DELIVERIES_TTL_MS)
  else
    close_lane(webhooks, lane)
  end
  return 1
end

-- Returns lanes, those that are due first, at most `limit`: name, first delivery without its payload, how many wait, failures and
-- last reason of the first ('' without one), and ms until it is due, 0 where it is.
local function list_deliveries(KEYS, ARGV)
  local name, limit = unpack(ARGV)
  local webhooks, now, reply = webhooks_from(channel_from(KEYS, name)), now_ms(), {}
  local lanes = redis.call('ZRANGE', webhooks.lanes, 0, limit - 1, 'WITHSCORES')
  for i = 1, #lanes, 2 do
    local lane, first = webhooks.lane .. lanes[i], redis.call('LINDEX', webhooks.lane .. lanes[i], 0)
    if first then
      local failures = redis.call('HGET', webhooks.failures, lanes[i]) or ''
      local due_ms = int(math.max(0, lanes[i + 1] - now))
      table.insert(reply, {lanes[i], string.match(first, '^[^\n]*\n[^\n]*'), redis.call('LLEN', lane), failures, due_ms})
    end
  end
  return reply
end

-- Lets all deliveries that failed be sent now. Returns how many.
local function retry_deliveries(KEYS, ARGV)
  local webhooks, now = webhooks_from(channel_from(KEYS, ARGV[1])), now_ms()
  local lanes = redis.call('HKEYS', webhooks.failures)
  for _, lane in ipairs(lanes) do redis.call('ZADD', webhooks.lanes, 'XX', int(now), lane) end
  redis.call('DEL', webhooks.paused)
  return #lanes
end

-- Keeps an end for one address, or again for all ('').
local function tell_again(KEYS, ARGV)
  local name, address, label, key, entry = unpack(ARGV)
  local channel = channel_from(KEYS, name)
  if address == '' then return keep_end(channel, label, key, entry) end
  local webhooks = webhooks_from(channel)
  if not add_delivery(webhooks, '', address, key, entry, now_ms()) then
    return redis.error_reply('QUEUEFULL too many callbacks wait')
  end
  redis.call('PUBLISH', channel.name .. '//wake', ENDS_WAIT)
  return 1
end

register('take_deliveries', RUNS_IN_FULL_REDIS, take_deliveries)
register('settle_delivery', RUNS_IN_FULL_REDIS, settle_delivery)
register('list_deliveries', READS, list_deliveries)
register('retry_deliveries', RUNS_IN_FULL_REDIS, retry_deliveries)
register('tell_again', RUNS_IN_FULL_REDIS, tell_again)
