"""Google Cloud Storage on loopback: fake-gcs-server, without credentials."""

from __future__ import annotations

import json
import shutil
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xfd_testing import emulators
from xfd_testing.processes import Supervised, free_ports, listens

VARIABLE = "XFD_TEST_GCS"
PROGRAM = "fake-gcs-server"
ADVICE = f"go install github.com/fsouza/{PROGRAM}@v1.56.1"


class GcsServer:
    """One server with its objects in memory.

    Attributes:
        endpoint: its URL.
    """

    def __init__(self, process: Supervised, endpoint: str) -> None:
        self._process = process
        self.endpoint = endpoint

    def make_bucket(self, bucket: str) -> None:
        """Makes an empty bucket."""
        self._post("/storage/v1/b", json.dumps({"name": bucket}).encode())

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Writes one object."""
        query = urllib.parse.urlencode({"uploadType": "media", "name": key})
        self._post(f"/upload/storage/v1/b/{bucket}/o?{query}", body)

    def _post(self, path: str, body: bytes) -> None:
        headers = {"Content-Type": "application/octet-stream"}
        request = urllib.request.Request(self.endpoint + path, body, headers)
        with urllib.request.urlopen(request, timeout=60):
            pass

    def stop(self) -> None:
        """Ends the server."""
        self._process.stop()


@contextmanager
def running() -> Iterator[GcsServer]:
    """A server for the length of a block.

    Raises:
        StartError: there is none here, or it did not come up.
    """
    program = emulators.find(VARIABLE, PROGRAM, ADVICE)
    home = Path(tempfile.mkdtemp(prefix="xfd-gcs-"))
    (port,) = free_ports(1)
    command = [program, "-scheme", "http", "-host", "127.0.0.1", "-port", str(port)]
    command += ["-public-host", f"127.0.0.1:{port}", "-log-level", "error"]
    # In files it could not keep keys that are no paths.
    command += ["-backend", "memory"]
    server = GcsServer(Supervised(command, home / "log"), f"http://127.0.0.1:{port}")
    try:
        server._process.wait_until(lambda: listens("127.0.0.1", port), PROGRAM, 60)
        yield server
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)
