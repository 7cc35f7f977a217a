"""Holds the project's documents to its style, and to what the repository has.

    findings = check(Path("."))

Prose is held to 100 columns and 40 words a sentence. Links, anchors, paths, dotted names, imports
of Python blocks and `nox` tasks are held to what exists. Everything is read as text: nothing is
imported, so the check needs no package of the project and takes a second.
"""

from __future__ import annotations

from pathlib import Path

from xfd_testing.documents.page import Finding, Page
from xfd_testing.documents.prose import check_prose
from xfd_testing.documents.references import check_references
from xfd_testing.documents.repository import Repository

__all__ = ["Finding", "Page", "Repository", "check", "check_page", "documents_of"]

NOT_OURS = {"docs/specification.md"}
"""The user's own words, kept as they are."""


def documents_of(root: Path) -> list[Path]:
    """All documents below the repository's root: its own, those of `docs/`, and the READMEs."""
    found = [*root.glob("*.md"), *root.glob("docs/**/*.md"), *root.glob("packages/*/*.md")]
    return sorted(each for each in found if str(each.relative_to(root)) not in NOT_OURS)


def check_page(page: Page, repository: Repository) -> list[Finding]:
    """All findings in one page, in the order of its lines."""
    findings = [*check_prose(page), *check_references(page, repository)]
    return sorted(findings, key=lambda finding: finding.line)


def check(root: Path) -> list[Finding]:
    """All findings in all documents below the repository's root."""
    repository = Repository.of(root)
    pages = [Page.read(document) for document in documents_of(root)]
    return [finding for page in pages for finding in check_page(page, repository)]
