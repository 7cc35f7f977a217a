"""A dry run of `xfd-get` says what is on disk and what is missing, and changes nothing."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

from xfd_get_process import Command

from xfd_testing import artifacts

MIB = 2**20


def test_a_dry_run_tells_what_is_here_already_and_leaves_no_trace(tmp_path: Path) -> None:
    """Whole objects, a part of one that was interrupted, and an archive that is unpacked."""
    folder = tmp_path / "in"
    folder.mkdir()
    artifacts.weights_file(folder / "big.bin", 8 * MIB)
    (folder / "small").write_bytes(b"small")
    artifacts.tar_gz(folder / "env.tar.gz", artifacts.environment(20))
    out = tmp_path / "out"
    get = Command({})

    def planned(source: str, place: Path, *more: str) -> tuple[int, int, int]:
        before = sorted(tmp_path.rglob("*"))
        words = [f"file://{folder}/{source}", place, "--chunk-size", "1MiB", "--dry-run", *more]
        document = json.loads(get.run(*words, "--json").out)
        assert sorted(tmp_path.rglob("*")) == before
        assert document["cached_bytes"] + document["missing_bytes"] == document["catalog_bytes"]
        return document["cached_objects"], document["cached_bytes"], document["missing_bytes"]

    size = sum(path.stat().st_size for path in folder.iterdir())
    assert planned("", out) == (0, 0, size)

    assert get.run(f"file://{folder}/", out, "--include", "small").code == 0
    assert planned("", out) == (1, 5, size - 5)
    assert planned("", out, "--force") == (0, 0, size)
    said = get.run(f"file://{folder}/", out, "--dry-run").out
    rows = [line.split(maxsplit=3) for line in said.splitlines() if " -> " in line]
    assert [(row[-1], row[-2]) for row in rows[1:]] == [
        (f"big.bin -> {out}/big.bin", "-"),
        (f"env.tar.gz -> {out}/env.tar.gz", "-"),
        (f"small -> {out}/small", "all"),
    ]
    assert "3 object(s)" in said
    assert "1 object(s), 5 B here already" in said

    process = get.start(
        f"file://{folder}/big.bin",
        tmp_path / "b",
        "--chunk-size",
        "1MiB",
        "--limit-rate",
        "4M",
        "--parallel",
        "1",
    )
    while not list(tmp_path.glob(".b.xfd-journal")) and process.poll() is None:
        time.sleep(0.02)
    time.sleep(0.6)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 130
    objects, here, missing = planned("big.bin", tmp_path / "b")
    assert objects == 0
    assert here >= MIB
    assert missing >= MIB

    archive = f"file://{folder}/env.tar.gz"
    assert get.run(archive, f"{tmp_path}/e/", "--unpack", "--no-keep-archive").code == 0
    unpack = ("--unpack", "--no-keep-archive")
    assert planned("env.tar.gz", tmp_path / "e", *unpack)[0] == 1
    assert planned("env.tar.gz", tmp_path / "e")[0] == 0
