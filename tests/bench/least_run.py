"""The least program that asks what one tool asks: PING by redis-py and GETs by httpx, together, told as JSON by click.

It judges nothing, guards nothing and reads no settings: no tool of ours over these libraries can take less.
``python tests/bench/least_run.py REDIS_URL URL...``
"""

import gc
import sys

gc.set_threshold(200_000)
sys.modules.update(dict.fromkeys(("httpx._main", "opentelemetry")))  # type: ignore[arg-type]  # as our own start does

import asyncio  # noqa: E402

import click  # noqa: E402
import httpx  # noqa: E402
import msgspec  # noqa: E402
from redis.asyncio import Redis  # noqa: E402


async def ask(redis_url: str, urls: tuple[str, ...]) -> dict[str, str]:
    """Return what was answered, or the errors."""
    async with httpx.AsyncClient() as http, Redis.from_url(redis_url) as redis:
        found = await asyncio.gather(redis.ping(), *(http.get(url) for url in urls), return_exceptions=True)
    return {"found": repr(found)}


@click.command()
@click.argument("redis_url")
@click.argument("urls", nargs=-1)
def main(redis_url: str, urls: tuple[str, ...]) -> None:
    """Ask once and print it."""
    click.echo(msgspec.json.encode(asyncio.run(ask(redis_url, urls))))


if __name__ == "__main__":
    main()
