-- One page of a list of jobs: those of some states and of one owner, or of all, in the order of their creation or of their last
-- change of state; or the queue, in the order of claims. Where the list has several ranges of a sorted set, they are merged.

local list_jobs, read_jobs

do
  local MAX_BATCH = 100 -- jobs that are read from a range together
  local MAX_SEARCHED = 2000 -- jobs that one call looks at

  -- Formats a place in an order: a time, ms, or a score of the queue, with six digits of fractions.
  local function exact(at)
    return at % 1 == 0 and int(at) or string.format('%.6f', at)
  end

  -- A range has the jobs `first` to `first + size - 1` of a set, and `next`, the index in it of the next one that is listed.
  local function range_of(set, base)
    local first = base > 0 and redis.call('ZCOUNT', set, '-inf', '(' .. int(base)) or 0
    local size = redis.call('ZCOUNT', set, int(base), '(' .. int(base + STATE_BASE))
    return {set = set, base = base, low = int(base), first = first, size = size, batch = {}}
  end

  -- `states` is '' for all, else their names.
  local function ranges_of(channel, states, owner, order)
    if order == 'queue' then
      if states ~= 'queued' then return {} end
      return {{set = channel.ready, base = 0, low = '-inf', first = 0, size = redis.call('ZCARD', channel.ready), batch = {}}}
    end
    if states == '' and owner == '' and order == 'created' then return {range_of(channel.jobs, 0)} end
    local by_creation, by_change = index_keys(channel, owner)
    local ranges, set = {}, order == 'created' and by_creation or by_change
    for state in string.gmatch(states, '%l+') do
      table.insert(ranges, range_of(set, STATE_NUMBERS[state] * STATE_BASE))
    end
    if states == '' then
      for number = 0, OTHER_STATE do table.insert(ranges, range_of(set, number * STATE_BASE)) end
    end
    return ranges
  end

  -- Sorted sets compare bytes; Lua compares by the language of the server.
  local function is_before(a, b)
    if a.at ~= b.at then return a.at < b.at end
    for i = 1, math.min(#a.id, #b.id) do
      local x, y = string.byte(a.id, i), string.byte(b.id, i)
      if x ~= y then return x < y end
    end
    return #a.id < #b.id
  end

  local function job_at(range, index, step)
    if index < 0 or index >= range.size then return nil end
    if not range.batch[index] then
      local low = step > 0 and index or math.max(0, index - range.batch_size + 1)
      local high = math.min(low + range.batch_size, range.size) - 1
      local scored = redis.call('ZRANGE', range.set, range.first + low, range.first + high, 'WITHSCORES')
      range.batch = {}
      for i = 1, #scored, 2 do
        range.batch[low + (i - 1) / 2] = {id = scored[i], at = tonumber(scored[i + 1]) - range.base}
      end
    end
    return range.batch[index]
  end

  -- Returns the number of jobs of a range before that place, or, with '' for `bound`, up to it.
  local function count_until(range, at, bound)
    return redis.call('ZCOUNT', range.set, range.low, (bound or '(') .. exact(range.base + at))
  end

  -- Returns the number of jobs of a range before `place`, and with it in the other direction.
  local function count_before(range, place, step)
    local low, high = count_until(range, place.at), count_until(range, place.at, '')
    while low < high do
      local middle = math.floor((low + high) / 2)
      local scored = redis.call('ZRANGE', range.set, range.first + middle, range.first + middle)
      local job = {id = scored[1], at = place.at}
      if is_before(job, place) or (step > 0 and job.id == place.id) then low = middle + 1 else high = middle end
    end
    return low
  end

  -- Takes the next job of all ranges. Returns nil behind the last one.
  local function take_next(ranges, step)
    local best, from
    for _, range in ipairs(ranges) do
      local job = job_at(range, range.next, step)
      if job and (not best or is_before(job, best) == (step > 0)) then best, from = job, range end
    end
    if from then from.next = from.next + step end
    return best
  end

  -- Lets the list begin behind that job.
  local function begin_behind(ranges, place, step)
    for _, range in ipairs(ranges) do
      local before = count_before(range, place, step)
      range.next = step > 0 and before or before - 1
    end
  end

  -- Lets the list begin behind so many jobs. Of several ranges: at the time that at most as many precede, and then one by one.
  local function begin_at(ranges, offset, step)
    for _, range in ipairs(ranges) do range.next = step > 0 and offset or range.size - 1 - offset end
    if #ranges == 1 or offset == 0 then return end
    local function preceding(at)
      local sum = 0
      for _, range in ipairs(ranges) do
        local before = count_until(range, at)
        sum = sum + (step > 0 and before or range.size - before)
      end
      return sum
    end
    local low, high = 0, STATE_BASE -- of the times at which so many precede, the one that lies farthest
    while low < high do
      local middle = step > 0 and math.ceil((low + high) / 2) or math.floor((low + high) / 2)
      local is_near = preceding(middle) <= offset
      if step > 0 then
        if is_near then low = middle else high = middle - 1 end
      elseif is_near then
        high = middle
      else
        low = middle + 1
      end
    end
    for _, range in ipairs(ranges) do
      local before = count_until(range, low)
      range.next = step > 0 and before or before - 1
    end
    for _ = preceding(low) + 1, offset do
      if not take_next(ranges, step) then return end
    end
  end

  -- Returns whether a needle is in the row: in the name or the host of a download, or in what a job's events tell. `owner`:
  -- of the record too, unless it is ''.
  local function matches(channel, row, needles, owner)
    if owner ~= '' and row[#row] ~= owner then return false end
    if #needles == 0 then return true end
    local text = row[2] or ''
    if channel.family == 'download' then text = string.lower(text .. '\n' .. (row[3] or '')) end
    for _, needle in ipairs(needles) do
      if string.find(text, needle, 1, true) then return true end
    end
    return false
  end

  -- `order` is 'created', 'changed' or 'queue', `step` '1' or '-1'. The list begins behind `offset` jobs, or behind the job
  -- `after_id` at the place `after_at`, unless that is ''. With needles it has the jobs in which one of them is found, of the
  -- first MAX_SEARCHED; so it is with the queue of one owner. Further ARGV are fields of a record.
  -- Returns {number of all jobs that match, place and id of the last one before the next page, '1' if there is one, '1' if jobs
  -- were not looked at that may match, jobs}, and each job as {place, field, …}; or nil while the index is repaired: call again.
  function list_jobs(KEYS, ARGV)
    local name, states, owner, order, step, offset, after_at, after_id, limit, needle_count = unpack(ARGV, 1, 10)
    local channel = jobs_from(KEYS, name)
    if not bring_index_up_to_date(KEYS, channel) then return false end
    local ranges, needles, fields, total = ranges_of(channel, states, owner, order), {}, {}, 0
    for i = 11, #ARGV do table.insert(i < 11 + needle_count and needles or fields, ARGV[i]) end
    local only_of = order == 'queue' and owner or '' -- the index has the jobs of an owner in other orders
    local is_search = #needles > 0 or only_of ~= ''
    local searched = channel.family == 'download' and {'name', 'site', 'owner'} or {'about'}
    if not is_search then searched = fields end
    step, limit = tonumber(step), tonumber(limit)
    for _, range in ipairs(ranges) do
      total = total + range.size
      range.batch_size = is_search and MAX_BATCH or math.min(MAX_BATCH, limit + 1)
    end
    if after_at == '' then
      begin_at(ranges, tonumber(offset), step)
    else
      begin_behind(ranges, {id = after_id, at = tonumber(after_at)}, step)
    end
    local jobs, gone, seen, matched, last = {}, {}, 0, 0, nil
    while is_search and seen < MAX_SEARCHED or not is_search and matched < limit do
      local job = take_next(ranges, step)
      if not job then break end
      seen = seen + 1
      if matched < limit then last = job end
      local record = record_key(channel, job.id)
      local row = redis.pcall('HMGET', record, 'state', unpack(searched))
      if not row[1] then -- none, or an error: the record of another program may have another type
        table.insert(gone, job.id)
      elseif matches(channel, row, needles, only_of) then
        matched = matched + 1
        if matched <= limit then
          if is_search then row = redis.call('HMGET', record, 'state', unpack(fields)) end
          row[1] = exact(job.at)
          table.insert(jobs, row)
        end
      end
    end
    local is_cut = take_next(ranges, step)
    for _, id in ipairs(gone) do
      drop_from_sets(channel, id)
      unindex_job(channel, id, owner)
    end
    local is_more = is_cut or matched > #jobs
    return {is_search and matched or total - #gone, last and exact(last.at) or '', last and last.id or '', is_more and '1' or '',
      is_search and is_cut and '1' or '', jobs}
  end

  -- The third and further ARGV are ids, `count` of them, and fields of their records. Returns the fields of each record.
  function read_jobs(KEYS, ARGV)
    local channel, count = jobs_from(KEYS, ARGV[1]), tonumber(ARGV[2])
    local fields, rows = {unpack(ARGV, count + 3)}, {}
    for i = 3, count + 2 do
      local row = redis.pcall('HMGET', record_key(channel, ARGV[i]), unpack(fields))
      if not row.err then table.insert(rows, row) end
    end
    return rows
  end
end
