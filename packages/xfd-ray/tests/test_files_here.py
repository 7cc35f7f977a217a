"""What a call of one process notes for the others of its node: all that they would miss."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from xfd_api.requests import DownloadRequest, ObjectDownloadRequest, UnpackOptions
from xfd_api.results import ObjectResult
from xfd_api.stores import ObjectStoreConfig
from xfd_ray.frameworks.files_here import FilesHere

STORE = ObjectStoreConfig.make_for_s3("bucket")


@pytest.mark.parametrize("keep", [True, False])
def test_a_tree_that_is_removed_is_missed_although_its_archive_is_there(
    keep: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree, archive = tmp_path / "tree", tmp_path / "tree.tar"
    calls: list[str] = []

    class Unpacks:
        def once(self) -> SimpleNamespace:
            calls.append("once")
            tree.mkdir()
            if keep:
                archive.write_bytes(b"four")
            return SimpleNamespace(objects=(ObjectResult("tree.tar", str(archive), 4, 4, 1, 0),))

    options = UnpackOptions(tree, keep_archive=keep)
    request = ObjectDownloadRequest("tree.tar", archive, unpack_options=options)
    files = FilesHere.of([DownloadRequest(request)], STORE)
    monkeypatch.setattr(FilesHere, "call", lambda self: Unpacks())
    monkeypatch.setattr(FilesHere, "_note", lambda self: tmp_path / "notes" / "note.json")
    for _ in range(3):
        files.bring_once_per_node()
    assert len(calls) == 1
    shutil.rmtree(tree)
    files.bring_once_per_node()
    assert len(calls) == 2
