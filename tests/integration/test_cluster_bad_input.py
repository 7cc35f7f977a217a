"""Bad input: the same named exception through Ray as on one host, and no leftovers."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import xfd_dataplane
import xfd_ray
from xfd_api import errors
from xfd_api.requests import (
    DownloadRequest,
    ObjectDownloadRequest,
    PrefixDownloadRequest,
    UnpackOptions,
)
from xfd_api.stores import ObjectStoreConfig
from xfd_testing.processes import free_ports
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import S3Server


@dataclass(frozen=True)
class Setting:
    """The places of one test: its bucket, its folder below each root, a directory for stores."""

    server: S3Server
    bucket: str
    place: str
    folder: Path

    def store(self, **given: str) -> ObjectStoreConfig:
        return ObjectStoreConfig.make_for_s3(
            self.bucket, **{"endpoint": self.server.endpoint, **given}
        )

    def to(self, name: str) -> Path:
        return Path(self.place, name)


@pytest.fixture
def setting(
    s3_server: S3Server, bucket: str, driver: RayCluster, tmp_path: Path
) -> Iterator[Setting]:
    s3_server.put(bucket, "good", b"good" * 1000)
    s3_server.put(bucket, "broken.tar.gz", b"this is no archive" * 1000)
    yield Setting(s3_server, bucket, bucket, tmp_path)
    for root in driver.roots:
        shutil.rmtree(root / bucket, ignore_errors=True)


Case = Callable[[Setting], tuple[DownloadRequest, ObjectStoreConfig]]


def one(uri: str, destination: Path, unpack: Path | None = None) -> DownloadRequest:
    options = None if unpack is None else UnpackOptions(unpack)
    return DownloadRequest(ObjectDownloadRequest(uri, destination, unpack_options=options))


def missing_object(s: Setting) -> tuple[DownloadRequest, ObjectStoreConfig]:
    return one("absent", s.to("absent")), s.store()


def missing_prefix(s: Setting) -> tuple[DownloadRequest, ObjectStoreConfig]:
    return DownloadRequest(PrefixDownloadRequest("goo/", s.to("goo"))), s.store()


def wrong_key(s: Setting) -> tuple[DownloadRequest, ObjectStoreConfig]:
    keys = {"access_key_id": s.server.owner.access_key_id, "secret_access_key": "wrong"}
    return one("good", s.to("good")), s.store(**keys)


def unreachable_endpoint(s: Setting) -> tuple[DownloadRequest, ObjectStoreConfig]:
    return one("good", s.to("good")), s.store(endpoint=f"http://127.0.0.1:{free_ports(1)[0]}")


def unwritable_destination(s: Setting) -> tuple[DownloadRequest, ObjectStoreConfig]:
    return one("good", Path("/proc/xfd/good")), s.store()


def no_archive(s: Setting) -> tuple[DownloadRequest, ObjectStoreConfig]:
    return one("broken.tar.gz", s.to("broken.tar.gz"), s.to("tree")), s.store()


def unknown_archive(s: Setting) -> tuple[DownloadRequest, ObjectStoreConfig]:
    return one("good", s.to("good"), s.to("tree")), s.store()


def too_large_for_the_disk(s: Setting) -> tuple[DownloadRequest, ObjectStoreConfig]:
    with (s.folder / "huge").open("wb") as sparse:
        sparse.truncate(shutil.disk_usage(s.folder).free + 2**40)
    return one("huge", s.to("huge")), ObjectStoreConfig.make_for_local(s.folder)


def climbing_uri(s: Setting) -> tuple[DownloadRequest, ObjectStoreConfig]:
    return one("../secret", s.to("secret")), s.store()


def climbing_destination(s: Setting) -> tuple[DownloadRequest, ObjectStoreConfig]:
    return one("good", Path("..", "good")), s.store()


@pytest.mark.parametrize(
    ("case", "kind"),
    [
        (missing_object, errors.ObjectNotFoundError),
        (missing_prefix, errors.ObjectNotFoundError),
        (wrong_key, errors.AccessDeniedError),
        (unreachable_endpoint, errors.OriginUnreachableError),
        (unwritable_destination, errors.DestinationNotWritableError),
        (no_archive, errors.ArchiveCorruptError),
        (unknown_archive, errors.UnknownArchiveError),
        (too_large_for_the_disk, errors.DiskFullError),
        (climbing_uri, errors.UnsafePathError),
        (climbing_destination, errors.UnsafePathError),
    ],
)
def test_the_same_error_on_a_cluster_and_on_one_host(
    case: Case,
    kind: type[errors.XfdError],
    setting: Setting,
    driver: RayCluster,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    request, store = case(setting)
    monkeypatch.setenv("XFD_ROOT", str(tmp_path / "root"))
    for name, value in setting.server.environment().items():
        monkeypatch.setenv(name, value)
    with pytest.raises(errors.XfdError) as there:
        xfd_ray.download_distributed([request], store, deadline_s=60)
    with pytest.raises(errors.XfdError) as here:
        xfd_dataplane.download([request], store)
    assert type(there.value) is kind
    assert type(here.value) is kind
    assert there.value.remedy
    assert there.value.object is not None or there.value.path is not None
    moved_nothing = kind in (errors.UnsafePathError, errors.UnknownArchiveError)
    assert moved_nothing or there.value.node in {node.id for node in driver.nodes}
    for root in (*driver.roots, tmp_path / "root"):
        left = [path for path in (root / setting.place).rglob("*") if not path.is_dir()]
        assert left == []
