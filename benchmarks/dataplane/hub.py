"""Row: one object from a Hugging Face hub, beside the same object from S3 and the command `hf`.

The hub is a stand-in whose redirects lead to signed addresses of the S3 server, so that the same
server sends the same bytes to both. What a call costs whatever its size, such as the import of
`huggingface_hub`, is measured with an object of 1 KiB and subtracted.
"""

from __future__ import annotations

import hashlib
import random
import statistics
from pathlib import Path

from benchmarks.dataplane.bed import BUCKET, SIGNED_S, Bed, Contender
from benchmarks.dataplane.clients import BIN, xfd
from benchmarks.dataplane.measure import Cost
from benchmarks.dataplane.table import Goal, Section, cost_table
from xfd_testing.hub import running
from xfd_testing.hub.cdn import Cdn
from xfd_testing.hub.repository import HubFile

LARGEST = 1.1
"""Goal: CPU per GiB, as a ratio to that of S3 with the same checks."""

REPOSITORY = "bench/model"


class SignedByTheStore(Cdn):
    """Signs addresses of the S3 server, whose keys are the files' names."""

    def __init__(self, bed: Bed, keys: dict[str, str]) -> None:
        super().__init__()
        self._bed = bed
        self._keys = keys

    def sign(self, file: HubFile) -> str:
        """An address of the object that has the file's bytes."""
        named = {"Bucket": BUCKET, "Key": self._keys[file.path]}
        url: str = self._bed.client.generate_presigned_url("get_object", named, ExpiresIn=SIGNED_S)
        return url


def hub(bed: Bed) -> Section:
    """CPU of a download from a hub and from S3, with and without a SHA-256 of the whole object."""
    keys = {"large.bin": bed.random_object(1), "small.bin": _small_object(bed)}
    contents = {name: _content(bed, key) for name, key in keys.items()}
    sha256 = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    quick = ("--durability", "none")
    with running() as server:
        server.cdn.stop()
        server.cdn = SignedByTheStore(bed, keys)
        server.add(REPOSITORY, {"main": contents})
        env = server.environment()

        def from_hub(name: str) -> Contender:
            uri = f"hf://{REPOSITORY}/{name}"
            return Contender(
                lambda home: [
                    *(str(BIN / "xfd-get"), "get", uri, str(home / name), "--quiet", *quick)
                ],
                leaves=len(contents[name]),
                env=env,
            )

        def by_hf(name: str) -> Contender:
            """The hub's own command, by HTTP: the stand-in does not speak Xet."""
            hf = str(BIN / "hf")
            return Contender(
                lambda home: [hf, "download", REPOSITORY, name, "--local-dir", str(home)],
                leaves=len(contents[name]),
                env=env,
            )

        contenders: dict[str, Contender] = {}
        for name, size in (("large.bin", "1 GiB"), ("small.bin", "1 KiB")):
            pinned = xfd(*quick, "--sha256", sha256[name])
            contenders[f"S3, {size}"] = bed.fetching(xfd(*quick), keys[name])
            contenders[f"S3 with sha256, {size}"] = bed.fetching(pinned, keys[name])
            contenders[f"hub, {size}"] = from_hub(name)
            contenders[f"hf, {size}"] = by_hf(name)
        costs = bed.compare(contenders, warm=True)
    section = Section("One object of 1 GiB from a hub", list(cost_table(costs, 1, "S3, 1 GiB")))
    if len(costs) < len(contenders):
        return section
    per_gib = {
        name: _median_less(costs[f"{name}, 1 GiB"], costs[f"{name}, 1 KiB"])
        for name in ("S3", "S3 with sha256", "hub", "hf")
    }
    section.lines.append("")
    section.lines += [f"{name}: {value:.2f} s of CPU per GiB" for name, value in per_gib.items()]
    reached = per_gib["hub"] / per_gib["S3 with sha256"]
    section.goals.append(
        Goal("CPU per GiB, from a hub", LARGEST, reached, "x S3 with the same checks")
    )
    return section


def _median_less(large: list[Cost], small: list[Cost]) -> float:
    rounds = zip(large, small, strict=True)
    return statistics.median(one.cpu_s - other.cpu_s for one, other in rounds)


def _small_object(bed: Bed) -> str:
    def write(file: Path) -> None:
        file.write_bytes(random.Random(1).randbytes(1024))

    bed.ensure("random-1kib.bin", write)
    return "random-1kib.bin"


def _content(bed: Bed, key: str) -> bytes:
    content: bytes = bed.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    return content
