"""An environment of conda-pack gets its prefix before its name, and stays cached after that.

The archives are made by conda-pack itself.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from xfd_api.errors import CondaUnpackError, InvalidRequestError
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest, UnpackOptions
from xfd_api.results import DistributionReport
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane import download, verify
from xfd_testing import conda_env

pytest.importorskip("conda_pack")


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the environment was made in; it is gone when it is used elsewhere."""
    return conda_env.make_prefix(tmp_path_factory.mktemp("build") / "env")


def fetched(
    archive: Path, tree: Path, conda_unpack: Any = True, **options: Any
) -> DistributionReport:
    unpacking = UnpackOptions(tree, conda_unpack=conda_unpack, **options)
    request = ObjectDownloadRequest(
        archive.name, tree.with_name("archive"), unpack_options=unpacking
    )
    store = ObjectStoreConfig.make_for_local(archive.parent)
    return download([DownloadRequest(request)], store, durability="none")


def said(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("ending", ["tar.gz", "tar", "zip", "tar.zst"])
def test_an_environment_of_each_format_names_its_new_place(
    prefix: Path, tmp_path: Path, ending: str
) -> None:
    if ending == "tar.zst":
        pytest.importorskip("zstandard")
    tree = tmp_path / "there" / "env"
    fetched(conda_env.pack(prefix, tmp_path / f"env.{ending}"), tree)
    assert said(tree / conda_env.TOOL) == str(tree)
    assert (tree / conda_env.LIBRARY).read_bytes().split(b"\0")[1] == f"{tree}/share".encode()
    code = f"import sys, {conda_env.MODULE} as m; print(sys.prefix, m.PREFIX)"
    assert said(tree / "bin" / "python", "-c", code) == f"{tree} {tree}"
    assert [each.name for each in tree.parent.iterdir() if "xfd-tree" in each.name] == []


def test_it_is_cached_and_verified_as_conda_unpack_left_it(prefix: Path, tmp_path: Path) -> None:
    archive, tree = conda_env.pack(prefix, tmp_path / "env.tar.gz"), tmp_path / "there" / "env"
    fetched(archive, tree)
    said(tree / "bin" / "python", "-c", f"import {conda_env.MODULE}")  # Writes a compiled module.
    before = tree.stat().st_ino
    again = fetched(archive, tree)
    assert (again.origin_bytes, tree.stat().st_ino) == (0, before)
    unpacking = UnpackOptions(tree, conda_unpack=True)
    request = ObjectDownloadRequest(
        archive.name, tree.with_name("archive"), unpack_options=unpacking
    )
    checked = verify([DownloadRequest(request)], ObjectStoreConfig.make_for_local(tmp_path))
    assert checked.mismatches == ()


def test_a_compiled_module_of_a_changed_source_is_left_out(tmp_path: Path) -> None:
    built = conda_env.make_prefix(tmp_path / "build")
    said(built / "bin" / "python", "-c", f"import {conda_env.MODULE}")
    (compiled,) = built.rglob(f"{conda_env.MODULE}.*.pyc")
    archive, tree = conda_env.pack(built, tmp_path / "env.tar.gz"), tmp_path / "there" / "env"
    with tarfile.open(archive) as packed:
        assert str(compiled.relative_to(built)) in packed.getnames()
    fetched(archive, tree)
    assert not (tree / compiled.relative_to(built)).exists()


def test_it_is_unpacked_again_if_it_was_unpacked_without(prefix: Path, tmp_path: Path) -> None:
    archive, tree = conda_env.pack(prefix, tmp_path / "env.tar.gz"), tmp_path / "there" / "env"
    fetched(archive, tree, conda_unpack=False)
    assert said(tree / conda_env.TOOL) == conda_env.PLACEHOLDER
    assert fetched(archive, tree).origin_bytes == 0
    assert said(tree / conda_env.TOOL) == str(tree)


def packed_with(home: Path, script: str | None, interpreter: str | None) -> Path:
    """A tar of an environment whose two programs are these."""
    content = home / "content"
    (content / "bin").mkdir(parents=True)
    for name, text in (("conda-unpack", script), ("python", interpreter)):
        if text is not None:
            (content / "bin" / name).write_text(text)
            (content / "bin" / name).chmod(0o755)
    return Path(shutil.make_archive(str(home / "env"), "tar", content))


GOOD = "_prefix_records = []\ndef update_prefix(*args, **more): pass\n"
PYTHON = '#!/bin/sh\nexec python3 "$@"\n'


@pytest.mark.parametrize(
    ("script", "interpreter", "what"),
    [
        (None, PYTHON, "has no bin/conda-unpack"),
        (GOOD, None, "has no bin/python"),
        ("raise ValueError('negative padding')", PYTHON, "ValueError: negative padding"),
        ("of another program", PYTHON, "SyntaxError"),
        ("x = 1", PYTHON, "KeyError: '_prefix_records'"),
        (GOOD, "#!/there/is/no/shell\n", "does not start"),
        (GOOD, "#!/bin/sh\nkill -SEGV $$\n", "failed: signal 11"),
        (GOOD, "#!/bin/sh\nexit 3\n", "failed: exit status: 3"),
    ],
)
def test_what_conda_pack_did_not_make_is_refused_and_leaves_nothing(
    tmp_path: Path, script: str | None, interpreter: str | None, what: str
) -> None:
    archive, tree = packed_with(tmp_path, script, interpreter), tmp_path / "there" / "env"
    with pytest.raises(CondaUnpackError, match=what) as raised:
        fetched(archive, tree)
    assert raised.value.path == str(tree)
    assert [each.name for each in tree.parent.iterdir() if not each.name.startswith(".arc")] == []


@pytest.mark.parametrize(
    ("name", "options", "what"),
    [
        ("env.tar", {"conda_unpack": "yes"}, "conda_unpack is 'yes'"),
        ("env.gz", {}, "single file"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    tmp_path: Path, name: str, options: dict[str, Any], what: str
) -> None:
    with pytest.raises(InvalidRequestError, match=what):
        fetched(tmp_path / name, tmp_path / "tree", **options)


def test_a_prefix_that_is_too_long_for_a_library_is_refused(prefix: Path, tmp_path: Path) -> None:
    tree = tmp_path / ("long" * 60) / "env"
    with pytest.raises(CondaUnpackError, match="negative padding"):
        fetched(conda_env.pack(prefix, tmp_path / "env.tar.gz"), tree)
    assert not tree.exists()


def test_a_file_that_a_record_names_must_be_there(tmp_path: Path) -> None:
    real = conda_env.pack(conda_env.make_prefix(tmp_path / "build"), tmp_path / "real.tar.gz")
    with tarfile.open(real) as packed:
        packed.extractall(tmp_path / "content")
    (tmp_path / "content" / conda_env.TOOL).unlink()
    broken = Path(shutil.make_archive(str(tmp_path / "env"), "gztar", tmp_path / "content"))
    with pytest.raises(CondaUnpackError, match="No such file or directory"):
        fetched(broken, tmp_path / "there" / "env")
