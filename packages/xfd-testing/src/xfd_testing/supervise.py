"""Runs a command and makes sure that none of its descendants outlives the caller.

Started by `processes.Supervised`, never imported. It adopts what its descendants orphan
(PR_SET_CHILD_SUBREAPER), so the whole family can be found below it, whatever process groups and
sessions they opened. It ends all of them at once, and then itself, when
- its standard input closes: the parent closed it, or is gone;
- it receives SIGTERM;
- the command ends by itself; the command's exit code is then its own.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def children_by_parent() -> dict[int, list[int]]:
    """Process ids by their parent's, of all processes that can be seen."""
    found: dict[int, list[int]] = {}
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            stat = (process / "stat").read_bytes()
        except OSError:
            continue
        parent = int(stat.rpartition(b")")[2].split()[1])
        found.setdefault(parent, []).append(int(process.name))
    return found


def end_descendants() -> None:
    """Kills and reaps until nobody is left; what is orphaned meanwhile becomes a child of ours."""
    while True:
        tree = children_by_parent()
        family = [os.getpid()]
        for pid in family:
            family.extend(tree.get(pid, ()))
        if len(family) == 1:
            return
        for pid in family[1:]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def main(command: list[str]) -> int:
    """Runs the command until it ends or is no longer wanted; its exit code, or 143."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def end(*_: object) -> None:
        end_descendants()
        os._exit(143)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def wait_for_the_parent() -> None:
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0),
    )
    threading.Thread(target=wait_for_the_parent, daemon=True).start()
    code = 0
    while True:
        pid, status = os.wait()
        if pid == child.pid:
            code = os.waitstatus_to_exitcode(status)
            break
    end_descendants()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
