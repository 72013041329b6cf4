"""The questions before an action: which one, on which keys, and the words that arm."""

from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, ClassVar

from msgspec import structs
from textual import on
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, SelectionList, Static
from textual.widgets.selection_list import Selection
from textual.worker import Worker, WorkerState

from optimus_tui.contract.actions import CACHE_TTL_SECONDS, ActionKind, ActionRequest, Plan, Refusal
from optimus_tui.contract.finding_rules import CACHE_NO_TTL, rule_of
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.incident import Stamp
from optimus_tui.contract.keyspace import (
    ALL_TENANTS,
    CacheReport,
    FeedEvent,
    FeedGap,
    GroupTotals,
    LimitRow,
    LimitsReport,
)
from optimus_tui.dialects.layout import key_of
from optimus_tui.probes.events.ring import MAX_CHANNEL
from optimus_tui.settings.tuning import TUNING
from optimus_tui.tui.actions.offers import SERVED, Offer, counter_offers
from optimus_tui.tui.dialogs.base import Dialog, FormDialog, QuestionDialog, QuestionField, about_lines
from optimus_tui.tui.key_gate import asking
from optimus_tui.tui.panes.cache.rows import KeyRow
from optimus_tui.tui.panes.health.lines import HealthLine
from optimus_tui.tui.widgets.fields import AnswerField, TickList, TypedInput
from optimus_tui.verdicts.limits.words import subject_of
from optimus_tui.wording.numbers import age, clause, plural
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.actions.service import ActionService
    from optimus_tui.tui.services import DashboardServices


MAX_TENANTS = 8
"""Tenants offered for a finding that sums up several."""
MAX_LISTED = 1_000
"""Keys of uncertain owner in the list; more are not read one by one."""
URGENT_STATES = ("immortal", "over", "broken", "near")
"""The states of the counters that stand above all others in a report."""
_TTL = age(CACHE_TTL_SECONDS)


def offers_for(
    row: object,
    limits: LimitsReport | None = None,
    cache: CacheReport | None = None,
    channels: bytes = b"",
    now: Stamp | None = None,
) -> list[Offer]:
    """Return the actions for a pane's row, the gentlest first; empty if the row is not about a single tenant.

    Args:
        row: The row of any pane, or a finding.
        limits: The last reading of the counters, in which a finding's tenants are looked up.
        cache: The last reading of the cache keys, likewise.
        channels: What stands before the tenant in the names of channels; empty where these tell no tenant.
        now: The present time, for when refusals end.
    """
    if isinstance(row, LimitRow):
        return counter_offers(row, now)
    finding = finding_of(row)
    if finding is not None:
        return finding_offers(finding, limits, cache, now)
    if isinstance(row, FeedEvent):
        tenant = tenant_of(row, channels)
        if tenant:
            return [_invalidation(tenant)]
        return []
    if isinstance(row, KeyRow):
        row = row.group
    if isinstance(row, GroupTotals) and row.tenant:
        return _cache_offers(row, row.tenant)
    return []


def finding_of(row: object) -> Finding | None:
    """Return the finding that a row is or shows; None for another row."""
    if isinstance(row, HealthLine):
        return row.finding
    if isinstance(row, Finding):
        return row
    return None


