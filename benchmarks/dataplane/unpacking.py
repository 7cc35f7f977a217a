"""Rows: a compressed archive unpacked while it arrives, and many small files unpacked from disk."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from benchmarks.dataplane import archives
from benchmarks.dataplane.bed import BUCKET, Bed, Contender
from benchmarks.dataplane.clients import BIN, xfd
from benchmarks.dataplane.table import (
    GIB,
    Goal,
    Section,
    cost_table,
    ratio,
    ratio_to_largest,
    wall,
)

NO_SYNC = ("--durability", "none")
DOWNLOAD, PIGZ = "xfd-get, download alone", "pigz -d alone"


def tar_gz(bed: Bed) -> Section:
    """Downloads and unpacks, compared with either of them alone and with a pipe of tools."""
    if shutil.which("pigz") is None:
        return Section("tar.gz of 1 GiB", ["Not here: pigz (Debian's package pigz)"])
    key = "shards.tar.gz"
    bed.ensure(key, lambda file: archives.write_tar_gz(file, GIB))
    here = bed.folder / key
    bed.client.download_file(BUCKET, key, str(here))
    target = bed.target(key)
    archive, tree = "archive.tar.gz", "tree"

    def unpacked(*options: str) -> Contender:
        return Contender(
            lambda home: xfd(*NO_SYNC, f"--unpack={home / tree}", *options)(target, home / archive)
        )

    def pipe(home: Path) -> list[str]:
        (home / tree).mkdir()
        fetch = shlex.join([str(BIN / "s5cmd"), "cat", target.uri])
        return _shell(f"{fetch} | pigz -dc | tar -x -C {shlex.quote(str(home / tree))}")

    contenders = {
        DOWNLOAD: Contender(lambda home: xfd(*NO_SYNC)(target, home / archive)),
        PIGZ: Contender(lambda home: _shell(f"exec pigz -dc {here} > {home / 'out.tar'}")),
        "xfd-get --unpack": unpacked("--no-keep-archive"),
        "xfd-get --unpack, archive kept": unpacked(),
        "s5cmd, pigz and tar in a pipe": Contender(pipe),
    }
    costs = bed.compare(contenders, always=(DOWNLOAD, PIGZ, "xfd-get --unpack"))
    size = here.stat().st_size
    here.unlink()
    reached = ratio_to_largest(costs, "xfd-get --unpack", (DOWNLOAD, PIGZ), wall)
    return Section(
        f"tar.gz of {size / GIB:.2f} GiB",
        list(cost_table(costs, size / GIB, DOWNLOAD)),
        [Goal("tar.gz of 1 GiB", 1.05, reached, "x max(download, pigz -d)")],
    )


def small_tar(bed: Bed) -> Section:
    """Unpacks 20,000 files from a tar on disk, compared with GNU tar."""
    return _extraction(bed, "small.tar", archives.write_small_tar, "tar", ["tar", "-xf"], "-C", 1.0)


def small_zip(bed: Bed) -> Section:
    """Unpacks 20,000 files from a zip on disk, compared with unzip."""
    return _extraction(
        bed, "small.zip", archives.write_small_zip, "unzip", ["unzip", "-q"], "-d", 0.7
    )


def _extraction(
    bed: Bed,
    key: str,
    write: Callable[[Path], object],
    tool: str,
    command: list[str],
    into: str,
    limit: float,
) -> Section:
    """Gives xfd-get an archive that it fetched before, so that it only unpacks."""
    title = f"Extraction of 20,000 files of 8 KiB, {key}"
    if shutil.which(tool) is None:
        return Section(title, [f"Not here: {tool} (Debian's package of that name)"])
    bed.ensure(key, write)
    target, unpacked = bed.target(key), archives.SMALL_ENTRIES * archives.SMALL_BYTES

    def fetch(home: Path) -> None:
        subprocess.run(xfd(*NO_SYNC)(target, home / key), check=True)
        (home / "theirs").mkdir()

    def ours(home: Path) -> list[str]:
        return xfd(*NO_SYNC, f"--unpack={home / 'ours'}")(target, home / key)

    def theirs(home: Path) -> list[str]:
        return [*command, str(home / key), into, str(home / "theirs")]

    contenders = {
        "xfd-get": Contender(ours, prepare=fetch, leaves=unpacked),
        tool: Contender(theirs, prepare=fetch, leaves=unpacked),
        # The start of the command alone.
        "xfd-get --version": Contender(lambda _: [str(BIN / "xfd-get"), "--version"]),
    }
    costs = bed.compare(contenders, always=("xfd-get", tool))
    reached = ratio(costs, "xfd-get", tool, wall)
    lines = list(cost_table(costs, unpacked / GIB, tool))
    return Section(title, lines, [Goal(f"extraction, {key}", limit, reached, f"x {tool}")])


def _shell(line: str) -> list[str]:
    return ["bash", "-o", "pipefail", "-c", line]
