"""What one request has brought from a real store is there for the next one, however it asks."""

from __future__ import annotations

from pathlib import Path

import pytest
from s3_stores import store_of

import xfd_dataplane
from xfd_api import (
    DownloadRequest,
    ObjectDownloadRequest,
    PrefixDownloadRequest,
)
from xfd_testing.s3 import S3Server

BODY = bytes(range(256)) * 400

BY_KEY = DownloadRequest(ObjectDownloadRequest("p/q/a", "p/q/a"))
BY_PREFIX = DownloadRequest(PrefixDownloadRequest("p/q/", "p/q"))
BY_SHORTER_PREFIX = DownloadRequest(PrefixDownloadRequest("p/", "p"))
WAYS = {"key": BY_KEY, "prefix": BY_PREFIX, "shorter": BY_SHORTER_PREFIX}


@pytest.mark.parametrize("second", WAYS)
@pytest.mark.parametrize("first", WAYS)
def test_nothing_is_fetched_again(
    first: str,
    second: str,
    bucket: str,
    s3_server: S3Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XFD_ROOT", str(tmp_path))
    s3_server.put(bucket, "p/q/a", BODY)
    store = store_of(s3_server, bucket)

    assert xfd_dataplane.download([WAYS[first]], store).origin_bytes == len(BODY)
    again = xfd_dataplane.download([WAYS[second]], store)

    assert (again.origin_bytes, again.missing_bytes) == (0, 0)
    report = xfd_dataplane.verify([WAYS[second]], store)
    assert (report.files, report.mismatches) == (1, ())
    s3_server.put(bucket, "p/q/a", BODY[::-1])
    assert xfd_dataplane.download([WAYS[first]], store).origin_bytes == len(BODY)
    assert xfd_dataplane.download([WAYS[second]], store).origin_bytes == 0
