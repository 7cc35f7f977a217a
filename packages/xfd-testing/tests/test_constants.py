"""Tables of constants follow from a module's text, and a constant without reasons is refused."""

from __future__ import annotations

import pytest

from xfd_testing.documents.constants import FIRST, LAST, constants_of, tables_of
from xfd_testing.documents.markers import with_part

MODULE = '''"""About the module."""

from __future__ import annotations

# -- Queues --------------------------

DEPTH = 5 / 8
"""share of the slots. What a node
gets.

Why: slots are never all empty,
which costs time.
Evidence: half +1.0; double = | 2.
"""

# -- Trees ---------------------------

FAN_OUT = 200_000
"""children. The most of a node.

Why: spreads the load.
Evidence: not measured.
"""
'''

TABLES = """### Queues

| constant | value | what | why | evidence |
|---|---|---|---|---|
| `DEPTH` | 5 / 8 | share of the slots. What a node gets | slots are never all empty, which costs \
time | half +1.0; double = \\| 2 |

### Trees

| constant | value | what | why | evidence |
|---|---|---|---|---|
| `FAN_OUT` | 200_000 | children. The most of a node | spreads the load | not measured |"""


def test_tables_have_all_that_the_module_says() -> None:
    assert tables_of(constants_of(MODULE)) == TABLES


@pytest.mark.parametrize(
    "text",
    [
        "",
        '"""children. The most of a node."""',
        '"""children. The most.\n\nWhy: it is so.\n"""',
        '"""children. The most.\n\nEvidence: none.\n"""',
        '"""The most children\n\nWhy: it is so.\nEvidence: none.\n"""',
    ],
    ids=["no text", "no reason", "no evidence", "evidence without a reason", "no unit"],
)
def test_a_constant_without_unit_reason_or_evidence_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="FAN_OUT has no text"):
        constants_of(f"FAN_OUT = 4\n{text}\n")


def test_tables_replace_what_was_between_the_markers() -> None:
    document = f"# Before\n\n{FIRST}\n\nold\n\n{LAST}\n\n# After\n"
    once = with_part(document, FIRST, LAST, TABLES)
    assert once == f"# Before\n\n{FIRST}\n\n{TABLES}\n\n{LAST}\n\n# After\n"
    assert with_part(once, FIRST, LAST, TABLES) == once
