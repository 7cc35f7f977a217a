"""A real S3 server for the tests, a store of local files, and the command in a process."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from xfd_get_process import Command

from xfd_api.stores import ObjectStoreConfig
from xfd_testing import s3
from xfd_testing.s3 import S3Server


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """One server for the whole run."""
    with s3.running() as server:
        yield server


@pytest.fixture
def bucket(s3_server: S3Server) -> str:
    """An empty bucket of the test's own."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    s3_server.make_bucket(name)
    return name


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A folder whose files are a store's objects."""
    folder = tmp_path / "origin"
    folder.mkdir()
    return folder


@pytest.fixture
def store(origin: Path) -> ObjectStoreConfig:
    """The store of that folder."""
    return ObjectStoreConfig.make_for_local(origin)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the user's own files, or finds the user's own credentials."""
    stores = ("AWS_", "AZURE_", "GOOGLE_", "CLOUDSDK_", "HF_")
    for name in [name for name in os.environ if name.startswith(stores)]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XFD_ROOT", str(tmp_path / "root"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    # huggingface_hub reads it when it is first imported. The stand-in has no Xet protocol.
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    return home


@pytest.fixture
def xfd_get(s3_server: S3Server) -> Command:
    """The command, with the server's owner's keys in its environment."""
    return Command(s3_server.environment())
