"""Measures servers: sends GETs over connections that stay open, and drops the bodies.

`python -m benchmarks.dataplane.serving_client HOST:PORT CONNECTIONS` reads one request head a line
from standard input, as JSON strings, and prints the number of bytes in the bodies.
"""

from __future__ import annotations

import json
import queue
import re
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

BUFFER_BYTES = 256 * 1024
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)


class AnswerError(RuntimeError):
    """The server did not send a body of known length."""


def get(connection: socket.socket, head: str, buffer: memoryview) -> int:
    """Sends one request, reads its body to the end and returns the body's length.

    Raises:
        AnswerError: the answer is an error, has no length, or ends early.
    """
    connection.sendall(head.encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        received = connection.recv(4096)
        if not received:
            raise AnswerError(f"ended within its head: {answer!r}")
        answer += received
    fields, _, body = answer.partition(b"\r\n\r\n")
    length = _LENGTH.search(fields + b"\r\n")
    if length is None or not fields.startswith((b"HTTP/1.1 200", b"HTTP/1.1 206")):
        raise AnswerError(fields.decode(errors="replace"))
    left = int(length[1]) - len(body)
    while left > 0:
        read = connection.recv_into(buffer, min(left, len(buffer)))
        if read == 0:
            raise AnswerError(f"ended {left} bytes early")
        left -= read
    return int(length[1])


def work(address: tuple[str, int], heads: queue.SimpleQueue[str]) -> int:
    """Sends requests over one connection until there are none left."""
    total = 0
    buffer = memoryview(bytearray(BUFFER_BYTES))
    with socket.create_connection(address) as connection:
        while True:
            try:
                head = heads.get_nowait()
            except queue.Empty:
                return total
            total += get(connection, head, buffer)


def main(host_port: str, connections: int) -> None:
    """Spreads all requests over the connections."""
    host, _, port = host_port.rpartition(":")
    heads: queue.SimpleQueue[str] = queue.SimpleQueue()
    for line in sys.stdin:
        heads.put(json.loads(line))
    with ThreadPoolExecutor(connections) as pool:
        workers = [pool.submit(work, (host, int(port)), heads) for _ in range(connections)]
        print(sum(each.result() for each in workers))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
