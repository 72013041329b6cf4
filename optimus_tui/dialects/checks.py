"""Checks of the tables of a profile that need more than their types: feeds and services."""

import re

from optimus_tui.dialects.model import FeedRule, ServiceProfile
from optimus_tui.dialects.places import DialectError, FilePlace

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


def check_service(service: ServiceProfile, place: FilePlace, name: str) -> None:
    """Check the table that says how a service is asked, beyond the types of its values.

    Args:
        service: The table.
        place: The place of the profile in its file.
        name: The table's name, as ``gateway``.

    Raises:
        DialectError: The table has a mistake.
    """
    for key in ("health", "metrics", "cache_metrics", "limits"):
        if (path := getattr(service, key)) and not path.startswith("/"):
            raise DialectError(f'{place.key(name, key)}: {name}.{key} is a path and begins with "/"')
        if path in service.never:
            where = place.key(name, key)
            raise DialectError(f"{where}: {name}.{key} is one of the paths that are never asked: name another one")
    if service.tls_key and not service.tls_cert:
        raise DialectError(f"{place.key(name, 'tls_key')}: {name}.tls_key needs {name}.tls_cert too")
    if service.tls_ca and not service.tls_verify:
        raise DialectError(
            f"{place.key(name, 'tls_verify')}: {name}.tls_verify = false trusts everybody, so {name}.tls_ca has no "
            "meaning: keep one of them"
        )
    if service.header_env and not _VARIABLE.fullmatch(service.header_env):
        raise DialectError(
            f"{place.key(name, 'header_env')}: {name}.header_env is the name of a variable that holds the header, "
            'as "OPTIMUS_GATEWAY_AUTH"; the header itself does not belong in a file'
        )


def check_feed(feed: FeedRule, where: str) -> None:
    """Check that a rule of a feed names its channels and places in the right form.

    Args:
        feed: The rule.
        where: Its place in the file.

    Raises:
        DialectError: The rule has a mistake.
    """
    if bool(feed.channel) == bool(feed.pattern):
        raise DialectError(f"{where} needs a channel or a pattern of channels, and not both")
    if set(feed.pattern) & set("?[\\"):
        raise DialectError(f"{where}: a pattern of channels may hold stars, no ? [ \\: list the channels one by one")
    if feed.sharded and not feed.channel:
        raise DialectError(f"{where}: sharded needs a channel, because no server matches patterns of sharded channels")
    for name in ("type", "tenant", "time", "key", "key_pattern"):
        if (pointer := getattr(feed, name)) and not pointer.startswith("/"):
            raise DialectError(f'{where}: {name} is a place in the JSON document and begins with "/", as "/{name}"')
