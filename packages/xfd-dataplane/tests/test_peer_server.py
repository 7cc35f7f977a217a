"""The peer server of a process that has no file descriptors left."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

SERVER = """
import os, resource, sys, time
from xfd_api.settings import NodeSettings, SwarmTicket
from xfd_dataplane import Node

node = Node("n1", NodeSettings(root=sys.argv[1]))
node.join(SwarmTicket("ab" * 16, token="00" * 32))
address = node.serve("127.0.0.1", None)
used = len(os.listdir("/proc/self/fd"))
resource.setrlimit(resource.RLIMIT_NOFILE, (used + 8, used + 8))
print(address, flush=True)
sys.stdin.read()
"""
REQUEST = f"GET /v1/{'ab' * 16}/chunks/0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer no\r\n\r\n"


def processor_time_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_server_without_descriptors_rests_and_lets_newcomers_in(tmp_path: Path) -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    strangers: list[socket.socket] = []
    try:
        assert server.stdout is not None
        host, port = server.stdout.readline().strip().rsplit(":", 1)
        strangers = [socket.create_connection((host, int(port)), timeout=5) for _ in range(60)]
        before = processor_time_s(server.pid)
        time.sleep(1)
        assert processor_time_s(server.pid) - before < 0.5, "it spins"

        # Behind sixty that say nothing, eight of which have a descriptor at a time.
        begun = time.monotonic()
        with socket.create_connection((host, int(port)), timeout=20) as newcomer:
            newcomer.sendall(REQUEST.encode())
            assert newcomer.recv(100).startswith(b"HTTP/1.1 401")
        assert time.monotonic() - begun < 15
    finally:
        for stranger in strangers:
            stranger.close()
        server.communicate("", timeout=20)
    assert server.returncode == 0
