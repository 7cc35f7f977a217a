"""Downloads from a directory, with nothing else running: what `download` itself promises."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest
from local_objects import a_prefix, an_object, put
from xfd_get_process import hidden_files

from xfd_api.errors import (
    ObjectNotFoundError,
    UnsafePathError,
    XfdError,
)
from xfd_api.requests import (
    DownloadRequest,
    PrefixDownloadRequest,
)
from xfd_api.results import DistributionReport
from xfd_api.stores import ObjectStoreConfig
from xfd_api.timeline import FROM_ORIGIN
from xfd_dataplane import download, list_objects

MIB = 2**20


def test_an_object_lands_whole_and_the_report_says_so(
    origin: Path, store: ObjectStoreConfig, tmp_path: Path
) -> None:
    body = put(origin, "m/weights.bin", 5 * MIB + 3)
    destination = tmp_path / "out" / "weights.bin"

    report = download([an_object("m/weights.bin", destination)], store, chunk_size_bytes=MIB)

    assert destination.read_bytes() == body
    assert (report.catalog_bytes, report.origin_bytes) == (len(body), len(body))
    assert report.amplification == 1.0
    (result,) = report.objects
    assert (result.destination, result.origin_bytes) == (str(destination), len(body))
    assert (report.nodes[0].state, report.nodes[0].files) == ("done", 1)


def test_the_report_says_when_each_chunk_arrived_and_can_be_saved(
    origin: Path, store: ObjectStoreConfig, tmp_path: Path
) -> None:
    put(origin, "m/weights.bin", 5 * MIB + 3)
    put(origin, "m/small", 7)

    report = download([a_prefix("m", tmp_path / "m")], store, chunk_size_bytes=MIB)

    timeline = report.timeline
    assert timeline is not None
    moved, times = timeline.transfers, timeline.times
    assert sum(moved.bytes) == report.catalog_bytes
    assert sorted(moved.chunk) == list(range(timeline.chunks))
    assert set(moved.source) == {FROM_ORIGIN}
    ends = [at + took for at, took in zip(moved.start_s, moved.seconds, strict=True)]
    assert all(0 <= end <= report.elapsed_s + 0.01 for end in [*ends, *timeline.landings.at_s])
    assert times.joined_s == (0.0,)
    assert times.done_s == (pytest.approx(report.elapsed_s, abs=0.001),)
    assert report.nodes[0].origin_ranges == 7
    report.save(tmp_path / "run.json")
    assert DistributionReport.load(tmp_path / "run.json") == report


def test_a_relative_destination_lies_under_the_root(
    origin: Path, store: ObjectStoreConfig, tmp_path: Path
) -> None:
    body = put(origin, "a", 10)

    report = download([an_object("a", "models/a")], store)

    assert (tmp_path / "root/models/a").read_bytes() == body
    assert report.objects[0].destination == str(tmp_path / "root/models/a")


def test_a_prefix_lands_as_a_tree_with_empty_files_and_nothing_else(
    origin: Path, store: ObjectStoreConfig, tmp_path: Path
) -> None:
    bodies = {f"tok/{n % 5}/f{n}": put(origin, f"tok/{n % 5}/f{n}", n * 37) for n in range(60)}
    put(origin, "tokens/other", 5)

    report = download([a_prefix("tok", tmp_path / "out")], store)

    landed = {
        f"tok/{path.relative_to(tmp_path / 'out')}": path.read_bytes()
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    }
    assert landed == bodies
    assert len(report.objects) == 60


def test_the_second_time_nothing_moves(
    origin: Path, store: ObjectStoreConfig, tmp_path: Path
) -> None:
    put(origin, "a", 3 * MIB)
    put(origin, "p/x", 100)
    requests = [an_object("a", tmp_path / "a"), a_prefix("p", tmp_path / "p")]
    download(requests, store)

    report = download(requests, store)

    assert (report.origin_bytes, report.missing_bytes) == (0, 0)
    assert report.cached_bytes == 3 * MIB + 100
    assert all(result.nodes_cached for result in report.objects)


def test_what_changed_at_the_store_or_on_the_disk_comes_again(
    origin: Path, store: ObjectStoreConfig, tmp_path: Path
) -> None:
    put(origin, "a", 1000)
    kept = put(origin, "b", 1000)
    requests = [an_object(key, tmp_path / key) for key in "ab"]
    download(requests, store)

    changed = put(origin, "a", 1000)
    (tmp_path / "b").write_bytes(b"edited")
    report = download(requests, store)

    assert (tmp_path / "a").read_bytes() == changed
    assert (tmp_path / "b").read_bytes() == kept
    assert report.origin_bytes == 2000


def test_without_cache_everything_comes_again(
    origin: Path, store: ObjectStoreConfig, tmp_path: Path
) -> None:
    put(origin, "a", 1000)
    download([an_object("a", tmp_path / "a")], store)

    report = download([an_object("a", tmp_path / "a", cache=False)], store)

    assert (report.origin_bytes, report.cached_bytes) == (1000, 0)


def test_nothing_asked_for_is_done_at_once(store: ObjectStoreConfig) -> None:
    report = download([], store)

    assert (report.catalog_bytes, report.objects) == (0, ())


def test_nothing_is_left_beside_what_landed_but_records(
    origin: Path, store: ObjectStoreConfig, tmp_path: Path
) -> None:
    put(origin, "a", 3 * MIB)
    put(origin, "p/x", 10)
    out = tmp_path / "out"

    download([an_object("a", out / "a"), a_prefix("p", out / "p")], store)

    assert hidden_files(out) == [out / ".a.xfd", out / ".p.xfd"]


def test_listing_an_object_a_prefix_and_a_pattern(origin: Path, store: ObjectStoreConfig) -> None:
    for key in ("m/a.bin", "m/b.bin", "m/sub/c.bin", "m/d.json", "mm/x"):
        put(origin, key, len(key))

    def keys(uri: str) -> list[str]:
        return [found.key for found in list_objects(uri, store)]

    assert keys("m/a.bin") == ["m/a.bin"]
    assert keys("m/") == keys("m") == ["m/a.bin", "m/b.bin", "m/d.json", "m/sub/c.bin"]
    assert keys("m/*.bin") == ["m/a.bin", "m/b.bin"]
    assert keys("**/*.bin") == ["m/a.bin", "m/b.bin", "m/sub/c.bin"]
    assert len(keys("")) == 5
    with pytest.raises(ObjectNotFoundError):
        keys("nothing*")


def test_a_prefix_without_what_is_excluded_is_no_other_prefix_on_disk(
    origin: Path, store: ObjectStoreConfig, tmp_path: Path
) -> None:
    """What lies there already is neither removed nor fetched again, whatever is left out."""
    bodies = {key: put(origin, f"p/{key}", 3 * MIB) for key in ("a.bin", "b.txt", "d/c.txt")}
    folder = tmp_path / "out"

    def fetched(**patterns: tuple[str, ...]) -> tuple[int, int, set[str]]:
        request = PrefixDownloadRequest("p", folder, **patterns)
        report = download([DownloadRequest(request)], store)
        landed = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        return report.origin_bytes // MIB, report.excluded, landed

    assert fetched(exclude=("*.txt",)) == (3, 2, {"a.bin"})
    assert fetched(include=("*.txt",), exclude=("d/",)) == (3, 2, {"a.bin", "b.txt"})
    assert fetched() == (3, 0, set(bodies))
    assert fetched(exclude=("a.bin",)) == (0, 1, set(bodies))
    assert fetched() == (0, 0, set(bodies))
    assert all((folder / key).read_bytes() == body for key, body in bodies.items())


@pytest.mark.parametrize(
    ("name", "error"),
    [
        (b"d/n\xff", UnsafePathError),
        (b"dangling", ObjectNotFoundError),
        (b"leads-out", UnsafePathError),
        (b"d/to-itself", XfdError),
        (b"[x] dangling\n", ObjectNotFoundError),
    ],
    ids=ascii,
)
def test_a_name_in_a_folder_that_can_be_no_object_is_left_out_or_told(
    name: bytes, error: type[XfdError], origin: Path, store: ObjectStoreConfig, tmp_path: Path
) -> None:
    put(origin, "p/a", 3)
    put(origin, "p/d/b", 3)
    place = origin / "p" / os.fsdecode(name)
    if name == b"d/n\xff":
        place.write_bytes(b"x")
    else:
        place.symlink_to({b"leads-out": tmp_path, b"d/to-itself": place}.get(name, "nowhere"))
    out = tmp_path / "out"

    with pytest.raises(error) as caught:
        download([DownloadRequest(PrefixDownloadRequest("p", out))], store)
    with pytest.raises(error):
        list_objects("p/", store)
    assert caught.value.object == "p/" + name.decode(errors="replace")
    assert not out.exists()

    pattern = ast.literal_eval(caught.value.remedy.rpartition("exclude pattern ")[2])
    request = PrefixDownloadRequest("p", out, exclude=(pattern,))
    report = download([DownloadRequest(request)], store)
    assert report.excluded == 1
    assert sorted(item.key for item in report.objects) == ["p/a", "p/d/b"]
    assert [found.key for found in list_objects("p/a*", store)] == ["p/a"]
