"""The feed's bar: 20,000 events a second for 30 s, every one counted, with the screen's thread idle and half busy.

Run by hand: ``python -m tests.bench.bench_feed [--rate 20000] [--seconds 30] [--busy 0.5]``. The publisher is another
process, the server a real one. ``reader`` is the share of one core that everything but the main thread took.
"""

import argparse
import multiprocessing
import socket
import time

from optimus_tui.clock import Clock
from optimus_tui.probes.events.feed import FeedReader
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.settings.model import RedisTarget
from tests.realserver import RealServer, server_binary

PAYLOAD = (
    b'{"type":"conversation_updated","tenant_id":"demo_dentist","timestamp":"2026-11-22T10:00:00.000Z",'
    b'"event_id":"0123456789abcdef","resource_id":"12345","keys_invalidated":3,"n":%010d}'
)


def publish(port: int, rate: int, seconds: float, sent: "multiprocessing.Queue[int]") -> None:
    """Publish at an even pace, in pipelines of ten milliseconds; put the number sent."""
    number, started = 0, time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as link:
        stream = link.makefile("rb")
        while (now := time.perf_counter() - started) < seconds:
            due = int(now * rate) - number
            parts = []
            for _ in range(due):
                body = PAYLOAD % number
                parts.append(
                    b"*3\r\n$7\r\nPUBLISH\r\n$28\r\ncache_coherence:demo_dentist\r\n$%d\r\n%s\r\n" % (len(body), body)
                )
                number += 1
            link.sendall(b"".join(parts))
            for _ in range(due):
                stream.readline()
            time.sleep(0.01)
    sent.put(number)


def paint(seconds: float) -> int:
    """Something like a frame: pure Python that never lets go of the interpreter by itself."""
    made, until = 0, time.perf_counter() + seconds
    while time.perf_counter() < until:
        made += len("".join(f"{n:>6}" for n in range(50)))
    return made


def run(port: int, rate: int, seconds: float, busy: float) -> bool:
    """One run; prints its figures and tells whether all arrived."""
    reader = FeedReader(RedisTarget(host="127.0.0.1", port=port), LoadMeter(), Clock())
    reader.start()
    while reader.drain().status.state != "live":
        time.sleep(0.01)
    spawn = multiprocessing.get_context("spawn")
    sent: multiprocessing.Queue[int] = spawn.Queue()
    publisher = spawn.Process(target=publish, args=(port, rate, seconds, sent))
    publisher.start()
    while not reader.drain().status.received:
        time.sleep(0.01)
    wall, cpu, mine = time.perf_counter(), time.process_time(), time.thread_time()
    since, shown, worst_drain, worst_frame = 0, 0, 0.0, 0.0
    while time.perf_counter() - wall < seconds + 0.5:
        frame = time.perf_counter()
        batch = reader.drain(since)
        worst_drain = max(worst_drain, time.perf_counter() - frame)
        shown += len(batch.items)
        since = batch.items[-1].seq if batch.items else since
        if busy:
            paint(0.1 * busy)
        worst_frame = max(worst_frame, time.perf_counter() - frame)
        time.sleep(max(0.0, 0.1 - (time.perf_counter() - frame)))
    took = time.perf_counter() - wall
    main, process = time.thread_time() - mine, time.process_time() - cpu
    total = sent.get(timeout=10)
    publisher.join()
    deadline = time.perf_counter() + 5
    while reader.drain(since).status.received < total and time.perf_counter() < deadline:
        time.sleep(0.05)
    status = reader.drain(since).status
    reader.stop()
    print(
        f"busy {busy:.0%}: sent {total:,} ({total / seconds:,.0f}/s), counted {status.received:,}, "
        f"lost {total - status.received}, dropped {status.dropped}, gaps {status.gaps}, handed out {shown:,}\n"
        f"  reader {(process - main) / took:.1%} of a core = {(process - main) / max(1, total) * 1e6:.2f} us/event, "
        f"main {main / took:.1%}, worst drain {worst_drain * 1e3:.1f} ms, worst frame {worst_frame * 1e3:.1f} ms"
    )
    return total == status.received and status.gaps == 0


def main() -> None:
    """All runs asked for; exit 1 when an event is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--busy", type=float, nargs="*", default=[0.0, 0.5])
    options = parser.parse_args()
    binary = server_binary()
    if binary is None:
        raise SystemExit("no server binary")
    server = RealServer(binary).start()
    try:
        good = [run(server.port, options.rate, options.seconds, busy) for busy in options.busy]
    finally:
        server.stop()
    raise SystemExit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
