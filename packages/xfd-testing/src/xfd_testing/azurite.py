"""Azure Blob Storage on loopback: Azurite, with the account and the key that everyone knows."""

from __future__ import annotations

import base64
import email.utils
import hashlib
import hmac
import shutil
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xfd_testing import emulators
from xfd_testing.processes import Supervised, free_ports

VARIABLE = "XFD_TEST_AZURITE"
PROGRAM = "azurite-blob"
ADVICE = "npm install azurite@3.37.0"
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
VERSION = "2023-11-03"


class AzuriteServer:
    """One server with its blobs in a temporary folder.

    Attributes:
        endpoint: the URL of its account.
    """

    account = ACCOUNT
    key = KEY

    def __init__(self, process: Supervised, endpoint: str) -> None:
        self._process = process
        self.endpoint = endpoint

    def make_container(self, container: str) -> None:
        """Makes an empty container."""
        self._put(f"/{container}?restype=container", b"", {})

    def put(self, container: str, key: str, body: bytes) -> None:
        """Writes one blob."""
        name = urllib.parse.quote(key, safe="/")
        self._put(f"/{container}/{name}", body, {"x-ms-blob-type": "BlockBlob"})

    def _put(self, path: str, body: bytes, headers: dict[str, str]) -> None:
        url = self.endpoint + path
        given = {
            **headers,
            "x-ms-date": email.utils.formatdate(usegmt=True),
            "x-ms-version": VERSION,
        }
        kind = "application/octet-stream"
        signature = _sign(url, len(body), kind, given)
        given |= {"Authorization": f"SharedKey {ACCOUNT}:{signature}", "Content-Type": kind}
        request = urllib.request.Request(url, body, given, method="PUT")
        with urllib.request.urlopen(request, timeout=120):
            pass

    def _ready(self) -> bool:
        try:
            self.make_container("ready")
        except OSError:
            return False
        return True

    def stop(self) -> None:
        """Ends the server."""
        self._process.stop()


def _sign(url: str, length: int, kind: str, headers: dict[str, str]) -> str:
    """What Azure's "Authorize with Shared Key" asks of a PUT."""
    parts = urllib.parse.urlsplit(url)
    named = [f"{name}:{value}" for name, value in sorted(headers.items())]
    resource = [f"/{ACCOUNT}{parts.path}"]
    resource += [f"{name}:{value}" for name, value in urllib.parse.parse_qsl(parts.query)]
    text = "\n".join(
        ["PUT", "", "", str(length or ""), "", kind, "", "", "", "", "", "", *named, *resource]
    )
    digest = hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


@contextmanager
def running() -> Iterator[AzuriteServer]:
    """A server for the length of a block.

    Raises:
        StartError: there is none here, or it did not come up.
    """
    program = emulators.find(VARIABLE, PROGRAM, ADVICE)
    home = Path(tempfile.mkdtemp(prefix="xfd-azurite-"))
    (port,) = free_ports(1)
    command = [program, "--silent", "--disableTelemetry", "--location", str(home / "blobs")]
    command += ["--blobHost", "127.0.0.1", "--blobPort", str(port)]
    process = Supervised(command, home / "log")
    server = AzuriteServer(process, f"http://127.0.0.1:{port}/{ACCOUNT}")
    try:
        process.wait_until(server._ready, PROGRAM, 60)
        yield server
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)
