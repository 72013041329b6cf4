"""The fixed scripts that may be run on the server with EVAL_RO. Each is read-only and bounds its own work.

None can be added at run time: only a text in ``SCRIPTS`` passes the allow-list, byte for byte.
"""

from typing import Final

SWEEP_PAGE: Final = b"""\
local count = math.floor(tonumber(ARGV[2]) or 250)
if not (count >= 10) then count = 10 end
if count > 1000 then count = 1000 end
local every = math.max(tonumber(ARGV[3]) or 0, 0)
local function head_of(name)
  local begin = string.sub(name, 1, 96)
  local _, versioned = string.find(begin, '^:[0-9][0-9]?:')
  local at = (versioned or 0) + 1
  for _ = 1, 3 do
    local _, to = string.find(begin, '^[A-Za-z_.{}%%-]*[:/|]', at)
    if not to then _, to = string.find(begin, '^[A-Za-z][0-9][:/|]', at) end
    if not to or to - at >= 32 or to == #name then break end
    at = to + 1
  end
  if at > 1 then return string.sub(begin, 1, at - 1) end
  if #name <= 32 and string.find(name, '^[A-Za-z_.{}%%-]+$') then return name .. string.char(0) end
  local _, to = string.find(string.sub(begin, 1, 32), '^[A-Za-z_.{}%%-]*[-_.]')
  return to and string.sub(begin, 1, to) or ''
end
local page = redis.call('SCAN', ARGV[1], 'COUNT', count)
local names, ttls, sizes, others, n = {}, {}, {}, 0, 0
local heads, order, foreign = {}, {}, 0
for i = 1, #page[2] do
  local key = page[2][i]
  local cached = string.sub(key, 1, 6) == 'cache:'
  if cached or string.sub(key, 1, 11) == 'rate_limit:' or string.sub(key, 1, 16) == 'cache_coherence:'
    or key == 'cache_coherence_events' or key == 'rate_limit' then
    n = n + 1
    names[n] = key
    ttls[n] = -3
    if cached then
      local ttl = redis.pcall('PTTL', key)
      if type(ttl) == 'number' then ttls[n] = ttl end
      if every > 0 and n % every == 0 then
        local size = redis.pcall('MEMORY', 'USAGE', key)
        if type(size) == 'number' then
          sizes[#sizes + 1] = n - 1
          sizes[#sizes + 1] = size
        end
      end
    end
  else
    others = others + 1
    if string.sub(key, 1, 17) ~= 'integration_test:' and string.sub(key, 1, 13) ~= 'optimus:lock:' then
      foreign = foreign + 1
      local head = head_of(key)
      if heads[head] then
        heads[head] = heads[head] + 1
      elseif #order < 64 then
        heads[head] = 1
        order[#order + 1] = head
      end
    end
  end
end
local shapes = {}
for i = 1, #order do
  shapes[2 * i - 1] = order[i]
  shapes[2 * i] = heads[order[i]]
end
return {page[1], names, ttls, sizes, others, foreign, shapes}
"""
"""ARGV: cursor, keys a call, measure every n-th key's size (0: none).

Answers {cursor, names, TTLs in ms, {index, bytes, index, bytes...}, how many other names it left out, how many of these
are of no known layout, {head, how many, head, how many...} of these}. -3 stands for a TTL that was not asked for or not
allowed; only ``cache:`` keys are asked, since only theirs are shown. Heads are those of ``grammar.shapes.head_of``; at
most 64 of them are told, the names of others are only counted.
"""

SCRIPTS: Final = frozenset({SWEEP_PAGE})
