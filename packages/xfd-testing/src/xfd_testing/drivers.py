"""Drivers that distribute one object named `big`: in this process, or in one of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xfd_api.progress import Progress
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import S3Server

SCRIPT = Path(__file__).with_name("driver_script.py")


def big_object(bucket: str, name: str = "big") -> list[DownloadRequest]:
    """A request for the object `big`, under this name in a folder that is called as the bucket."""
    return [DownloadRequest(ObjectDownloadRequest("big", Path(bucket, name)))]


class Once:
    """An `on_progress` that acts once: when more than a share of all bytes has arrived.

    Attributes:
        acted: whether it did.
    """

    def __init__(self, act: Callable[[], object], past: float = 0.0) -> None:
        self._act = act
        self._past = past
        self.acted = False

    def __call__(self, progress: Progress) -> None:
        """Acts, if it is time and it has not before."""
        if not self.acted and progress.done_bytes > self._past * progress.total_bytes:
            self.acted = True
            self._act()


@contextmanager
def driver_process(
    cluster: RayCluster, server: S3Server, bucket: str, *arguments: str
) -> Iterator[subprocess.Popen[str]]:
    """Another driver, which is in the middle of its call; killed at the end of the block.

    Args:
        cluster: that it connects to.
        server: whose owner's keys it has.
        bucket: with the object `big`.
        arguments: more of `driver_script`: the name of the file, and its options.
    """
    env = {**os.environ, **server.environment()}
    # Isolated, so that the modules beside the script are not found as if they were at the top.
    command = [sys.executable, "-I", str(SCRIPT), cluster.address, bucket, *arguments]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as driver:
        try:
            assert driver.stdout is not None
            assert driver.stdout.readline() == "started\n"
            yield driver
        finally:
            driver.kill()


def report_of(driver: subprocess.Popen[str]) -> dict[str, Any]:
    """The report that the other driver's call returned, as `driver_script` writes it; blocks."""
    assert driver.stdout is not None
    report: dict[str, Any] = json.loads(driver.stdout.readline())
    return report
