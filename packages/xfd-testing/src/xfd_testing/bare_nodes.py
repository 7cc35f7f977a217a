"""What nodes without xfd have, and an index of wheels that they can install it from."""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def environment_without_xfd(folder: Path) -> Path:
    """Makes a virtual environment like this process's, but without xfd; returns its interpreter.

    It has pip, and links to what this environment has, uv among it; nothing is fetched.
    """
    command = [sys.executable, "-m", "virtualenv", "--quiet", "--no-download", str(folder)]
    subprocess.run([*command, "--no-periodic-update"], check=True)
    theirs = next((folder / "lib").glob("python3*")) / "site-packages"
    for each in Path(sysconfig.get_paths()["purelib"]).iterdir():
        is_ours = "xfd" in each.name or each.suffix == ".pth"
        if is_ours or (theirs / each.name).exists():
            continue
        if each.suffix == ".dist-info":  # uv does not see one that is a link.
            shutil.copytree(each, theirs / each.name)
        else:
            (theirs / each.name).symlink_to(each)
    if uv := shutil.which("uv", path=sysconfig.get_paths()["scripts"]):
        (folder / "bin" / "uv").symlink_to(uv)
    return folder / "bin" / "python"


@contextmanager
def index_of(wheels: Iterable[Path], folder: Path) -> Iterator[str]:
    """Serves wheels as a package index (PEP 503) on the loopback; yields its address for pip."""
    for wheel in wheels:
        project = wheel.name.split("-")[0].replace("_", "-").lower()
        (folder / project).mkdir(parents=True, exist_ok=True)
        shutil.copy2(wheel, folder / project)
    handler = functools.partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    """The list of a folder that it answers with is what pip reads as a project's page."""

    def log_message(self, format: str, *args: object) -> None:
        pass
