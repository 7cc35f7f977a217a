"""A libtorrent swarm on the bed: one seed beside the object store, one peer on every node.

The torrent and its hashes are made beforehand, and the seed is up: neither is timed. A peer's time
begins with its process and ends when it has all pieces, checked; it then serves on.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from subprocess import Popen

from xfd_testing.bed.bed import S3_HOST, BedError
from xfd_testing.bed.rig import PLAIN, Rig

SCRIPT = str(Path(__file__).parent / "drivers" / "torrent.py")


def swarm(rig: Rig, name: str, folder: str) -> tuple[float, float]:
    """Brings a set to every node; Unix times of begin and end."""
    source = Path(PLAIN) / name
    torrent = rig.bed.data(S3_HOST) / PLAIN.strip("/").removeprefix("data/") / f"{name}.torrent"
    made = f"{PLAIN}/{name}.torrent"
    if not torrent.exists():
        rig.bed.run(S3_HOST, [sys.executable, SCRIPT, "make", str(source), made])
    for host in rig.bed.hosts:
        (rig.bed.data(host) / f"{folder}.torrent").write_bytes(torrent.read_bytes())
    seed = _start(rig, S3_HOST, ["fetch", made, PLAIN], [rig.bed.address(S3_HOST)] * 2)
    running = [seed]
    try:
        _wait(seed)
        addresses = [rig.bed.address(host) for host in (S3_HOST, *rig.bed.hosts)]
        began = time.time()
        peers = [
            _start(
                rig,
                host,
                ["fetch", f"/data/{folder}.torrent", f"/data/{folder}-torrent"],
                [rig.bed.address(host), *addresses],
            )
            for host in rig.bed.hosts
        ]
        running += peers
        ended = max(_wait(peer) for peer in peers)
    finally:
        for process in running:
            process.kill()
            process.wait()
    for host in rig.bed.hosts:
        (rig.bed.data(host) / f"{folder}-torrent" / name).rename(rig.bed.data(host) / folder)
    return began, ended


def _start(rig: Rig, host: str, what: list[str], addresses: list[str]) -> Popen[str]:
    log = rig.logs / f"torrent-{host}.log"
    return rig.bed.converse(host, [sys.executable, SCRIPT, *what, *addresses], log=log)


def _wait(process: Popen[str]) -> float:
    """Until it says that it has everything; the moment it names."""
    line = process.stdout.readline() if process.stdout else ""
    if not line.startswith("seeding "):
        raise BedError(f"libtorrent ended without the files: {line!r}")
    return float(line.split()[1])
