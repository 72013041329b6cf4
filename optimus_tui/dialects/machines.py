"""Small automata over bytes, which match what a template matches, in order to compare templates with each other.

A set of bytes is an integer with one bit for each byte.
"""

from functools import lru_cache

from optimus_tui.dialects.template import LOOKS, Template

ALL = (1 << 256) - 1
"""Sets of bytes are whole numbers: bit 65 stands for "A"."""
_LIKED = b"xa1A/-"


def bit(byte: int) -> int:
    """Return the set of bytes (a bit mask, see ``ALL``) with only this one."""
    return 1 << byte


def liked(mask: int) -> int:
    """Return the byte of a set that is easiest to read in an example."""
    readable = next((byte for byte in _LIKED if mask >> byte & 1), None)
    if readable is not None:
        return readable
    printable = mask >> 33 & ((1 << 94) - 1)
    if printable:
        return 33 + (printable & -printable).bit_length() - 1
    return (mask & -mask).bit_length() - 1


class Machine:
    """A nondeterministic automaton. Each method appends the next part to it; it begins in state 0.

    Attributes:
        moves: For each state, pairs of a set of bytes and the state to which one of them leads.
        skips: For each state, the states that are reached without a byte.
        end: The state that accepts, once it is built.
    """

    def __init__(self) -> None:
        self.moves: list[list[tuple[int, int]]] = [[]]
        self.skips: list[list[int]] = [[]]
        self.end = 0

    def state(self) -> int:
        """Add a state without moves, and return its number."""
        self.moves.append([])
        self.skips.append([])
        return len(self.moves) - 1

    def literal(self, text: bytes) -> None:
        """Append exactly this text."""
        for byte in text:
            self.one(bit(byte))

    def one(self, mask: int) -> None:
        """Append one byte of a set."""
        after = self.state()
        self.moves[self.end].append((mask, after))
        self.end = after

    def some(self, mask: int) -> None:
        """Append one or more bytes of a set."""
        self.one(mask)
        self.moves[self.end].append((mask, self.end))

    def until(self, literal: bytes) -> None:
        """Append one or more bytes up to the first occurrence of the literal, and the literal."""
        states = [self.state() for _ in literal]
        self.moves[self.end].append((ALL & ~bit(literal[0]), states[0]))
        after = self.state()
        for progress, state in enumerate(states):
            other = ALL
            for byte in set(literal):
                other &= ~bit(byte)
                reached = _progress(literal, progress, byte)
                self.moves[state].append((bit(byte), after if reached == len(literal) else states[reached]))
            self.moves[state].append((other, states[0]))
        self.end = after

    def form(self, name: str) -> None:
        """Append what the check ``LOOKS[name]`` accepts, such as a hash."""
        _Form(LOOKS[name].pattern, self).read()


def _progress(literal: bytes, progress: int, byte: int) -> int:
    """Return how many bytes of the literal are matched after one more byte."""
    text = literal[:progress] + bytes([byte])
    return next(size for size in range(len(text), -1, -1) if literal.startswith(text[len(text) - size :]))


class _Form:
    """Builds what a pattern of ``LOOKS`` matches: literals, sets, groups, alternatives, ``?`` and ``{m,n}``."""

    def __init__(self, pattern: bytes, machine: Machine) -> None:
        self.pattern, self.machine, self.at = pattern, machine, 0

    def read(self) -> None:
        """Build one set of alternatives, up to the end or a closing bracket."""
        machine, begin = self.machine, self.machine.end
        ends = []
        while True:
            machine.end = machine.state()
            machine.skips[begin].append(machine.end)
            while self.at < len(self.pattern) and self.pattern[self.at : self.at + 1] not in (b"|", b")"):
                self._item()
            ends.append(machine.end)
            if self.pattern[self.at : self.at + 1] != b"|":
                break
            self.at += 1
        machine.end = machine.state()
        for end in ends:
            machine.skips[end].append(machine.end)

    def _item(self) -> None:
        start, group = self.at, self.pattern.startswith(b"(?:", self.at)
        mask = 0 if group else self._set()
        if group:
            self._skim()
        end = self.at
        least, most = self._times()
        after = self.at
        optional = []
        for turn in range(most):
            if turn >= least:
                optional.append(self.machine.end)
            if group:
                self.at = start + 3
                self.read()
                self.at = end
            else:
                self.machine.one(mask)
        self.at = after
        for state in optional:
            self.machine.skips[state].append(self.machine.end)

    def _skim(self) -> None:
        """Go behind the group that begins here; groups hold no groups."""
        self.at = self.pattern.index(b")", self.at) + 1

    def _set(self) -> int:
        if self.pattern[self.at : self.at + 1] != b"[":
            self.at += 1
            return bit(self.pattern[self.at - 1])
        end = self.pattern.index(b"]", self.at)
        inner, self.at = self.pattern[self.at + 1 : end], end + 1
        mask, at = 0, 0
        while at < len(inner):
            if inner[at + 1 : at + 2] == b"-" and at + 2 < len(inner):
                mask |= sum(bit(byte) for byte in range(inner[at], inner[at + 2] + 1))
                at += 3
            else:
                mask |= bit(inner[at])
                at += 1
        return mask

    def _times(self) -> tuple[int, int]:
        if self.pattern[self.at : self.at + 1] == b"?":
            self.at += 1
            return 0, 1
        if self.pattern[self.at : self.at + 1] != b"{":
            return 1, 1
        end = self.pattern.index(b"}", self.at)
        least, _, most = self.pattern[self.at + 1 : end].partition(b",")
        self.at = end + 1
        return int(least), int(most or least)


@lru_cache(maxsize=512)
def machine_of(template: Template) -> Machine:
    """Return an automaton for a template, with at least one byte in each capture.

    It accepts more than the template does in two cases: a capture has a form that contains the literal after it, or a
    capture stands behind the greedy one and before a literal of several bytes. So a name that is found with it has to
    be tried on the template itself.
    """
    machine, literals = Machine(), template.literals
    machine.literal(literals[0])
    for index, capture in enumerate(template.captures):
        following = literals[index + 1]
        if capture.looks:
            machine.form(capture.looks)
            machine.literal(following)
        elif capture.greedy:
            machine.some(ALL)
            machine.literal(following)
        elif index < template.free or (index == template.free and len(template.stop) > 1):
            machine.until(following)
        else:
            stop = template.stop if index == template.free else literals[index]
            machine.some(ALL & ~bit(stop[0]) if len(stop) == 1 else ALL)
            machine.literal(following)
    return machine
