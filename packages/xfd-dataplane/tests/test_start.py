"""What happens before the command does something."""

from __future__ import annotations

import subprocess
import sys

INTERRUPTED_AT = """
import sys

class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt
        return None

sys.meta_path.insert(0, Interrupts())
from xfd_dataplane.cli import main
sys.exit(main())
"""


def python(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_ctrl_c_while_the_command_is_still_loaded_is_quiet() -> None:
    for module in (
        "xfd_dataplane.cli.process",
        "xfd_dataplane._native",
        "xfd_dataplane.cancellation",
    ):
        ended = python(INTERRUPTED_AT.format(module=module), "ls", "s3://b/")

        assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_the_package_loads_nothing_before_it_is_asked_for_something() -> None:
    loaded = python(
        "import sys, xfd_dataplane\n"
        "print('xfd_dataplane._native' in sys.modules)\n"
        "import xfd_dataplane.downloading\n"
        "print(callable(xfd_dataplane.download), callable(xfd_dataplane.verify))\n"
    )

    assert loaded.stdout.split() == ["False", "True", "True"]
