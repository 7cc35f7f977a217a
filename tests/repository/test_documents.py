"""The documents keep to their style, and what they name is there.

`python -m xfd_testing.documents` prints all findings at once.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from xfd_testing.documents import (
    Page,
    Repository,
    check_page,
    constants,
    documents_of,
    home,
    reliability,
    report_fields,
    troubleshooting,
)
from xfd_testing.documents.markers import with_part

ROOT = Path(__file__).parents[2]
DOCUMENTS = documents_of(ROOT)
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("0*.md"))


@pytest.fixture(scope="module")
def repository() -> Repository:
    return Repository.of(ROOT)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_is_true_and_readable(document: Path, repository: Repository) -> None:
    assert [str(finding) for finding in check_page(Page.read(document), repository)] == []


def test_all_documents_are_looked_at() -> None:
    names = {str(document.relative_to(ROOT)) for document in DOCUMENTS}
    assert {"README.md", "CHANGELOG.md", "docs/ARCHITECTURE.md", "docs/scheduler.md"} <= names
    assert sum(name.startswith("packages/") for name in names) >= 5
    assert "docs/specification.md" not in names


def test_each_decision_has_a_number_of_its_own_and_a_line_in_the_index() -> None:
    numbers = [decision.name[:4] for decision in DECISIONS]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]
    index = {
        link for text in Page.read(DECISIONS[0].parent / "README.md").texts for link in text.links
    }
    assert [each.name for each in DECISIONS if each.name not in index] == []
    for decision in DECISIONS:
        assert decision.read_text().startswith(f"# {decision.name[:4]} ")


def test_the_map_names_each_import_contract() -> None:
    contract = r'\[\[tool\.importlinter\.contracts\]\]\nname = "(.+)"'
    names = re.findall(contract, (ROOT / "pyproject.toml").read_text())
    assert names
    architecture = " ".join((ROOT / "docs" / "ARCHITECTURE.md").read_text().split())
    assert [name for name in names if f"- {name}." not in architecture] == []


def test_the_constants_of_the_scheduler_are_those_of_its_modules() -> None:
    """After a change: `python -m xfd_testing.documents.constants`."""
    tables = constants.tables_at(ROOT)
    document = (ROOT / constants.DOCUMENT).read_text()
    assert with_part(document, constants.FIRST, constants.LAST, tables) == document


def test_the_fields_of_a_report_are_those_of_its_dataclasses() -> None:
    """After a change: `python -m xfd_testing.documents.report_fields`."""
    document = (ROOT / report_fields.DOCUMENT).read_text()
    made = report_fields.tables()
    assert with_part(document, report_fields.FIRST, report_fields.LAST, made) == document


def test_the_site_begins_as_the_readme_does() -> None:
    """After a change: `python -m xfd_testing.documents.home`."""
    document = (ROOT / home.DOCUMENT).read_text()
    made = home.section((ROOT / home.SOURCE).read_text())
    assert with_part(document, home.FIRST, home.LAST, made) == document


def test_the_errors_of_the_troubleshooting_page_are_those_that_are_raised() -> None:
    """After a change: `python -m xfd_testing.documents.troubleshooting`."""
    document = (ROOT / troubleshooting.DOCUMENT).read_text()
    made = troubleshooting.section(ROOT)
    assert with_part(document, troubleshooting.FIRST, troubleshooting.LAST, made) == document


def test_the_faults_of_the_reliability_page_have_the_figures_that_were_measured() -> None:
    """After a change: `python -m xfd_testing.documents.reliability`."""
    document = (ROOT / reliability.DOCUMENT).read_text()
    made = reliability.made(ROOT)
    assert with_part(document, reliability.FIRST, reliability.LAST, made) == document


@pytest.mark.parametrize("package", ["api", "dataplane", "ray"])
def test_the_reference_has_each_public_name_of_a_package(package: str) -> None:
    (front,) = (ROOT / "packages" / f"xfd-{package}").glob(f"*/xfd_{package}/__init__.py")
    (names,) = (
        ast.literal_eval(node.value)
        for node in ast.parse(front.read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    page = (ROOT / f"docs/reference/xfd-{package}.md").read_text()
    shown = re.findall(rf"^::: xfd_{package}\.(\w+)", page, re.MULTILINE)
    assert set(names) - {*shown, "__version__"} == set()
