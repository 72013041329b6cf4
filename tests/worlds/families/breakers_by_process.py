"""Circuit breakers of several processes and several services: whose is open, and whether it is open now."""

from tests.worlds.catalogue import world
from tests.worlds.families.several_faults import summaries
from tests.worlds.traffic import answering, steady
from tests.worlds.world import World

TEN = steady(10)


@world(past=9)
async def two_breakers_of_which_one_healed(w: World) -> None:
    """billing's breaker was open from minute two to five, mail's opened 40 s ago: mail is open now, billing was."""
    p = answering(TEN).shows("circuit_breaker_state", lambda t: 2 * (120 < t < 300), service="billing")
    w.gateway.runs(p.shows("circuit_breaker_state", lambda t: 2 * (t > 500), service="mail"))
    await w.record(minutes=9)
    answers = await summaries(w)
    answers["circuit_breaker"] = await w.trouble("circuit_breaker", minutes=10)
    for name, answer in answers.items():
        w.found(f"{name}: mail", answer, "mail", rule="breaker.open", least="high")
        w.not_found(f"{name}: billing is closed", answer, "billing", rule="breaker.open", least="low")
        w.not_found(f"{name}: the engine is not blamed", answer, "ai_engine", rule="breaker", least="low")


@world(past=10)
async def breaker_that_comes_and_goes(w: World) -> None:
    """The breaker opens for 20 s in each minute and is closed at the moment: that it was open is told."""
    w.gateway.runs(answering(TEN).shows("circuit_breaker_state", lambda t: 2 * (t % 60 < 20), service="ai_engine"))
    await w.record(minutes=9.6)
    answer = await w.trouble("circuit_breaker", minutes=8)
    w.found("troubleshoot", answer, "open", rule="breaker", least="low")
    w.not_found("it is not open now", answer, rule="breaker.open", least="low")


@world(past=8)
async def one_of_three_workers_has_an_open_breaker(w: World) -> None:
    """Three workers with starts of their own; in the third the breaker to the engine is open."""
    for born, state in ((-4000.0, 0), (-3000.0, 0), (-2000.0, 2)):
        w.gateway.runs(answering(steady(4), born=born).shows("circuit_breaker_state", state, service="ai_engine"))
    await w.record(minutes=8)
    answers = {f"{name} {turn}": one for turn in range(2) for name, one in (await summaries(w)).items()}
    answers["circuit_breaker"] = await w.trouble("circuit_breaker", minutes=5)
    for name, answer in answers.items():
        w.found(name, answer, "ai_engine", rule="breaker", least="high")


@world(past=8)
async def one_of_two_untold_workers_has_an_open_breaker(w: World) -> None:
    """Two workers that nothing tells apart; in one of them the breaker to mail is open: never cleared by turns."""
    for born, state in ((-40_000.0, 0), (-2000.0, 2)):
        p = answering(steady(4), born=born, started=False)
        w.gateway.runs(p.shows("circuit_breaker_state", state, service="mail"))
    await w.record(minutes=8)
    answers = {f"{name} {turn}": one for turn in range(2) for name, one in (await summaries(w)).items()}
    answers["circuit_breaker"] = await w.trouble("circuit_breaker", minutes=5)
    for name, answer in answers.items():
        w.found(name, answer, "mail", rule="breaker", least="high")


@world(past=8, healthy=True)
async def breaker_of_a_worker_that_was_replaced(w: World) -> None:
    """The old process' breaker was open when a deployment replaced it 30 s ago; the new one's is closed."""
    w.gateway.runs(answering(TEN, died=450).shows("circuit_breaker_state", 2, service="ai_engine"))
    w.gateway.runs(answering(TEN, born=451).shows("circuit_breaker_state", 0, service="ai_engine"))
    await w.record(minutes=8)
    for name, answer in (await summaries(w)).items():
        w.not_found(name, answer, rule="breaker.open", least="medium")


@world(past=6)
async def two_breakers_named_by_another_label(w: World) -> None:
    """``circuit_breaker_state{name="billing"}`` is open, the engine's is closed: the engine is not blamed."""
    p = answering(TEN).shows("circuit_breaker_state", 0, name="ai_engine", env="prod")
    w.gateway.runs(p.shows("circuit_breaker_state", 2, name="billing", env="prod"))
    await w.record(minutes=6)
    answers = await summaries(w)
    answers["circuit_breaker"] = await w.trouble("circuit_breaker", minutes=5)
    for name, answer in answers.items():
        w.found(name, answer, "billing", rule="breaker.open", least="high")
        w.not_found(f"{name}: the engine", answer, "engine", rule="breaker", least="low")
