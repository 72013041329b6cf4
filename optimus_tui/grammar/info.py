"""Parse the reply of INFO into fields. Odd lines are skipped; numbers are converted only by the accessors."""

from collections.abc import Iterable, Mapping

MAX_FIELDS = 2000
MAX_AMOUNT = 2**63 - 1


def parse_info(reply: object) -> dict[str, str]:
    r"""Return the fields by name as raw text (undecodable bytes as ``\xff``); empty for anything but bytes or text."""
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
    """Return the field as a whole number of at most 64 bits, else None."""
    value = fields.get(name, "")
    if len(value) > 20 or not value.lstrip("-").isascii() or not value.lstrip("-").isdigit():
        return None
    try:
        return int(value)
    except ValueError:
        return None


def amount(fields: Mapping[str, str], name: str) -> int | None:
    """Return the field as a non-negative whole number of at most 63 bits, else None."""
    value = whole(fields, name)
    if value is not None and 0 <= value <= MAX_AMOUNT:
        return value
    return None


def senseless(fields: Mapping[str, str], names: Iterable[str]) -> tuple[str, ...]:
    """Return those of ``names`` that are present but hold no valid ``amount``."""
    return tuple(name for name in names if name in fields and amount(fields, name) is None)


def real(fields: Mapping[str, str], name: str) -> float | None:
    """Return the field as a finite number, else None."""
    value = fields.get(name, "")
    try:
        number = float(value) if len(value) <= 32 else None
    except ValueError:
        return None
    if number is not None and abs(number) < 1e300:
        return number
    return None


def keys_in(fields: Mapping[str, str], db: int) -> int | None:
    """Return the number of keys in database ``db`` from INFO's keyspace section; None where it has no such line."""
    return _in_keyspace(fields.get(f"db{db}", ""), "keys")


def expiring(fields: Mapping[str, str]) -> int | None:
    """Return the number of keys with a TTL in all databases from INFO's keyspace section; None where it lists none."""
    found = [
        _in_keyspace(value, "expires") for name, value in fields.items() if name[:2] == "db" and name[2:].isdigit()
    ]
    known = [number for number in found if number is not None]
    if known:
        return sum(known)
    return None


def _in_keyspace(line: str, name: str) -> int | None:
    for part in line.split(","):
        key, equals, value = part.partition("=")
        if equals and key == name:
            return amount({name: value}, name)
    return None
