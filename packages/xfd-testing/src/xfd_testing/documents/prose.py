"""Width of lines and length of sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator

from xfd_testing.documents.page import Finding, Page

COLUMNS = 100
WORDS = 40

_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')]*\s+(?=[^a-z\s])")


def check_prose(page: Page) -> Iterator[Finding]:
    """Lines and sentences that are too long; tables, code and images may be wider."""
    for number, line in enumerate(page.lines, 1):
        may_be_wide = number in page.code_lines or line.lstrip().startswith(("|", "!["))
        if len(line) > COLUMNS and not may_be_wide:
            yield Finding(page.path, number, f"{len(line)} columns, more than {COLUMNS}")
    for text in page.texts:
        for sentence in sentences_of("" if text.cell else text.words):
            count = len([word for word in sentence.split() if re.search(r"\w", word)])
            if count > WORDS:
                what = f"a sentence of {count} words, more than {WORDS}: {sentence[:40]}..."
                yield Finding(page.path, text.line, what)


def sentences_of(text: str) -> list[str]:
    """The sentences of a paragraph; a dot before a small letter ends none."""
    return [sentence for sentence in _SENTENCE_END.split(text) if sentence.strip()]
