"""Killed or interrupted at any moment, the next run goes on where this one stopped."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from xfd_get_process import Command, hidden_files

from xfd_testing import artifacts
from xfd_testing.s3 import S3Server
from xfd_testing.waiting import until

MIB = 2**20
CHUNK = MIB
PARALLEL = 4
KILLS = 20
UNPACKING_KILLS = 5


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


def kill_again_and_again(
    xfd_get: Command,
    server: S3Server,
    bucket: str,
    command: list[str | Path],
    moments: Iterable[int],
    landed: Callable[[], None],
) -> int:
    """Starts the command for each moment and kills it when so many more bytes were sent.

    A moment is followed by a little more time: what is done between bytes (journals, records,
    renames, unpacking) is to be hit as well. `landed` looks at what lies at the destinations after
    each kill. Returns how many runs were killed before they were done.
    """
    pauses = random.Random(11)
    killed = 0
    for moment in moments:
        process = xfd_get.start(*command)
        wait_for_bytes(server, bucket, process, server.sent_bytes(bucket) + moment)
        time.sleep(pauses.uniform(0, 0.02))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        landed()
    return killed


def test_killed_at_random_moments_only_what_was_in_flight_is_fetched_twice(
    xfd_get: Command, s3_server: S3Server, bucket: str, weights: Path, tmp_path: Path
) -> None:
    """One object of many chunks, one of few, and small ones that share packs."""
    wanted = {
        "big.bin": weights.read_bytes(),
        "few.bin": weights.read_bytes()[: 3 * CHUNK + 5],
        **artifacts.small_objects(200),
    }
    for key, body in wanted.items():
        s3_server.put(bucket, f"set/{key}", body)
    place = tmp_path / "out"
    size = sum(map(len, wanted.values()))
    shape = ["--chunk-size", str(CHUNK), "--parallel", str(PARALLEL), "--json"]
    command = [f"s3://{bucket}/set/", place, *shape]
    moments = random.Random(7)
    before = s3_server.sent_bytes(bucket)

    def landed() -> None:
        for file in place.rglob("*"):
            if file.is_file() and not file.name.startswith("."):
                assert file.read_bytes() == wanted[str(file.relative_to(place))], file

    killed = kill_again_and_again(
        xfd_get,
        s3_server,
        bucket,
        [*command, "--limit-rate", "40M"],
        (moments.randrange(0, size // KILLS) for _ in range(KILLS)),
        landed,
    )
    done = xfd_get.run(*command)

    assert (done.code, done.err) == (0, "")
    # How many runs end before their kill is up to the machine.
    assert killed >= KILLS // 2
    assert artifacts.tree_of(place) == wanted
    assert s3_server.sent_bytes(bucket) - before <= size + killed * PARALLEL * CHUNK
    # How much the killed runs finished depends on the machine: chunks in flight are lost.
    assert json.loads(done.out)["origin_bytes"] < size
    assert hidden_files(tmp_path / "out") == []


def test_killed_while_it_unpacks_the_next_run_has_the_tree(
    xfd_get: Command, s3_server: S3Server, bucket: str, tmp_path: Path
) -> None:
    entries = artifacts.environment(400)
    archive = artifacts.tar_gz(tmp_path / "env.tar.gz", entries)
    s3_server.upload(bucket, "env.tar.gz", archive)
    size = archive.stat().st_size
    place = tmp_path / "out"
    chunk = max(size // 16, 64 * 1024)
    shape = ["--chunk-size", str(chunk), "--parallel", "2", "--json", "--no-keep-archive"]
    command = [f"s3://{bucket}/env.tar.gz", f"{place}/", *shape, f"--unpack={place / 'env'}"]
    moments = random.Random(9)
    before = s3_server.sent_bytes(bucket)

    killed = kill_again_and_again(
        xfd_get,
        s3_server,
        bucket,
        [*command, "--limit-rate", str(size)],
        (moments.randrange(0, size // UNPACKING_KILLS) for _ in range(UNPACKING_KILLS)),
        lambda: None,
    )
    done = xfd_get.run(*command)

    assert (done.code, done.err) == (0, "")
    assert killed >= UNPACKING_KILLS - 1
    assert artifacts.tree_differences(place / "env", entries) == []
    assert s3_server.sent_bytes(bucket) - before <= size + killed * 2 * chunk
    assert [path.name for path in place.iterdir() if not path.name.startswith(".")] == ["env"]


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


@pytest.mark.parametrize("to", ["file", "-"])
@pytest.mark.parametrize("gap_s", [0.0, 0.001, 0.01])
def test_more_signals_do_not_interrupt_the_clean_up(
    weights: Path, tmp_path: Path, to: str, gap_s: float
) -> None:
    """Someone presses Ctrl-C again and again, and a supervisor sends SIGTERM."""
    root = tmp_path / "root"
    place = tmp_path / "out"
    process = Command({"XFD_ROOT": str(root)}).start(
        f"file://{weights}", "-" if to == "-" else place, "--limit-rate", "8M"
    )
    until(lambda: any(tmp_path.rglob("*.xfd-part")), 30, "the download does not begin")

    for sent in [signal.SIGINT, signal.SIGTERM] * 10:
        process.send_signal(sent)
        time.sleep(gap_s)
    _, err = process.communicate(timeout=10)

    assert process.returncode == 130
    assert err.splitlines() == ["xfd-get: interrupted; run it again to go on from here"]
    assert not place.exists()
    assert list(root.rglob("*object*")) == []


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
