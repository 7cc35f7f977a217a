"""`python -m xfd_testing.documents` prints what is to correct; exit code 1 if there is anything."""

from __future__ import annotations

import sys
from pathlib import Path

from xfd_testing.documents import check


def main() -> int:
    """Checks the repository in the working folder."""
    findings = check(Path())
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
