"""What `xfd_testing` starts is real, is counted right, and is gone afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from xfd_testing import artifacts
from xfd_testing.s3 import Identity, S3Server, running
from xfd_testing.waiting import until

READER = Identity("reader", "reader-secret", buckets=("models",))


def _running(marker: str) -> list[str]:
    lines = []
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = cmdline.read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if marker in text:
            lines.append(text)
    return lines


@pytest.mark.needs_s3
def test_server_counts_bodies_and_checks_credentials() -> None:
    with running([READER]) as server:
        server.make_bucket("models")
        server.make_bucket("secret")
        server.put("models", "a", b"x" * 1000)
        server.put("secret", "a", b"x")
        reader = server.client_of(READER)
        assert len(reader.get_object(Bucket="models", Key="a")["Body"].read()) == 1000
        reader.get_object(Bucket="models", Key="a", Range="bytes=10-19")["Body"].read()
        assert server.sent_bytes("models") == 1010
        assert server.requests("models", "GET") == 2
        with pytest.raises(ClientError, match="AccessDenied"):
            reader.get_object(Bucket="secret", Key="a")
        folder = server._folder
    assert not folder.exists()
    assert not _running(str(folder))


def test_nothing_outlives_a_killed_owner(tmp_path: Path) -> None:
    # The command leaves its session and forks away, as daemons do.
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from xfd_testing.processes import Supervised\n"
        "Supervised(['sh', '-c', 'setsid sleep 987654 & setsid sleep 987654 & wait'],"
        " Path(sys.argv[1]))\n"
        "print('up', flush=True); time.sleep(100)\n"
    )
    marker = str(tmp_path / "log")
    owner = subprocess.Popen(
        [sys.executable, "-c", script, marker],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == "up\n"
    supervisors = _children(owner.pid)
    assert supervisors
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    until(
        lambda: not any(Path(f"/proc/{pid}").exists() for pid in supervisors),
        10,
        "a supervisor outlives its owner",
    )
    assert not _running("sleep 987654")


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed]


def test_artifacts_come_back_the_same_from_a_seed(tmp_path: Path) -> None:
    entries = artifacts.environment(files=60)
    assert entries == artifacts.environment(files=60)
    archive = artifacts.tar_gz(tmp_path / "env.tar.gz", entries)
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run(["tar", "-xpf", str(archive), "-C", str(out)], check=True)
    assert artifacts.tree_differences(out, entries) == []
    (out / "bin/activate").chmod(0o600)
    (out / "lib64").unlink()
    assert artifacts.tree_differences(out, entries) == [
        "missing: lib64",
        "mode: bin/activate is 600",
    ]


@pytest.mark.needs_s3
def test_two_servers_run_side_by_side() -> None:
    with running() as one, running() as two:
        one.make_bucket("only-here")
        assert [b["Name"] for b in two.client.list_buckets()["Buckets"]] == []
        assert isinstance(two, S3Server)
