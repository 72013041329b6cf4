"""What the cache does within Redis, each in one step: look up, store, release, invalidate.

One hash per tenant and kind, `cache_coherence:{tenant}:{kind}`, says which cached answers count:

| field | value |
|---|---|
| a thing (the first part of a key's rest) | its generation, and the rests of the answers stored under it |
| `:` and a rest | who is loading that answer, until when (ms), and for which generations |

`cache_coherence:{tenant}:bulk` holds what all kinds of a tenant share:

| field | value |
|---|---|
| `*` | the generation of everything |
| `+` and a kind | that the tenant has a hash of that kind |
| `!` and a kind, `!*` | until when (ms) a write whose answer was lost may still change what the kind holds |

An answer is stored together with the generations that it was asked under, and counts only as long as they stand. A
reader makes the generation that is missing, a write deletes it. So a hash that expires, is evicted or is deleted by hand
costs misses: it never makes an old answer good again. An invalidation reads one field of a hash and unlinks the names in
it: what it costs does not grow with the number of keys in Redis.
"""

HELPERS = """
local function fields(key, ...)
  local found = redis.pcall('HMGET', key, ...)
  if not found.err then return found end
  redis.call('UNLINK', key)  -- it is no hash: left by another release
  return redis.call('HMGET', key, ...)
end
local function generation(thing, tenant)
  return thing and tenant and string.match(thing, '^[^ ]*') .. '.' .. tenant
end
local function keep(key, seconds)
  if redis.call('TTL', key) < tonumber(seconds) then redis.call('EXPIRE', key, seconds) end
end
"""

# KEYS: answer, hash of the kind, hash of the tenant. ARGV: thing, rest, kind, new generation, owner, lease in ms,
# seconds to keep the hashes, the most things in a hash. Without an owner nothing is written.
# Returns the state (hit, lead, wait, doubt, miss), the generations, and the answer of a hit.
LOOK_UP = (
    HELPERS
    + """
local raw = redis.pcall('GET', KEYS[1])
local kind = fields(KEYS[2], ARGV[1], ':' .. ARGV[2])
local tenant = fields(KEYS[3], '*', '!' .. ARGV[3], '!*')
local now = generation(kind[1], tenant[1])
if now and type(raw) == 'string' and string.sub(raw, 1, #now + 1) == now .. ' ' then
  return {'hit', now, string.sub(raw, #now + 2)}
end
if ARGV[5] == '' then return {'miss', '', ''} end
if not tenant[1] then
  tenant[1] = ARGV[4]
  redis.call('HSET', KEYS[3], '*', ARGV[4])
end
if not kind[1] then
  kind[1] = ARGV[4]
  if redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[8]) then redis.call('UNLINK', KEYS[2]) end
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[4])
  redis.call('HSET', KEYS[3], '+' .. ARGV[3], 1)
end
keep(KEYS[2], ARGV[7])
keep(KEYS[3], ARGV[7])
now = generation(kind[1], tenant[1])
local time = redis.call('TIME')
local ms = time[1] * 1000 + math.floor(time[2] / 1000)
if tonumber(tenant[2] or 0) > ms or tonumber(tenant[3] or 0) > ms then return {'doubt', now, ''} end
local owner, stop, under = string.match(kind[2] or '', '^(%S+) (%S+) (%S+)$')
if owner and under == now and tonumber(stop) > ms then return {'wait', now, ''} end
redis.call('HSET', KEYS[2], ':' .. ARGV[2], ARGV[5] .. ' ' .. string.format('%.0f', ms + ARGV[6]) .. ' ' .. now)
return {'lead', now, ''}
"""
)

# KEYS as above. ARGV: thing, rest, owner, generations, answer (none: only release), seconds to keep the answer and the
# hashes, the most bytes of the rests stored under a thing, new generation. Returns whether the answer was stored.
STORE = (
    HELPERS
    + """
local kind = fields(KEYS[2], ARGV[1], ':' .. ARGV[2])
local tenant = fields(KEYS[3], '*')
if kind[2] and string.match(kind[2], '^%S+') == ARGV[3] then redis.call('HDEL', KEYS[2], ':' .. ARGV[2]) end
local now = generation(kind[1], tenant[1])
if ARGV[5] == '' or now ~= ARGV[4] then return 0 end
local named = kind[1]
if not string.find(named .. ' ', ' ' .. ARGV[2] .. ' ', 1, true) then
  named = named .. ' ' .. ARGV[2]
  if #named > tonumber(ARGV[8]) then named = ARGV[9] .. ' ' .. ARGV[2] end
  redis.call('HSET', KEYS[2], ARGV[1], named)
end
redis.call('SET', KEYS[1], generation(named, tenant[1]) .. ' ' .. ARGV[5], 'EX', ARGV[6])
keep(KEYS[2], ARGV[7])
keep(KEYS[3], ARGV[7])
return 1
"""
)

# KEYS: hash of the tenant, event log, channel. ARGV: tenant, thing, whether there is one, ms of doubt, the most answers
# to unlink of a kind, length of the log, beginning of the event, then kinds, each with whether it is about one thing;
# without any, all that the tenant has. Returns the number of answers unlinked, and whether all that are named were.
INVALIDATE = (
    HELPERS
    + """
local removed, whole, kinds = 0, 1, {}
local time = redis.call('TIME')
local ms = time[1] * 1000 + math.floor(time[2] / 1000)
fields(KEYS[1], '*')
local function unlink(kind, named)
  local names = {}
  for rest in string.gmatch(named or '', ' ([^ ]+)') do
    names[#names + 1] = 'cache:' .. kind .. ':' .. ARGV[1] .. ':' .. rest
    if #names == 200 then
      removed = removed + redis.call('UNLINK', unpack(names))
      names = {}
    end
  end
  if #names > 0 then removed = removed + redis.call('UNLINK', unpack(names)) end
end
local function drop(kind)
  local key = 'cache_coherence:' .. ARGV[1] .. ':' .. kind
  fields(key, '*')
  local page = redis.call('HSCAN', key, 0, 'COUNT', ARGV[5])
  for at = 1, #page[2], 2 do
    if string.sub(page[2][at], 1, 1) ~= ':' then unlink(kind, page[2][at + 1]) end
  end
  if page[1] ~= '0' then whole = 0 end
  redis.call('UNLINK', key)
end
for at = 8, #ARGV, 2 do
  local kind, key = ARGV[at], 'cache_coherence:' .. ARGV[1] .. ':' .. ARGV[at]
  if ARGV[3] == '1' and ARGV[at + 1] == '1' then
    for _, thing in ipairs({ARGV[2], '*'}) do
      unlink(kind, fields(key, thing)[1])
      redis.call('HDEL', key, thing)
    end
  else
    drop(kind)
  end
  kinds[#kinds + 1] = '!' .. kind
end
if #kinds == 0 then
  for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
    if string.sub(name, 1, 1) == '+' then drop(string.sub(name, 2)) end
  end
  redis.call('HDEL', KEYS[1], '*')
  kinds[1] = '!*'
end
if tonumber(ARGV[4]) > 0 then
  for _, name in ipairs(kinds) do redis.call('HSET', KEYS[1], name, string.format('%.0f', ms + ARGV[4])) end
  keep(KEYS[1], math.ceil(ARGV[4] / 1000))
end
local event = ARGV[7] .. removed .. ', "complete": ' .. (whole == 1 and 'true' or 'false') .. '}'
redis.call('LPUSH', KEYS[2], event)
redis.call('LTRIM', KEYS[2], 0, ARGV[6] - 1)
redis.call('PUBLISH', KEYS[3], event)
return {removed, whole}
"""
)