def marked_offers(rows: Sequence[object]) -> list[Offer] | str:
    """Return the actions for marked rows, or a sentence if no action fits all of them together.

    The gentlest that ends what users suffer comes first.

    Args:
        rows: The marked rows of one pane: counters, or cache keys, of one tenant.
    """
    counters = [row.counter for row in rows if isinstance(row, LimitRow)]
    keys = [row for row in rows if isinstance(row, KeyRow)]
    if len(rows) not in (len(counters), len(keys)):
        return "only counters or single cache keys can be acted on together: esc clears the marks"
    if any(counter.doubt or not counter.tenant for counter in counters):
        return "the tenant of a marked counter is not certain: unmark it first"
    tenants = {counter.tenant for counter in counters} | {row.group.tenant for row in keys}
    if len(tenants) > 1:
        return f"the marked rows are of {len(tenants):,} tenants, and an action is for one: esc clears the marks"
    tenant = next(iter(tenants), None)
    if not tenant:
        return "the marked rows are of no tenant: esc clears the marks"
    who = safe_text(tenant, 60)
    if keys:
        return [_marked_unlink(who, tenant, frozenset(row.name for row in keys))]
    only = frozenset(key_of(counter.key) for counter in counters)
    never = frozenset(key_of(counter.key) for counter in counters if counter.immortal and not counter.sliding)
    offers = [Offer(
        f"Reset {plural(len(only), 'marked counter')} of {who}", f"they start again at 0: full ones are {SERVED}",
        ActionRequest(kind="reset_counters", tenant=tenant, only=only),
    )]  # fmt: skip
    if never:
        full = any(isinstance(row, LimitRow) and row.refuses for row in rows)
        offers.insert(int(full), Offer(
            f"Repair {plural(len(never), 'marked counter')} of {who}",
            "those that never reset get a TTL of their window; the counts stay, and full ones refuse until it ends",
            ActionRequest(kind="repair_counter", tenant=tenant, only=never),
        ))  # fmt: skip
    return offers


def _marked_unlink(who: str, tenant: bytes, only: frozenset[bytes]) -> Offer:
    return Offer(
        f"Unlink {plural(len(only), 'marked cache key')} of {who}",
        "each is fetched again when it is requested",
        ActionRequest(kind="unlink_prefix", tenant=tenant, only=only),
    )


def why_none(row: object, known: Sequence[Finding] = ()) -> str:
    """Return why no action is offered for a row, in a sentence.

    Args:
        row: The row of any pane, or a finding.
        known: All findings, the worst first: the worst is named where the row's own needs nothing.
    """
    finding = finding_of(row)
    if finding is not None and rule_of(finding.rule).needs_nothing:
        worst = next((safe_text(one.message, 200) for one in known if one.severity != "low"), "")
        return f"nothing has to be done about this{clause(worst, '. The worst is: ', ' (i opens an incident on it)')}"
    if finding is not None:
        what = clause(safe_text(finding.remedy, 300), ". To do: ")
        return f"no built-in action fixes this{what} (i opens an incident)"
    if isinstance(row, HealthLine):
        return "no action here: there is no finding"
    if isinstance(row, FeedGap):
        return "no action here: a gap belongs to no tenant"
    if isinstance(row, FeedEvent):
        return "no action here: the event's channel does not name one tenant"
    if isinstance(row, LimitRow):
        if row.counter.tenant == ALL_TENANTS.encode():
            return "no action here: this counter is of all tenants together"
        return f"no action here: {row.counter.doubt or 'it is unknown whose counter this is'}"
    if isinstance(row, GroupTotals):
        return "no action for all tenants at once: open the kind (→) and put the cursor on one tenant"
    return "no action here: put the cursor on a counter, a tenant's cache keys, an event or a finding"


def tenant_of(event: FeedEvent, channels: bytes) -> bytes:
    """Return the tenant in the name of an event's channel; empty if the channel is cut or has no tenant.

    Args:
        event: The event.
        channels: What stands before the tenant in the names of channels; empty if these tell no tenant.
    """
    channel = event.channel
    whole = channels and channel.startswith(channels) and len(channel) < MAX_CHANNEL
    if whole:
        return channel[len(channels) :]
    return b""


def _invalidation(tenant: bytes) -> Offer:
    return Offer(
        f"Invalidate the cache of {safe_text(tenant, 60)}",
        "all kinds, and the gateways are told to drop theirs",
        ActionRequest(kind="invalidate_tenant", tenant=tenant),
    )


def _cache_offers(group: GroupTotals, tenant: bytes) -> list[Offer]:
    who, kind = safe_text(tenant, 60), safe_text(group.kind, 60)
    return [
        Offer(f"Set a TTL of {_TTL} on {kind} of {who} without one", "only keys that would never expire; they are kept",
              ActionRequest(kind="expire_no_ttl", tenant=tenant, cache_kind=group.kind)),
        Offer(f"Unlink {kind} of {who} without TTL", "only keys that would never expire",
              ActionRequest(kind="unlink_no_ttl", tenant=tenant, cache_kind=group.kind)),
        Offer(f"Unlink {kind} of {who} by prefix …", "asks how their names begin",
              ActionRequest(kind="unlink_prefix", tenant=tenant, cache_kind=group.kind)),
        _invalidation(tenant),
    ]  # fmt: skip


