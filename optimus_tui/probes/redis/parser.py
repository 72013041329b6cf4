"""Parse replies of servers that may send anything, and name the exceptions that an unexpected answer causes."""

import re
from collections.abc import Sequence
from typing import Any, TypeVar

import hiredis
import msgspec
from redis._parsers import _AsyncHiredisParser
from redis._parsers.hiredis import NOT_ENOUGH_DATA
from redis.exceptions import ClusterDownError, InvalidResponse, NoPermissionError, RedisError, ResponseError
from redis.exceptions import ConnectionError as LostConnection

from optimus_tui.probes.redis.dialing import NodeAway, SlotLost

KILO, MEGA = 1024, 1024 * 1024
SMALL = 64 * KILO
"""Numbers, short words, counters, and the head of a value."""
SAMPLE = 256 * KILO
"""A few members of a value."""
REPORT = MEGA
"""INFO, and commands that are not listed."""
LOG = 16 * MEGA
"""The newest thousand events of the coherence log."""
NAME = 4 * KILO
"""A key's name, with a wide margin."""

_SMALL = (
    "AUTH PING SELECT DBSIZE TIME EXISTS TTL PTTL STRLEN LLEN HLEN SCARD ZCARD ZCOUNT XLEN TYPE GET HMGET LINDEX "
    "GETRANGE OBJECT MEMORY SET UNLINK DEL EXPIRE PEXPIRE PERSIST WATCH UNWATCH MULTI DISCARD PSUBSCRIBE SUBSCRIBE "
    "SSUBSCRIBE"
)
_CAPS = {
    **dict.fromkeys(_SMALL.split(), SMALL),
    **dict.fromkeys(("HELLO", "CLIENT", "ACL", "HSCAN", "SSCAN", "ZRANGE", "XRANGE"), SAMPLE),
    **dict.fromkeys(("INFO", "LATENCY"), REPORT),
    **dict.fromkeys(("SLOWLOG", "PUBSUB", "EXEC"), 4 * MEGA),
    "LRANGE": LOG,
}
MAX_ELEMENTS = 1_000_000
"""All lists of one reply together; the largest page has some ten thousand."""
MAX_DEPTH = 16
"""A slow log has three levels."""
MAX_LINE = 64 * 1024
LONGEST_HEAD = 32
"""Bytes of the longest beginning of a list; it may arrive in two pieces."""
_LIST_HEAD = re.compile(rb"\n[*~>%|]([0-9]{1,20})")
MOST_PUSHES = 10_000
"""Pushes before one reply. Our login subscribes to nothing, so a server that sends more cannot be read."""
OF_A_NODE: tuple[type[Exception], ...] = (NodeAway, SlotLost, ClusterDownError)
"""What part of a cluster answers, or fails to, for its own keys."""
_OF_SOME: tuple[type[Exception], ...] = (NoPermissionError, *OF_A_NODE)
T = TypeVar("T")
UNFORESEEN: tuple[type[Exception], ...] = (
    *(TypeError, ValueError, LookupError, AttributeError, ArithmeticError, AssertionError, MemoryError),
    *(RecursionError, StopIteration, StopAsyncIteration),
)


def reply_cap(words: Sequence[Any]) -> int:
    """Return how many bytes the reply to this command may hold."""
    name = name_of(words).upper().split(" ")[0]
    if name == "SCAN":
        return max(REPORT, _number_after(words, "COUNT", 10) * NAME)
    if name == "EVAL_RO":
        return max(4 * MEGA, _number_at(words, 4, 250) * NAME)
    if name == "MGET":
        return SMALL + len(words) * NAME
    return _CAPS.get(name, REPORT)


def name_of(words: Sequence[Any]) -> str:
    """Return the command's name. It is safe to show, because only commands of a list are sent."""
    return _text(words[0])


def _number_after(words: Sequence[Any], option: str, usual: int) -> int:
    names = [_text(word).upper() for word in words]
    if option in names:
        return _number_at(words, names.index(option) + 1, usual)
    return usual


def _number_at(words: Sequence[Any], at: int, usual: int) -> int:
    text = _text(words[at]) if at < len(words) else ""
    if text.isdigit() and len(text) < 10:
        return min(int(text), 10_000)
    return usual


def _text(word: Any) -> str:
    if isinstance(word, (bytes, bytearray)):
        return word.decode("latin-1")
    return str(word)


class Unbounded(Exception):
    """The reply announces more than a valid one can have. The message says what, as safe text."""


