"""How patient the gateway is. Refuses to start on a value that is not a number or is out of range."""

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Seconds, counts and a share; each can be set by the environment variable named in `load_settings`."""

    engine_timeout_seconds: float = 5.0
    breaker_failure_share: float = 0.5
    breaker_minimum_calls: int = 10
    breaker_window_seconds: float = 10.0
    breaker_recovery_seconds: float = 10.0
    cache_ttl_seconds: int = 300


def load_settings() -> Settings:
    """Read the settings from the environment; ValueError names the variable that is wrong."""
    default = Settings()
    return Settings(
        engine_timeout_seconds=_number("AI_ENGINE_TIMEOUT_SECONDS", default.engine_timeout_seconds),
        breaker_failure_share=_number("BREAKER_FAILURE_SHARE", default.breaker_failure_share, most=1),
        breaker_minimum_calls=int(_number("BREAKER_MINIMUM_CALLS", default.breaker_minimum_calls)),
        breaker_window_seconds=_number("BREAKER_WINDOW_SECONDS", default.breaker_window_seconds),
        breaker_recovery_seconds=_number("BREAKER_RECOVERY_SECONDS", default.breaker_recovery_seconds),
        cache_ttl_seconds=int(_number("CACHE_TTL_SECONDS", default.cache_ttl_seconds)),
    )


def _number(variable: str, default: float, most: float = 86_400) -> float:
    text = os.environ.get(variable)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{variable} must be a number, not {text!r}") from None
    if not 0 < value <= most or (isinstance(default, int) and value != int(value)):
        kind = "a whole number" if isinstance(default, int) else "a number"
        raise ValueError(f"{variable} must be {kind} above 0 and at most {most:g}, not {text!r}")
    return value
