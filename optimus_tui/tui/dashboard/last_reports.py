"""What the panes read last, and the queue that gives reports to them.

At once what is urgent, the rest once in a while.
"""

from typing import TYPE_CHECKING, Any

from optimus_tui.contract.keyspace import LimitsReport
from optimus_tui.tui.services import DashboardServices

if TYPE_CHECKING:
    pass


def last_report(dashboard: DashboardServices, name: str) -> Any:
    """Return the last report of a pane whose source keeps readings (health, limits, cache). None before the first."""
    reading = dashboard.pane(name).reading
    if reading is None:
        return None
    return reading.value


def limits_report(dashboard: DashboardServices) -> LimitsReport | None:
    """Return the counters as last read. None before the first reading."""
    report: LimitsReport | None = last_report(dashboard, "limits")
    return report


def seen_tenants(dashboard: DashboardServices) -> list[bytes]:
    """Return the tenants that have counters now, as the bytes of their names."""
    report = limits_report(dashboard)
    if report is None:
        return []
    return [tenant.tenant for tenant in report.tenants if tenant.tenant]


def tenant_names(dashboard: DashboardServices) -> list[str]:
    """Return the tenants that a tool can be asked about: those of the configuration, then those with counters.

    A name that is not UTF-8 is left out.
    """
    names = [tenant.decode("utf-8", "replace") for tenant in seen_tenants(dashboard)]
    return list(dict.fromkeys([*dashboard.settings.tenants, *(name for name in names if "\ufffd" not in name)]))
