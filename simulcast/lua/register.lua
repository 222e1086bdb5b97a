-- VERSION is the hash of this text: two versions live side by side in a rolling upgrade, none replaces the other.

-- While a slot is migrated key by key, what a function touches may lie on either side, and it would fail half done. Then
-- a key that is nowhere can't be looked up. A migration as a whole (Valkey 9, Redis 8.4) has no such time.
local function is_split(keys)
  if cluster == nil then read_incarnation() end
  if not cluster then return false end
  local found = redis.pcall('EXISTS', string.match(keys[1], '^{.*}') .. ':nothing')
  return type(found) == 'table' and found.err ~= nil
end

local function register(name, act)
  redis.register_function('simulcast_' .. name .. '_' .. VERSION, function(keys, args)
    if is_split(keys) then return redis.error_reply('TRYAGAIN the slot is being migrated') end
    return act(keys, args)
  end)
end

register('publish', publish)
register('where', where)
register('snapshot', snapshot)
register('submit', submit)
register('claim', claim)
register('renew', renew)
register('report', report)
register('command', command)
register('clear', clear)
register('litter', litter)
register('beat', beat)
register('processes', processes)
register('survey', survey)
