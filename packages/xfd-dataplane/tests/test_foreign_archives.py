"""Archives that nobody here wrote, unpacked as the common tools unpack them.

They are the test files of Go's and CPython's own readers, which are on this machine wherever those
are. What GNU tar, bsdtar or unzip make of each is what has to come out. `XFD_TEST_ARCHIVES` names a
folder with more of them, such as those of libarchive's tests.
"""

from __future__ import annotations

import base64
import bz2
import hashlib
import os
import shutil
import stat
import subprocess
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from xfd_api.errors import ArchiveCorruptError, ArchiveUnsafeError, XfdError
from xfd_api.requests import (
    DownloadRequest,
    Links,
    ObjectDownloadRequest,
    UnpackMethod,
    UnpackOptions,
)
from xfd_api.settings import UnpackCaps
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane import download

TOOLS = {
    "tar": (
        ("tar", "--no-same-owner", "-xpf"),
        ("bsdtar", "--no-same-owner", "-xpf"),
    ),
    "zip": (("unzip", "-qq"), ("bsdtar", "--no-same-owner", "-xpf")),
}
REFUSED = {
    "comment-truncated.zip": "its end record does not end with the file",
    "readme.zip": "its end record does not end with the file",
    "test-prefix.zip": "its end record does not end with the file",
    "test-trailing-junk.zip": "its end record does not end with the file",
    "test-badbase.zip": "a second directory, or a gap",
    "test-baddirsz.zip": "a second directory, or a gap",
    "gnu-sparse-many-zeros.tar": "the map of a sparse file is malformed",
    "writer-big.tar": "ends too early",
    "writer-big-long.tar": "ends too early",
    "pax-bad-hdr-file.tar": "a record in a PAX header is malformed",
    "pax-nul-path.tar": "012345678901234567890123456789",
}
"""What the tools unpack, or unpack in part, and why it is refused here (decision 0030)."""

OWN_WAY = {
    "pax-global-records.tar": "each tool reads another name from a global header",
    "zip_cp437_header.zip": "names in code page 437 become UTF-8",
    "zip64-2.zip": "the tools look for its time in another header",
    "go-with-datadesc-sig.zip": "it has no time at all",
    "pax-bad-mtime-file.tar": "its time is no number, and the tools take the digits",
}
"""What is unpacked in another way than by the tools, and why."""

Tree = dict[bytes, object]
"""What each path of a tree is."""

LARGE = 1 << 24
"""Sparse files of many GB are among them: of what is larger only the size is compared."""


@dataclass(frozen=True)
class Foreign:
    """One archive of another project."""

    name: str
    kind: str
    file: Path

    def content(self) -> bytes:
        content = self.file.read_bytes()
        if self.file.suffix == ".base64":
            return base64.b64decode(content)
        return bz2.decompress(content) if self.file.suffix == ".bz2" else content


def foreign() -> Iterator[Foreign]:
    go = shutil.which("go", path=os.pathsep.join([os.environ["PATH"], "/usr/local/go/bin"]))
    if go is not None:
        source = Path(go).resolve().parents[1] / "src" / "archive"
        for kind in ("tar", "zip"):
            for file in sorted((source / kind / "testdata").glob(f"*.{kind}*")):
                yield Foreign(file.name.split(f".{kind}")[0] + f".{kind}", kind, file)
    python = Path(sysconfig.get_path("stdlib")) / "test"
    for folder in (python, python / "archivetestdata"):
        for name in ("testtar.tar", "recursion.tar", "zipdir.zip", "zipdir_backslash.zip"):
            if (folder / name).exists():
                yield Foreign(name, name[-3:], folder / name)
        for name in ("zip_cp437_header.zip", "exe_with_zip", "exe_with_z64"):
            if (folder / name).exists():
                yield Foreign(name, "zip", folder / name)


ARCHIVES = tuple(foreign())


def given() -> Iterator[Foreign]:
    """The archives of the folder that the variable names."""
    folder = os.environ.get("XFD_TEST_ARCHIVES")
    for file in sorted(Path(folder).iterdir()) if folder else ():
        if file.suffix in (".tar", ".zip"):
            yield Foreign(file.name, file.suffix[1:], file)


