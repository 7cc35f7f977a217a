"""Archives as people have them, unpacked by `download`: dialects, links, names, records."""

from __future__ import annotations

import io
import os
import shutil
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from xfd_get_process import Command

from xfd_api.errors import ArchiveUnsafeError, InvalidRequestError
from xfd_api.requests import DownloadRequest, Links, ObjectDownloadRequest, UnpackOptions
from xfd_api.results import DistributionReport
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane import download, verify
from xfd_dataplane.records import read_record


class Place:
    """A store with one archive, and where it is downloaded to."""

    def __init__(self, home: Path, name: str = "a.tar") -> None:
        self.origin, self.name = home / "origin", name
        self.origin.mkdir()
        self.archive, self.tree = home / "here" / name, home / "here" / "tree"

    def put(self, content: bytes) -> None:
        (self.origin / self.name).write_bytes(content)

    def request(self, links: str = "safe") -> DownloadRequest:
        options = UnpackOptions(self.tree, links=Links(links))
        return DownloadRequest(
            ObjectDownloadRequest(self.name, self.archive, unpack_options=options)
        )

    def download(self, links: str = "safe") -> DistributionReport:
        store = ObjectStoreConfig.make_for_local(self.origin)
        return download([self.request(links)], store, durability="none")


def listing(tree: Path) -> dict[bytes, object]:
    """Files with their bytes and times, links with their targets, by path as bytes."""
    found: dict[bytes, object] = {}
    for path in tree.rglob("*"):
        seen, shown = path.lstat(), os.fsencode(path.relative_to(tree))
        if stat.S_ISLNK(seen.st_mode):
            found[shown] = os.fsencode(path.readlink())
        elif stat.S_ISREG(seen.st_mode):
            found[shown] = (path.read_bytes(), seen.st_mtime_ns)
        else:
            found[shown] = stat.S_IFMT(seen.st_mode)
    return found


def by_tarfile(content: bytes, tree: Path) -> dict[bytes, object]:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        archive.extractall(tree)
    return listing(tree)


def changed(start: int, field: bytes, *, signed: bool = False, name: str = "f") -> bytes:
    """A tar of one file whose header is written over at `start`, without an end marker."""
    info = tarfile.TarInfo(name)
    info.size, info.mtime = 4, 1_000_000_000
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[start : start + len(field)] = field
    header[148:156] = b" " * 8
    total = sum(byte - 256 if signed and byte > 127 else byte for byte in header)
    header[148:156] = b"%06o\0 " % total
    return bytes(header) + b"data".ljust(512, b"\0")


