-- Which download is the one of a URL with its options; fresh links, and other names.

-- The hash of the newest download of each URL with its options.
local function links_key(channel)
  return '{' .. channel.name .. '}:links'
end

local function link_field(url, options)
  return redis.sha1hex(url .. '\n' .. (options or ''))
end

local function field_of(record)
  local url, options = unpack(redis.call('HMGET', record, 'url', 'options'))
  return link_field(url or '', options)
end

-- Returns the id of a download of the same URL and options that has not failed, or nil.
local function find_same(channel, url, options)
  local field = link_field(url, options)
  local id = redis.call('HGET', links_key(channel), field)
  local record = id and record_key(channel, id)
  local state = id and redis.pcall('HGET', record, 'state')
  -- The id may be another download's by now.
  if type(state) ~= 'string' or state == 'error' or state == 'cancelled' or field_of(record) ~= field then return nil end
  return id
end

local function index_link(channel, record, id)
  redis.call('HSET', links_key(channel), field_of(record), id)
end

local function unindex_link(channel, record, id)
  local field = field_of(record)
  if redis.call('HGET', links_key(channel), field) == id then redis.call('HDEL', links_key(channel), field) end
end

-- Gives the record a new link, of the form of its field `link`. Secrets stay with the origin that they were given for.
local function set_link(channel, record, id, link)
  local site, public_url, url = string.match(link, '^([^\n]*)\n([^\n]*)\n(.*)$')
  local old_url, old_site, options, about = unpack(redis.call('HMGET', record, 'url', 'site', 'options', 'about'))
  unindex_link(channel, record, id)
  redis.call('HSET', record, 'url', url, 'site', site, 'about', string.match(about, '^(.*,"url":)') .. public_url)
  redis.call('HDEL', record, 'mirror')
  if options and options ~= '' and (site ~= old_site or string.match(url, '^%a*') ~= string.match(old_url, '^%a*')) then
    local members = cjson.decode(options)
    members.headers, members.bearer, members.basic = nil, nil, nil
    redis.call('HSET', record, 'options', cjson.encode(members))
  end
  index_link(channel, record, id)
end

-- Gives the record's file another name, which is JSON, and counts the bytes that it takes.
local function set_name(channel, record, id, name_json)
  local name, options, about = unpack(redis.call('HMGET', record, 'name', 'options', 'about'))
  local new_name = cjson.decode('[' .. name_json .. ']')[1]
  local known, members = cjson.decode('{' .. about .. '}'), options and options ~= '' and cjson.decode(options) or {}
  members.name = new_name
  local new_options = cjson.encode(members)
  local parts = {'"download_id":' .. cjson.encode(id), '"name":' .. name_json}
  for _, member in ipairs({'owner', 'traceparent', 'url'}) do -- the URL is the last one, as set_link expects
    if known[member] then table.insert(parts, '"' .. member .. '":' .. cjson.encode(known[member])) end
  end
  local new_about = table.concat(parts, ',')
  local growth = #new_name + #new_options + #new_about - #name - #(options or '') - #about
  unindex_link(channel, record, id)
  redis.call('HSET', record, 'name', new_name, 'options', new_options, 'about', new_about)
  redis.call('HINCRBY', record, 'bytes', growth)
  redis.pcall('HINCRBY', channel.meta, 'queue_bytes', growth)
  index_link(channel, record, id)
end
