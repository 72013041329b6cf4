"""Send each command to the primary that the sentinels name, because only they know which server it is."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple

from redis.exceptions import AuthenticationError, InvalidResponse, NoPermissionError, RedisError
from redis.exceptions import ConnectionError as LostConnection

from optimus_tui.clock import Clock
from optimus_tui.contract.cluster import Failover
from optimus_tui.probes.redis.dialing import NodeAway, SentinelsAway, Unproven
from optimus_tui.probes.redis.nodes import LOST_SERVER, MOST_FAILOVERS, Words, together, writes
from optimus_tui.probes.redis.parser import fields_of, items_of
from optimus_tui.probes.redis.replicas import ReplicaChoice
from optimus_tui.probes.redis.servers import Client, NodeClient, Servers
from optimus_tui.probes.redis.slots import NodeAddress
from optimus_tui.settings.model import RedisTarget

MOST_REPLICAS = 100
PROOF_SECONDS = 2.0
"""The greatest age of the sentinels' word on which server is the primary, as long as they answer."""
ASK_SECONDS = 0.6
"""They are asked again after this time: two tries, and what is drawn then, fit into ``PROOF_SECONDS``."""
LEAST_PATIENCE, MOST_PATIENCE, TIMES_USUAL = 0.5, 3.0, 5.0
"""A sentinel may take TIMES_USUAL times as long as the slowest answer of the last round, within these bounds."""


class WatchedReplica(NamedTuple):
    """A replica as a sentinel lists it; ``down`` is the sentinel's word, which we may not be able to try."""

    place: NodeAddress
    down: bool


