"""Uploads a set of objects from the object store's own host and prints their SHA-256 sums."""

import contextlib
import hashlib
import io
import json
import random
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor

import boto3

MIB = 2**20


def random_bytes(seed: str, size: int) -> bytes:
    """Bytes that no compressor makes smaller, the same for the same seed."""
    source = random.Random(seed)
    pieces = [source.randbytes(min(MIB, size - place)) for place in range(0, size, MIB)]
    return b"".join(pieces)


def archive(body: bytes) -> bytes:
    """The bytes as 2,000 files of a tar.gz."""
    sink = io.BytesIO()
    piece = len(body) // 2000
    with tarfile.open(fileobj=sink, mode="w:gz", compresslevel=1) as tar:
        for place in range(2000):
            entry = tarfile.TarInfo(f"lib/part-{place:04}.bin")
            entry.size, entry.mode = piece, 0o644
            tar.addfile(entry, io.BytesIO(body[place * piece : (place + 1) * piece]))
    return sink.getvalue()


def main() -> None:
    """Arguments: endpoint, bucket, set, number of objects, bytes of each, archive 0/1."""
    endpoint, bucket, name = sys.argv[1:4]
    files, size, unpack = map(int, sys.argv[4:7])
    client = boto3.client("s3", endpoint_url=endpoint)
    with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(Bucket=bucket)

    def put(place: int) -> tuple[str, str]:
        body = random_bytes(f"{name}{place}", size)
        body = archive(body) if unpack else body
        client.upload_fileobj(io.BytesIO(body), bucket, f"{name}/{place:05}")
        return f"{place:05}", hashlib.sha256(body).hexdigest()

    with ThreadPoolExecutor(4) as pool:
        print(json.dumps(dict(pool.map(put, range(files)))))


main()
