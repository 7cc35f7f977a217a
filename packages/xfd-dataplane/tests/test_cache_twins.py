"""An object that a node has under another destination is not fetched again."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from local_objects import a_prefix, an_object, put
from test_cache_upkeep import an_archive

from xfd_api.requests import DownloadRequest, ObjectDownloadRequest, UnpackOptions
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane import download, verify
from xfd_dataplane.cache.node_cache import NodeCache

MIB = 2**20


def test_a_second_destination_takes_what_the_first_one_has(
    origin: Path, store: ObjectStoreConfig, tmp_path: Path
) -> None:
    body = put(origin, "big", 9 * MIB)
    small = {f"p/{k}/f": put(origin, f"p/{k}/f", 1000 + k) for k in range(20)}
    first = [an_object("big", "first/big"), a_prefix("p", "first/p")]
    download(first, store, chunk_size_bytes=MIB)

    second = [an_object("big", tmp_path / "second/big"), a_prefix("p", tmp_path / "second/p")]
    report = download(second, store, chunk_size_bytes=MIB)

    assert (report.origin_bytes, report.cached_bytes) == (
        0,
        len(body) + sum(map(len, small.values())),
    )
    assert (tmp_path / "second/big").read_bytes() == body
    for key, content in small.items():
        assert (tmp_path / "second" / key).read_bytes() == content
    assert verify(second, store).ok
    again = download(second, store, chunk_size_bytes=MIB)
    assert again.origin_bytes == 0


def test_an_edit_of_one_does_not_change_the_other(
    origin: Path, store: ObjectStoreConfig, tmp_path: Path
) -> None:
    body = put(origin, "big", 3 * MIB)
    download(an_object("big", "first"), store)
    download(an_object("big", "second"), store)
    root = tmp_path / "root"

    with (root / "second").open("r+b") as file:
        file.write(b"edited in place")

    assert (root / "first").read_bytes() == body
    assert (root / "first").stat().st_nlink == 1
    third = download(an_object("big", "third"), store)
    assert (root / "third").read_bytes() == body
    assert third.origin_bytes == 0


@pytest.mark.parametrize("change", ["at the store", "on the disk", "gone", "refused"])
def test_what_is_not_the_same_any_more_is_fetched(
    origin: Path, store: ObjectStoreConfig, tmp_path: Path, change: str
) -> None:
    put(origin, "big", MIB)
    download(an_object("big", "first"), store)
    if change == "at the store":
        put(origin, "big", MIB)
    if change == "on the disk":
        (tmp_path / "root/first").write_bytes(b"x" * MIB)
    if change == "gone":
        (tmp_path / "root/first").unlink()

    report = download(an_object("big", "second", cache=change != "refused"), store)

    assert report.origin_bytes == MIB
    assert (tmp_path / "root/second").read_bytes() == (origin / "big").read_bytes()


def test_an_archive_is_unpacked_from_the_copy_of_another_one(
    origin: Path, store: ObjectStoreConfig, tmp_path: Path
) -> None:
    an_archive(origin, "a.tar")
    download(an_object("a.tar", "a.tar"), store)
    options = UnpackOptions(Path("tree"), keep_archive=False)
    wanted = DownloadRequest(ObjectDownloadRequest("a.tar", Path("b.tar"), unpack_options=options))

    report = download(wanted, store)

    assert report.origin_bytes == 0
    assert (tmp_path / "root/tree/pkg/data.bin").stat().st_size == 5000
    assert not (tmp_path / "root/b.tar").exists()


DOWNLOADS = """
import sys
from xfd_api import ObjectStoreConfig
from xfd_dataplane import download

sys.stdin.readline()
report = download("big", ObjectStoreConfig.make_for_local(sys.argv[1]))
print(report.origin_bytes)
"""


def test_two_processes_that_want_the_same_second_destination_both_get_it(
    origin: Path, store: ObjectStoreConfig, tmp_path: Path
) -> None:
    body = put(origin, "big", 4 * MIB)
    download(an_object("big", "first"), store)
    command = [sys.executable, "-c", DOWNLOADS, str(origin)]
    several = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]

    answers = []
    for each in several:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    for each in several:
        out, _ = each.communicate(timeout=60)
        answers.append((each.returncode, out))

    assert answers == [(0, "0\n")] * 2
    assert (tmp_path / "root/big").read_bytes() == body


def test_a_lost_index_only_costs_a_fetch(
    origin: Path, store: ObjectStoreConfig, tmp_path: Path
) -> None:
    put(origin, "big", MIB)
    download(an_object("big", "first"), store)
    shutil.rmtree(NodeCache.of().own)

    assert download(an_object("big", "second"), store).origin_bytes == MIB
