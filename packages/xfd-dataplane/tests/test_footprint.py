"""What a download costs its host: bytes written and memory, as the kernel counts them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from xfd_testing import artifacts
from xfd_testing.s3 import S3Server

MIB = 2**20

PROGRAM = """
import json, pathlib, re, sys
from xfd_api import DownloadRequest, ObjectDownloadRequest, ObjectStoreConfig
from xfd_api import PrefixDownloadRequest
from xfd_dataplane import download

kind, where, key, out = sys.argv[1:5]
make = getattr(ObjectStoreConfig, f"make_for_{kind}")
wanted = PrefixDownloadRequest if key.endswith("/") else ObjectDownloadRequest

def written():
    return int(re.search(r"wchar: (\\d+)", pathlib.Path("/proc/self/io").read_text())[1])

def anonymous_kib(*_):
    text = pathlib.Path("/proc/self/status").read_text()
    seen.append(int(re.search(r"RssAnon:\\s+(\\d+)", text)[1]))

seen = []
anonymous_kib()
before = written()
report = download(
    [DownloadRequest(wanted(key.rstrip("/"), pathlib.Path(out)))],
    make(where),
    durability="none",
    on_progress=anonymous_kib,
)
anonymous_kib()
print(json.dumps({
    "bytes": report.origin_bytes,
    "written": written() - before,
    "anonymous": max(seen) * 1024,
}))
"""


def cost(kind: str, where: Path | str, key: str, out: Path) -> dict[str, int]:
    """Of one download in a process of its own."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, kind, str(where), key, str(out)],
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
    )
    counted: dict[str, int] = json.loads(ran.stdout)
    return counted


def test_a_byte_is_written_once(tmp_path: Path) -> None:
    """From a folder, so that nothing is written to sockets."""
    origin = tmp_path / "origin"
    origin.mkdir()
    artifacts.weights_file(origin / "big.bin", 48 * MIB)
    (origin / "small").mkdir()
    for name in range(1000):
        (origin / "small" / f"{name}.bin").write_bytes(bytes([name % 251]) * 16 * 1024)

    big = cost("local", origin, "big.bin", tmp_path / "big.bin")
    small = cost("local", origin, "small/", tmp_path / "small")

    assert (big["bytes"], small["bytes"]) == (48 * MIB, 1000 * 16 * 1024)
    assert big["written"] <= 1.01 * big["bytes"]
    assert small["written"] <= 1.02 * small["bytes"], "records and index of small files"


def test_memory_does_not_grow_with_the_object(
    s3_server: S3Server, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    for name, size in (("few", 64 * MIB), ("many", 192 * MIB)):
        file = artifacts.weights_file(tmp_path / name, size)
        s3_server.upload(bucket, name, file)
        file.unlink()

    few = cost("s3", bucket, "few", tmp_path / "few")
    many = cost("s3", bucket, "many", tmp_path / "many")

    assert many["anonymous"] <= 80 * MIB
    assert many["anonymous"] <= few["anonymous"] + 32 * MIB
