"""Full uris need no configuration: each is read with the chain of credentials of its store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from web_servers import serving_folder

from xfd_api import ObjectDownloadRequest, PrefixDownloadRequest, UnpackOptions, local_path
from xfd_api.errors import ChecksumMismatchError, UnknownProfileError
from xfd_dataplane import download, list_objects
from xfd_testing import artifacts
from xfd_testing.hub import HubServer, running
from xfd_testing.s3 import S3Server

FILES = {"config.json": b"{}", "model.safetensors": b"weights" * 1000}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    with running() as server:
        server.add("org/bert", {"main": FILES})
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        yield server


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """A web server with one file, `a.bin`."""
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "a.bin").write_bytes(b"web")
    with serving_folder(tmp_path / "web") as url:
        yield url


def test_uris_of_three_stores_in_one_call(
    hub: HubServer, web: str, s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    s3_server.put(bucket, "dir/b.bin", b"s3")

    report = download([f"{web}/a.bin", f"s3://{bucket}/dir/", "hf://org/bert"])

    assert local_path("a.bin").read_bytes() == b"web"
    assert local_path("dir/b.bin").read_bytes() == b"s3"
    assert report.origin_bytes == 5 + sum(map(len, FILES.values()))


def test_a_repository_lands_where_the_hubs_own_package_finds_it(
    hub: HubServer, tmp_path: Path
) -> None:
    from huggingface_hub import snapshot_download

    report = download("hf://org/bert")
    again = download("hf://org/bert")

    folder = snapshot_download("org/bert", cache_dir=tmp_path / "hf" / "hub", local_files_only=True)
    assert {path.name: path.read_bytes() for path in Path(folder).iterdir()} == FILES
    assert {result.destination.rpartition("/blobs/")[0] for result in report.objects} == {
        str(tmp_path / "hf" / "hub" / "models--org--bert")
    }
    assert again.origin_bytes == 0
    assert [found.key for found in list_objects("hf://org/bert")] == sorted(FILES)


def test_a_repository_lands_in_a_folder_if_one_is_given(hub: HubServer, tmp_path: Path) -> None:
    request = PrefixDownloadRequest("hf://org/bert", tmp_path / "bert", include=("*.json",))

    report = download(request)

    assert [path.name for path in (tmp_path / "bert").iterdir()] == ["config.json"]
    assert report.excluded == 1
    assert not (tmp_path / "hf" / "hub").exists()


def test_an_archive_in_the_hub_cache_is_unpacked_below_the_root(
    hub: HubServer, tmp_path: Path
) -> None:
    archive = artifacts.tar_gz(tmp_path / "env.tar.gz", artifacts.environment(3))
    hub.add("org/env", {"main": {"env.tar.gz": archive.read_bytes()}})
    tree = UnpackOptions(Path("env"))

    download(ObjectDownloadRequest("hf://org/env/env.tar.gz", None, unpack_options=tree))

    assert artifacts.tree_differences(local_path("env"), artifacts.environment(3)) == []


def test_a_pin_is_held_to_for_any_uri(web: str, tmp_path: Path) -> None:
    request = ObjectDownloadRequest(f"{web}/a.bin", tmp_path / "a", sha256="0" * 64)

    with pytest.raises(ChecksumMismatchError):
        download(request)
    assert not (tmp_path / "a").exists()


def test_a_key_without_a_store_is_refused() -> None:
    with pytest.raises(UnknownProfileError, match="without a store"):
        download("models/a.bin")
