"""Where the services that the gateway depends on live.

Reads the environment at each call, so a test or a supervisor may move a service. Refuses names it does not know.
"""

import os
from urllib.parse import urlsplit

_SERVICES = {
    "ai_engine": ("AI_ENGINE_URL", "http://localhost:8010"),
    "redis": ("REDIS_URL", "redis://localhost:6379/0"),
}


class ServiceDirectory:
    """Names to URLs. A URL may hold a password: never log one."""

    def get_service_url(self, name: str) -> str:
        """Return the URL of a service without a trailing slash; LookupError for a name that is not known."""
        if name not in _SERVICES:
            raise LookupError(f"unknown service {name!r}; known are {', '.join(sorted(_SERVICES))}")
        variable, default = _SERVICES[name]
        return (os.environ.get(variable) or default).rstrip("/")

    def name_of(self, url: str) -> str:
        """Return the name of the service at a URL, or its host where it is none of ours."""
        place = urlsplit(url)
        for name in _SERVICES:
            known = urlsplit(self.get_service_url(name))
            if (known.scheme, known.netloc.rpartition("@")[2]) == (
                place.scheme,
                place.netloc.rpartition("@")[2],
            ):
                return name
        return place.hostname or "unknown"


services = ServiceDirectory()