def finding_offers(
    finding: Finding, limits: LimitsReport | None, cache: CacheReport | None, now: Stamp | None = None
) -> list[Offer]:
    """Return the actions that cure a finding, those of the most affected tenant first; empty if there are none.

    A finding names its tenant as text, so the bytes of the name are looked up in the last readings. If two tenants look
    alike, neither is offered.

    Args:
        finding: A finding of the health report.
        limits: The last reading of the counters; None before the first.
        cache: The last reading of the cache keys; None before the first.
        now: The present time, for when refusals end.
    """
    rule = rule_of(finding.rule)
    if rule.limit_state and rule.cured_by and limits is not None:
        urgent = takewhile(lambda row: row.state in URGENT_STATES, limits.rows)  # the other rows may be a million
        rows = [row for row in urgent if row.state == rule.limit_state and not row.counter.doubt]
        named = [row for row in rows if subject_of(row) == finding.subject]
        if len(named) == 1:
            return counter_offers(named[0], now)
        if finding.subject == "several counters":
            return _of_tenants(rule.cured_by, rows)
        return []
    if finding.rule == CACHE_NO_TTL and cache is not None:
        return _without_ttl(cache)
    return []


def _of_tenants(kind: ActionKind, rows: Sequence[LimitRow]) -> list[Offer]:
    counts: dict[bytes, int] = {}
    for row in rows:
        if row.counter.tenant:
            counts[row.counter.tenant] = counts.get(row.counter.tenant, 0) + 1
    words = {
        "repair_counter": (
            "Repair the counters of {who}",
            "{count} without a TTL get one of their window; full ones refuse until it ends",
        ),
        "reset_counters": (
            "Reset all counters of {who}",
            "{count} used up; every operation starts again at 0, and is served at once",
        ),
    }[kind]
    return [
        Offer(
            words[0].format(who=safe_text(tenant, 60)),
            words[1].format(count=plural(count, "counter")),
            ActionRequest(kind=kind, tenant=tenant),
        )
        for tenant, count in sorted(counts.items(), key=lambda item: -item[1])[:MAX_TENANTS]
    ]


def _without_ttl(cache: CacheReport) -> list[Offer]:
    found = {
        (group.kind, group.tenant): group.without_ttl
        for kind in cache.kinds
        for group in kind.tenants
        if group.tenant and group.without_ttl
    }
    most = sorted(found.items(), key=lambda item: -item[1])[:MAX_TENANTS]
    named = [(f"{safe_text(kind, 40)} of {safe_text(tenant, 60)}", kind, tenant) for (kind, tenant), _ in most]
    counted = [f"{plural(count, 'key')} that would never expire" for _, count in most]
    return [
        *(
            Offer(
                f"Set a TTL of {_TTL} on {name} without one",
                f"{words}; they are kept",
                ActionRequest(kind="expire_no_ttl", tenant=tenant, cache_kind=kind),
            )
            for (name, kind, tenant), words in zip(named, counted, strict=True)
        ),
        *(
            Offer(
                f"Unlink {name} without TTL", words, ActionRequest(kind="unlink_no_ttl", tenant=tenant, cache_kind=kind)
            )
            for (name, kind, tenant), words in zip(named, counted, strict=True)
        ),
    ]


async def completed(dashboard: "DashboardServices", request: ActionRequest) -> ActionRequest | None:
    """Ask for the values that only the operator knows, and return the complete request; None if they were not given."""
    if request.kind == "unlink_prefix" and not request.prefix and request.only is None:
        about = f"Keys of {safe_text(request.tenant, 60)} whose names continue with this prefix after the tenant."
        answers = await dashboard.ask(QuestionDialog("Unlink by prefix", [QuestionField("Prefix")], about))
        if answers is None:
            return None
        return structs.replace(request, prefix=answers[0].encode("utf-8", "surrogatepass"))
    return request


