"""The format of an archive is detected by its name, or refused before anything moves."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

import xfd_api as file_distribution
from xfd_api.errors import UnknownArchiveError
from xfd_api.requests import UnpackMethod, detect_unpack_method


@pytest.mark.parametrize(
    ("key", "method"),
    [
        ("a/b.tar", UnpackMethod.Tar),
        ("a/b.tar.gz", UnpackMethod.TarGz),
        ("a/B.TGZ", UnpackMethod.TarGz),
        ("b.tar.zst", UnpackMethod.TarZst),
        ("b.tzst", UnpackMethod.TarZst),
        ("b.zip", UnpackMethod.Zip),
        ("weights.bin.gz", UnpackMethod.Gz),
    ],
)
def test_the_extension_tells_the_format(key: str, method: UnpackMethod) -> None:
    assert detect_unpack_method(key) is method


@pytest.mark.parametrize("key", ["model.bin", "tar", "archive.tar.bz2", "dir.tar/file"])
def test_an_unknown_extension_is_refused_by_name(key: str) -> None:
    with pytest.raises(UnknownArchiveError) as caught:
        detect_unpack_method(key)

    assert caught.value.object == key
    assert "unpack_method" in caught.value.remedy


def test_a_request_is_a_value() -> None:
    def make() -> file_distribution.DownloadRequest:
        return file_distribution.DownloadRequest(
            value=file_distribution.ObjectDownloadRequest(
                uri="a.tar.gz",
                destination=Path("/tmp/a.tar.gz"),
                unpack_options=file_distribution.UnpackOptions(destination=Path("/tmp/a")),
            )
        )

    assert make() == make()
    assert hash(make()) == hash(make())
    assert pickle.loads(pickle.dumps(make())) == make()
