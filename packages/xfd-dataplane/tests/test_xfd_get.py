"""The command `xfd-get` against a real S3 server, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from xfd_get_process import Command, hidden_files

from xfd_testing import artifacts
from xfd_testing.processes import free_ports
from xfd_testing.s3 import S3Server

MIB = 2**20


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return artifacts.weights_file(tmp_path_factory.mktemp("weights") / "weights.bin", 9 * MIB + 7)


def test_an_object_and_a_second_time_without_moving_a_byte(
    xfd_get: Command, s3_server: S3Server, bucket: str, weights: Path, tmp_path: Path
) -> None:
    s3_server.upload(bucket, "models/weights.bin", weights)
    source, place = f"s3://{bucket}/models/weights.bin", tmp_path / "w.bin"

    first = xfd_get.run(source, place, "--json")

    assert (first.code, first.err) == (0, "")
    assert artifacts.sha256(place) == artifacts.sha256(weights)
    size = weights.stat().st_size
    assert s3_server.sent_bytes(bucket) == size
    document = json.loads(first.out)
    assert document["ok"] is True
    assert document["origin_bytes"] == document["catalog_bytes"] == size
    assert document["objects"] == [
        {
            "key": "models/weights.bin",
            "destination": str(place),
            "size": size,
            "origin_bytes": size,
            "cached": False,
        }
    ]

    second = json.loads(xfd_get.run("get", source, place, "--json").out)

    assert (second["origin_bytes"], second["cached_bytes"]) == (0, size)
    assert second["objects"][0]["cached"] is True
    assert s3_server.sent_bytes(bucket) == size
    assert "all here already" in xfd_get.run(source, place).out


def test_what_was_done_is_said_where_no_bytes_were_moved(
    xfd_get: Command, s3_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    s3_server.put(bucket, "empty", b"")
    archive = artifacts.tar_gz(tmp_path / "made.tar.gz", artifacts.environment(20))
    s3_server.upload(bucket, "env.tar.gz", archive)
    out = tmp_path / "out"

    assert "0 B fetched" in xfd_get.run(f"s3://{bucket}/empty", out / "empty").out
    assert "all here already" in xfd_get.run(f"s3://{bucket}/empty", out / "empty").out
    xfd_get.run(f"s3://{bucket}/env.tar.gz", f"{out}/")
    unpacked = xfd_get.run(f"s3://{bucket}/env.tar.gz", f"{out}/", "--unpack").out
    assert "nothing to fetch, in place after" in unpacked


def test_an_archive_is_unpacked_on_the_way(
    xfd_get: Command, s3_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    entries = artifacts.environment(300)
    archive = artifacts.tar_gz(tmp_path / "made.tar.gz", entries)
    s3_server.upload(bucket, "env.tar.gz", archive)
    out = tmp_path / "out"

    done = xfd_get.run(f"s3://{bucket}/env.tar.gz", f"{out}/", "--unpack", "--no-keep-archive")

    assert (done.code, done.err) == (0, "")
    assert artifacts.tree_differences(out / "env", entries) == []
    assert not (out / "env.tar.gz").exists()
    moved = s3_server.sent_bytes(bucket)

    again = xfd_get.run(
        f"s3://{bucket}/env.tar.gz", f"{out}/", "--unpack", "--no-keep-archive", "--json"
    )

    assert json.loads(again.out)["origin_bytes"] == 0
    assert s3_server.sent_bytes(bucket) == moved


def test_a_zip_is_unpacked_where_it_is_told(
    xfd_get: Command, s3_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    archive, content = artifacts.zip_file(tmp_path / "made.zip", 40)
    s3_server.upload(bucket, "data.zip", archive)
    tree = tmp_path / "tree"

    done = xfd_get.run(f"s3://{bucket}/data.zip", tmp_path / "data.zip", f"--unpack={tree}")

    assert (done.code, done.err) == (0, "")
    assert artifacts.tree_of(tree) == content
    assert (tmp_path / "data.zip").is_file()


@pytest.fixture
def small(s3_server: S3Server, bucket: str) -> dict[str, bytes]:
    bodies = artifacts.small_objects(40)
    for key, body in bodies.items():
        s3_server.put(bucket, f"small/{key}", body)
    s3_server.put(bucket, "smaller/x.bin", b"no")
    return bodies


def test_a_prefix_and_a_pattern(
    xfd_get: Command, bucket: str, small: dict[str, bytes], tmp_path: Path
) -> None:
    assert xfd_get.run(f"s3://{bucket}/small/", tmp_path / "all").code == 0
    assert artifacts.tree_of(tmp_path / "all") == small

    assert xfd_get.run(f"s3://{bucket}/small/*_3/*.bin", tmp_path / "some").code == 0
    assert {
        key: body for key, body in artifacts.tree_of(tmp_path / "some").items() if "/." not in key
    } == {key: body for key, body in small.items() if key.startswith("shard_3/")}


def test_a_dry_run_finds_everything_and_fetches_nothing(
    xfd_get: Command, s3_server: S3Server, bucket: str, small: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    said = xfd_get.run(f"s3://{bucket}/small/", out, "--dry-run")
    document = json.loads(xfd_get.run(f"s3://{bucket}/small/", out, "--dry-run", "--json").out)

    assert said.code == 0
    assert f"small/EMPTY -> {out}/EMPTY" in said.out
    assert (document["ok"], document["dry_run"], len(document["objects"])) == (True, True, 40)
    assert document["catalog_bytes"] == sum(map(len, small.values()))
    assert set(document["objects"][0]) == {
        *("key", "destination", "size", "unpack"),
        *("cached", "cached_bytes"),
    }
    assert not out.exists()
    assert s3_server.sent_bytes(bucket) == 0


def test_ls_shows_sizes_times_and_keys(
    xfd_get: Command, bucket: str, small: dict[str, bytes]
) -> None:
    lines = xfd_get.run("ls", f"s3://{bucket}/small/shard_1/").out.splitlines()
    document = json.loads(xfd_get.run("ls", f"s3://{bucket}/small/", "--json").out)

    expected = sorted(key for key in small if key.startswith("shard_1/"))
    assert [line.split()[-1] for line in lines] == [f"small/{key}" for key in expected]
    assert [int(line.split()[0]) for line in lines] == [len(small[key]) for key in expected]
    assert len(document["objects"]) == 40
    assert document["objects"][0]["last_modified"].endswith("Z")
    assert document["objects"][0]["etag"]


def test_verify_notices_a_flipped_bit_that_left_size_and_time_alone(
    xfd_get: Command, s3_server: S3Server, bucket: str, weights: Path, tmp_path: Path
) -> None:
    s3_server.upload(bucket, "w.bin", weights)
    source, place = f"s3://{bucket}/w.bin", tmp_path / "w.bin"
    xfd_get.run(source, place, "--chunk-size", "2MiB")
    assert xfd_get.run("verify", source, place).code == 0
    assert xfd_get.run("verify", place).code == 0

    before = place.stat()
    with place.open("r+b") as file:
        file.seek(5 * MIB)
        byte = file.read(1)[0]
        file.seek(5 * MIB)
        file.write(bytes([byte ^ 1]))
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))

    by_record = xfd_get.run("verify", place, "--json")
    assert by_record.code == 5
    (wrong,) = json.loads(by_record.out)["mismatches"]
    assert (wrong["path"], wrong["problem"]) == (str(place), "bytes")
    assert f"bytes {4 * MIB} to {6 * MIB}" in wrong["detail"]
    said = xfd_get.run("verify", source, place)
    assert (said.code, str(place) in said.err) == (5, True)


def test_files_and_web_servers_are_sources_too(
    xfd_get: Command, weights: Path, tmp_path: Path
) -> None:
    server = subprocess.Popen(
        [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "0"],
        cwd=weights.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout is not None
        port = server.stdout.readline().split(" port ")[1].split()[0]
        by_web = xfd_get.run(f"http://127.0.0.1:{port}/weights.bin", tmp_path / "web.bin")
    finally:
        server.kill()
        server.wait()
    by_file = xfd_get.run(f"file://{weights}", tmp_path / "file.bin")

    assert (by_web.code, by_web.err, by_file.code, by_file.err) == (0, "", 0, "")
    assert (tmp_path / "web.bin").read_bytes() == weights.read_bytes()
    assert (tmp_path / "file.bin").read_bytes() == weights.read_bytes()


@pytest.mark.parametrize(
    ("words", "code", "kind"),
    [
        (["s3://{bucket}/none.bin", "{out}/x"], 3, "ObjectNotFoundError"),
        (["s3://{bucket}/none/", "{out}/x"], 3, "ObjectNotFoundError"),
        (["s3://{bucket}/none*", "{out}/x"], 3, "ObjectNotFoundError"),
        (["ls", "s3://{bucket}/none"], 3, "ObjectNotFoundError"),
        (["s3://{bucket}/k", "{out}/x", "--no-sign-request"], 4, "AccessDeniedError"),
        (["s3://{bucket}/k", "/sys/xfd-test/x"], 6, "DestinationNotWritableError"),
        (["ftp://{bucket}/k", "{out}/x"], 2, "InvalidRequestError"),
        (["s3://{bucket}/../k", "{out}/x"], 2, "UnsafePathError"),
        (["s3://{bucket}/k", "{out}/x", "--unpack"], 2, "UnknownArchiveError"),
        (
            ["http://127.0.0.1:{closed}/k", "{out}/x", "--attempts", "1"],
            7,
            "OriginUnreachableError",
        ),
        (["s3://{bucket}/k.tar", "{out}/", "--unpack"], 1, "ArchiveCorruptError"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_an_error_is_one_clear_line_and_a_code_of_its_own(
    xfd_get: Command,
    s3_server: S3Server,
    bucket: str,
    tmp_path: Path,
    words: list[str],
    code: int,
    kind: str,
) -> None:
    s3_server.put(bucket, "k", b"x")
    s3_server.put(bucket, "k.tar", b"no archive")
    (closed,) = free_ports(1)
    names = {"bucket": bucket, "out": tmp_path / "out", "closed": closed}
    filled = [word.format(**names) for word in words]

    said = xfd_get.run(*filled)
    document = json.loads(xfd_get.run(*filled, "--json").out)

    assert (said.code, said.out) == (code, "")
    assert len(said.err.splitlines()) == 1
    assert said.err.startswith("xfd-get: error: ")
    assert (document["ok"], document["error"]["type"]) == (False, kind)
    assert document["error"]["remedy"]
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


def test_an_endpoint_and_a_profile_can_be_named(
    s3_server: S3Server, bucket: str, home: Path, tmp_path: Path
) -> None:
    s3_server.put(bucket, "k", b"here")
    (home / ".aws").mkdir()
    (home / ".aws" / "credentials").write_text(
        f"[work]\naws_access_key_id = {s3_server.owner.access_key_id}\n"
        f"aws_secret_access_key = {s3_server.owner.secret_access_key}\n"
    )
    words = [f"s3://{bucket}/k", str(tmp_path / "k"), "--endpoint-url", s3_server.endpoint]

    wrong = Command({"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing"})

    done = wrong.run(*words, "--region", s3_server.region, "--profile", "work")

    assert (done.code, done.err) == (0, "")
    assert (tmp_path / "k").read_bytes() == b"here"


def test_quiet_says_nothing_and_leaves_only_the_record(
    xfd_get: Command, s3_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    s3_server.put(bucket, "k", b"x")

    done = xfd_get.run(f"s3://{bucket}/k", tmp_path / "out" / "k", "--quiet")

    assert (done.code, done.out, done.err) == (0, "", "")
    assert hidden_files(tmp_path / "out") == [tmp_path / "out" / ".k.xfd"]


def test_no_ray_is_imported() -> None:
    program = (
        "import sys, xfd_dataplane, xfd_dataplane.cli\n"
        "assert not {name for name in sys.modules if name.split('.')[0] == 'ray'}\n"
        "assert 'rich' not in sys.modules, 'only a progress bar needs it'\n"
    )

    subprocess.run([sys.executable, "-c", program], check=True)
