"""What the data plane does, in Python's `logging`, for a program that asks for it."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from xfd_api.reports import LogEvent
from xfd_api.requests import ObjectDownloadRequest
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane import download
from xfd_dataplane.log_forwarding import level_of, text_of


@pytest.fixture
def store(tmp_path: Path) -> ObjectStoreConfig:
    (tmp_path / "origin").mkdir()
    (tmp_path / "origin" / "a").write_bytes(b"12345")
    return ObjectStoreConfig.make_for_local(tmp_path / "origin")


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO, logging.WARNING, logging.CRITICAL])
def test_a_download_is_logged_from_the_level_that_is_asked_for(
    level: int, store: ObjectStoreConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(level, "xfd_dataplane"):
        download(ObjectDownloadRequest("a", str(tmp_path / "here")), store)
    names = {record.getMessage().split()[0] for record in caplog.records}
    assert ({"swarm_joined", "swarm_left"} <= names) is (level <= logging.INFO)
    assert all(record.levelno >= level for record in caplog.records)


def test_nothing_is_shown_where_logging_was_not_set_up(tmp_path: Path) -> None:
    (tmp_path / "origin").mkdir()
    script = (
        "import sys, xfd_dataplane.log_forwarding as logs; from xfd_api.reports import LogEvent\n"
        "class Loud:\n"
        "    def drain_log(self): return [LogEvent('error', 'panicked', 0.0, {})]\n"
        "logs.forward_log(Loud())"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout + ran.stderr == ""


def test_what_a_server_said_cannot_write_lines_of_its_own() -> None:
    event = LogEvent("info", "origin_request_retried", 0.0, {"error": "no\r\n\x1b[2Jforged"})
    line = text_of(event)
    assert line == r"origin_request_retried error='no\r\n\x1b[2Jforged'"


@pytest.mark.parametrize(
    ("lowest", "name"),
    [(0, "debug"), (10, "debug"), (15, "info"), (20, "info"), (30, "warning"), (50, None)],
)
def test_levels_have_their_names(lowest: int, name: str | None) -> None:
    assert level_of(lowest) == name
