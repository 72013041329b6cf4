"""Totals of several groups of keys together, and their order."""

from optimus_tui.contract.keyspace import TTL_EDGES, GroupTotals


def size_then_name(totals: GroupTotals) -> tuple[int, bytes]:
    """Return what totals are sorted by: the larger ones come first."""
    if totals.tenant is None:
        return -totals.keys, totals.kind
    return -totals.keys, totals.tenant


def sum_of(kind: bytes, of: list[GroupTotals]) -> GroupTotals:
    """Return the totals of several groups. Keys of groups that were not measured count with the mean of the others."""
    known = [(one.keys, one.bytes_used) for one in of if one.bytes_used is not None]
    keys, measured = sum(one.keys for one in of), sum(count for count, _ in known)
    total = sum(taken for _, taken in known)
    return GroupTotals(
        kind=kind,
        tenant=None,
        keys=keys,
        without_ttl=sum(one.without_ttl for one in of),
        bytes_used=round(total * keys / measured) if measured else None,
        bytes_exact=len(known) == len(of) and all(one.bytes_exact for one in of),
        histogram=tuple(sum(one.histogram[index] for one in of) for index in range(len(TTL_EDGES) + 1)),
        sampled=any(one.sampled for one in of),
    )
