"""A real Prometheus on loopback, with its data in a temporary folder, and `promtool`."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xfd_testing import emulators
from xfd_testing.processes import Supervised, free_ports

VARIABLE = "XFD_TEST_PROMETHEUS"
PROGRAM = "prometheus"
TOOL_VARIABLE = "XFD_TEST_PROMTOOL"
TOOL = "promtool"
ADVICE = "apt-get install prometheus"

Series = Mapping[str, str]
"""The labels of a series."""


class PrometheusServer:
    """One server. Use `running`.

    Attributes:
        url: of its HTTP API.
    """

    def __init__(self, process: Supervised, url: str) -> None:
        self._process = process
        self.url = url

    def query(self, expression: str) -> list[tuple[Series, float]]:
        """The present value of each series of a PromQL expression; a scalar has no labels.

        Raises:
            ValueError: Prometheus refuses the expression; the message is its own.
        """
        data = self._get("query", {"query": expression})
        result = data["result"]
        if data["resultType"] == "scalar":
            return [({}, float(result[1]))]
        return [(each["metric"], float(each["value"][1])) for each in result]

    def value(self, expression: str) -> float:
        """The value of an expression that has one series, else NaN."""
        found = self.query(expression)
        return found[0][1] if len(found) == 1 else float("nan")

    def rules(self) -> list[dict[str, Any]]:
        """All rules, with `name`, `type`, `query`, `health` and `lastError`."""
        return [rule for group in self._get("rules", {})["groups"] for rule in group["rules"]]

    def targets(self) -> list[dict[str, Any]]:
        """The targets that it scrapes, with `scrapeUrl`, `labels`, `health` and `lastError`."""
        active: list[dict[str, Any]] = self._get("targets", {})["activeTargets"]
        return active

    def _get(self, path: str, arguments: Mapping[str, str]) -> dict[str, Any]:
        body = urllib.parse.urlencode(arguments).encode()
        # A POST is answered by `query` alone.
        url = f"{self.url}/api/v1/{path}"
        try:
            with urllib.request.urlopen(url, body if arguments else None, timeout=30) as answer:
                data: dict[str, Any] = json.load(answer)["data"]
                return data
        except urllib.error.HTTPError as refused:
            raise ValueError(json.load(refused).get("error", str(refused))) from refused

    def _ready(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}/-/ready", timeout=5).close()
        except OSError:
            return False
        return True


@contextmanager
def running(config: Path) -> Iterator[PrometheusServer]:
    """A server for the length of a block; `config` is its `prometheus.yml`.

    Raises:
        StartError: there is none here, or it did not come up.
    """
    program = emulators.find(VARIABLE, PROGRAM, ADVICE)
    home = Path(tempfile.mkdtemp(prefix="xfd-prometheus-"))
    (port,) = free_ports(1)
    address = f"127.0.0.1:{port}"
    command = [program, f"--config.file={config}", f"--storage.tsdb.path={home}/data"]
    process = Supervised([*command, f"--web.listen-address={address}"], home / "log")
    server = PrometheusServer(process, f"http://{address}")
    try:
        process.wait_until(server._ready, PROGRAM, 60)
        yield server
    finally:
        process.stop()
        shutil.rmtree(home, ignore_errors=True)


def promtool(arguments: Sequence[str], given: str = "") -> str:
    """Runs `promtool`, and returns what it prints.

    Raises:
        StartError: there is none here.
        ValueError: it finds something wrong; the message is what it prints.
    """
    program = emulators.find(TOOL_VARIABLE, TOOL, ADVICE)
    ran = subprocess.run([program, *arguments], input=given, capture_output=True, text=True)
    if ran.returncode:
        raise ValueError(ran.stdout + ran.stderr)
    return ran.stdout + ran.stderr
