-- Answers to requests that carry an idempotency key: a repetition gets the answer to the first.

local MAX_ANSWERS_BYTES = 16 * 1024 * 1024
local ANSWER_BYTES = 256 -- of a request, besides its answer
local MAX_FORGOTTEN_PER_CALL = 1000
local SIZE = 'bytes' -- the field of their sum; a request is in hexadecimal digits

local function answers_from(KEYS)
  return {
    texts = KEYS[1], -- hash by request: digest of the body, space, answer
    begun_at = KEYS[2], -- sorted set of requests, ms
  }
end

local function forget_answer(answers, request)
  local length = redis.call('HSTRLEN', answers.texts, request)
  if length > 0 then redis.call('HINCRBY', answers.texts, SIZE, -(length + ANSWER_BYTES)) end
  redis.call('HDEL', answers.texts, request)
  redis.call('ZREM', answers.begun_at, request)
end

local function forget_old_answers(answers, oldest_ms)
  local max_bytes = bound_bytes(MAX_ANSWERS_BYTES, 32)
  for _ = 1, MAX_FORGOTTEN_PER_CALL do
    local request, at = unpack(redis.call('ZRANGE', answers.begun_at, 0, 0, 'WITHSCORES'))
    local size = tonumber(redis.call('HGET', answers.texts, SIZE)) or 0
    if not request and size > 0 then redis.call('DEL', answers.texts) end -- Redis evicted the index
    if not request or (tonumber(at) > oldest_ms and size <= max_bytes) then return end
    forget_answer(answers, request)
  end
end

-- Stores the answer to a request unless it has one; `answer` is '' where the request begins. `digest` is that of its body,
-- in hexadecimal digits. Returns the digest of the first request, and its answer, '' while it has none.
local function answer_once(KEYS, ARGV)
  local request, digest, answer, ttl_ms = unpack(ARGV)
  local answers, now = answers_from(KEYS), now_ms()
  forget_old_answers(answers, now - ttl_ms)
  local stored = redis.call('HGET', answers.texts, request)
  if stored then
    local first_digest, first_answer = string.match(stored, '^(%x+) (.*)$')
    if first_digest ~= digest or first_answer ~= '' then
      redis.call('PEXPIRE', answers.texts, ttl_ms) -- a write, so that WAIT covers the first call's writes too
      return {first_digest, first_answer}
    end
    forget_answer(answers, request)
  end
  local text = digest .. ' ' .. answer
  redis.call('HSET', answers.texts, request, text)
  redis.call('HINCRBY', answers.texts, SIZE, #text + ANSWER_BYTES)
  redis.call('ZADD', answers.begun_at, now, request)
  redis.call('PEXPIRE', answers.texts, ttl_ms)
  redis.call('PEXPIRE', answers.begun_at, ttl_ms)
  return {digest, answer}
end

register('answer_once', RUNS_IN_FULL_REDIS, answer_once)
