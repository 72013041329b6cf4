"""What is reachable from an object, to prove that a secret is held nowhere."""

import gc


def holds(root: object, canary: bytes) -> bool:
    texts = [one for one in reachable(root) if isinstance(one, (bytes, str))]
    return any(canary in (one if isinstance(one, bytes) else one.encode("utf-8", "replace")) for one in texts)


def reachable(root: object) -> list[object]:
    """Everything that ``root`` keeps alive, but for modules and classes."""
    found: dict[int, object] = {}
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if id(one) not in found and not isinstance(one, type) and type(one).__name__ not in ("module", "function"):
            found[id(one)] = one
            waiting += gc.get_referents(one)
    return list(found.values())
