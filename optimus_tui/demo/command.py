"""The command ``optimus-tui demo``: start the demo, then the dashboard on it, or print its addresses and serve.

httpx, redis and textual are imported only by the dashboard.
"""

import importlib.util
import signal
import sys
from types import FrameType

import msgspec

from optimus_tui.demo.handle import DemoHandle
from optimus_tui.demo.names import DEFAULT, NAMES
from optimus_tui.settings.model import RedisTarget, Settings

USAGE, UNREACHABLE, INTERRUPTED = 2, 3, 130
REMEDY = "the demo needs more packages: pip install 'optimus-tui[demo]'"
_NEEDED = ("fastapi", "uvicorn", "prometheus_client")
_GENTLE = 10
"""Niceness of the demo's processes beside a dashboard, so that the dashboard paints first."""


class _Signalled(Exception):
    """SIGTERM or SIGHUP arrived; the argument is its number."""


def main(
    scenario: str = DEFAULT, headless: bool = False, base: Settings | None = None, drill: str = "", **overrides: object
) -> int:
    """Run the demo, or a drill in it, and return the exit code.

    Args:
        scenario: The first scenario.
        headless: Whether to print the addresses instead of showing the dashboard.
        base: The user's own settings (theme, keys, thresholds).
        drill: The drill to begin with; empty for none.
        overrides: Fields of Settings. Where the services are always comes from the demo.
    """
    if scenario not in NAMES:
        return _complain(f"no scenario {scenario!r}; there are {', '.join(NAMES)}", USAGE)
    if not all(importlib.util.find_spec(name) for name in _NEEDED):
        return _complain(REMEDY, USAGE)
    try:
        handle = DemoHandle(scenario, niceness=0 if headless else _GENTLE)
        handle.drill = drill
        if headless:
            handle.start()
    except OSError as error:
        return _complain(f"the demo cannot start: {error.strerror or error}", UNREACHABLE)
    try:
        if headless:
            return _serve(handle)
        from optimus_tui.tui.app import run  # The dashboard starts the demo after its first frame.

        return int(run(demo_settings(handle, base, **overrides), demo=handle))
    finally:
        handle.stop()


def demo_settings(handle: DemoHandle, base: Settings | None = None, **overrides: object) -> Settings:
    """Return the settings for a dashboard on this demo: its own environment, writable, none of the user's services."""
    fields: dict[str, object] = {
        "environment": "demo",
        "color": "success",
        "writable": True,
        **overrides,
        "overridden": (),
        "gateway_url": handle.urls.gateway,
        "engine_url": handle.urls.engine,
        "gateway_urls": (),
        "engine_urls": (),
        "redis": RedisTarget(host="127.0.0.1", port=handle.ports.server),
        "operator_redis": None,
        "postgres_dsn": None,
        "postgres_problem": "",
        "prometheus_url": None,
        "limits": None,
        "tenants": (),
    }
    base = base or Settings()
    sources = base.sources | dict.fromkeys(fields, "demo")
    return msgspec.structs.replace(base, **fields, sources=sources)


def _serve(handle: DemoHandle) -> int:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # Under nohup, SIGHUP stays ignored.
            signal.signal(number, _raise)
    try:
        _show_progress(handle)
        if not handle.failed:
            if handle.notice:
                sys.stderr.write(f"{handle.notice}\n")
            urls = handle.urls
            sys.stdout.write(f"export BACKEND_ORCHESTRATOR_URL={urls.gateway}\n")
            sys.stdout.write(f"export AI_ENGINE_URL={urls.engine}\n")
            sys.stdout.write(f"export REDIS_URL={urls.redis}\n")
            sys.stdout.flush()
        while not handle.failed:
            handle.changed.wait(3600)
            handle.changed.clear()
        return _complain(handle.failed, UNREACHABLE)
    except KeyboardInterrupt:
        return INTERRUPTED
    except _Signalled as signalled:
        return 128 + int(signalled.args[0])
    except BrokenPipeError:  # The reader of the addresses has ended.
        return INTERRUPTED
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _show_progress(handle: DemoHandle) -> None:
    """Show the progress until the demo is ready or has failed.

    On a terminal one line is rewritten; elsewhere each stage is a line.
    """
    terminal, shown = sys.stderr.isatty(), ""
    wipe = "\r\x1b[2K" if terminal else ""
    while not (handle.ready or handle.failed):
        if terminal:
            sys.stderr.write(f"{wipe}demo: {handle.progress} … {handle.elapsed:.1f} s")
        elif handle.progress != shown:
            shown = handle.progress
            sys.stderr.write(f"demo: {shown} …\n")
        sys.stderr.flush()
        handle.changed.wait(0.1 if terminal else None)
        handle.changed.clear()
    if handle.ready:
        sys.stderr.write(f"{wipe}demo: ready after {handle.elapsed:.1f} s, ctrl+c ends it\n")
    else:
        sys.stderr.write(wipe)


def _raise(number: int, _: FrameType | None) -> None:
    raise _Signalled(number)


def _complain(sentence: str | None, code: int) -> int:
    sys.stderr.write(f"optimus-tui demo: {sentence}\n")
    return code
