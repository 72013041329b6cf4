"""What is read is judged: each field that the probes tell of Redis is used by a verdict, or shown as said here.

A field that is neither is read for nothing, and what it says is taken for good. To add a field, judge it under
``verdicts/``, or name here the line that shows it.
"""

import re
from pathlib import Path

import msgspec
import pytest

from optimus_tui.contract.keyspace import CacheReport, FeedStatus, KeyDetail
from optimus_tui.contract.services import MemoryState, ServerState, SlowState
from optimus_tui.probes.cache_keys import Channels
from optimus_tui.verdicts.coherence.events import EventWindow

PACKAGE = Path(__file__).parents[2] / "optimus_tui"
RECEIVERS: dict[type, str] = {
    ServerState: r"(state|server|last)",
    MemoryState: r"memory",
    SlowState: r"slow",
    CacheReport: r"(report|cache)",
    KeyDetail: r"detail",
    EventWindow: r"(window|seen)",
    Channels: r"channels",
    FeedStatus: r"status",
}
"""What a value of each kind is called in ``verdicts/``."""

SHOWN_ONLY: dict[type, dict[str, str]] = {
    ServerState: {
        "mode": "tools/health.py: mode=value.mode",
        "product": "cli/doctor.py: state.product",
        "version": "tools/health.py: version=value.version",
        "latency_ms": "sampling/staleness.py: reading.value.latency_ms",  # its percentiles are judged
        "db": "tui/panes/health/memory.py: state.db",
        "keys": "tui/panes/health/memory.py: state.keys",
        "commands_per_second": "tui/panes/health/memory.py: state.commands_per_second",
        "node": "verdicts/cluster.py: node.node",
        "offset": "probes/cluster.py: node.offset",  # a replica's lag
        "written": "sampling/keys.py: look.value.written",  # when names are scanned again
        "heard_seconds": "tui/panes/health/nodes.py: node.heard_seconds",
        "loading_percent": "tui/panes/health/lines.py: state.loading_percent",  # its fault is judged
    },
    MemoryState: {
        "resident": "verdicts/playbooks/memory_leak.py: memory.resident",
        "dataset": "verdicts/playbooks/memory_leak.py: memory.dataset",
        "fragmentation": "verdicts/playbooks/memory_leak.py: memory.fragmentation",
        "largest_input": "verdicts/playbooks/memory_leak.py: memory.largest_input",
        "subscribers": "verdicts/playbooks/memory_leak.py: memory.subscribers",
    },
    SlowState: {},
    CacheReport: {
        "version": "tui/panes/cache/rows.py: report.version",  # when to lay the rows out anew
        "findings": "tui/panes/cache/pane.py: report.findings",  # the verdict itself
    },
    KeyDetail: {
        "key": "tools/coherence.py: detail.key",
        "type": "tools/coherence.py: detail.type",
        "ttl_ms": "tools/coherence.py: detail.ttl_ms",
        "immortal": "tools/coherence.py: detail.immortal",
        "gone": "tools/coherence.py: detail.gone",
        "bytes_used": "tools/coherence.py: detail.bytes_used",
        "taken_mono": "tui/panes/cache/lines.py: detail.taken_mono",
    },
    EventWindow: {
        "ahead": "tools/coherence.py: ahead=window.ahead",  # the margin of the auditor's verdict
    },
    Channels: {
        "subscribers": "tools/coherence_events.py: channels.subscribers",  # who hears whom: judged as "unheard"
        "patterns": "tools/coherence_events.py: channels.patterns",
    },
    FeedStatus: {
        "malformed": "tui/panes/feed/lines.py: status.malformed",  # judged in the log: coherence.malformed
        "gaps": "tui/panes/feed/lines.py: status.gaps",
        "retry_in": "tui/panes/feed/lines.py: status.retry_in",
        "bulk": "sampling/record.py: status.bulk",  # proofs count it; sampling/bulk.py judges the events themselves
    },
}


def _fields() -> list[tuple[type, str]]:
    return [(kind, field.name) for kind in RECEIVERS for field in msgspec.structs.fields(kind)]


def _verdicts() -> str:
    return "\n".join(path.read_text("utf-8") for path in sorted((PACKAGE / "verdicts").rglob("*.py")))


@pytest.mark.parametrize(("kind", "name"), _fields(), ids=lambda value: getattr(value, "__name__", value))
def test_each_field_is_judged_or_shown_where_this_page_says(kind: type, name: str) -> None:
    shown = SHOWN_ONLY[kind].get(name)
    if shown is not None:
        file, _, words = shown.partition(": ")
        assert words in (PACKAGE / file).read_text("utf-8"), f"{kind.__name__}.{name} is not shown there any more"
        return
    used = re.search(rf"\b{RECEIVERS[kind]}\.{name}\b", _verdicts())
    assert used, f"{kind.__name__}.{name} is read, and no verdict uses it: judge it, show it, or read it no more"


def test_the_list_names_no_field_that_is_gone() -> None:
    fields = set(_fields())
    assert not [
        (kind.__name__, name) for kind, names in SHOWN_ONLY.items() for name in names if (kind, name) not in fields
    ]
