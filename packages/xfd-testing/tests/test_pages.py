"""The runner of pages refuses what does not do what its page says."""

from __future__ import annotations

import doctest
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from xfd_testing import markdown
from xfd_testing.documents import command_page, home, messages
from xfd_testing.pages import BlockFailed, blocks_of_page, run_page
from xfd_testing.site import outside

RIGHT = {
    "a script": "```python\nprint('yes')\n```\n\n```text\nyes\n```\n",
    "a command": "```sh\necho one two three\n```\n\n```text\none ... three\n```\n",
    "an error": "<!-- exit: 3 -->\n```sh\necho no >&2; exit 3\n```\n\n```text\nno\n```\n",
    "a file": "<!-- file: a/b.txt -->\n```sh\nword\n```\n\n```sh\ngrep word a/b.txt\n```\n",
    "two commands before": (
        "<!-- before: echo 1 > one -->\n<!-- before: cat one > two -->\n```sh\ngrep 1 two\n```\n"
    ),
    "what is shown only": "<!-- shown: it would fail -->\n```sh\nexit 1\n```\n",
    "a block of a list": "1. Say it:\n\n    ```sh\n    true\n    ```\n",
    "settings": '```toml\nkeep_s = 600\n```\n```yaml\nrequests: ["s3://bucket/key"]\n```\n',
    "a drawing": "```mermaid\nstateDiagram-v2\n```\n",
}

WRONG = {
    "a script that fails": ("```python\nraise SystemExit(1)\n```\n", "exit code 1, not 0"),
    "a command in the middle": ("```sh\nfalse\ntrue\n```\n", "exit code 1, not 0"),
    "a variable that is not set": ("```sh\necho $NOBODY_SETS_THIS\n```\n", "unbound variable"),
    "another output": ("```sh\necho one\n```\n\n```text\ntwo\n```\n", "shown:\ntwo"),
    "another exit code": ("<!-- exit: 4 -->\n```sh\ntrue\n```\n", "exit code 0, not 4"),
    "a command before it": ("<!-- before: false -->\n```sh\ntrue\n```\n", "exit code 1, not 0"),
    "a setting that is not there": ("```toml\nkeep = 1\n```\n", "keep"),
    "a wrong request": ("```yaml\nrequests: [{where: here}]\n```\n", "InvalidRequestError"),
    "YAML that is none": ("```yaml\na: [\n```\n", "ParserError"),
    "JSON that is none": ("```json\n{\n```\n", "JSONDecodeError"),
    "no language": ("```\nwhat is this\n```\n", "no language"),
}

WORLD: Any = SimpleNamespace(environment=lambda _: dict(os.environ), here=lambda text: text)
"""No servers: these blocks ask none."""


def run(text: str, folder: Path) -> None:
    page = folder / "page.md"
    page.write_text(text)
    home_of_page = folder / "home"
    home_of_page.mkdir()
    run_page(page, WORLD, home_of_page, pytest.fail)


@pytest.mark.parametrize("text", RIGHT.values(), ids=list(RIGHT))
def test_a_page_that_is_right_passes(text: str, tmp_path: Path) -> None:
    run(text, tmp_path)


@pytest.mark.parametrize(("text", "why"), WRONG.values(), ids=list(WRONG))
def test_a_page_that_is_wrong_is_named_with_its_line(text: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(BlockFailed, match=r"page\.md:\d+: ") as failed:
        run(text, tmp_path)
    assert why in str(failed.value)


def test_a_block_that_needs_what_is_missing_is_skipped_by_name(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- needs: no_such_module -->\n```python\nimport no_such_module\n```\n")
    said: list[str] = []

    class Skipped(Exception):
        pass

    def skip(reason: str) -> None:
        said.append(reason)
        raise Skipped

    with pytest.raises(Skipped):
        run_page(page, WORLD, tmp_path, skip)
    assert said == ["page.md:3 needs no_such_module"]


def test_the_reason_for_showing_a_block_is_kept(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(RIGHT["what is shown only"])
    assert [each.block.notes for each in blocks_of_page(page)] == [{"shown": "it would fail"}]


def test_a_comment_that_nobody_reads_is_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- sometimes: yes -->\n```sh\ntrue\n```\n")
    with pytest.raises(ValueError, match=r"page\.md:1: sometimes is none of before, exit"):
        blocks_of_page(page)


def test_blocks_are_written_for_a_check_of_types_unless_they_have_none(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```python\na = 1\n```\n<!-- untyped: why -->\n```python\nb = 2\n```\n"
        "<!-- needs: torch -->\n```python\nimport torch\n```\n"
    )
    markdown.main(tmp_path / "shown", [page])
    assert [file.read_text() for file in (tmp_path / "shown").iterdir()] == ["a = 1\n"]


def test_links_in_code_stay_and_others_lead_to_the_copies() -> None:
    text = "[a](../tests/x.py#L3) [b](other.md)\n\n```md\n[c](../README.md)\n```\n"
    assert outside.with_links(text, "docs/page.md", "page.md") == (
        "[a](repository/tests/x.py.md#L3) [b](other.md)\n\n```md\n[c](../README.md)\n```\n"
    )
    back = outside.with_links("[d](docs/a.md)", "CONTRIBUTING.md", "repository/CONTRIBUTING.md")
    assert back == "[d](../a.md)"


@pytest.mark.parametrize("module", [command_page, home, messages, outside])
def test_the_examples_are_right(module: Any) -> None:
    failures, tried = doctest.testmod(module)
    assert tried
    assert failures == 0
