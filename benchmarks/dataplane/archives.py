"""Archives to unpack, made from a seed: every run has the same bytes."""

from __future__ import annotations

import io
import random
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.dataplane.table import MIB

SMALL_ENTRIES = 20_000
SMALL_BYTES = 8 * 1024
SMALL_FOLDERS = 200
LARGE_BYTES = 8 * MIB
SLICE_BYTES = 4096


class Content:
    """Half text, half noise: about 60 % of it is left after deflate."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        letters = "etaoinshrdlucmfwypvbgkjqxz"
        words = ["".join(self._random.choices(letters, k=k % 9 + 2)) for k in range(5000)]
        self._text = " ".join(self._random.choices(words, k=2_000_000)).encode()

    def take(self, size: int) -> bytes:
        """The next bytes; `size` is a multiple of two slices."""
        half = SLICE_BYTES
        slices: list[bytes] = []
        for _ in range(size // (2 * half)):
            start = self._random.randrange(len(self._text) - half)
            slices += (self._text[start : start + half], self._random.randbytes(half))
        return b"".join(slices)


def small_files() -> Iterator[tuple[str, bytes]]:
    """20,000 files of 8 KiB in 200 folders."""
    content = Content(20)
    for place in range(SMALL_ENTRIES):
        yield f"{place % SMALL_FOLDERS:03}/file-{place:05}.txt", content.take(SMALL_BYTES)


def write_small_tar(file: Path) -> None:
    """The small files as a tar."""
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, body in small_files():
            _add(tar, name, body)


def write_small_zip(file: Path) -> None:
    """The small files as a zip, deflated."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in small_files():
            archive.writestr(name, body)


def write_tar_gz(file: Path, at_least: int) -> None:
    """Files of 8 MiB, until the compressed archive has `at_least` bytes."""
    content = Content(1)
    with file.open("wb") as out:
        pigz = subprocess.Popen(["pigz", "-c"], stdin=subprocess.PIPE, stdout=out)
        assert pigz.stdin is not None
        with pigz.stdin, tarfile.open(fileobj=pigz.stdin, mode="w|") as tar:
            place = 0
            while file.stat().st_size < at_least:
                _add(tar, f"shard-{place:05}.bin", content.take(LARGE_BYTES))
                place += 1
        if pigz.wait() != 0:
            raise RuntimeError(f"pigz ended with {pigz.returncode}")


def _add(tar: tarfile.TarFile, name: str, body: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime = len(body), 1_700_000_000
    tar.addfile(entry, io.BytesIO(body))
