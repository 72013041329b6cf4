"""Lengths of readings, waits and windows: values that no user sets, and that tests make shorter."""

from msgspec import Struct


class Tuning(Struct, frozen=True, kw_only=True):
    """The values, passed along with the settings; see ``Context.tuning``."""

    metrics_every_seconds: float = 10.0
    """Between two readings of the gateway's /metrics, once the first ones are done."""
    rate_minutes: float = 0.5
    """What the hit rate calls "now": a window of many minutes forgets a fault as slowly as it notices one."""
    lately_minutes: float = 1.5
    """The longer of the two spans that tell whether a window's trouble has ended, for few requests."""
    counted_minutes: float = 1.5
    """What playbooks call "now" of what /metrics counts."""
    apart_seconds: float = 0.2
    """At least so long between two looks of one tool at /metrics."""
    slope_seconds: float = 2.0
    """Between the first and the last reading of counters whose pace is judged."""
    tool_seconds: float = 8.0
    """The deadline of a tool."""
    least_step_seconds: float = 5.0
    """Between two samples of a range query of Prometheus, at least."""
    idle_seconds: float = 180.0
    """Without a key for so long, an armed dashboard is disarmed."""
    ping_room_ms: float = 5.0
    """An action halts where PING takes longer than twice the slowest time before it, and this much more than usual."""
    ping_most_ms: float = 20.0
    """The most that PING may take more than usual before an action halts."""
    replicas_seconds: float = 2.0
    """How long an action waits after a batch until its replicas have it; without that the batch counts as unknown."""
    unkept_seconds: float = 3.0
    """That samples are not written to the disk is said once it lasts so long."""
    drill_pause_seconds: tuple[float, float] = (4.0, 15.0)
    """The least and the most seconds before a drill's fault comes; the time is drawn for each drill."""
    drill_hold_seconds: float = 15.0
    """A drill's fault is gone once its findings stayed away for so long. By then, a counter that was only emptied is
    full again."""
    drill_look_seconds: float = 0.5
    """A drill looks so often at what is there."""
    few_keys: int = 20_000
    """Up to so many keys, one sweep finds counters and cache keys alike, and counters need no search of their own."""
    still_seconds: float = 60.0
    """Between two scans for names, at least so often while the server tells that nothing was written."""
    renew_seconds: float = 10.0
    """So old a report of the names is before it is handed on again as of the server's word that nothing was written."""
    most_trips: int = 5_000
    """Round trips that the command log keeps, and commands and bytes in them."""
    most_logged_commands: int = 50_000
    most_logged_bytes: int = 8 * 1024 * 1024


TUNING = Tuning()
"""The values outside of tests."""
