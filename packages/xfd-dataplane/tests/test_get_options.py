"""Options of `xfd-get` that reach the data plane, by what they change there."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from asked_store import BODY, asked_store
from s3_stores import store_that_says
from xfd_get_process import Command

from xfd_api.results import DistributionReport
from xfd_testing import artifacts

MIB = 2**20


@pytest.mark.parametrize(
    "cap", [["--max-entries", "10"], ["--max-unpacked", "200M"], ["--max-ratio", "2"]], ids=" ".join
)
def test_an_archive_is_unpacked_up_to_its_caps(
    xfd_get: Command, tmp_path: Path, cap: list[str]
) -> None:
    entries = artifacts.environment(20)
    archive = artifacts.tar_gz(tmp_path / "many.tar.gz", entries)
    if cap[0] != "--max-entries":
        archive = tmp_path / "zeros.gz"
        with gzip.open(archive, "wb", compresslevel=1) as zeros:
            for _ in range(201):
                zeros.write(bytes(MIB))
    command = [f"file://{archive}", f"{tmp_path / 'out'}/", f"--unpack={tmp_path / 'out' / 'tree'}"]

    refused = xfd_get.run(*command, *cap, "--json")

    assert refused.code == 1
    assert json.loads(refused.out)["error"]["type"] == "ArchiveTooLargeError"
    assert not (tmp_path / "out" / "tree").exists()
    assert xfd_get.run(*command).code == 0


def test_the_report_is_saved_for_those_who_look_at_it_later(
    xfd_get: Command, tmp_path: Path
) -> None:
    (tmp_path / "source").write_bytes(BODY)
    command = [f"file://{tmp_path / 'source'}", tmp_path / "k"]

    done = xfd_get.run(*command, "--report", tmp_path / "run.json")

    assert (done.code, (tmp_path / "k").read_bytes()) == (0, BODY)
    report = DistributionReport.load(tmp_path / "run.json")
    assert report.catalog_bytes == len(BODY)
    assert report.timeline is not None
    assert report.timeline.transfers.total == 1
    for words in (["--dry-run"], []):
        place = "-" if not words else tmp_path / "k"
        refused = xfd_get.run(command[0], place, *words, "--report", tmp_path / "another.json")
        assert refused.code == 2
        assert "--report goes with a download to disk" in refused.err
    assert not (tmp_path / "another.json").exists()


def test_a_report_that_cannot_be_saved_is_refused_before_anything_moves(
    xfd_get: Command, tmp_path: Path
) -> None:
    (tmp_path / "source").write_bytes(BODY)
    place = tmp_path / "absent" / "run.json"

    refused = xfd_get.run(f"file://{tmp_path / 'source'}", tmp_path / "k", "--report", place)

    assert refused.code == 6
    assert str(place) in refused.err
    assert not (tmp_path / "k").exists()


def test_the_payer_is_named_with_each_request(
    xfd_get: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with asked_store() as server:
        command = ["s3://bucket/key", tmp_path / "k", "--endpoint-url", server.url]
        done = xfd_get.run(*command, "--request-payer", "requester")
        payers = [each.get("x-amz-request-payer") for each in server.headers]

    assert (done.code, (tmp_path / "k").read_bytes()) == (0, BODY)
    assert len(payers) >= 2
    assert set(payers) == {"requester"}


def test_the_whole_file_is_compared_where_that_is_asked_for(
    xfd_get: Command, tmp_path: Path
) -> None:
    """The store says an MD5 that is not that of its bytes, and has nothing better."""
    with store_that_says(b"bytes", {"ETag": f'"{"0" * 32}"'}) as endpoint:
        command = ["s3://bucket/set/k", tmp_path / "k", "--endpoint-url", endpoint]
        wrong = xfd_get.run(*command, "--verify-whole", "--json")
        right = xfd_get.run(*command)

    assert wrong.code == 5
    assert json.loads(wrong.out)["error"]["type"] == "ChecksumMismatchError"
    assert (right.code, (tmp_path / "k").read_bytes()) == (0, b"bytes")
