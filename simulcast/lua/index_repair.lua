-- Functions of older versions change jobs and not their index: beside this one in a rolling upgrade, and before it. In `meta`
-- `indexed` is the position up to which the index has every change. Functions of this version move it on with each
-- publication of theirs, unless it lagged before, so a list sees that it lags. Then the jobs are indexed again that the
-- history names behind it; where the history has lost its place, all jobs are, a slice with each call: `sweep` has the
-- position at which that began, the family and the cursor.

local bring_index_up_to_date -- returns whether it is; false: call again

do
  local REPAIRED_PER_CALL = 500 -- publications, or jobs

  local function reindex(families, id, payload)
    local record = record_key(families[1], id)
    local state, stored = unpack(redis.pcall('HMGET', record, 'state', 'family'))
    local is_event, event = pcall(cjson.decode, state and '{}' or payload)
    local owner = is_event and type(event) == 'table' and type(event.owner) == 'string' and event.owner or ''
    for _, channel in ipairs(families) do
      if state and channel.family == (stored or 'download') then
        index_job(channel, id)
      elseif not state then
        unindex_job(channel, id, owner)
      end
    end
  end

  -- Indexes the jobs whose changes follow `indexed`. Returns the position up to which it did, or nil if changes are lost.
  local function follow_history(channel, families, head)
    local epoch, offset = string.match(channel.indexed, '^(%d+)%-(%d+)$')
    if not epoch then return nil end
    local known = offset == '0' and epoch .. '-1' or channel.indexed
    if #redis.call('XRANGE', channel.history, known, known) == 0 then return nil end
    local entries = redis.call('XRANGE', channel.history, '(' .. channel.indexed, '+', 'COUNT', REPAIRED_PER_CALL)
    for _, entry in ipairs(entries) do
      local key, payload = string.match(entry[2][2], '^[se]%S* ([^\n]*)\n(.*)$')
      if key then reindex(families, key, payload) end
    end
    return #entries < REPAIRED_PER_CALL and head or entries[#entries][1]
  end

  -- Returns whether the sets have as many jobs as there are: Redis may have evicted one.
  local function is_whole(families)
    for _, channel in ipairs(families) do
      local by_creation, by_change = index_keys(channel, '')
      local count = redis.call('ZCARD', channel.jobs)
      if redis.call('ZCARD', by_creation) ~= count or redis.call('ZCARD', by_change) ~= count then return false end
    end
    return true
  end

  -- Indexes one slice of all jobs. An owner's jobs that are gone stay in the sets of that owner until a list meets them.
  local function sweep(channel, families, head, place)
    local began_at, number, cursor = string.match(place or '', '^(%S+) (%d) (%d+)$')
    if not began_at then
      for _, family in ipairs(families) do redis.call('DEL', index_keys(family, '')) end
      began_at, number, cursor = head, '1', '0'
    end
    local family = families[tonumber(number)]
    local reply = redis.call('ZSCAN', family.jobs, cursor, 'COUNT', REPAIRED_PER_CALL)
    for i = 1, #reply[2], 2 do
      local id = reply[2][i]
      if redis.pcall('HEXISTS', record_key(family, id), 'created_at') == 1 then
        index_job(family, id)
      else
        drop_from_sets(family, id) -- an operator deleted the record
      end
    end
    if tonumber(reply[1]) == 0 then number = int(number + 1) end
    if families[tonumber(number)] then
      redis.call('HSET', channel.meta, 'sweep', began_at .. ' ' .. number .. ' ' .. reply[1])
    else
      redis.call('HSET', channel.meta, 'indexed', began_at)
      redis.call('HDEL', channel.meta, 'sweep')
    end
  end

  -- Returns the channel with the sets of downloads, and with those of other jobs.
  local function families_of(KEYS, channel)
    local sets = {unpack(KEYS, 1, 6)}
    for _, set in ipairs({'jobs', 'ready', 'leases', 'done'}) do table.insert(sets, '{' .. channel.name .. '}:' .. set) end
    return {jobs_from(sets, channel.name), own_jobs_from(KEYS)}
  end

  function bring_index_up_to_date(KEYS, channel)
    local families = families_of(KEYS, channel)
    local epoch, offset = ensure_epoch(channel)
    local head, place = epoch .. '-' .. int(offset), redis.call('HGET', channel.meta, 'sweep')
    if not place and channel.indexed == head and is_whole(families) then return true end
    local reached = not place and channel.indexed ~= head and follow_history(channel, families, head)
    if not reached then
      sweep(channel, families, head, place)
      return false
    end
    redis.call('HSET', channel.meta, 'indexed', reached)
    return reached == head and is_whole(families)
  end
end