def of_format(format: int, pax: dict[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format, pax_headers=pax or {}) as archive:
        for name in ("n" * 150 + "/" + "m" * 90, "é"):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = 4, 1_000_000_000
            archive.addfile(info, io.BytesIO(b"data"))
        link = tarfile.TarInfo("link")
        link.type, link.linkname, link.mtime = tarfile.SYMTYPE, "t" * 180, 5
        archive.addfile(link)
        same = tarfile.TarInfo("same")
        same.type, same.linkname, same.mtime = tarfile.LNKTYPE, "é", 1_000_000_000
        archive.addfile(same)
    return buffer.getvalue()


END = bytes(1024)
TARS = {
    "GNU": of_format(tarfile.GNU_FORMAT),
    "PAX": of_format(tarfile.PAX_FORMAT),
    "global PAX": of_format(tarfile.PAX_FORMAT, {"comment": "a", "mtime": "12.5"}),
    "blank time": changed(136, b" " * 12) + END,
    "NUL time": changed(136, bytes(12)) + END,
    "blank owner": changed(108, b" " * 16) + END,
    "spaces before the size": changed(124, b"          4 ") + END,
    "base 256 size": changed(124, b"\x80" + bytes(10) + b"\4") + END,
    "signed checksum": changed(0, "é".encode(), signed=True) + END,
    "no end marker": changed(0, b"f"),
    "one zero block": changed(0, b"f") + bytes(512),
    "junk after the end": changed(0, b"f") + END + b"j" * 9216,
}


@pytest.mark.parametrize("name", TARS)
def test_a_tar_is_unpacked_as_python_does(name: str, tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.put(TARS[name])
    place.download()
    theirs = by_tarfile(TARS[name], tmp_path / "theirs")
    link = listing(place.tree).get(b"link")
    assert listing(place.tree) == theirs
    assert (link is None) == (name not in ("GNU", "PAX", "global PAX"))


@pytest.mark.skipif(shutil.which("bsdtar") is None, reason="bsdtar is not installed")
@pytest.mark.parametrize("name", sorted(TARS.keys() - {"global PAX"}))
def test_a_tar_is_unpacked_as_bsdtar_does(name: str, tmp_path: Path) -> None:
    """All but global PAX headers, which GNU tar and Python obey and bsdtar does not."""
    place = Place(tmp_path)
    place.put(TARS[name])
    place.download()
    (tmp_path / "theirs").mkdir()
    subprocess.run(
        ["bsdtar", "-xf", str(place.origin / place.name), "-C", str(tmp_path / "theirs")],
        check=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    assert listing(place.tree) == listing(tmp_path / "theirs")


def environment() -> bytes:
    """What `python -m venv` leaves, as a tar with a few things of a root file system."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:

        def add(name: str, kind: bytes, target: str = "", data: bytes = b"") -> None:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, target, len(data)
            archive.addfile(info, io.BytesIO(data))

        add("venv/bin/python3", tarfile.SYMTYPE, "/usr/bin/python3")
        add("venv/lib64", tarfile.SYMTYPE, "lib")
        add("venv/lib64/site.py", tarfile.REGTYPE, data=b"import this")
        add("run/pipe", tarfile.FIFOTYPE)
        add("dev/null", tarfile.CHRTYPE)
    return buffer.getvalue()


def test_an_environment_is_refused_or_kept_as_it_is(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.put(environment())
    with pytest.raises(ArchiveUnsafeError, match="absolute path") as refused:
        place.download()
    assert 'links="keep"' in str(refused.value.remedy)
    assert not place.tree.exists()
    assert not place.archive.exists()
    report = place.download("keep")
    assert report.left_out == ("run/pipe", "dev/null")
    assert report.left_out_count == report.objects[0].left_out_count == 2
    again = place.download("keep")
    assert again.objects[0].nodes_cached == 1
    assert (again.left_out, again.left_out_count) == (report.left_out, 2)
    found = listing(place.tree)
    assert found[b"venv/bin/python3"] == b"/usr/bin/python3"
    assert found[b"venv/lib64"] == b"lib"
    assert found[b"venv/lib/site.py"] == (b"import this", 0)
    assert not {b"run/pipe", b"dev/null"} & found.keys()
    assert place.download("keep").objects[0].nodes_cached == 1
    assert verify([place.request("keep")]).ok


def test_another_value_of_links_unpacks_anew(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.put(TARS["GNU"])
    for links in ("safe", "keep", "safe"):
        assert place.download(links).objects[0].nodes_cached == 0
        inode = place.tree.stat().st_ino
        report = place.download(links)
        assert report.objects[0].nodes_cached == 1
        assert (place.tree.stat().st_ino, report.origin_bytes) == (inode, 0)


def test_what_links_may_be_is_said_where_it_is_wrong(tmp_path: Path) -> None:
    options = UnpackOptions(tmp_path / "tree", links="safer")  # type: ignore[arg-type]
    request = ObjectDownloadRequest("a.tar", tmp_path / "a", unpack_options=options)
    with pytest.raises(InvalidRequestError, match="links is 'safer'"):
        download([DownloadRequest(request)], ObjectStoreConfig.make_for_local(tmp_path))


def test_the_command_line_keeps_links_and_names_what_it_leaves_out(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.put(environment())
    source, tree = f"file://{place.origin / place.name}", str(place.tree)
    command = Command({})
    refused = command.run(source, place.archive, f"--unpack={tree}")
    assert refused.code != 0
    assert "--links keep" in refused.err
    done = command.run(source, place.archive, f"--unpack={tree}", "--links", "keep")
    assert done.code == 0, done.err
    assert "left out of a.tar, 2 devices, pipes and the like: run/pipe, dev/null" in done.err


def latin_tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(
        fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT, encoding="latin-1"
    ) as archive:
        for name in ("caf\xe9/na\xefve", "plain"):
            info = tarfile.TarInfo(name)
            archive.addfile(info)
        info = tarfile.TarInfo("lien\xe9")
        info.type, info.linkname = tarfile.SYMTYPE, "caf\xe9"
        archive.addfile(info)
        info = tarfile.TarInfo("m\xeame")
        info.type, info.linkname = tarfile.LNKTYPE, "lien\xe9"
        archive.addfile(info)
    return buffer.getvalue()


def latin_zip() -> bytes:
    """A name with the flag of UTF-8, and bytes that are none."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("cafXX/na\xefve", b"")
        archive.writestr("plain", b"")
    return buffer.getvalue().replace(b"cafXX", b"caf\xe9\xe8")


@pytest.mark.parametrize(("name", "make"), [("a.tar", latin_tar), ("a.zip", latin_zip)])
def test_a_tree_with_any_names_is_believed_at_the_next_run(
    name: str, make: Callable[[], bytes], tmp_path: Path
) -> None:
    place = Place(tmp_path, name)
    place.put(make())
    assert place.download().objects[0].nodes_cached == 0
    inode = place.tree.stat().st_ino
    assert place.download().objects[0].nodes_cached == 1
    assert place.tree.stat().st_ino == inode, "not unpacked again"
    record = read_record(place.archive)
    assert record is not None
    assert record.tree == place.tree
    found = {os.fsencode(entry.path) for entry in record.entries}
    assert found == listing(place.tree).keys()
    assert verify([place.request()]).ok
    odd = next(path for path in listing(place.tree) if b"\xe9" in path and b"/" in path)
    os.utime(os.fsencode(place.tree) + b"/" + odd, (1, 1))
    assert place.download().objects[0].nodes_cached == 0, "a change of such a file is seen"
