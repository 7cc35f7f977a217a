"""Environments that the real conda-pack packed, small enough for a test.

None of conda's own packages is needed: conda-pack takes each folder with records in `conda-meta`
for an environment. Here it is a virtual environment, whose interpreter finds its standard library
in this host's Python, with one package in it and another one in a package cache.
"""

from __future__ import annotations

import json
import sysconfig
import venv
from collections.abc import Iterable
from pathlib import Path

MODULE = "in_the_environment"
"""A module that no package brought. Its `PREFIX` names the folder that it lies in."""

PLACEHOLDER = "/" + "placehold_" * 20
"""Stands for the prefix in the files of a package, until they are installed."""

LIBRARY = "lib/libtool.so"
"""A binary file of a package. It holds the prefix between zero bytes."""

TOOL = "bin/which-prefix"
"""A program of a package, which prints the prefix."""

_CONTENT = {
    LIBRARY: ("binary", b"\x7fELF\0%s/share\0and more"),
    TOOL: ("text", b'#!/bin/sh\necho "%s"\n'),
}


def make_prefix(prefix: Path, sees: Iterable[Path] = ()) -> Path:
    """An environment with an interpreter, a package, and a module that names the prefix.

    Args:
        prefix: the folder that it is made in. The package cache is beside it.
        sees: folders whose modules its interpreter finds, for example Ray's.
    """
    venv.EnvBuilder(symlinks=False).create(prefix)
    (packages,) = prefix.glob("lib/python3.*/site-packages")
    (packages / "sees.pth").write_text("".join(f"{folder}\n" for folder in sees))
    (packages / f"{MODULE}.py").write_text(f'PREFIX = "{prefix}"\n')
    (prefix / "conda-meta").mkdir()
    (prefix / "conda-meta" / "history").touch()
    _install(prefix, prefix.with_name(f"{prefix.name}-pkgs") / "tool-1-0")
    return prefix


def _install(prefix: Path, cached: Path) -> None:
    paths = []
    for name, (mode, content) in _CONTENT.items():
        for folder, shown in ((cached, PLACEHOLDER), (prefix, str(prefix))):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content % shown.encode())
            path.chmod(0o755)
        paths.append({"_path": name, "prefix_placeholder": PLACEHOLDER, "file_mode": mode})
    (cached / "info").mkdir()
    (cached / "info" / "paths.json").write_text(json.dumps({"paths": paths}))
    (cached / "info" / "index.json").write_text("{}")
    record = {"name": "tool", "version": "1", "files": list(_CONTENT)}
    link = {"source": str(cached), "type": 1}
    record_file = prefix / "conda-meta" / "tool-1-0.json"
    record_file.write_text(json.dumps({**record, "link": link}))


def own_packages() -> list[Path]:
    """The folders of this process's packages, Ray among them."""
    return [Path(sysconfig.get_paths()[name]) for name in ("purelib", "platlib")]


def pack(prefix: Path, archive: Path) -> Path:
    """Packs an environment by conda-pack, in the format that the archive's name says."""
    import conda_pack

    conda_pack.pack(prefix=str(prefix), output=str(archive))
    return archive
