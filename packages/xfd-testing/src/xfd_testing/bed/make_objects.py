"""Uploads a set of objects from the object store's own host and prints their SHA-256 sums."""

import contextlib
import hashlib
import io
import json
import random
import sys
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3

MIB = 2**20


def random_bytes(seed: str, size: int) -> bytes:
    """Bytes that no compressor makes smaller, the same for the same seed."""
    source = random.Random(seed)
    pieces = [source.randbytes(min(MIB, size - place)) for place in range(0, size, MIB)]
    return b"".join(pieces)


def entries_of(body: bytes) -> Iterator[tuple[str, bytes]]:
    """The bytes as 2,000 files."""
    piece = len(body) // 2000
    for place in range(2000):
        yield f"lib/part-{place:04}.bin", body[place * piece : (place + 1) * piece]


def archive(body: bytes) -> bytes:
    """A tar.gz of its entries."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz", compresslevel=1) as tar:
        for name, content in entries_of(body):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))
    return sink.getvalue()


def sums_of_entries(body: bytes) -> dict[str, str]:
    """The SHA-256 sum of each entry."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in entries_of(body)}


def main() -> None:
    """Arguments: endpoint, bucket, set, number of objects, bytes of each, archive 0/1, folder.

    The folder gets the same as files.
    """
    endpoint, bucket, name = sys.argv[1:4]
    files, size, unpack = map(int, sys.argv[4:7])
    folder = Path(sys.argv[7])
    folder.mkdir(parents=True)
    client = boto3.client("s3", endpoint_url=endpoint)
    with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(Bucket=bucket)

    entries = {}

    def put(place: int) -> tuple[str, str]:
        body = random_bytes(f"{name}{place}", size)
        if unpack:
            entries.update(sums_of_entries(body))
            body = archive(body)
        (folder / f"{place:05}").write_bytes(body)
        client.upload_fileobj(io.BytesIO(body), bucket, f"{name}/{place:05}")
        return f"{place:05}", hashlib.sha256(body).hexdigest()

    with ThreadPoolExecutor(4) as pool:
        sums = dict(pool.map(put, range(files)))
    print(json.dumps({"files": sums, "entries": entries}))


main()