class ReplyHeads:
    """Checks the sizes that the replies of one connection announce. Call ``check`` with all received data, in order."""

    def __init__(self) -> None:
        self._quick = False
        self.begin(quick=False)

    def begin(self, *, quick: bool = True) -> None:
        """Begin between two replies, with the commands that were sent now.

        Args:
            quick: Search for the beginnings of lists instead of reading each element, which takes a hundredth of the
                time. Names may hold what looks like a list: if that makes too many, the data is read by elements.
        """
        self._rest, self._open = b"", list[int]()
        self._skip = self._announced = 0
        self._quick, self._tail, self._seen = quick, b"\n", list[bytes]()
        self._lists = self._elements = 0

    def check(self, data: bytes) -> None:
        """Check data before the parser gets it. Data that is not valid protocol is left to the parser.

        Raises:
            Unbounded: It announces more than the parser can handle.
        """
        if self._quick:
            self._seen.append(data)
            if self._few_lists(data):
                return
            data, self._seen, self._quick = b"".join(self._seen), [], False
        self._follow(data)

    def _few_lists(self, data: bytes) -> bool:
        text = self._tail + data
        sizes = _LIST_HEAD.findall(text)
        self._tail = text[-LONGEST_HEAD:]
        self._lists += len(sizes)
        self._elements += 2 * sum(map(int, sizes))
        return self._lists <= MAX_DEPTH and self._elements <= MAX_ELEMENTS

    def _follow(self, data: bytes) -> None:
        if self._rest:
            data, self._rest = self._rest + data, b""
        at, end = 0, len(data)
        while at < end:
            if self._skip:
                step = min(self._skip, end - at)
                at, self._skip = at + step, self._skip - step
                if not self._skip:
                    self._close()
                continue
            stop = data.find(b"\r\n", at)
            if stop < 0:
                self._rest = data[at:]
                if len(self._rest) > MAX_LINE:
                    raise Unbounded("a line without end")
                return
            self._head(data[at : at + 1], data[at + 1 : min(stop, at + 24)])
            at = stop + 2

    def _head(self, kind: bytes, text: bytes) -> None:
        if kind not in (b"$", b"=", b"!", b"*", b"~", b">", b"%", b"|"):
            self._close()
            return
        try:
            size = int(text)
        except ValueError:  # the parser says so, too
            return
        if kind in (b"$", b"=", b"!"):
            self._skip = size + 2 if size >= 0 else 0
        else:
            size *= 2 if kind in (b"%", b"|") else 1
            self._announced += max(size, 0)
            if size > 0:
                self._open.append(size)
        if self._announced > MAX_ELEMENTS:
            raise Unbounded("an answer of more than a million elements")
        if len(self._open) > MAX_DEPTH:
            raise Unbounded("lists within lists within lists")
        if size < 0 or (size == 0 and kind not in (b"$", b"=", b"!")):
            self._close()

    def _close(self) -> None:
        """Record the end of one element, and with the last one of a list the end of the list."""
        while self._open:
            self._open[-1] -= 1
            if self._open[-1]:
                return
            self._open.pop()
        self._announced = 0


class UnreadableReply(InvalidResponse):
    """The library's parser failed on the server's bytes; ``__cause__`` says why."""


class ReplyTooLarge(InvalidResponse):
    """The reply is larger than an answer to its command can be; the connection is dropped."""

    def __init__(self, command: str, cap: int) -> None:
        super().__init__(f"{command} was answered with more than {cap:,} bytes")
        self.command, self.cap = command, cap


