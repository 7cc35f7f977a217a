"""The machine loses power: what is on the disk then, and what the next run makes of it.

The disk is an image that is mounted here. A copy of the image at some moment is what a power cut
would leave at that moment: the kernel has written some of the pages, and not the others. The next
run has a mount of the copy, and is told that the machine has started anew. Needs root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from xfd_api.requests import DownloadRequest, ObjectDownloadRequest, PrefixDownloadRequest
from xfd_api.results import DistributionReport
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane import download
from xfd_testing import artifacts, figures
from xfd_testing.footprint import files_below
from xfd_testing.s3 import S3Server
from xfd_testing.slow_link import slow_link

MIB = 2**20
SIZE = 48 * MIB
SMALL, SMALL_BYTES = 50, 20_000
BYTES_PER_S = 12 * MIB
AFTER_S = 6.0
"""The kernel commits sizes, times and names every five seconds, and most bytes after thirty."""

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("mkfs.ext4"), reason="only root can mount a disk"
)

AGAIN = """
import sys
from pathlib import Path
sys.path.insert(0, str(Path(sys.argv[1]).parent))
from test_power_loss import fetch
report = fetch(Path(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5])
print(report.origin_bytes, report.resumed_bytes, report.cached_bytes)
"""


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    """The file system of an image."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", image, folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of ext4, `disk.img` beside it."""
    image = tmp_path / "disk.img"
    with image.open("wb") as file:
        file.truncate(256 * MIB)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    with mounted(image, tmp_path / "disk") as folder:
        yield folder


def content(key: str) -> bytes:
    size = SIZE if key == "big" else SMALL_BYTES
    return b"".join(artifacts.random_bytes(size, seed=sum(key.encode())))


@pytest.fixture
def keys(s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One large object, and many small ones."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    found = ["big", *(f"set/{number}" for number in range(SMALL))]
    for key in found:
        s3_server.put(bucket, key, content(key))
    return found


def fetch(folder: Path, bucket: str, endpoint: str, durability: str) -> DistributionReport:
    requests = [
        DownloadRequest(ObjectDownloadRequest("big", folder / "big")),
        DownloadRequest(PrefixDownloadRequest("set/", folder / "set")),
    ]
    store = ObjectStoreConfig.make_for_s3(bucket, endpoint=endpoint)
    return download(requests, store, durability=durability, chunk_size_bytes=MIB)


def fetch_after_a_start(
    folder: Path, bucket: str, endpoint: str, durability: str
) -> tuple[int, int, int]:
    """Fetches in a process that sees another id of the kernel's start; bytes by their source."""
    other = folder.parent / "boot_id"
    other.write_text("00000000-another-start\n")
    inner = f'mount --bind {other} /proc/sys/kernel/random/boot_id && exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", inner, "sh", sys.executable, "-c", AGAIN]
    command += [__file__, str(folder), bucket, endpoint, durability]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    origin, resumed, cached = map(int, ran.stdout.split())
    return origin, resumed, cached


def copy(disk: Path, moments: int) -> Path:
    """What is on the disk now."""
    image = disk.with_name("disk.img")
    to = disk.with_name(f"copy-{moments}.img")
    subprocess.run(["cp", "--sparse=always", image, to], check=True)
    return to


@pytest.mark.parametrize("durability", ["object", "none"])
def test_after_a_power_loss_no_wrong_byte_counts(
    durability: str, disk: Path, keys: list[str], bucket: str, s3_server: S3Server, tmp_path: Path
) -> None:
    copies: list[Path] = []
    over = threading.Event()

    def copy_now_and_then() -> None:
        while not over.wait(1.0):
            copies.append(copy(disk, len(copies)))

    watching = threading.Thread(target=copy_now_and_then)
    with slow_link(s3_server.endpoint, BYTES_PER_S) as slow:
        watching.start()
        fetch(disk, bucket, slow, durability)
    over.set()
    watching.join()
    copies.append(copy(disk, len(copies)))
    time.sleep(AFTER_S)
    copies.append(copy(disk, len(copies)))
    total = SIZE + SMALL * SMALL_BYTES
    lost = 0
    kept = []
    for image in copies:
        with mounted(image, tmp_path / "copy") as folder:
            there = {key: (folder / key).exists() and (folder / key).read_bytes() for key in keys}
            lost += any(found and found != content(key) for key, found in there.items())
            found = fetch_after_a_start(folder, bucket, s3_server.endpoint, durability)
            assert sum(found) == total
            for key in keys:
                assert (folder / key).read_bytes() == content(key), key
            assert not [path for path in files_below([folder]) if "-part" in path.name]
            kept.append(1 - found[0] / total)
    if durability == "object":  # What has its name has its bytes, and its record once all is there.
        assert lost == 0
        assert kept[-2:] == [1, 1]
    shares = ", ".join(f"{share:.0%}" for share in kept)
    figures.record(
        f"power-loss-{durability}",
        f"{len(copies)} cuts, {lost} of which left files without their bytes; no wrong byte in the "
        f"next runs, which kept {shares} of the bytes",
    )
