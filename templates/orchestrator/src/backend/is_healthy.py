"""`python -m backend.is_healthy URL`: exit 0 where the URL answers 200, 1 otherwise. For containers, which have no curl."""

import sys

import httpx


def main(url: str) -> int:
    """Return the exit code."""
    try:
        return 0 if httpx.get(url, timeout=2, trust_env=False).status_code == 200 else 1
    except httpx.HTTPError:
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
