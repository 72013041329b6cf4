"""The reply of INFO into fields. Total: odd lines are skipped, a field that is not there is simply not there.

It refuses to interpret: numbers become numbers only where a caller asks for one.
"""

from collections.abc import Iterable, Mapping

MAX_FIELDS = 2000
MAX_AMOUNT = 2**63 - 1


def parse_info(reply: object) -> dict[str, str]:
    """Fields by name, raw text (undecodable bytes as ``\\xff``). Anything but bytes or text gives no fields."""
    if isinstance(reply, (bytes, bytearray)):
        text = bytes(reply).decode("utf-8", "backslashreplace")
    elif isinstance(reply, str):
        text = reply
    else:
        return {}
    fields: dict[str, str] = {}
    for line in text.split("\n"):
        name, colon, value = line.strip("\r").partition(":")
        if colon and name and not name.startswith("#"):
            fields.setdefault(name, value)
            if len(fields) >= MAX_FIELDS:
                break
    return fields


def whole(fields: Mapping[str, str], name: str) -> int | None:
    """The field as a whole number of at most 64 bits, else None."""
    value = fields.get(name, "")
    if len(value) > 20 or not value.lstrip("-").isascii() or not value.lstrip("-").isdigit():
        return None
    try:
        return int(value)
    except ValueError:
        return None


def amount(fields: Mapping[str, str], name: str) -> int | None:
    """The field as a number of things or bytes: whole, not negative, of at most 63 bits; else None."""
    value = whole(fields, name)
    return value if value is not None and 0 <= value <= MAX_AMOUNT else None


def senseless(fields: Mapping[str, str], names: Iterable[str]) -> tuple[str, ...]:
    """Those of ``names`` that are there and hold no ``amount``: what answers counts in no way that we know."""
    return tuple(name for name in names if name in fields and amount(fields, name) is None)


def real(fields: Mapping[str, str], name: str) -> float | None:
    """The field as a finite number, else None."""
    value = fields.get(name, "")
    try:
        number = float(value) if len(value) <= 32 else None
    except ValueError:
        return None
    return number if number is not None and abs(number) < 1e300 else None


def keys_in(fields: Mapping[str, str], db: int) -> int | None:
    """Keys of database ``db`` after INFO's keyspace section; None where the section says nothing about it."""
    return _in_keyspace(fields.get(f"db{db}", ""), "keys")


def expiring(fields: Mapping[str, str]) -> int | None:
    """Keys with a TTL in all databases after INFO's keyspace section; None where no database is told."""
    found = [
        _in_keyspace(value, "expires") for name, value in fields.items() if name[:2] == "db" and name[2:].isdigit()
    ]
    known = [number for number in found if number is not None]
    return sum(known) if known else None


def _in_keyspace(line: str, name: str) -> int | None:
    for part in line.split(","):
        key, equals, value = part.partition("=")
        if equals and key == name:
            return amount({name: value}, name)
    return None
