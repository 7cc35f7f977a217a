"""The place that rows run on: a store with objects, a folder, and contenders run in turn."""

from __future__ import annotations

import os
import random
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from benchmarks.dataplane.clients import Client, Target
from benchmarks.dataplane.measure import CommandFailedError, Cost, run
from benchmarks.dataplane.table import MIB
from xfd_testing.s3 import S3Server

BUCKET = "xfd-bench"
SIGNED_S = 3600
MANY_FILES = 1000


@dataclass(frozen=True, slots=True)
class Contender:
    """A command for a fresh, empty folder.

    Attributes:
        prepare: prepares the folder; not measured.
        leaves: least bytes of all files in the folder afterwards; fewer mean that it failed.
    """

    command: Callable[[Path], list[str]]
    prepare: Callable[[Path], object] | None = None
    leaves: int = 0
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bed:
    """A store, a folder on the disk that is measured, and the number of rounds.

    Attributes:
        endpoint: of the store; credentials are in the environment.
        only: names of contenders to run; empty for all.
        store_folder: the folder of the store's files, if that is known. They are read before a
            run, so that the run finds them in the page cache.
    """

    endpoint: str
    client: Any
    folder: Path
    rounds: int
    only: Sequence[str] = ()
    store_folder: Path | None = None

    def target(self, key: str) -> Target:
        """An object, or a prefix if the key ends in a slash."""
        named = {"Bucket": BUCKET, "Key": key}
        url = self.client.generate_presigned_url("get_object", named, ExpiresIn=SIGNED_S)
        return Target(self.endpoint, BUCKET, key, url)

    def fetching(self, client: Client, key: str, **env: str) -> Contender:
        """A client that brings an object or a prefix to the folder."""
        target, name = self.target(key), "tree" if key.endswith("/") else "file"
        return Contender(
            lambda home: client(target, home / name), leaves=sum(self._sizes(key)), env=env
        )

    def random_object(self, gib: int) -> str:
        """The key of an object of random bytes, made if it is missing."""
        key = f"random-{gib}gib.bin"

        def write(file: Path) -> None:
            source = random.Random(gib)
            with file.open("wb") as out:
                for _ in range(gib * 64):
                    out.write(source.randbytes(16 * MIB))

        self.ensure(key, write)
        return key

    def ensure(self, key: str, write: Callable[[Path], object]) -> None:
        """Uploads what `write` makes, unless there is such an object already."""
        if self._sizes(key):
            return
        self._say(f"making {key}")
        file = self.folder / "upload"
        write(file)
        config = TransferConfig(multipart_threshold=64 * MIB, multipart_chunksize=16 * MIB)
        self.client.upload_file(str(file), BUCKET, key, Config=config)
        file.unlink()

    def small_objects(self, count: int, size: int) -> str:
        """The prefix of objects of random bytes, made if they are missing."""
        prefix = f"small-{count}x{size}/"
        if len(self._sizes(prefix)) == count:
            return prefix
        self._say(f"making {prefix}")
        body = random.Random(0).randbytes(size)

        def put(place: int) -> None:
            self.client.put_object(Bucket=BUCKET, Key=f"{prefix}{place:05}", Body=body)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(put, range(count)))
        return prefix

    def compare(
        self,
        contenders: Mapping[str, Contender],
        *,
        always: Sequence[str] = (),
        warm: bool = False,
    ) -> dict[str, list[Cost]]:
        """Runs rounds in turn, A B C A B C, after one that is not counted.

        Each run starts after a sync. Trees of many files stay in the bed's folder until all rows
        are done: to make a file, ext4 looks at each inode that was freed in the last five minutes,
        and after thousands of freed ones that takes most of the time.

        Args:
            contenders: by name, in the order they are run.
            always: names that are run even if `only` lacks them.
            warm: whether to read the store's files before each run.
        """
        wanted = {
            name: each
            for name, each in contenders.items()
            if not self.only or name in self.only or name in always
        }
        costs: dict[str, list[Cost]] = {name: [] for name in wanted}
        homes = Path(tempfile.mkdtemp(prefix="runs-", dir=self.folder))
        for place in range(self.rounds + 1):
            for name, each in wanted.items():
                cost = self._once(name, each, Path(tempfile.mkdtemp(dir=homes)), warm)
                if place > 0:
                    costs[name].append(cost)
                self._say(f"{place} {name}: {cost.wall_s:.2f} s")
        return costs

    def _once(self, name: str, contender: Contender, home: Path, warm: bool) -> Cost:
        if contender.prepare is not None:
            contender.prepare(home)
        if warm and self.store_folder is not None:
            _read_all(self.store_folder)
        os.sync()
        cost = run(contender.command(home), env=contender.env)
        files = [path for path in home.rglob("*") if path.is_file()]
        left = sum(path.lstat().st_size for path in files)
        if left < contender.leaves:
            raise CommandFailedError(f"{name} left {left} bytes of {contender.leaves}")
        if len(files) < MANY_FILES:
            shutil.rmtree(home)
        return cost

    def _sizes(self, prefix: str) -> list[int]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [each["Size"] for page in pages for each in page.get("Contents", ())]

    @staticmethod
    def _say(line: str) -> None:
        print(f"  {line}", file=sys.stderr, flush=True)


@contextmanager
def open_bed(
    folder: Path,
    rounds: int,
    only: Sequence[str],
    endpoint: str,
    store_folder: Path | None = None,
) -> Iterator[Bed]:
    """A bed on a store that is up (credentials from the environment), or on a SeaweedFS of its own.

    Objects that are made in an existing store stay there for the next run.
    """
    server = None
    if not endpoint:
        # On another port, the CRT transfer client of the AWS CLI cannot reach it.
        store_folder = folder / "store"
        store_folder.mkdir()
        server = S3Server.start(folder=store_folder, port=80 if _is_free(80) else None)
        endpoint = server.endpoint.removesuffix(":80")
        os.environ.update(server.environment())
    try:
        os.environ["AWS_ENDPOINT_URL_S3"] = os.environ["S3_ENDPOINT_URL"] = endpoint
        config = Config(s3={"addressing_style": "path"}, max_pool_connections=16)
        client = boto3.client("s3", endpoint_url=endpoint, config=config)
        if BUCKET not in [each["Name"] for each in client.list_buckets()["Buckets"]]:
            client.create_bucket(Bucket=BUCKET)
        yield Bed(endpoint, client, folder, rounds, only, store_folder)
    finally:
        if server is not None:
            server.stop()


def _read_all(folder: Path) -> None:
    buffer = bytearray(4 * MIB)
    for path in folder.rglob("*.dat"):
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