def listing(tree: Path) -> Tree:
    """What is in a tree, without what has no place on disk: devices, pipes and sockets."""
    found: Tree = {}
    for path in tree.rglob("*"):
        seen, shown = path.lstat(), os.fsencode(path.relative_to(tree))
        if stat.S_ISLNK(seen.st_mode):
            found[shown] = path.readlink()
        elif stat.S_ISREG(seen.st_mode):
            content = "large" if seen.st_size > LARGE else hashlib.sha256(path.read_bytes())
            digest = content if isinstance(content, str) else content.hexdigest()
            found[shown] = (seen.st_size, digest, int(seen.st_mtime))
        elif stat.S_ISDIR(seen.st_mode):
            found[shown] = "folder"
    return found


def by_tool(command: tuple[str, ...], archive: Path, tree: Path) -> Tree | None:
    """The tool's tree; None if it says that the archive is broken, or does not end."""
    tree.mkdir()
    try:
        ran = subprocess.run(
            [*command, str(archive)], cwd=tree, capture_output=True, timeout=5, umask=0o022
        )
    except subprocess.TimeoutExpired:
        return None
    # unzip says 1 after a warning, and bsdtar after a name that it had to change.
    return (listing(tree) or None) if ran.returncode in (0, 1) else None


def by_xfd(kind: str, origin: Path, tree: Path, links: Links) -> Tree | XfdError:
    """Our tree, or why there is none."""
    method = UnpackMethod.Tar if kind == "tar" else UnpackMethod.Zip
    options = UnpackOptions(tree, unpack_method=method, links=links)
    request = ObjectDownloadRequest("archive", tree.with_suffix(".archive"), unpack_options=options)
    store = ObjectStoreConfig.make_for_local(origin)
    caps = UnpackCaps(max_ratio=1e9)
    try:
        download([DownloadRequest(request)], store, durability="none", unpack_caps=caps)
    except XfdError as error:
        return error
    return listing(tree)


@pytest.mark.skipif(not ARCHIVES, reason="neither Go's sources nor CPython's tests are here")
@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda archive: archive.name)
def test_an_archive_of_another_project_becomes_what_the_tools_make_of_it(
    archive: Foreign, tmp_path: Path
) -> None:
    origin = tmp_path / "origin"
    origin.mkdir()
    (origin / "archive").write_bytes(archive.content())
    tools = TOOLS[archive.kind]
    if missing := [command[0] for command in tools if not shutil.which(command[0])]:
        pytest.skip(f"not on this machine: {', '.join(missing)}")
    theirs = [
        by_tool(command, origin / "archive", tmp_path / f"by-{command[0]}") for command in tools
    ]
    ours = by_xfd(archive.kind, origin, tmp_path / "safe", Links.Safe)
    if isinstance(ours, ArchiveUnsafeError) and archive.name not in REFUSED:
        # It has links out of its tree, or devices.
        ours = by_xfd(archive.kind, origin, tmp_path / "keep", Links.Keep)
    if archive.name in REFUSED:
        assert isinstance(ours, XfdError)
        assert REFUSED[archive.name] in str(ours)
    elif isinstance(ours, XfdError):
        assert isinstance(ours, ArchiveCorruptError)
        assert not any(theirs)
    else:
        assert (ours in theirs) == (archive.name not in OWN_WAY)


GIVEN = tuple(given())


@pytest.mark.skipif(not GIVEN, reason="XFD_TEST_ARCHIVES names no folder of archives")
@pytest.mark.parametrize("archive", GIVEN, ids=lambda archive: archive.name)
def test_an_archive_becomes_what_a_tool_makes_of_it_or_is_refused(
    archive: Foreign, tmp_path: Path
) -> None:
    """Names in other code pages are left out: tools keep their bytes, or guess."""
    origin = tmp_path / "origin"
    origin.mkdir()
    (origin / "archive").write_bytes(archive.content())
    tools = TOOLS[archive.kind]
    theirs = [
        by_tool(command, origin / "archive", tmp_path / f"by-{command[0]}") or {}
        for command in tools
        if shutil.which(command[0])
    ]
    for links in Links:
        ours = by_xfd(archive.kind, origin, tmp_path / links.value, links)
        if isinstance(ours, XfdError):
            assert type(ours).__name__.startswith("Archive"), ours
        elif all(name.isascii() for name in ours):
            # Devices are left out of a trusted archive, and need root.
            assert ours in theirs
