"""The clients that are compared: each a command that brings one object or prefix to a folder."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

BIN = Path(sys.executable).parent

BOTO3 = """
import sys, boto3
from boto3.s3.transfer import TransferConfig
bucket, key, into = sys.argv[1:]
config = TransferConfig(max_concurrency=8, multipart_chunksize=16 * 2**20)
boto3.client("s3").download_file(bucket, key, into, Config=config)
"""

OBSTORE = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
from obstore.store import S3Store
bucket, key, into = sys.argv[1:]
store = S3Store(bucket, endpoint=os.environ["AWS_ENDPOINT_URL_S3"],
                client_options={"allow_http": True}, virtual_hosted_style_request=False)
size = store.head(key)["size"]
file = os.open(into, os.O_WRONLY | os.O_CREAT)
def part(start):
    end = min(start + 16 * 2**20, size)
    os.pwrite(file, store.get_range(key, start=start, end=end), start)
with ThreadPoolExecutor(8) as pool:
    list(pool.map(part, range(0, size, 16 * 2**20)))
"""

Client = Callable[[str, str, Path], list[str]]
"""Takes bucket, key (a prefix ends in a slash) and the destination; gives a command."""


def xfd(*options: str) -> Client:
    """`xfd-get` with options."""

    def command(bucket: str, key: str, into: Path) -> list[str]:
        source = f"s3://{bucket}/{key}"
        return [str(BIN / "xfd-get"), "get", source, str(into), "--quiet", *options]

    return command


def s5cmd(bucket: str, key: str, into: Path) -> list[str]:
    """s5cmd with its defaults."""
    if key.endswith("/"):
        return [str(BIN / "s5cmd"), "cp", f"s3://{bucket}/{key}*", f"{into}/"]
    return [str(BIN / "s5cmd"), "cp", f"s3://{bucket}/{key}", str(into)]


def boto3(bucket: str, key: str, into: Path) -> list[str]:
    """download_file with 8 threads and parts of 16 MiB."""
    return [sys.executable, "-c", BOTO3, bucket, key, str(into)]


def obstore(bucket: str, key: str, into: Path) -> list[str]:
    """8 threads, ranges of 16 MiB, pwrite."""
    return [sys.executable, "-c", OBSTORE, bucket, key, str(into)]


def aws(bucket: str, key: str, into: Path) -> list[str]:
    """The AWS CLI, version 1's own transfer manager."""
    return [_aws(), "s3", "cp", "--no-progress", f"s3://{bucket}/{key}", str(into)]


def single_object_clients() -> dict[str, Client]:
    """All that are installed here, by the name that the tables use."""
    clients: dict[str, Client] = {
        "xfd-get": xfd("--durability", "none"),
        "s5cmd": s5cmd,
        "xfd-get, durable": xfd(),
        "boto3": boto3,
    }
    if importlib.util.find_spec("obstore") is not None:
        clients["obstore"] = obstore
    if _aws():
        clients["aws s3 cp"] = aws
    return clients


def _aws() -> str:
    return shutil.which("aws") or ""
