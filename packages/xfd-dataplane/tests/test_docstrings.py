"""The examples in the docstrings of the public calls do what they show."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import xfd_dataplane
from xfd_testing.docstrings import has_example, public_calls, run_examples

WITHOUT_EXAMPLE = {"Cancellation", "Mismatch", "Node", "VerifyReport"}
"""What calls take and return, and the class of the extension."""

CALLS = [each for each in public_calls(xfd_dataplane) if each[0] not in WITHOUT_EXAMPLE]


@pytest.fixture
def example_store() -> Iterator[Path]:
    """The store that the examples read."""
    folder = Path("/tmp/xfd-example/store")
    (folder / "models").mkdir(parents=True, exist_ok=True)
    (folder / "models" / "config.json").write_text("{}")
    yield folder
    shutil.rmtree(folder.parent)


@pytest.mark.parametrize(("name", "call"), CALLS, ids=[name for name, _ in CALLS])
def test_each_call_shows_an_example_that_works(
    name: str,
    call: object,
    example_store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XFD_ROOT", str(tmp_path))
    assert has_example(call)
    run_examples(call, {})
