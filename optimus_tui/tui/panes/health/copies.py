"""What ``Y`` copies of a line of the health pane: its finding, and shell commands that check it. Pure."""

from typing import Any

from optimus_tui.contract.findings import Finding
from optimus_tui.settings.model import Settings
from optimus_tui.wording.safe import curl, redis_cli


def copies(group: Any, finding: Finding | None, settings: Settings) -> list[tuple[str, str]]:
    """Return each text with its name.

    Args:
        group: The group of the line: the name of a dependency, or the key of a finding.
        finding: The finding of the line; None for none.
        settings: The settings, with the addresses and the paths that are asked.
    """
    gateway, redis, profile = settings.gateway_url, settings.redis, settings.profile
    paths = (
        ("health", profile.gateway.health),
        ("cache metrics", profile.gateway.cache_metrics),
        ("limits in force", profile.gateway.limits),
    )
    asked = {name: (f"curl: {name}", curl(gateway + path)) for name, path in paths if path}
    engine = [("curl: health", curl(settings.engine_url + profile.engine.health))]
    forms = {
        "gateway": list(asked.values()),
        "engine": engine if profile.engine.health else [],
        "redis": [("redis-cli PING", redis_cli(redis, ["PING"])), ("redis-cli INFO", redis_cli(redis, ["INFO"]))],
        "memory": [("redis-cli INFO memory", redis_cli(redis, ["INFO", "memory"]))],
        "hit rate": [
            *(asked[name] for name in asked if name == "cache metrics"),
            ("redis-cli INFO stats", redis_cli(redis, ["INFO", "stats"])),
        ],
        "postgres": [("psql", 'psql "$POSTGRES_DSN" -c "SELECT 1"')],
    }
    if finding is None:
        return forms.get(group, [])
    sentence = ("the finding", f"{finding.severity}: {finding.message} ({finding.rule})")
    return [sentence, *forms.get(finding.subject, [])]
