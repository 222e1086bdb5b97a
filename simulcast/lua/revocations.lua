-- Tokens that are refused, by name: 'jti <id>' for one token, 'sub <user>' for all tokens of a user.

local MAX_REVOKED = 20000 -- beyond, nothing more is revoked: no entry may give way to another

local function revocations_from(KEYS)
  return {
    ends_at = KEYS[1], -- sorted set of names by the end of their refusal, ms
    version = KEYS[2], -- random text, another one after each change
  }
end

-- `version` is random. A call that is sent again changes nothing that matters: the refusal lasts a little longer.
local function revoke(KEYS, ARGV)
  local name, ttl_ms, version = unpack(ARGV)
  local revoked, now = revocations_from(KEYS), now_ms()
  redis.call('ZREMRANGEBYSCORE', revoked.ends_at, '-inf', int(now))
  if redis.call('ZCARD', revoked.ends_at) >= MAX_REVOKED and not redis.call('ZSCORE', revoked.ends_at, name) then
    return redis.error_reply('REVOKEDFULL ' .. MAX_REVOKED .. ' tokens and users are revoked already: ' ..
      'revoke users in place of their tokens, or for a shorter time')
  end
  redis.call('ZADD', revoked.ends_at, int(now + ttl_ms), name)
  redis.call('SET', revoked.version, version)
  local last = redis.call('ZRANGE', revoked.ends_at, -1, -1, 'WITHSCORES')[2]
  redis.call('PEXPIREAT', revoked.ends_at, int(last))
  redis.call('PEXPIREAT', revoked.version, int(last))
  return 1
end

-- Returns the version, and unless that is `known`, name, ms until the end, …
local function revocations(KEYS, ARGV)
  local known = ARGV[1]
  local revoked, now = revocations_from(KEYS), now_ms()
  local version = redis.call('GET', revoked.version) or ''
  if version == known then return {version} end
  local reply = redis.call('ZRANGE', revoked.ends_at, '(' .. int(now), '+inf', 'BYSCORE', 'WITHSCORES')
  for i = 2, #reply, 2 do reply[i] = int(reply[i] - now) end
  table.insert(reply, 1, version)
  return reply
end

register('revoke', RUNS_IN_FULL_REDIS, revoke)
register('revocations', READS, revocations)