class PatientParser(_AsyncHiredisParser):
    """The library's parser with a limit for the size of replies. ``expect`` sets the limit of the next one."""

    def __init__(self, socket_read_size: int) -> None:
        super().__init__(socket_read_size)
        self._command, self._cap, self._taken = "", REPORT, 0

    @classmethod
    def parse_error(cls, response: str) -> Exception:
        """Return the exception for an error reply, also for one that the library cannot read, like ``MOVED 1``.

        The reader calls this in the middle of a reply. Were it to raise twice within one reply, the reader would go on
        with an exception pending, and a map that follows would end the process with a segmentation fault.
        """
        try:
            return super().parse_error(response)  # type: ignore[no-untyped-call, no-any-return]
        except Exception:
            return ResponseError(response)

    def on_connect(self, connection: Any) -> None:
        """Forget everything about the last connection."""
        super().on_connect(connection)  # type: ignore[no-untyped-call]
        self._taken, self._heads = 0, ReplyHeads()

    def begin(self) -> None:
        """Begin between two replies: commands are sent, and no other reply is due."""
        self._heads.begin()

    def expect(self, command: str, cap: int) -> None:
        """Limit the next reply, the pushes before it and what is read together with it to ``cap`` bytes."""
        self._command, self._cap = command, cap

    async def read_response(self, disable_decoding: bool = False, push_request: bool = False) -> Any:
        """Return the next reply.

        Raises:
            RedisError: The server answered with an error, or with something that cannot be read.
            OSError: The connection failed.
        """
        if not self._connected:
            raise LostConnection("Connection closed by server.")
        for _ in range(MOST_PUSHES):
            response = await self._next(disable_decoding)
            if isinstance(response, hiredis.PushNotification) and not push_request:
                continue
            self._taken = 0  # what was read together with it counts for the next: at most one read
            return self._checked(response)
        raise UnreadableReply("thousands of unrequested messages")

    def arrived(self) -> Any:
        """Return the next reply if it was received whole with what was read before, else NOT_ENOUGH_DATA.

        Raises:
            RedisError: As ``read_response`` does.
        """
        response = self._received(False) if self._connected else NOT_ENOUGH_DATA
        if response is NOT_ENOUGH_DATA or isinstance(response, hiredis.PushNotification):
            return NOT_ENOUGH_DATA
        self._taken = 0
        return self._checked(response)

    async def _next(self, disable_decoding: bool) -> Any:
        while (response := self._received(disable_decoding)) is NOT_ENOUGH_DATA:
            await self.read_from_socket()
        return response

    def _received(self, disable_decoding: bool) -> Any:
        reader: Any = self._reader
        try:
            if disable_decoding:
                return reader.gets(False)
            return reader.gets()
        except RedisError:
            raise
        except Exception as error:
            raise UnreadableReply(f"an answer that cannot be read ({type(error).__name__})") from error

    async def read_from_socket(self) -> bool:
        """Read what has arrived, if it is no more than the reply may have."""
        stream: Any = self._stream
        data: bytes = await stream.read(self._read_size)
        if not data:
            raise LostConnection("Connection closed by server.")
        self._taken += len(data)
        if self._taken > self._cap + self._read_size:
            raise ReplyTooLarge(self._command, self._cap)
        try:
            self._heads.check(data)
        except Unbounded as error:
            raise UnreadableReply(str(error)) from error
        reader: Any = self._reader
        reader.feed(data)
        return True

    def _checked(self, response: Any) -> Any:
        """Raise the errors that the server reports about the connection itself."""
        if isinstance(response, LostConnection):
            raise response
        if isinstance(response, list) and response and isinstance(response[0], LostConnection):
            raise response[0]
        return response


def is_wrong_type(reply: object) -> bool:
    """Return True if a reply is the error WRONGTYPE: the key has another type than the command needs."""
    return isinstance(reply, ResponseError) and str(reply).startswith("WRONGTYPE")


def raise_general(replies: Sequence[object], step: int = 1) -> None:
    """Raise the first error among the replies that concerns more than one key.

    A missing right is general if it is missing for every key. The loss of one node of a cluster concerns only its keys.

    Args:
        replies: The replies, in the order of the keys.
        step: How many commands were sent for each key.
    """
    if replies and all(isinstance(reply, OF_A_NODE) for reply in replies):
        away: Any = replies[0]
        raise away
    for reply in replies:
        if isinstance(reply, Exception) and not is_wrong_type(reply) and not isinstance(reply, _OF_SOME):
            raise reply
    for command in range(step):
        column = replies[command::step]
        if column and all(isinstance(reply, NoPermissionError) for reply in column):
            denied: Any = column[0]
            raise denied


def shaped(reply: object, shape: type[T]) -> T:
    """Return ``reply`` if it has the type ``shape``.

    Raises:
        InvalidResponse: It has another type.
    """
    try:
        return msgspec.convert(reply, shape)
    except msgspec.ValidationError as error:
        raise InvalidResponse(str(error)) from None


def whole_number(reply: object) -> int | None:
    """Return ``reply`` if it is a whole number, else None."""
    if isinstance(reply, int):
        return reply
    return None


def natural_number(reply: object) -> int | None:
    """Return ``reply`` if it is a whole number that is not negative, else None."""
    if isinstance(reply, int) and reply >= 0:
        return reply
    return None


def items_of(reply: object) -> list[Any]:
    """Return a reply that is a list.

    Raises:
        InvalidResponse: It is something else, which says nothing: not that there are no items.
    """
    if isinstance(reply, list):
        return reply
    raise InvalidResponse("a reply that should be a list is none")


def fields_of(row: Any) -> dict[Any, Any]:
    """Return the fields of a row of a reply, which is a map in RESP3 and a flat list of names and values in RESP2."""
    if isinstance(row, dict):
        return row
    return dict(zip(row[::2], row[1::2], strict=False))


def names_mismatch(reason: str) -> bool:
    """Return whether the TLS library says that a certificate is for another name."""
    return "mismatch" in reason.lower() or "not valid for" in reason.lower()


def certificate_remedy(reason: str, option: str) -> str:
    """Return what to do about a certificate that was not accepted.

    Args:
        reason: Why it was not, in the words of the TLS library.
        option: The setting that names the file of the authority.
    """
    words = reason.lower()
    if names_mismatch(reason):
        return "use a name of the certificate in the address"
    if "expired" in words or "not yet valid" in words:
        return "renew the certificate, or check this machine's clock"
    if "self" in words or "issuer" in words or "unable to get" in words:
        return f"name its authority with {option}"
    return "check the certificate, the CA file and the scheme"
