"""Objects in a folder that is a store, and requests for them."""

from __future__ import annotations

import os
from pathlib import Path

from xfd_api.requests import DownloadRequest, ObjectDownloadRequest, PrefixDownloadRequest


def an_object(uri: str, destination: str | Path, *, cache: bool = True) -> DownloadRequest:
    return DownloadRequest(ObjectDownloadRequest(uri, Path(destination), cache=cache))


def a_prefix(uri: str, destination: str | Path) -> DownloadRequest:
    return DownloadRequest(PrefixDownloadRequest(uri, Path(destination)))


def put(origin: Path, key: str, size: int) -> bytes:
    body = os.urandom(size)
    (origin / key).parent.mkdir(parents=True, exist_ok=True)
    (origin / key).write_bytes(body)
    return body
