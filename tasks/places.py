"""Where things are in this repository."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("xfd-api", "xfd-scheduler", "xfd-dataplane", "xfd-ray", "xfd-pipelines")
SOURCES = [
    str(path.relative_to(ROOT))
    for package in PACKAGES
    for path in (ROOT / "packages" / package).iterdir()
    if path.name in ("src", "python")
]
PAGES = [
    str(page.relative_to(ROOT))
    for pattern in ("README.md", "docs/**/*.md", "packages/*/README.md")
    for page in sorted(ROOT.glob(pattern))
    if page.name != "specification.md"  # It has the words of another project.
]
CRATES = ROOT / "packages" / "xfd-dataplane"
CORES = os.cpu_count() or 1
