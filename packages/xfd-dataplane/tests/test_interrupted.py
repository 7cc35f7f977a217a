"""Killed or interrupted at any moment, the next run goes on where this one stopped."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from xfd_get_process import Command, hidden_files

from harness import artifacts
from harness.s3 import S3Server

MIB = 2**20
CHUNK = MIB
PARALLEL = 4
KILLS = 6


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return artifacts.weights_file(tmp_path_factory.mktemp("weights") / "weights.bin", 40 * MIB)


def words(bucket: str, place: Path, *more: str) -> list[str | Path]:
    shape = ["--chunk-size", str(CHUNK), "--parallel", str(PARALLEL)]
    return [f"s3://{bucket}/w.bin", place, *shape, "--json", *more]


def wait_for_bytes(
    server: S3Server, bucket: str, process: subprocess.Popen[str], count: int
) -> None:
    """Until the server has sent so many bytes, or the download is over."""
    limit = time.monotonic() + 30
    while server.sent_bytes(bucket) < count and process.poll() is None:
        assert time.monotonic() < limit, "the download does not move"
        time.sleep(0.01)


def test_killed_at_random_moments_only_what_was_in_flight_is_fetched_twice(
    xfd_get: Command, s3_server: S3Server, bucket: str, weights: Path, tmp_path: Path
) -> None:
    s3_server.upload(bucket, "w.bin", weights)
    place = tmp_path / "out" / "w.bin"
    size = weights.stat().st_size
    moments = random.Random(7)
    killed = 0

    for _ in range(KILLS):
        process = xfd_get.start(*words(bucket, place, "--limit-rate", "40M"))
        sent = s3_server.sent_bytes(bucket)
        wait_for_bytes(s3_server, bucket, process, sent + moments.randrange(1, size // KILLS))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        assert not place.exists() or artifacts.sha256(place) == artifacts.sha256(weights)

    done = xfd_get.run(*words(bucket, place))

    assert (done.code, done.err) == (0, "")
    assert killed > 1
    assert artifacts.sha256(place) == artifacts.sha256(weights)
    assert s3_server.sent_bytes(bucket) <= size + killed * PARALLEL * CHUNK
    assert json.loads(done.out)["origin_bytes"] < size - 2 * CHUNK
    assert hidden_files(place.parent) == [place.parent / ".w.bin.xfd"]


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_it_ends_within_a_second_and_keeps_what_it_has(
    xfd_get: Command,
    s3_server: S3Server,
    bucket: str,
    weights: Path,
    tmp_path: Path,
    sent: signal.Signals,
    code: int,
) -> None:
    s3_server.upload(bucket, "w.bin", weights)
    place = tmp_path / "out" / "w.bin"
    process = xfd_get.start(*words(bucket, place, "--limit-rate", "10M"))
    wait_for_bytes(s3_server, bucket, process, 12 * MIB)

    process.send_signal(sent)
    started = time.monotonic()
    out, err = process.communicate(timeout=10)
    took = time.monotonic() - started

    assert process.returncode == code
    assert (out, len(err.splitlines())) == ("", 1)
    assert "Traceback" not in err
    assert took < 1.0
    assert not place.exists()

    done = json.loads(xfd_get.run(*words(bucket, place)).out)
    assert done["origin_bytes"] <= weights.stat().st_size - 4 * CHUNK
    assert artifacts.sha256(place) == artifacts.sha256(weights)


def test_interrupted_while_the_store_does_not_answer(xfd_get: Command, tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        process = xfd_get.start(
            "s3://bucket/k", tmp_path / "k", "--endpoint-url", f"http://127.0.0.1:{port}"
        )
        silent.accept()
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        process.communicate(timeout=10)

    assert process.returncode == 130
    assert time.monotonic() - started < 1.0