class SentinelPrimary(Generic[Client]):
    """The primary that sentinels name. Most of those that answer must name the same address.

    A primary that was demoted still says that it is one, and accepts writes that will be lost, so it is not believed.
    The sentinels are asked again when their word is older than ``ASK_SECONDS``, and after each lost connection. One
    that answered before is asked twice before it counts as silent, because one answer may be lost on its way.
    """

    def __init__(
        self,
        target: RedisTarget,
        make: Callable[[RedisTarget], Client],
        ask: Callable[[RedisTarget], NodeClient],
        clock: Clock,
    ) -> None:
        self.servers, self._target, self._clock = Servers(target, make), target, clock
        self.replicas = ReplicaChoice(self.servers, clock) if target.read_from == "replica" else None
        self._sentinels = {NodeAddress(*seed): ask(target.sentinel_at(*seed)) for seed in target.seeds}
        self._place: NodeAddress | None = None
        self._asked, self._doubted = float("-inf"), True
        self._patience = MOST_PATIENCE
        self._copies_of: tuple[NodeAddress | None, float] = (None, 0.0)
        self._proving = asyncio.Lock()
        self.failovers: tuple[Failover, ...] = ()
        self.answers: dict[NodeAddress, NodeAddress | BaseException | None] = {}
        """What each sentinel said last: the primary that it names, its error, or None where it knows none."""

    @property
    def place(self) -> NodeAddress | None:
        """Return the address of the primary that the sentinels agreed on last; None before the first time."""
        return self._place

    @property
    def word(self) -> tuple[object, ...]:
        """Return what they said last, to compare: the primary, and of each whom it names, or that it is silent."""
        silent = [isinstance(answer, BaseException) for answer in self.answers.values()]
        named = [None if away else answer for away, answer in zip(silent, self.answers.values(), strict=True)]
        return self._place, *silent, *named

    @property
    def login_refused(self) -> bool:
        """Return whether one of them refused the password: asking on with it can only do harm."""
        return any(isinstance(answer, AuthenticationError) for answer in self.answers.values())

    async def primary(self, *, now: bool = False, by_all: bool = False) -> Client:
        """Return the client of the primary.

        Args:
            now: Ask the sentinels, however new their last answer is.
            by_all: A majority of all sentinels must name it, not only of those that answer: needed for writing.

        Raises:
            Unproven: They do not name one, or do not agree.
            NodeAway: None of them answers.
        """
        async with self._proving:
            if now or self._doubted or self._clock.mono() - self._asked >= ASK_SECONDS:
                await self._ask()
            return self.servers.at(await self._proven(by_all))

    async def _ask(self) -> None:
        self._doubted = False
        try:
            told = await asyncio.gather(*map(self._word_of, self._sentinels))
        except BaseException:
            self._doubted = True
            raise
        answers = [answer for answer, _ in told]
        self.answers, self._asked = dict(zip(self._sentinels, answers, strict=True)), self._clock.mono()
        usual = [took for answer, took in told if not isinstance(answer, BaseException)]
        if usual:
            self._patience = min(MOST_PATIENCE, max(LEAST_PATIENCE, TIMES_USUAL * max(usual)))

    async def _proven(self, by_all: bool) -> NodeAddress:
        """Return the primary by the last answers, and take it in where it is another than before."""
        answers = self.answers.values()
        named = [answer for answer in answers if isinstance(answer, NodeAddress)]
        errors = [answer for answer in answers if isinstance(answer, BaseException)]
        votes = {place: named.count(place) for place in named}
        best = max(votes, key=votes.__getitem__, default=None)
        voters = len(self._sentinels) if by_all else len(self._sentinels) - len(errors)
        if best is None or 2 * votes[best] <= voters:
            raise self._unproven(len(named), errors)
        if best != self._place:
            await self._follow(best)
        if self.replicas is not None and self._copies_of != (best, self._asked):
            self._copies_of = best, self._asked
            await self._know_copies(best, self.replicas)
        return best

    async def _follow(self, best: NodeAddress) -> None:
        if self._place is not None:
            found = Failover(self._clock.wall(), str(self._place), str(best))
            self.failovers = (*self.failovers, found)[-MOST_FAILOVERS:]
            await self.servers.keep_only((best,))
        self._place = best

    async def _know_copies(self, primary: NodeAddress, choice: ReplicaChoice[Client]) -> None:
        """Take in the replicas; where they cannot be asked for, those known before stay, with the reason."""
        try:
            copies = {primary: tuple(copy.place for copy in await self.copies())}
        except (RedisError, OSError) as error:
            (first, *_) = self._sentinels.values()
            choice.know({primary: choice.copies.get(primary, ())}, NodeAway(first.target, error))
            return
        choice.know(copies)

    def _unproven(self, named: int, errors: Sequence[BaseException]) -> Exception:
        service = self._target.service
        if len(errors) == len(self._sentinels):
            (first, *_) = self._sentinels.values()
            return SentinelsAway(first.target, errors[0], len(errors))
        if not named:
            return Unproven("the sentinels watch nothing of that name")
        if errors:
            answered = f"{named} of {len(self._sentinels)} sentinels answer"
            return Unproven(f"{answered}, which does not prove the primary of {service}")
        return Unproven(f"the sentinels do not agree which server is the primary of {service}")

    async def _word_of(self, place: NodeAddress) -> "tuple[NodeAddress | BaseException | None, float]":
        """Return what one sentinel says, or its error, and the seconds that it took."""
        answer, took = await self._named_by(place)
        answered = place in self.answers and not isinstance(self.answers[place], BaseException)
        if answered and isinstance(answer, LOST_SERVER) and not isinstance(answer, AuthenticationError):
            return await self._named_by(place)
        return answer, took

    async def _named_by(self, place: NodeAddress) -> "tuple[NodeAddress | BaseException | None, float]":
        """Return the address that one sentinel names; the error where it does not answer, None where it knows none."""
        words = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._target.service)
        began = self._clock.mono()
        try:
            async with asyncio.timeout(self._patience):
                reply = await self._sentinels[place].execute_command(*words)
        except (RedisError, OSError) as error:
            return error, 0.0
        took = self._clock.mono() - began
        match reply:
            case [bytes(host), bytes(port)] if port.isdigit() and len(port) < 6:
                return self.servers.reach(host.decode("ascii", "replace"), int(port), place), took
        return None, took

    async def copies(self) -> tuple[WatchedReplica, ...]:
        """Return the replicas that the first sentinel to answer names; silent ones are asked last.

        Raises:
            RedisError: No sentinel answers.
            OSError: Likewise.
        """
        why: RedisError | OSError = LostConnection("no sentinel is known")
        silent = {place: answer for place, answer in self.answers.items() if isinstance(answer, BaseException)}
        for place, client in sorted(self._sentinels.items(), key=lambda one: one[0] in silent):
            if isinstance(known := silent.get(place), LOST_SERVER) and len(silent) == len(self._sentinels):
                raise known
            try:
                async with asyncio.timeout(self._patience):
                    reply = await client.execute_command("SENTINEL", "REPLICAS", self._target.service)
                return self._listed(reply, place)
            except NoPermissionError:
                raise  # the others have the same users
            except (RedisError, OSError) as error:
                why = error
        raise why

    def _listed(self, reply: object, sentinel: NodeAddress) -> tuple[WatchedReplica, ...]:
        """Return the replicas in a sentinel's reply.

        Raises:
            InvalidResponse: It is no list of servers, so that none is known; an empty list says that there are none.
        """
        found = []
        for row in items_of(reply)[:MOST_REPLICAS]:
            fields = fields_of(row) if isinstance(row, (dict, list)) else {}
            match fields:
                case {b"ip": bytes(host), b"port": bytes(port)} if port.isdigit() and len(port) < 6:
                    at = self.servers.reach(host.decode("ascii", "replace"), int(port), sentinel)
                    flags = fields.get(b"flags")
                    found.append(WatchedReplica(at, isinstance(flags, bytes) and b"_down" in flags))
                case _:
                    raise InvalidResponse("the reply to SENTINEL REPLICAS names a replica without an address")
        return tuple(found)

    async def reader(self) -> Client:
        """Return the client by which keys are read: that of the primary, or of a replica.

        Raises:
            NodeAway: No replica is in step with the primary.
            Unproven: The sentinels do not say which server is the primary, or do not agree.
        """
        primary = await self.primary()
        if self.replicas is None:
            return primary
        await self.replicas.look()
        assert self._place is not None
        place = self.replicas.of(self._place)
        if place is None:
            raise NodeAway(primary.target, self.replicas.cut_off(self._place))
        return self.servers.at(place)

    async def one(self, words: Words) -> Any:
        """Send one command and return its reply; raise the error if the reply is one."""
        (reply,) = await self.run([words])
        if isinstance(reply, BaseException):
            raise reply
        return reply

    async def run(self, commands: Sequence[Words]) -> list[Any]:
        """Send reading commands to the primary and return the replies in order, errors among them."""
        choose = self.primary if any(map(writes, commands)) else self.reader
        client = await choose()
        try:
            return await together(client, commands)
        except LOST_SERVER as error:
            self._doubted = True
            if any(map(writes, commands)) or await choose() is client:
                raise NodeAway(client.target, error) from None
            return await together(await choose(), commands)

    async def aclose(self) -> None:
        """Close all connections."""
        await self.servers.aclose()
        for client in self._sentinels.values():
            await client.aclose()
