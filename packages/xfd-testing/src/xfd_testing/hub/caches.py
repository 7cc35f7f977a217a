"""What `huggingface_hub` finds in the cache of a node, and what does not belong there."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def snapshot_of(
    hf_home: Path, id: str, revision: str | None = None, **more: Any
) -> dict[str, bytes]:
    """The files of a snapshot by path, found without a network.

    Args:
        hf_home: the folder that `HF_HOME` names.
        id: of the repository.
        revision: branch, tag or commit; None for main.
        more: for example `repo_type` or `allow_patterns`.

    Raises:
        huggingface_hub.errors.LocalEntryNotFoundError: it is not there, or not whole.
    """
    from huggingface_hub import snapshot_download

    found = snapshot_download(
        id, revision=revision, cache_dir=hf_home / "hub", local_files_only=True, **more
    )
    return files_of(Path(found))


def files_of(folder: Path) -> dict[str, bytes]:
    """The files below a folder by path; links are followed."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def faults_of(hf_home: Path, id: str = "*") -> list[str]:
    """What is wrong in a cache, a line each: warnings, files of other tools, links astray.

    Args:
        hf_home: the folder that `HF_HOME` names.
        id: of the repository that is looked at; all are if it is not given. A cache that other
            calls have used may have parts of what failed, from which the next call goes on.
    """
    from huggingface_hub import scan_cache_dir

    cache = hf_home / "hub"
    if not cache.exists():
        return []
    folders = list(cache.glob("*s--" + id.replace("/", "--")))
    warnings = map(str, scan_cache_dir(cache).warnings)
    found = [warning for warning in warnings if any(str(it) in warning for it in folders)]
    for path in (path for folder in folders for path in folder.rglob("*")):
        place = str(path.relative_to(cache))
        if ".xfd" in path.name or path.name.endswith((".incomplete", ".tmp")):
            found.append(f"{place} was left behind")
        if path.is_symlink() and (path.readlink().is_absolute() or not path.exists()):
            found.append(f"{place} leads to {path.readlink()}")
    return found
