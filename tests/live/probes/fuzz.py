"""Random replies in the Redis protocol, valid and broken, for a server that answers anything to everything."""

import random

from tests.live.probes.scripted import LastWords

WORDS = (
    b"",
    b"OK",
    b"PONG",
    b"0",
    b"-1",
    b"nan",
    b"string",
    b"list",
    b"\xff\xfe",
    b"a" * 300,
    b"\x1b[2J",
    b"redis_version:7",
)
NUMBERS = (0, 1, -1, -2, 3, 60, 10**6, 2**62, -(2**62))
ERRORS = (
    b"ERR unknown command", b"WRONGTYPE Operation against a key", b"NOPERM no permission", b"LOADING", b"BUSY a script",
    b"MOVED 1 127.0.0.1:1", b"CLUSTERDOWN", b"MASTERDOWN", b"READONLY", b"OOM command not allowed", b"", b"\xff\xff",
    b"NOAUTH Authentication required.", b"EXECABORT", b"NOSCRIPT", b"ASK 1 h:1", b"TRYAGAIN", b"X" * 500,
)  # fmt: skip
INFO = (
    b"redis_version:7.0.15\r\nredis_mode:standalone\r\nrole:master\r\nrun_id:a\r\nused_memory:1000\r\nmaxmemory:0\r\n"
    b"connected_clients:1\r\nkeyspace_hits:1\r\nkeyspace_misses:2\r\nuptime_in_seconds:5\r\ndb0:keys=3,expires=1\r\n"
)
GARBAGE = (
    b"HTTP/1.1 200 OK\r\n\r\n", b"\x15\x03\x01\x00\x02\x02\x16", b"*-2\r\n", b"$-2\r\n", b"$99999999999999999999\r\n",
    b"*99999999999\r\n", b"\x00\x01\x02", b",not a number\r\n", b"(not a number\r\n", b"#x\r\n", b"$5\r\nab\r\n",
    b"%1\r\n*1\r\n:1\r\n:2\r\n", b"~1\r\n*1\r\n:1\r\n", b"%1\r\n%0\r\n:1\r\n", b"=3\r\ntxt\r\n", b"|1\r\n+a\r\n+b\r\n",
    b"*1\r\n" * 200 + b":1\r\n", b">2\r\n+message\r\n+x\r\n" * 50, b"%1\r\n+a\r\n", b":99999999999999999999999\r\n",
    b"\r\n", b"+" + b"x" * 3000 + b"\r\n", b"*2\r\n:1\r\n", b"",
)  # fmt: skip
"""Replies that are no protocol, end too early, or hold what Python cannot put into a dictionary."""


class Fuzzer:
    """Makes replies from one seed. ``served`` counts them; ``sane`` True answers as a small, healthy server would."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.served = 0
        self.sane = False

    def reply(self, words: list[bytes]) -> bytes | None:
        """The bytes for one command; None hangs up."""
        self.served += 1
        if self.sane:
            return sane(words)
        dice = self.random.random()
        if dice < 0.35:
            return sane(words)
        if dice < 0.5:
            garbage = self.random.choice(GARBAGE)
            return garbage if self.random.random() < 0.05 else LastWords(garbage)  # else each may cost a second
        if dice < 0.52:
            return None
        return self.value(0)

    def value(self, depth: int) -> bytes:
        """One well-formed value of RESP2 or RESP3."""
        kinds = ["bulk", "simple", "number", "null", "error", "double", "bool", "big", "push"]
        kind = self.random.choice(kinds if depth > 3 else [*kinds, "list", "list", "map", "set"])
        inner = [self.value(depth + 1) for _ in range(self.random.randint(0, 4))] if depth <= 3 else []
        word, number = self.random.choice(WORDS), self.random.choice(NUMBERS)
        made = {
            "bulk": b"$%d\r\n%s\r\n" % (len(word), word),
            "simple": b"+" + word.replace(b"\r", b"") + b"\r\n",
            "number": b":%d\r\n" % number,
            "null": self.random.choice((b"$-1\r\n", b"*-1\r\n", b"_\r\n")),
            "error": b"-" + self.random.choice(ERRORS) + b"\r\n",
            "double": self.random.choice((b",1.5\r\n", b",inf\r\n", b",nan\r\n", b",-inf\r\n")),
            "bool": self.random.choice((b"#t\r\n", b"#f\r\n")),
            "big": b"(3492890328409238509324850943850943825024385\r\n",
            "push": b">1\r\n+invalidate\r\n",
            "list": b"*%d\r\n" % len(inner) + b"".join(inner),
            "set": b"~%d\r\n" % len(inner) + b"".join(inner),
            "map": b"%%%d\r\n" % (len(inner) // 2) + b"".join(inner[: len(inner) // 2 * 2]),
        }
        return made[kind]


def sane(words: list[bytes]) -> bytes:
    """What a small, healthy server of the older protocol answers."""
    name = words[0].upper()
    if name == b"PSUBSCRIBE":
        return b"*3\r\n$10\r\npsubscribe\r\n$%d\r\n%s\r\n:1\r\n" % (len(words[1]), words[1])
    if name == b"SCAN":
        return b"*2\r\n$1\r\n0\r\n*2\r\n$20\r\nrate_limit:acme:chat\r\n$12\r\ncache:a:b:cc\r\n"
    answers = {
        b"HELLO": b"%1\r\n$5\r\nproto\r\n:3\r\n",
        b"PING": b"+PONG\r\n",
        b"INFO": b"$%d\r\n%s\r\n" % (len(INFO), INFO),
        b"DBSIZE": b":2\r\n",
        b"GET": b"$1\r\n7\r\n",
        b"MGET": b"*%d\r\n" % (len(words) - 1) + b"$1\r\n7\r\n" * (len(words) - 1),
        b"TTL": b":30\r\n",
        b"PTTL": b":30000\r\n",
        b"TYPE": b"+string\r\n",
        b"LRANGE": b"*0\r\n",
        b"LLEN": b":0\r\n",
        b"TIME": b"*2\r\n$10\r\n1700000000\r\n$1\r\n0\r\n",
        b"EVAL_RO": b"-ERR unknown command 'EVAL_RO'\r\n",
    }
    return answers.get(name, b"-ERR unknown command\r\n" if name not in (b"CLIENT", b"SELECT") else b"+OK\r\n")
