"""A notebook with one distribution, run and drawn by a browser."""

from __future__ import annotations

import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from xfd_testing import browser

WIDTH = 900

_CELLS = (
    """\
%%capture
import ray, xfd_ray
from pathlib import Path
from xfd_api import PrefixDownloadRequest
ray.init()""",
    """\
gemma = PrefixDownloadRequest("{source}", Path("gemma"))
report = xfd_ray.download_distributed([gemma], progress="auto")""",
    "report",
)


def picture_of_notebook(picture: Path, source: str) -> None:
    """Runs the notebook, and writes the picture as a PNG."""
    notebook = nbformat.v4.new_notebook()
    for cell in _CELLS:
        notebook.cells.append(nbformat.v4.new_code_cell(cell.replace("{source}", source)))
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    page, _ = HTMLExporter(template_name="lab").from_notebook_node(notebook)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "notebook.html"
        file.write_text(page, encoding="utf-8")
        with browser.running() as chromium, chromium.open(file, width=WIDTH, scale=1.25) as look:
            look.page.locator("main").screenshot(path=str(picture))
