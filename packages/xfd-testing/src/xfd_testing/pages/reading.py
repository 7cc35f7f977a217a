"""Reads a block with what reads such a file when a user has it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from xfd_testing.pages.blocks import PageBlock

LANGUAGES = ("yaml", "toml", "json")


def read(block: PageBlock, folder: Path) -> None:
    """Reads a block of data; the file of its name, if it has one, is in `folder` then.

    Raises:
        BlockFailed: its reader refuses it.
    """
    text = block.block.text
    name = block.block.notes.get("file", f"block.{block.block.language}")
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    try:
        _READERS[block.block.language](text, folder / name)
    except Exception as error:
        raise block.failed(f"{type(error).__name__}: {error}") from error


def _yaml(text: str, file: Path) -> None:
    import yaml

    documents = [each for each in yaml.safe_load_all(text) if each is not None]
    if not documents:
        raise ValueError("there is nothing in it")
    for document in documents:
        if isinstance(document, dict) and "apiVersion" in document:
            _kubernetes(document)
        elif isinstance(document, list) or "requests" in document:
            from xfd_ray.cli.request_file import parse_requests

            parse_requests(text, file.name)


def _kubernetes(document: dict[str, Any]) -> None:
    for key in ("kind", "metadata"):
        if key not in document:
            raise ValueError(f"a document of Kubernetes without {key}")


def _toml(text: str, file: Path) -> None:
    from xfd_api.configuration.configuration import check_file
    from xfd_api.configuration.files import read_settings

    if "[project]" in text:
        return
    for error in check_file(read_settings(file)):
        raise error


def _json(text: str, _: Path) -> None:
    json.loads(text)


_READERS = {"yaml": _yaml, "toml": _toml, "json": _json}
