"""Which commands the observer may send, and the fixed scripts for EVAL_RO.

Pure: takes the words of a command, and returns them or raises ``CommandRefused``.
"""

from collections.abc import Callable, Sequence
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
local sub, pcall = string.sub, redis.pcall
local marked, whole = {c = {}, k = {}, n = {}}, {}
for i = 4, #ARGV do
  local mark, text = sub(ARGV[i], 1, 1), sub(ARGV[i], 2)
  if mark == 'w' then whole[text] = true else table.insert(marked[mark], text) end
end
local cached_heads, known_heads, left_out = marked.c, marked.k, marked.n
local function begins(key, heads)
  for j = 1, #heads do
    local head = heads[j]
    if sub(key, 1, #head) == head then return head end
  end
end
local page = redis.call('SCAN', ARGV[1], 'COUNT', count)
local keys = page[2]
local names, ttls, sizes, others, n = {}, {}, {}, 0, 0
local heads, order, foreign = {}, {}, 0
local last = cached_heads[1]
local size_of_last, due = #(last or ''), every > 0 and every or math.huge
for i = 1, #keys do
  local key = keys[i]
  local cached = sub(key, 1, size_of_last) == last
  if not cached then
    local head = begins(key, cached_heads)
    if head then cached, last, size_of_last = true, head, #head end
  end
  if cached then
    n = n + 1
    names[n] = key
    local ttl = pcall('PTTL', key)
    if type(ttl) == 'number' then ttls[n] = ttl else ttls[n] = -3 end
    if n >= due then
      due = n + every
      local size = pcall('MEMORY', 'USAGE', key)
      if type(size) == 'number' then
        sizes[#sizes + 1] = n - 1
        sizes[#sizes + 1] = size
      end
    end
  elseif begins(key, known_heads) or whole[key] then
    n = n + 1
    names[n] = key
    ttls[n] = -3
  else
    others = others + 1
    if not begins(key, left_out) then
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
"""ARGV: cursor, keys a call, measure every n-th key's size (0: none), then texts with a mark before each.

``c``: a beginning of names whose TTL is asked for; ``k``: one of other known names; ``w``: a whole known name; ``n``: a
beginning of names that belong to no layout and are left out (our own, and neighbours).

Answers {cursor, names, TTLs in ms, {index, bytes, index, bytes...}, how many other names it left out, how many of these
are of no known layout, {head, how many, head, how many...} of these}. -3 stands for a TTL that was not asked for or not
allowed; only names marked ``c`` are asked, since only theirs are shown. Heads are those of ``grammar.keys.head_of``; at
most 64 of them are told, the names of others are only counted. The beginning
that matched last is tried first, so that twenty rules cost little more than one.
"""

MAX_SCRIPT_COUNT: Final = 1_000
"""Keys of one call of the script, which asks for no more, whatever it is told."""
SCRIPTS: Final = frozenset({SWEEP_PAGE})


_CORE = """
    hello auth ping select client|setname client|id client|no-evict info dbsize time acl|whoami acl|dryrun
    scan type exists ttl pttl get mget strlen lrange llen object|encoding object|idletime memory|usage eval_ro
    subscribe psubscribe ssubscribe unsubscribe punsubscribe pubsub|channels pubsub|numsub pubsub|numpat
    slowlog|len slowlog|get latency|latest
    cluster|slots cluster|nodes cluster|info cluster|links asking readonly
"""
CORE: frozenset[str] = frozenset(_CORE.split())
"""Commands that do not depend on a value's type, in the words of the server's ACL.

docs/security.md has the login that the panes need (some of these and of BY_TYPE) and the rights that add detail.
"""

_BY_TYPE = "getrange hlen hmget lindex scard zcard zcount xlen hscan sscan zrange xrange"
BY_TYPE: frozenset[str] = frozenset(_BY_TYPE.split())
"""Sizes and bounded reads of other types. A value is shown with its type only where the login lacks them."""

OWN_KEY: frozenset[str] = frozenset({"set", "unlink"})
"""Only on one key of our own: ``integration_test:…``, set with a TTL of at most a minute."""
OWN_PREFIX = b"integration_test:"
OWN_SECONDS = 60

OBSERVER: frozenset[str] = CORE | BY_TYPE
OF_A_SENTINEL: frozenset[str] = frozenset(["hello", "auth", "ping", "client", "sentinel"])
"""All that a sentinel is sent; of SENTINEL the questions which server is the primary, and which are its replicas."""
_ASKED_OF_A_SENTINEL = (b"GET-MASTER-ADDR-BY-NAME", b"REPLICAS")

MAX_PATTERN_BYTES = 256
MAX_PATTERN_STARS = 3
MAX_SCAN_COUNT = 10_000
MAX_FIELDS = 4
"""Fields of a hash that are asked for at once: a bucket has two."""

Word = bytes | str | int | float | memoryview | bytearray

CommandCheck = Callable[[Sequence[Word]], tuple[Word, ...]]
"""Returns the words of a command as a connection may send them, and raises CommandRefused for others."""
_LISTED = frozenset(name.upper() for name in OBSERVER | OWN_KEY)
_PARENTS = frozenset(name.partition("|")[0] for name in _LISTED if "|" in name)


class CommandRefused(Exception):
    """A command was about to be sent that this connection may not send: a bug of this program, never an outage."""


def as_bytes(word: Word) -> bytes:
    """Return a word of a command as it is sent."""
    if isinstance(word, (bytes, bytearray, memoryview)):
        return bytes(word)
    return str(word).encode("utf-8", "surrogateescape")


def name_of_command(words: Sequence[Word]) -> str:
    """Return a command's name as the server's ACL writes it: ``GET``, ``CLIENT|SETNAME``.

    Raises:
        CommandRefused: The first word is not a text.
    """
    if not words or not isinstance(words[0], (str, bytes)):
        raise CommandRefused("not a command")
    name = as_bytes(words[0]).upper().decode("latin-1")
    if name in _PARENTS and len(words) > 1:
        return f"{name}|{as_bytes(words[1]).upper().decode('latin-1')}"
    return name


def check_database(words: Sequence[Word], db: int) -> None:
    """Check a SELECT.

    Raises:
        CommandRefused: It selects another database than ``db``.
    """
    if len(words) != 2 or as_bytes(words[1]) != str(db).encode():
        raise CommandRefused("another database than the configured one")


def cleared(args: Sequence[Word], db: int = 0) -> tuple[Word, ...]:
    """Return the words of a command that the observer may send. Send what is returned: that is what was checked.

    A first word such as ``CONFIG SET`` counts as two, because the client library would send it as two.

    Raises:
        CommandRefused: The command is not on the list.
    """
    if not args or not isinstance(args[0], (str, bytes)):
        raise CommandRefused("not a command")
    words: tuple[Word, ...] = (*as_bytes(args[0]).split(), *args[1:])
    name = name_of_command(words)
    if name in _LISTED:
        check = _CHECKS.get(name)
        if check:
            check(words, db)
        return words
    raise CommandRefused(f"{name[:40]!r} is not on the observer's list")


def cleared_for_sentinels(args: Sequence[Word]) -> tuple[Word, ...]:
    """Return the words of a command that a sentinel may be sent.

    Raises:
        CommandRefused: It asks for something else than which server is the primary.
    """
    words = tuple(args)
    name = name_of_command(words).partition("|")[0].lower()
    question = as_bytes(words[1]).upper() if len(words) > 1 else b""
    if name not in OF_A_SENTINEL or (name == "sentinel" and question not in _ASKED_OF_A_SENTINEL):
        raise CommandRefused(f"{name[:40]!r} is not sent to a sentinel")
    return words


def _check_script(words: tuple[Word, ...], db: int) -> None:
    if len(words) < 3 or as_bytes(words[1]) not in SCRIPTS or as_bytes(words[2]) != b"0":
        raise CommandRefused("a script that is not one of ours")


def _check_scan(words: tuple[Word, ...], db: int) -> None:
    options = [as_bytes(word) for word in words[2 if name_of_command(words) == "SCAN" else 3 :]]
    for option, value in zip(options[::2], options[1::2], strict=False):
        if option.upper() == b"MATCH" and (
            len(value) > MAX_PATTERN_BYTES or value.replace(rb"\*", b"").count(b"*") > MAX_PATTERN_STARS
        ):
            raise CommandRefused("a pattern too long or with too many stars")
        if option.upper() == b"COUNT" and (not value.isdigit() or len(value) > 5 or int(value) > MAX_SCAN_COUNT):
            raise CommandRefused("a scan of too many keys a call")


def _check_fields(words: tuple[Word, ...], db: int) -> None:
    if len(words) > 2 + MAX_FIELDS:
        raise CommandRefused("HMGET of more fields than a bucket has")


def _check_single(words: tuple[Word, ...], db: int) -> None:
    if len(words) != 2:
        raise CommandRefused("EXISTS of several keys: their hits and misses could not be told apart")


def _check_set(words: tuple[Word, ...], db: int) -> None:
    plain = [as_bytes(word) for word in words]
    if len(plain) != 5 or not plain[1].startswith(OWN_PREFIX) or plain[3].upper() != b"EX":
        raise CommandRefused("SET is allowed only for the integration test's own key, with a TTL")
    if not plain[4].isdigit() or not 0 < int(plain[4][:9]) <= OWN_SECONDS:
        raise CommandRefused("SET without a TTL of at most a minute")


def _check_unlink(words: tuple[Word, ...], db: int) -> None:
    if len(words) != 2 or not as_bytes(words[1]).startswith(OWN_PREFIX):
        raise CommandRefused("UNLINK of anything but the integration test's own key")


_CHECKS = {
    "SET": _check_set,
    "UNLINK": _check_unlink,
    "EVAL_RO": _check_script,
    "SELECT": check_database,
    "SCAN": _check_scan,
    "HSCAN": _check_scan,
    "SSCAN": _check_scan,
    "EXISTS": _check_single,
    "HMGET": _check_fields,
}
