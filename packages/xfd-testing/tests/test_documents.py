"""The check of documents finds what it is for, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from xfd_testing.documents import Page, Repository, check, check_page

FORTY = " ".join(["a"] * 40)
LONG = f"{FORTY} a"

PACKAGE = "packages/xfd-one/src/xfd_one"
FILES = {
    "noxfile.py": "import nox\n\n@nox.session\ndef lint(session): ...\n\ndef helper(): ...\n",
    "docs/other.md": "# A heading, with `code`\n\n# Twice\n\n# Twice\n",
    f"{PACKAGE}/__init__.py": "from xfd_one.inner import Thing\n__all__ = ['lazy']\n",
    f"{PACKAGE}/inner.py": "LIMIT: int = 3\n\nclass Thing:\n    def work(self): ...\n",
    "packages/xfd-core/src/store/lease.rs": "",
}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return Repository.of(tmp_path)


def findings(source: str, repository: Repository) -> list[tuple[int, str]]:
    page = Page.parse(repository.root / "README.md", source)
    return [(each.line, each.what) for each in check_page(page, repository)]


RIGHT = {
    "forty words": f"{FORTY}. Another one.",
    "two sentences in one paragraph": f"{FORTY}.\n**A** {FORTY[2:]}! Next.",
    "a code span is one word": f"`{LONG}`\n{FORTY[2:]}",
    "a wide table": "| a | b |\n|---|---|\n| " + "x" * 120 + " | y |",
    "a long sentence in a table": f"| a |\n|---|\n| {LONG} |",
    "wide code": "```sh\n" + "x" * 120 + "\n```",
    "wide indented code": "text\n\n    " + "x" * 120,
    "a wide image": "![" + "x" * 120 + "](docs/other.md)",
    "a link elsewhere": "[there](https://example.com/x#y)",
    "a link to a file": "[there](docs/other.md)",
    "a link to a folder": "[there](docs/)",
    "an anchor": "[there](docs/other.md#a-heading-with-code)",
    "an anchor of this page": "# Mine\n\n[there](#mine)",
    "the second of two equal anchors": "[there](docs/other.md#twice-1)",
    "a path from the root": "`docs/other.md`",
    "the end of a path": "`store/lease.rs` and `store/`",
    "the name of a file": "`lease.rs`",
    "a key of a store": "`models/weights.bin`",
    "a module": "`xfd_one.inner`",
    "a name": "`xfd_one.inner.LIMIT` and `xfd_one.Thing.work()`",
    "a name of __all__": "`xfd_one.lazy(...)`",
    "a logger that is no module": "`xfd_other.things`",
    "a task": "`nox -s lint`",
    "an import": "```python\nfrom xfd_one import Thing, lazy\nimport json\n```",
}

WRONG = {
    "forty-one words": (f"\n{LONG}", (2, "a sentence of 41 words, more than 40: a a a")),
    "in a list": (f"- one\n- {LONG}", (2, "a sentence of 41 words")),
    "a dot before a small letter": (
        f"{FORTY[:40]}. and\n{FORTY[:40]}",
        (1, "a sentence of 41 words"),
    ),
    "a wide line": ("one\n" + "x" * 101, (2, "101 columns, more than 100")),
    "a broken link": ("[there](docs/none.md)", (1, "a link to docs/none.md, which does not")),
    "a broken image": ("![there](none.svg)", (1, "a link to none.svg")),
    "a broken anchor": ("[there](docs/other.md#none)", (1, "a link to docs/other.md#none, and")),
    "a broken anchor of this page": ("[there](#none)", (1, "a link to #none, and no heading")),
    "a third anchor": ("[there](docs/other.md#twice-2)", (1, "a link to docs/other.md#twice-2")),
    "a path": ("one\n\n`docs/none.md`", (3, "the path `docs/none.md`")),
    "a folder": ("`store/none/`", (1, "the path `store/none/`")),
    "a file as a folder": ("`store/lease.rs/`", (1, "the path `store/lease.rs/`")),
    "a source file": ("`none.py`", (1, "the path `none.py`")),
    "in a table": ("| a |\n|---|\n| b |\n| `none.py` |", (4, "the path `none.py`")),
    "a module": ("`xfd_one.none`", (1, "the name `xfd_one.none`, which no module has")),
    "a name": ("`xfd_one.inner.none`", (1, "the name `xfd_one.inner.none`")),
    "a task": ("`nox -s none`", (1, "the task `nox -s none`")),
    "a function that is no task": ("```sh\nnox -s helper\n```", (1, "the task `nox -s helper`")),
    "an import": (
        "```python\nfrom xfd_one import none\n```",
        (1, "a Python block that imports xfd_one.none"),
    ),
    "an imported module": ("```python\nimport xfd_two\n```", (1, "a Python block that imports")),
    "no Python": ("```python\nfrom import\n```", (1, "a Python block that cannot be parsed")),
}


@pytest.mark.parametrize("source", RIGHT.values(), ids=RIGHT)
def test_right_documents_pass(source: str, repository: Repository) -> None:
    assert findings(source, repository) == []


@pytest.mark.parametrize(("source", "expected"), WRONG.values(), ids=WRONG)
def test_each_kind_of_mistake_is_found(
    source: str, expected: tuple[int, str], repository: Repository
) -> None:
    ((line, what),) = findings(source, repository)
    assert (line, what[: len(expected[1])]) == expected


def test_all_documents_of_a_repository_are_checked_but_the_specification(
    repository: Repository,
) -> None:
    for name in ("CHANGELOG.md", "docs/deep/er.md", "packages/xfd-one/README.md"):
        file = repository.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("[there](none.md)\n")
    (repository.root / "docs" / "specification.md").write_text("[there](none.md)\n")
    found = [str(each.path.relative_to(repository.root)) for each in check(repository.root)]
    assert found == ["CHANGELOG.md", "docs/deep/er.md", "packages/xfd-one/README.md"]
