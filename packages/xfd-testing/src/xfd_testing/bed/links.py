"""Samples of the bytes that every link of a bed has carried."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from xfd_testing.bed.bed import Bed

SAMPLER = Path(__file__).with_name("sample_links.py")
EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class Sample:
    """Bytes that a host had received and sent by a moment of the Unix clock, headers included."""

    at: float
    received: int
    sent: int


class LinkLog:
    """Samples the links from `__enter__` to `__exit__`."""

    def __init__(self, bed: Bed, path: Path) -> None:
        self._bed = bed
        self._path = path
        self._sampler: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> LinkLog:
        command = [sys.executable, str(SAMPLER), str(EVERY_S)]
        self._sampler = self._bed.start_on_bridge(command, self._path)
        return self

    def __exit__(self, *_: object) -> None:
        if self._sampler is not None:
            self._sampler.terminate()
            self._sampler.wait()

    def sent(self, host: str, begin: float, end: float) -> int:
        """Bytes that the host sent between two moments of the Unix clock."""
        time.sleep(2 * EVERY_S)  # A sample after the end is needed.
        samples = read_links(self._path)[host]
        times = [sample.at for sample in samples]
        before = samples[max(0, bisect_right(times, begin) - 1)]
        after = samples[min(len(samples) - 1, bisect_left(times, end))]
        return after.sent - before.sent

    def copy(self, path: Path) -> None:
        """Copies the samples so far."""
        shutil.copy(self._path, path)


def read_links(path: Path) -> dict[str, list[Sample]]:
    """The samples of each host, in order."""
    links: dict[str, list[Sample]] = {}
    for line in _lines(path):
        for host, received, sent in line[1:]:
            links.setdefault(host, []).append(Sample(line[0], received, sent))
    return links


def _lines(path: Path) -> Iterator[list]:  # type: ignore[type-arg]
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):  # The last one may be half written.
                yield json.loads(line)
