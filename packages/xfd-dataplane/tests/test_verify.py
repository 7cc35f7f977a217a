"""`verify` reads again what has landed, and names whatever is not as it was left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from xfd_api.requests import (
    DownloadRequest,
    ObjectDownloadRequest,
    PrefixDownloadRequest,
    UnpackOptions,
)
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane import VerifyReport, download, verify
from xfd_dataplane.verification import verify_paths
from xfd_testing import artifacts

MIB = 2**20


class Landed:
    """An object, a prefix and an unpacked archive that have landed."""

    def __init__(self, folder: Path) -> None:
        origin = folder / "origin"
        artifacts.weights_file(origin / "w.bin", 3 * MIB)
        for name, body in artifacts.small_objects(20).items():
            (origin / "p" / name).parent.mkdir(parents=True, exist_ok=True)
            (origin / "p" / name).write_bytes(body)
        artifacts.tar_gz(origin / "env.tar.gz", artifacts.environment(20))
        self.origin = origin
        self.out = folder / "out"
        self.store = ObjectStoreConfig.make_for_local(origin)
        self.requests = [
            DownloadRequest(ObjectDownloadRequest("w.bin", self.out / "w.bin")),
            DownloadRequest(PrefixDownloadRequest("p", self.out / "p")),
            DownloadRequest(
                ObjectDownloadRequest(
                    "env.tar.gz",
                    self.out / "env.tar.gz",
                    unpack_options=UnpackOptions(self.out / "env", keep_archive=False),
                )
            ),
        ]
        download(self.requests, self.store, chunk_size_bytes=MIB)

    def problems(self, report: VerifyReport) -> list[tuple[str, str]]:
        return [
            (str(Path(wrong.path).relative_to(self.out)), wrong.problem)
            for wrong in report.mismatches
        ]


@pytest.fixture
def landed(tmp_path: Path) -> Landed:
    return Landed(tmp_path)


def flip(file: Path, place: int) -> None:
    """Another bit, the same size and time: what a bad disk does."""
    before = file.stat()
    with file.open("r+b") as stream:
        stream.seek(place)
        byte = stream.read(1)[0]
        stream.seek(place)
        stream.write(bytes([byte ^ 0x10]))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_what_was_just_landed_is_right(landed: Landed) -> None:
    by_records = verify(landed.requests)
    by_store = verify(landed.requests, landed.store)

    assert by_records.ok
    assert by_records == by_store
    assert by_records.files == 21
    assert by_records.entries > 20
    size = sum(len(body) for body in artifacts.small_objects(20).values())
    assert by_records.bytes == 3 * MIB + size


def test_paths_alone_are_enough(landed: Landed) -> None:
    report = verify_paths([landed.out / "w.bin", landed.out / "p"])

    assert (report.ok, report.files) == (True, 21)


def test_a_flipped_bit_is_found_and_its_chunk_named(landed: Landed) -> None:
    flip(landed.out / "w.bin", MIB + 5)
    flip(landed.out / "p" / "shard_1" / "item_00001.bin", 0)

    report = verify(landed.requests)

    assert landed.problems(report) == [("w.bin", "bytes"), ("p/shard_1/item_00001.bin", "bytes")]
    assert f"bytes {MIB} to {2 * MIB} " in report.mismatches[0].detail


def test_what_is_gone_cut_or_changed_is_told_apart(landed: Landed) -> None:
    (landed.out / "p" / "EMPTY").unlink()
    with (landed.out / "w.bin").open("r+b") as file:
        file.truncate(MIB)
    (landed.out / "env" / "bin" / "activate").write_text("edited")
    (landed.out / "env" / "bin" / "python").unlink()

    report = verify(landed.requests)

    assert landed.problems(report) == [
        ("w.bin", "size"),
        ("p/EMPTY", "missing"),
        ("env/bin/python", "tree"),
        ("env/bin/activate", "tree"),
    ]


def test_the_store_has_another_object_now(landed: Landed) -> None:
    artifacts.weights_file(landed.origin / "w.bin", 3 * MIB, seed=9)

    assert verify(landed.requests).ok
    report = verify(landed.requests, landed.store)

    assert landed.problems(report) == [("w.bin", "outdated")]
    assert report.mismatches[0].key == "w.bin"


def test_a_file_that_xfd_did_not_land_is_unknown(landed: Landed, tmp_path: Path) -> None:
    (landed.out / "mine").write_bytes(b"x")

    assert landed.problems(verify_paths([landed.out / "mine"])) == [("mine", "unknown")]


def test_a_folder_of_files_that_came_one_by_one_is_looked_through(tmp_path: Path) -> None:
    landed = Landed(tmp_path)
    out = landed.out
    many = [
        DownloadRequest(ObjectDownloadRequest("w.bin", out / "loose" / name))
        for name in ("a", "deep/b", "c" * 250)
    ]
    download(many, landed.store, chunk_size_bytes=MIB)

    report = verify_paths([out / "loose"])
    assert (report.ok, report.files) == (True, 3)

    (out / "loose" / "deep" / "b").unlink()
    report = verify_paths([out / "loose"])
    assert landed.problems(report) == [("loose/deep/b", "missing")]

    whole = verify_paths([out])
    assert whole.files == report.files + verify(landed.requests).files


def test_a_folder_in_which_nothing_has_landed_is_said_to_be_unknown(tmp_path: Path) -> None:
    (tmp_path / "other" / "file").mkdir(parents=True)
    [wrong] = verify_paths([tmp_path / "other"]).mismatches
    assert (wrong.problem, wrong.detail) == ("unknown", "nothing in this folder has a record")
