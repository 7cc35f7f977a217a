"""Every origin keeps the promises of `xfd_api.testing.ORIGIN_STORIES`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from origin_reader import NodeReader
from s3_stores import store_of
from web_folder import web_folder

from xfd_api.ids import NodeId
from xfd_api.settings import NodeSettings
from xfd_api.stores import ObjectStoreConfig
from xfd_api.testing import (
    ORIGIN_STORIES,
    OriginPlace,
    OriginStory,
    OriginTraits,
    WritableStore,
    story_name,
)
from xfd_dataplane import Node
from xfd_dataplane.finding import find_objects
from xfd_testing import azurite, emulators, gcs, hub
from xfd_testing.azurite import AzuriteServer
from xfd_testing.gcs import GcsServer
from xfd_testing.hub.repository import Repository
from xfd_testing.s3 import S3Server


class Finder:
    """Finds objects as a download does: at a hub in Python, elsewhere in Rust."""

    def __init__(self, folder: Path) -> None:
        self._node = Node(NodeId("finder"), NodeSettings(root=str(folder), attempts=2))

    def find_objects(self, lookups, stores):  # type: ignore[no-untyped-def]
        return find_objects(self._node, lookups, stores)

    def close(self) -> None:
        self._node.close()


class Folder:
    """Writes objects as files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, objects: Mapping[str, bytes]) -> None:
        for key, body in objects.items():
            path = self.folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            if key.endswith("/"):
                path.mkdir(exist_ok=True)
            else:
                path.write_bytes(body)


class Bucket:
    """Writes objects to a bucket, or to a container of blobs."""

    def __init__(self, server: S3Server | GcsServer | AzuriteServer, bucket: str) -> None:
        self.server = server
        self.bucket = bucket

    def put(self, objects: Mapping[str, bytes]) -> None:
        for key, body in objects.items():
            self.server.put(self.bucket, key, body)


class HubRepository:
    """Writes objects as files of a repository's main branch."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.files: dict[str, bytes] = {}

    def put(self, objects: Mapping[str, bytes]) -> None:
        self.files |= objects
        self.repository.commit("main", self.files)


@pytest.fixture(scope="module")
def gcs_server() -> Iterator[GcsServer]:
    if emulators.is_absent(gcs.VARIABLE, gcs.PROGRAM):
        pytest.skip(f"no {gcs.PROGRAM} ({gcs.ADVICE})")
    with gcs.running() as server:
        server.make_bucket("suite")
        yield server


@pytest.fixture(scope="module")
def azure_server() -> Iterator[AzuriteServer]:
    if emulators.is_absent(azurite.VARIABLE, azurite.PROGRAM):
        pytest.skip(f"no {azurite.PROGRAM} ({azurite.ADVICE})")
    with azurite.running() as server:
        server.make_container("suite")
        yield server


@pytest.fixture
def make_place(tmp_path: Path) -> Iterator[Callable[..., OriginPlace]]:
    finder = Finder(tmp_path / "finder")

    def make(config: ObjectStoreConfig, store: WritableStore, **more: object) -> OriginPlace:
        (tmp_path / "read").mkdir()
        reader = NodeReader(tmp_path / "read")
        return OriginPlace(config, store, finder, reader, **more)  # type: ignore[arg-type]

    yield make
    finder.close()


stories = pytest.mark.parametrize("story", ORIGIN_STORIES, ids=story_name)


@stories
def test_a_folder(
    tmp_path: Path, make_place: Callable[..., OriginPlace], story: OriginStory
) -> None:
    folder = Folder(tmp_path / "origin")
    config = ObjectStoreConfig.make_for_local(folder.folder)
    # A folder without files is no object.
    story(make_place(config, folder, traits=OriginTraits(markers=False)))


@stories
def test_a_web_server(
    tmp_path: Path, make_place: Callable[..., OriginPlace], story: OriginStory
) -> None:
    folder = Folder(tmp_path / "origin")
    with web_folder(folder.folder, bearer="right") as url:
        place = make_place(
            ObjectStoreConfig.make_for_http(url, bearer="right"),
            folder,
            traits=OriginTraits(lists=False),
            denied=ObjectStoreConfig.make_for_http(url, bearer="wrong"),
        )
        story(place)


@stories
def test_a_bucket(
    s3_server: S3Server, bucket: str, make_place: Callable[..., OriginPlace], story: OriginStory
) -> None:
    config = store_of(s3_server, bucket)
    denied = replace(config, secret_access_key="wrong")
    story(make_place(config, Bucket(s3_server, bucket), denied=denied))


@stories
def test_a_hub(make_place: Callable[..., OriginPlace], story: OriginStory) -> None:
    with hub.running() as server:
        repository = server.add("org/name", {"main": {}}, gated=True, readers=("right",))
        place = make_place(
            ObjectStoreConfig.make_for_hub(server.url, token="right"),
            HubRepository(repository),
            prefix="hf://org/name/",
            # A repository has no folders of its own, and a commit keeps its files.
            traits=OriginTraits(markers=False, pins=False),
            denied=ObjectStoreConfig.make_for_hub(server.url, token="wrong"),
        )
        story(place)


@stories
def test_google_cloud_storage(
    gcs_server: GcsServer, make_place: Callable[..., OriginPlace], story: OriginStory
) -> None:
    config = ObjectStoreConfig.make_for_gcs("suite", gcs_server.endpoint, anonymous=True)
    story(make_place(config, Bucket(gcs_server, "suite")))


@stories
def test_azure_blob_storage(
    azure_server: AzuriteServer, make_place: Callable[..., OriginPlace], story: OriginStory
) -> None:
    config = ObjectStoreConfig.make_for_azure(
        "suite", azure_server.account, azure_server.endpoint, account_key=azure_server.key
    )
    denied = ObjectStoreConfig.make_for_azure(
        "suite", azure_server.account, azure_server.endpoint, account_key="d3Jvbmc="
    )
    story(make_place(config, Bucket(azure_server, "suite"), denied=denied))
