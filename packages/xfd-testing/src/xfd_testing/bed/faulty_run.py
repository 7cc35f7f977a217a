"""A distribution on a bed in the middle of which something is broken, and healed later."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xfd_api.results import DistributionReport
from xfd_testing.bed.bed import BedError
from xfd_testing.bed.rig import BUCKET, WARM_SET, Rig

SCRIPT = Path(__file__).with_name("distribute.py")


@dataclass(frozen=True)
class FaultyRun:
    """What came of it.

    Attributes:
        report: what the driver's call returned; None if it raised.
        error: what it raised.
        seconds: from the call to its end.
        hosts: the name of each node's host, by Ray node id.
        log: what a user saw on the terminal.
    """

    report: DistributionReport | None
    error: str | None
    seconds: float
    hosts: dict[str, str]
    log: str

    @property
    def node_s(self) -> dict[str, float]:
        """Seconds until each host had everything, of those that are done."""
        nodes = () if self.report is None else self.report.nodes
        return {self.hosts[node.node]: node.elapsed_s for node in nodes if node.state == "done"}


def run(
    rig: Rig,
    name: str,
    folder: str,
    *,
    driver: str,
    act: Callable[[], object] | None = None,
    at: float = 0.25,
    options: dict[str, Any] | None = None,
) -> FaultyRun:
    """Distributes the set `name`, with workers that are up.

    Args:
        rig: with the set, and the warm set.
        name: the set.
        folder: a name for the folders below `/data` of each host.
        driver: the host that calls.
        act: is called in a thread when a share of all bytes has arrived; the run ends after it.
        at: that share.
        options: of the call.
    """
    plan = {"bucket": BUCKET, "name": name, "folder": folder, "warm": WARM_SET}
    argument = json.dumps({**plan, "options": options or {}})
    log = rig.logs / f"driver-{folder}.log"
    command = [sys.executable, str(SCRIPT), argument]
    process = rig.bed.converse(driver, command, env=rig.environment, log=log)
    try:
        return _followed(rig, process, log, act, at)
    finally:
        process.kill()
        process.wait()


def _followed(
    rig: Rig,
    process: subprocess.Popen[str],
    log: Path,
    act: Callable[[], object] | None,
    at: float,
) -> FaultyRun:
    pool = ThreadPoolExecutor(1)
    acting: Future[object] | None = None
    assert process.stdin is not None
    assert process.stdout is not None
    for line in process.stdout:
        if not line.startswith("{"):  # Ray's own word, about a lost node for example.
            continue
        said = json.loads(line)
        if "ready" in said:
            process.stdin.write("\n")
            process.stdin.flush()
        elif "done" in said:
            if act is not None and acting is None and said["done"] >= at:
                acting = pool.submit(act)
        else:
            if act is not None:
                if acting is None:
                    raise BedError("The call ended before anything was broken")
                acting.result()
            report = said.get("report")
            names = {rig.bed.address(host): host for host in rig.bed.hosts}
            hosts = {node: names[address] for node, address in said.get("addresses", {}).items()}
            return FaultyRun(
                None if report is None else DistributionReport.from_json(json.dumps(report)),
                said.get("error"),
                said["seconds"],
                hosts,
                log.read_text(errors="replace"),
            )
    raise BedError(f"The driver ended and said nothing:\n{log.read_text()[-3000:]}")


def wait(seconds: float) -> None:
    """How long a fault lasts is a part of it, not something to wait for."""
    time.sleep(seconds)
