"""The servers on a bed: SeaweedFS on the host `s3`, a Ray cluster over the other hosts."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from xfd_testing import artifacts
from xfd_testing.bed.bed import S3_HOST, Bed, BedError

BUCKET = "bench"
WARM_SET = "warm"
WARM_BYTES = 2**20
PLAIN = "/data/plain"
"""The folder on the object store's host that has the sets as files."""
S3_PORT = 8333
RAY_PORT = 6379
KEYS = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_REGION": "us-east-1"}
VOLUME_MIB = 1024
RAY_STARTS = 3
OBJECT_STORES_BYTES = 6000 * 2**20
"""For all raylets together, which share one machine's memory; Ray's least is 75 MiB for each."""
BIN = Path(sys.executable).parent

MAKE_OBJECTS = Path(__file__).with_name("make_objects.py")


class Rig:
    """A bed with its servers up. Objects of a scenario lie under its name as their prefix."""

    def __init__(self, bed: Bed, logs: Path, *, traced: bool = False) -> None:
        self.bed = bed
        self.logs = logs
        self.endpoint = f"http://{bed.address(S3_HOST)}:{S3_PORT}"
        self.environment = {
            **KEYS,
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "S3_ENDPOINT_URL": self.endpoint,
            "RAY_enable_metrics_collection": "0",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_MODE": "disabled",
            "XFD_ROOT": "/data/xfd",
            # Otherwise compiling the imports would take most of a start.
            "PYTHONDONTWRITEBYTECODE": "",
            "PATH": f"{BIN}:/usr/sbin:/usr/bin:/sbin:/bin",
        }
        if traced:
            self.environment["XFD_TRACE"] = "/data/trace"
        self._sums: dict[str, dict[str, dict[str, str]]] = {}

    def start_s3(self) -> None:
        """Starts SeaweedFS and waits until it answers."""
        address = self.bed.address(S3_HOST)
        (self.bed.data(S3_HOST) / "weed").mkdir()
        command = [
            *(str(BIN / "weed"), "server", "-s3", f"-s3.port={S3_PORT}", "-dir=/data/weed"),
            *(f"-ip={address}", "-ip.bind=0.0.0.0", "-volume.max=0", "-master.telemetry=false"),
            # By default a volume reserves so much that a disk with 50 GiB free is full.
            f"-master.volumeSizeLimitMB={VOLUME_MIB}",
        ]
        self.bed.start(S3_HOST, command, log=self.logs / "weed.log")
        self._wait_for_s3()

    def start_ray(self) -> None:
        """Starts a head on n0 and a raylet on every other host, and waits until all are there."""
        head = f"{self.bed.address('n0')}:{RAY_PORT}"
        store_bytes = min(700 * 2**20, OBJECT_STORES_BYTES // len(self.bed.hosts))
        for host in self.bed.hosts:
            role = ["--head", f"--port={RAY_PORT}"] if host == "n0" else [f"--address={head}"]
            command = [
                *(str(BIN / "ray"), "start", *role, "--block", "--disable-usage-stats"),
                f"--node-ip-address={self.bed.address(host)}",
                *("--num-cpus=2", f"--object-store-memory={store_bytes}"),
                "--include-dashboard=false" if host == "n0" else "--num-gpus=0",
            ]
            # One after the other: on few cores Ray gives some up if all start at once. On a busy
            # machine it may give up even one that starts alone.
            if not any(self._starts(host, command) for _ in range(RAY_STARTS)):
                raise BedError(f"Ray on {host} did not come up; see {self.logs}")

    def make_warm_set(self) -> None:
        """Uploads one small object, for calls that only start the workers."""
        self.make_set(WARM_SET, 1, WARM_BYTES)

    def make_set(self, name: str, files: int, size: int, *, unpack: bool = False) -> None:
        """Uploads so many objects of this size, in bytes, below a prefix, unless they are there.

        `unpack`: each is a tar.gz with entries of so many bytes.
        """
        if name in self._sums:
            return
        numbers = [str(files), str(size), str(int(unpack))]
        local = f"http://127.0.0.1:{S3_PORT}"
        command = [
            sys.executable,
            str(MAKE_OBJECTS),
            local,
            BUCKET,
            name,
            *numbers,
            f"{PLAIN}/{name}",
        ]
        text = self.bed.run(S3_HOST, command, env=KEYS)
        self._sums[name] = json.loads(text.strip().splitlines()[-1])

    def wrong_files(
        self, name: str, folder: str, hosts: Sequence[str], *, unpacked: bool
    ) -> list[str]:
        """Files of a set that are missing or differ on some host, below `/data/<folder>`.

        If the set is an archive to unpack, its entries below `/data/<folder>-tree` count as well.
        """
        wanted = [(folder, "files"), *([(f"{folder}-tree", "entries")] if unpacked else [])]

        def look(host: str) -> list[str]:
            return [
                f"{host}:{path} is {'wrong' if path.exists() else 'missing'}"
                for below, kind in wanted
                for file, expected in self._sums[name][kind].items()
                if not _has_sum(path := self.bed.data(host) / below / file, expected)
            ]

        with ThreadPoolExecutor(2) as pool:
            return [wrong for found in pool.map(look, hosts) for wrong in found]

    def _wait_for_s3(self) -> None:
        probe = ["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{S3_PORT}"]

        def answers() -> bool:
            try:
                self.bed.run(S3_HOST, probe, timeout_s=10)
            except BedError:
                return False
            return True

        self._wait_until(answers, "S3")

    def _starts(self, host: str, command: Sequence[str]) -> bool:
        log = self.logs / f"ray-{host}.log"
        log.unlink(missing_ok=True)
        process = self.bed.start(host, command, env=self.environment, log=log)

        def is_decided() -> bool:
            # Ray's own word that it is up; a driver that connects before it may hang.
            return b"Ray runtime started" in log.read_bytes() or process.poll() is not None

        self._wait_until(is_decided, f"Ray on {host}")
        return process.poll() is None

    def _wait_until(self, ready: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + 120
        while not ready():
            if time.monotonic() > deadline:
                raise BedError(f"{what} did not come up; see {self.logs}")
            time.sleep(0.1)


def _has_sum(path: Path, expected: str) -> bool:
    return path.exists() and artifacts.sha256(path) == expected
