"""The fixed texts we may run on the server with EVAL_RO. Each is read-only and bounds its own work.

It refuses to be extended at run time: only a text in ``SCRIPTS`` passes the allow-list, byte for byte.
"""

from typing import Final

SWEEP_PAGE: Final = b"""\
local count = math.floor(tonumber(ARGV[2]) or 250)
if not (count >= 10) then count = 10 end
if count > 1000 then count = 1000 end
local every = math.max(tonumber(ARGV[3]) or 0, 0)
local page = redis.call('SCAN', ARGV[1], 'COUNT', count)
local names, ttls, sizes, others, n = {}, {}, {}, 0, 0
for i = 1, #page[2] do
  local key = page[2][i]
  if string.sub(key, 1, 5) == 'cache' or string.sub(key, 1, 10) == 'rate_limit' then
    n = n + 1
    names[n] = key
    ttls[n] = -3
    if string.sub(key, 1, 6) == 'cache:' then
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
  end
end
return {page[1], names, ttls, sizes, others}
"""
"""ARGV: cursor, keys a call, measure every n-th key's size (0: none).

Answers {cursor, names, TTLs in ms, {index, bytes, index, bytes...}, how many other names it left out}. -3 stands for
a TTL that was not asked for or not allowed; only ``cache:`` keys are asked, since only theirs are shown.
"""

SCRIPTS: Final = frozenset({SWEEP_PAGE})
