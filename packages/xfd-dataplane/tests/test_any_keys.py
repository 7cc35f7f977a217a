"""A store may hold any key and claim any size: each is fetched, left out by name, or refused."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from s3_stores import store_with_keys

from xfd_api.errors import InvalidRequestError, OriginAnswerError, UnsafePathError, XfdError
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest, PrefixDownloadRequest
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane import download
from xfd_testing import artifacts

GOOD = {"p/good": b"good", "p/d/x": b"x"}


def store_at(endpoint: str) -> ObjectStoreConfig:
    return ObjectStoreConfig.make_for_s3("bucket", endpoint, "key", "secret", region="us-east-1")


def prefix(folder: Path, *, exclude: tuple[str, ...] = ()) -> list[DownloadRequest]:
    return [DownloadRequest(PrefixDownloadRequest("p", folder, exclude=exclude))]


@pytest.mark.parametrize(
    "bad", ["p//x", "p/a//b", "p/../x", "p/./x", "p/d", "p/d/x/y", f"p/{'n' * 256}", "p/d//"]
)
def test_one_bad_key_is_named_and_can_be_left_out(bad: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with store_with_keys({**GOOD, bad: b"bad"}) as endpoint:
        with pytest.raises(XfdError) as caught:
            download(prefix(out), store_at(endpoint))
        assert repr(bad) in str(caught.value) or caught.value.object == bad
        assert "exclude pattern" in caught.value.remedy
        assert not out.exists()

        pattern = {"p/d": "d", "p/d/x/y": "d/x/y"}.get(bad) or caught.value.remedy.split("'")[1]
        report = download(prefix(out, exclude=(pattern,)), store_at(endpoint))

    assert (report.excluded, report.left_out) == (1, ())
    assert artifacts.tree_of(out) == {"good": b"good", "d/x": b"x"}


def test_the_content_of_a_marker_is_named_by_the_report(tmp_path: Path) -> None:
    """The folder is made, and can hold no content. Each run reports that the marker had some."""
    out = tmp_path / "out"
    with store_with_keys({**GOOD, "p/d/": b"content", "p/e/": b""}) as endpoint:
        for _ in range(2):
            report = download(prefix(out), store_at(endpoint))

            assert report.left_out == ("p/d/",)
            assert report.catalog_bytes == 5
            assert report.missing_bytes + report.cached_bytes == 5
            assert artifacts.tree_of(out) == {"good": b"good", "d/x": b"x"}
            assert (out / "e").is_dir()


@pytest.mark.parametrize("as_prefix", [False, True], ids=["object", "prefix"])
@pytest.mark.parametrize(
    ("size", "count", "error"),
    [
        (2**62, 1, InvalidRequestError),
        (2**40, 900, InvalidRequestError),
        (2**62, 8, InvalidRequestError),
        (2**63, 1, OriginAnswerError),
        (2**64, 1, OriginAnswerError),
        (-1, 1, OriginAnswerError),
    ],
)
def test_a_size_that_cannot_be_meant_is_refused_at_once(
    size: int, count: int, error: type[XfdError], as_prefix: bool, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    claims = {f"p/{number:03d}": size for number in range(count)}
    requests = [
        DownloadRequest(ObjectDownloadRequest(key, out / str(place)))
        for place, key in enumerate(claims)
    ]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with (
        store_with_keys({**GOOD, **dict.fromkeys(claims, b"")}, claims) as endpoint,
        pytest.raises(error),
    ):
        download(prefix(out) if as_prefix else requests, store_at(endpoint), deadline_s=30)

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024
    assert not out.exists()


def test_a_key_that_leaves_the_folder_is_refused_as_unsafe(tmp_path: Path) -> None:
    with (
        store_with_keys({"p/../../etc/passwd": b"x"}) as endpoint,
        pytest.raises(UnsafePathError),
    ):
        download(prefix(tmp_path / "out"), store_at(endpoint))
