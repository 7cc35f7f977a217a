"""Row: the CPU time to serve chunks to peers, compared with nginx and sendfile, by one client."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.dataplane.bed import BUCKET, Bed
from benchmarks.dataplane.measure import cpu_s_of, descendants_of
from benchmarks.dataplane.table import GIB, MIB, Goal, Section
from xfd_testing.processes import Supervised, free_ports, listens

CHUNK_BYTES = 16 * MIB
CONNECTIONS = 8
PASSES = 4
START_TIMEOUT_S = 60.0

NGINX = """
daemon off;
worker_processes 2;
error_log stderr;
pid {folder}/nginx.pid;
events {{ worker_connections 64; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{ listen {address}; root {root}; }}
}}
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its address, its processes, and a request for every chunk of the file."""

    address: str
    pids: Sequence[int]
    heads: Sequence[str]


@dataclass(frozen=True, slots=True)
class Served:
    """One pass: the CPU time of the server, and the wall time of the client."""

    cpu_s: float
    wall_s: float


def serving(bed: Bed) -> Section:
    """Server CPU per GiB, 1 GiB in chunks over connections that stay open, from the page cache."""
    section = Section("Serving a chunk to peers")
    key = bed.random_object(1)
    with ExitStack() as stack:
        folder = bed.folder / "serving"
        folder.mkdir()
        stack.callback(shutil.rmtree, folder)
        file = folder / "object"
        bed.client.download_file(BUCKET, key, str(file))
        servers = {"xfd": stack.enter_context(_node(file, folder))}
        nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        if nginx is None:
            section.lines.append("Not here: nginx (Debian's package nginx-light)")
        else:
            servers["nginx, sendfile"] = stack.enter_context(_nginx(nginx, file, folder))
        passes: dict[str, list[Served]] = {name: [] for name in servers}
        for place in range(bed.rounds + 1):
            for name, server in servers.items():
                served = _serve(server)
                if place > 0:
                    passes[name].append(served)
    section.lines += _table(passes)
    if len(passes) == 2:
        ours, theirs = passes.values()
        reached = statistics.median(
            one.cpu_s / other.cpu_s for one, other in zip(ours, theirs, strict=True)
        )
        section.goals.append(Goal("serving, CPU", 1.5, reached, "x nginx"))
    return section


def _table(passes: dict[str, list[Served]]) -> Iterator[str]:
    yield "| server | CPU s/GiB | min - max | GiB/s |"
    yield "|---|---|---|---|"
    for name, row in passes.items():
        cpu = [served.cpu_s / PASSES for served in row]
        rate = PASSES / statistics.median(served.wall_s for served in row)
        spread = f"{min(cpu):.3f} - {max(cpu):.3f}"
        yield f"| {name} | {statistics.median(cpu):.3f} | {spread} | {rate:.2f} |"


def _serve(server: Server) -> Served:
    lines = "".join(json.dumps(head) + "\n" for _ in range(PASSES) for head in server.heads)
    module = "benchmarks.dataplane.serving_client"
    command = [sys.executable, "-m", module, server.address, str(CONNECTIONS)]
    before, started = cpu_s_of(server.pids), time.perf_counter()
    client = subprocess.run(command, input=lines, stdout=subprocess.PIPE, text=True, check=True)
    wall_s = time.perf_counter() - started
    if int(client.stdout) != PASSES * GIB:
        raise RuntimeError(f"{server.address} served {client.stdout} bytes")
    return Served(cpu_s_of(server.pids) - before, wall_s)


@contextmanager
def _node(file: Path, folder: Path) -> Iterator[Server]:
    arguments = [str(file), str(folder / "root"), str(CHUNK_BYTES)]
    command = [sys.executable, "-m", "benchmarks.dataplane.serving_node", *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            ready = json.loads(process.stdout.readline())
            heads = [
                f"GET /v1/{ready['swarm']}/chunks/{index} HTTP/1.1\r\nHost: {ready['address']}\r\n"
                f"Authorization: Bearer {ready['token']}\r\n\r\n"
                for index in range(ready["chunks"])
            ]
            yield Server(ready["address"], [process.pid], heads)
        finally:
            process.stdin.close()


@contextmanager
def _nginx(command: str, file: Path, folder: Path) -> Iterator[Server]:
    host, port = "127.0.0.1", free_ports(1)[0]
    address = f"{host}:{port}"
    # Workers of an nginx that root starts are another user's, and cannot open the file.
    user = "user root;" if os.geteuid() == 0 else ""
    settings = folder / "nginx.conf"
    settings.write_text(user + NGINX.format(folder=folder, address=address, root=file.parent))
    process = Supervised([command, "-p", str(folder), "-c", str(settings)], folder / "nginx.log")
    try:
        process.wait_until(lambda: listens(host, port), "nginx", START_TIMEOUT_S)
        heads = [
            f"GET /{file.name} HTTP/1.1\r\nHost: {address}\r\n"
            f"Range: bytes={start}-{start + CHUNK_BYTES - 1}\r\n\r\n"
            for start in range(0, GIB, CHUNK_BYTES)
        ]
        yield Server(address, descendants_of(process.pid), heads)
    finally:
        process.stop()
