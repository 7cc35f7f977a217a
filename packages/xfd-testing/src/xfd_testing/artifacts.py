"""Realistic artifacts, made from a seed: the same seed gives the same bytes.

Weights are random bytes, since weights hardly compress. An environment is what conda-pack or venv
leave: many small text-like files, a few binaries, executables, relative symlinks.
"""

from __future__ import annotations

import hashlib
import io
import random
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

MIB = 2**20
MTIME = 1_700_000_000
_WORDS = (
    b"import return self value result config module class node index layer weight bias ".split()
)


@dataclass(frozen=True)
class Entry:
    """One entry of a tree: a file with its content, or a symlink with its target."""

    path: str
    content: bytes = b""
    mode: int = 0o644
    target: str | None = None


def random_bytes(size: int, seed: int) -> Iterator[bytes]:
    """`size` bytes that do not compress, in pieces of at most 1 MiB."""
    chance = random.Random(seed)
    for start in range(0, size, MIB):
        yield chance.randbytes(min(MIB, size - start))


def weights_file(file: Path, size: int = 256 * MIB, seed: int = 1) -> Path:
    """A file like a checkpoint."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as out:
        for piece in random_bytes(size, seed):
            out.write(piece)
    return file


def environment(files: int = 2000, seed: int = 2) -> list[Entry]:
    """A tree like a packed conda environment: `files` regular files, and symlinks beside them."""
    chance = random.Random(seed)
    entries = [
        Entry("bin/python3.11", chance.randbytes(2 * MIB), 0o755),
        Entry("bin/python3", target="python3.11"),
        Entry("bin/python", target="python3"),
        Entry("lib/libcudart.so.12.4", chance.randbytes(MIB), 0o755),
        Entry("lib/libcudart.so.12", target="libcudart.so.12.4"),
        Entry("lib64", target="lib"),
        Entry("bin/activate", b'#!/bin/sh\nexport PATH="$PWD/bin:$PATH"\n', 0o755),
    ]
    while sum(entry.target is None for entry in entries) < files:
        place = len(entries)
        package = f"lib/python3.11/site-packages/package_{place % 40:02}"
        name = "__init__.py" if place < 47 else f"part_{place // 400}/module_{place:05}.py"
        words = (chance.choice(_WORDS) for _ in range(chance.randrange(20, 800)))
        mode = 0o755 if place % 97 == 0 else 0o644
        entries.append(Entry(f"{package}/{name}", b" ".join(words) + b"\n", mode))
    return entries


def tar_gz(file: Path, entries: list[Entry], *, mode: str = "w:gz") -> Path:
    """The entries as a tar archive; `mode` as in `tarfile.open`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    level = {"compresslevel": 5} if mode == "w:gz" else {}
    with tarfile.open(file, mode, **level) as archive:  # type: ignore[call-overload]
        for entry in entries:
            info = tarfile.TarInfo(entry.path)
            info.mode, info.mtime = entry.mode, MTIME
            if entry.target is not None:
                info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.target, 0o777
                archive.addfile(info)
                continue
            info.size = len(entry.content)
            archive.addfile(info, io.BytesIO(entry.content))
    return file


def zip_file(file: Path, files: int = 200, seed: int = 3) -> tuple[Path, dict[str, bytes]]:
    """A zip like a data set's: JSON lines deflated, images stored. Returns what is in it."""
    chance = random.Random(seed)
    content: dict[str, bytes] = {}
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for place in range(files):
            if place % 2:
                name, how = f"images/{place:05}.jpg", zipfile.ZIP_STORED
                body = chance.randbytes(chance.randrange(1_000, 60_000))
            else:
                name, how = f"labels/{place:05}.json", zipfile.ZIP_DEFLATED
                body = b'{"words": "%s"}' % b" ".join(chance.choices(_WORDS, k=200))
            content[name] = body
            archive.writestr(name, body, how)
    return file, content


def small_objects(count: int = 300, seed: int = 4, largest: int = 64 * 1024) -> dict[str, bytes]:
    """Relative keys and bodies of many small objects, one of them empty, some in folders."""
    chance = random.Random(seed)
    made = {
        f"shard_{place % 7}/item_{place:05}.bin": chance.randbytes(chance.randrange(1, largest))
        for place in range(count - 1)
    }
    return {**made, "EMPTY": b""}


def sha256(file: Path) -> str:
    """Of a file's content, in hexadecimal."""
    counted = hashlib.sha256()
    with file.open("rb") as stream:
        while piece := stream.read(MIB):
            counted.update(piece)
    return counted.hexdigest()


def sha256_of(pieces: Iterable[bytes]) -> str:
    """Of all pieces together, in hexadecimal."""
    counted = hashlib.sha256()
    for piece in pieces:
        counted.update(piece)
    return counted.hexdigest()


def tree_of(folder: Path) -> dict[str, bytes]:
    """Relative paths and contents of all files below a folder, hidden ones included."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def tree_differences(folder: Path, entries: list[Entry]) -> list[str]:
    """What in `folder` is not as the entries say, a line each."""
    differences: list[str] = []
    wanted = {entry.path: entry for entry in entries}
    found = {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }
    differences += [f"missing: {path}" for path in sorted(wanted.keys() - found)]
    differences += [f"extra: {path}" for path in sorted(found - wanted.keys())]
    for path in sorted(wanted.keys() & found):
        entry, file = wanted[path], folder / path
        if entry.target is not None:
            if not file.is_symlink() or str(file.readlink()) != entry.target:
                differences.append(f"link: {path}")
            continue
        if file.is_symlink() or file.read_bytes() != entry.content:
            differences.append(f"content: {path}")
        elif file.stat().st_mode & 0o777 != entry.mode:
            differences.append(f"mode: {path} is {file.stat().st_mode & 0o777:o}")
        elif int(file.stat().st_mtime) != MTIME:
            differences.append(f"mtime: {path}")
    return differences
