-- The order of the queue. Workers claim by the score in `ready`, which records and events tell as `queue_rank`: the time of the
-- submission, ms, less BAND for each step of priority. A download that is put beside another one gets a score between those of
-- its new neighbours, and the priority that goes with it. Where none is free, some neighbours are shifted.

local reorder -- moves a download, or gives it another priority

do
  local BAND = 10000000000000
  local STEP = 1 / 64 -- between numbers that doubles of that size still tell apart
  local FIRST_MS = 1000 -- before the first one of its priority
  local MAX_SHIFTED = 500

  -- Returns the score of a download that a worker can claim now, or nil.
  local function score_of(channel, id)
    local score = tonumber(redis.call('ZSCORE', channel.ready, id))
    return score and score < DELAYED_SCORE_BASE and score or nil
  end

  local function priority_of(score)
    return 0 - math.floor(score / BAND)
  end

  local function place(channel, id, score, members)
    local rank = string.format('%.6f', score)
    redis.call('HSET', record_key(channel, id), 'rank', rank, 'priority', int(priority_of(score)))
    redis.call('ZADD', channel.ready, rank, id)
    change_state(channel, id, 'queued', 'queued', members)
  end

  -- Shifts the job at `index` and those behind it (`step` > 0), or before it, as little as possible. Returns the score that
  -- is free then, next to `start`, or nil where too many stand too close together.
  local function make_room(channel, index, step, start)
    local first, last = index, index + MAX_SHIFTED
    if step < 0 then first, last = math.max(0, index - MAX_SHIFTED), index end
    local entries, shifted, needed, is_room = redis.call('ZRANGE', channel.ready, first, last, 'WITHSCORES'), {}, start + step, false
    for i = step > 0 and 1 or #entries - 1, step > 0 and #entries or 1, step > 0 and 2 or -2 do
      needed = needed + step
      is_room = (tonumber(entries[i + 1]) - needed) * step >= 0
      if is_room then break end
      table.insert(shifted, {id = entries[i], score = needed})
    end
    if not is_room and #shifted > MAX_SHIFTED then return nil end
    for _, job in ipairs(shifted) do
      if redis.pcall('HGET', record_key(channel, job.id), 'state') == 'queued' then
        place(channel, job.id, job.score, '')
      else
        redis.call('ZREM', channel.ready, job.id)
      end
    end
    return start + step
  end

  -- Returns a score of that priority for a job that so many stand before, or nil.
  local function score_behind(channel, count, priority)
    local base = -priority * BAND
    local function score_at(index)
      if index < 0 then return nil end
      local score = tonumber(redis.call('ZRANGE', channel.ready, index, index, 'WITHSCORES')[2])
      return score and score >= base and score < base + BAND and score or nil
    end
    local low, high = score_at(count - 1), score_at(count)
    if not low then return high - FIRST_MS end
    if not high then return math.max(low + STEP, base + now_ms()) end -- before those that are added later
    local steps = math.floor((high - low) / STEP / 2)
    if steps > 0 then return low + steps * STEP end
    return make_room(channel, count, STEP, low) or make_room(channel, count - 1, -STEP, high)
  end

  -- `position` is 'first', 'last', 'before <id>' or 'after <id>'. Returns the result.
  local function move(channel, id, position, members)
    local score = score_of(channel, id)
    if not score then return 'invalid_transition' end
    local side, other = string.match(position, '^(%l+) ?(.*)$')
    if side == 'first' then
      other = redis.call('ZRANGE', channel.ready, 0, 0)[1]
    elseif side == 'last' then
      other = redis.call('ZREVRANGEBYSCORE', channel.ready, '(' .. int(DELAYED_SCORE_BASE), '-inf', 'LIMIT', 0, 1)[1]
    end
    local beside = score_of(channel, other)
    if not beside then return 'not_waiting' end
    local behind = (side == 'after' or side == 'last') and 1 or 0
    local distance = redis.call('ZRANK', channel.ready, id) - redis.call('ZRANK', channel.ready, other)
    local is_beside = distance == 2 * behind - 1 and priority_of(score) == priority_of(beside)
    if distance == 0 or is_beside then return 'accepted' end
    redis.call('ZREM', channel.ready, id)
    local count = redis.call('ZRANK', channel.ready, other) + behind
    local free = score_behind(channel, count, priority_of(beside))
    if not free then
      redis.call('ZADD', channel.ready, string.format('%.6f', score), id)
      return 'conflict'
    end
    place(channel, id, free, members)
    return 'accepted'
  end

  -- Among those of its new priority it stands as before: by the time of its submission, or where it was moved to. One that
  -- waits for its start has that place from then on.
  local function prioritize(channel, id, priority, members)
    local rank, start_at = unpack(redis.call('HMGET', record_key(channel, id), 'rank', 'start_at'))
    local score = score_of(channel, id) or (is_ahead(start_at) and tonumber(rank))
    if not score then return 'invalid_transition' end
    local steps = priority_of(score) - tonumber(priority)
    if steps ~= 0 then
      place(channel, id, score + steps * BAND, members)
      make_ready(channel, id)
    end
    return 'accepted'
  end

  function reorder(channel, id, action, detail, members)
    return (action == 'move' and move or prioritize)(channel, id, detail, members)
  end
end
