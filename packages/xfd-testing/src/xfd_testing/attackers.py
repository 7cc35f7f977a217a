"""Strangers that attack the peer servers of nodes, until standard input ends.

`python -m xfd_testing.attackers FROM PER_S HOST PORT...` makes PER_S connections a second, of all
kinds in turn, from the address FROM to each of the ports. It keeps what the servers leave open, and
prints how many connections it made of each kind, as JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sys
from collections import Counter
from collections.abc import Awaitable, Callable

AT_ONCE = 3000
"""Connections that are kept open; the next one waits for the end of another."""

PAUSE_S = 0.5
"""Between two bytes of those that are slow."""

Act = Callable[[asyncio.StreamWriter], Awaitable[None]]


def _saying(data: bytes) -> Act:
    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return act


async def _slowly(writer: asyncio.StreamWriter) -> None:
    for byte in itertools.cycle(b"GET /v1/0/chunks/0 HTTP/1.1\r\nX-A: "):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(PAUSE_S)


GUESS = b"GET /v1/0011/chunks/0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer 5eed\r\n\r\n"
KINDS: dict[str, Act] = {
    "idle": _saying(b""),
    "slow heads": _slowly,
    "wrong tokens": _saying(GUESS),
    "pipelined tokens": _saying(GUESS * 50),
    "junk": _saying(bytes(range(256)) * 16),
    "long heads": _saying(b"GET / HTTP/1.1\r\nX-A: " + b"a" * 100_000),
    "TLS without an end": _saying(b"\x16\x03\x01\x40\x00" + bytes(4000)),
    "bodies": _saying(b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n" + bytes(50_000)),
}


async def _attack(act: Act, source: str, host: str, port: int) -> None:
    with contextlib.suppress(OSError):
        reader, writer = await asyncio.open_connection(host, port, local_addr=(source, 0))
        acting = asyncio.ensure_future(act(writer))
        try:
            while await reader.read(65_536):
                pass
        finally:
            acting.cancel()
            writer.transport.abort()


async def _run(source: str, per_s: float, host: str, ports: list[int]) -> Counter[str]:
    made: Counter[str] = Counter()
    room = asyncio.Semaphore(AT_ONCE)
    running: set[asyncio.Task[None]] = set()
    loop = asyncio.get_running_loop()
    end = loop.run_in_executor(None, sys.stdin.read)
    due = loop.time()
    for kind, port in ((kind, port) for kind in itertools.cycle(KINDS) for port in ports):
        # Behind its time it makes no rush: it takes no more of the processors than agreed.
        due = max(due + 1 / per_s, loop.time() - PAUSE_S)
        await asyncio.sleep(due - loop.time())
        await room.acquire()
        if end.done():
            break
        task = asyncio.ensure_future(_attack(KINDS[kind], source, host, port))
        running.add(task)
        task.add_done_callback(running.discard)
        task.add_done_callback(lambda _: room.release())
        made[kind] += 1
    for task in running:
        task.cancel()
    return made


def main() -> None:
    """Attacks as the command line says."""
    source, per_s, host, *ports = sys.argv[1:]
    made = asyncio.run(_run(source, float(per_s), host, [int(port) for port in ports]))
    print(json.dumps(made), flush=True)


if __name__ == "__main__":
    main()