class ArmDialog(FormDialog):
    """Asks for the environment's name and arms; dismisses with True once actions are armed, else None."""

    dialog_title = "Arm"
    dialog_keys = "enter arms   esc stays read-only"

    def __init__(
        self, action_service: "ActionService", environment: str, place: str, minutes: float, what: str = ""
    ) -> None:
        super().__init__()
        self.action_service, self.environment, self.place, self.minutes = action_service, environment, place, minutes
        self.what = what
        self._asking = False

    def body(self) -> list[Widget]:
        """Return the warning, and the field for the environment's name."""
        idle = TUNING.idle_seconds / 60
        about = (
            f"Actions may change {self.place} for {self.minutes:g} min, or until no key is pressed for {idle:g} min.\n"
            "Each action still shows exactly what it does, and asks before it does it.\n"
        )
        if self.what:
            about = f"For: {self.what}\n\n{about}"
        label = f"Type the environment's name, {safe_text(self.environment, 60)}"
        field = TypedInput(id="arm-name", max_length=120, compact=True)
        return [
            Static(Content(about), classes="card-about"),
            AnswerField(label, field, self._judge),
            Static(id="ask-wrong"),
        ]

    def would_lose(self) -> str:
        """Return nothing, because the environment's name is quickly typed again."""
        return ""

    def _judge(self, typed: str) -> str:
        if not typed.strip():
            return "name missing"
        if typed.strip() != self.environment:
            return f"not {safe_text(self.environment, 60)}"
        return ""

    def on_mount(self) -> None:
        """Focus the field."""
        self.query_one(TypedInput).focus()

    @on(TypedInput.PasteRefused)
    def _pasted(self) -> None:
        self.answers[0].refuse("pasted text is not taken: type it")

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._asking:
            self.say("still asking the server; enter is not needed again")
        elif not self.answers[0].is_refused():
            self.say("asking the server …")
            self.ask(event.value.strip())

    @asking("arm")
    async def ask(self, typed: str) -> None:
        """Arm, or show why not."""
        self._asking = True
        try:
            answer = await self.action_service.arm(typed, self.minutes)
        finally:
            self._asking = False
        if isinstance(answer, Refusal):
            self.say(answer.message + clause(answer.remedy, " · "))
            return
        if answer.note:
            self.app.notify(answer.note, markup=False, severity="warning")
        self.dismiss(True)

    @on(Worker.StateChanged)
    def _worker_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            self.say(f"stopped by a bug in this program; not armed. {self.optimus.keep_report(event.worker.error)}")


class IncludeDialog(Dialog):
    """Asks which uncertain keys to include; dismisses with them, or with None if it was left."""

    BINDINGS: ClassVar[list[BindingType]] = [("enter", "take", "take")]
    dialog_title = "Keys whose owner is not certain"
    dialog_keys = "space includes or leaves out   enter plans again   esc closes"

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.keys = plan.ambiguous[:MAX_LISTED]
        self.tenant, self.left_out = safe_text(plan.request.tenant, 60), len(plan.ambiguous) - len(self.keys)
        self.taken = frozenset(key.key for key in plan.keys) & frozenset(plan.ambiguous)

    def body(self) -> list[Widget]:
        """Return the question and the list of uncertain keys."""
        about = f"{plural(len(self.keys), 'key')} may be of {self.tenant} or of a tenant with the same beginning."
        if self.left_out:
            about += f" {self.left_out:,} more are left out."
        listed = [
            Selection(Content(safe_text(key, 200)), place, key in self.taken) for place, key in enumerate(self.keys)
        ]
        return [*about_lines(about), _List(*listed, id="body")]

    def action_take(self) -> None:
        """Include the ticked keys, and leave out the others of the list."""
        chosen: list[int] = self.query_one(SelectionList).selected
        self.dismiss(frozenset(self.keys[place] for place in chosen))


class _List(TickList):
    """Enter decides for the whole list, space for one key."""

    BINDINGS: ClassVar[list[BindingType]] = [("enter", "screen.take", ""), ("space", "select", "")]
