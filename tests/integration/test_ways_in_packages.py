"""Nodes that have Ray and not xfd, which a job's or a driver's `runtime_env` brings to them.

The wheels come from an index on the loopback; `XFD_TEST_WHEELS` names them, which `nox` sets. Each
node builds an environment as nodes on several hosts do, with what Ray's agent runs: pip, or uv.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from xfd_testing import ray_cluster
from xfd_testing.bare_nodes import environment_without_xfd, index_of
from xfd_testing.hub import HubServer
from xfd_testing.pages import World, run_page
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import S3Server

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "packages.md"
WHEELS = [Path(name) for name in os.environ.get("XFD_TEST_WHEELS", "").split(os.pathsep) if name]
CONFIG = b'{"model_type": "llama"}'

DRIVER = """
import json, sys
import ray

ray.init(sys.argv[1], runtime_env=json.loads(sys.argv[2]), log_to_driver=False)

import xfd_ray
from xfd_api import ObjectStoreConfig
from xfd_api.errors import XfdError

store = ObjectStoreConfig.make_for_s3("my-models")
where = ray.remote(lambda: __import__("xfd_ray").__file__)
try:
    report = xfd_ray.download_distributed(["llama/config.json"], store, progress="none")
    answer = {"states": [node.state for node in report.nodes], "from": ray.get(where.remote())}
except XfdError as error:
    answer = {"error": type(error).__name__, "node": error.node, "says": str(error)}
print(json.dumps(answer))
"""

pytestmark = [
    pytest.mark.timeout(600),  # Each node builds two environments before its first call.
    pytest.mark.needs_ray,
    pytest.mark.skipif(not WHEELS, reason="XFD_TEST_WHEELS names no wheels"),
]


@dataclass(frozen=True)
class Bare:
    """Nodes without xfd whose pip and uv know an index with its wheels."""

    cluster: RayCluster
    env: dict[str, str]

    def drive(self, address: str, runtime_env: dict[str, Any]) -> dict[str, Any]:
        """Runs a driver on this host, which has xfd; returns what it prints."""
        command = [sys.executable, "-c", DRIVER, address, json.dumps(runtime_env)]
        env = {**os.environ, **self.env}
        ended = subprocess.run(command, capture_output=True, text=True, timeout=240, env=env)
        assert ended.returncode == 0, ended.stderr
        answer: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
        return answer


@pytest.fixture(scope="module")
def bare(
    s3_server: S3Server, my_models: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bare]:
    folder = tmp_path_factory.mktemp("bare")
    s3_server.put(my_models, "llama/config.json", CONFIG)
    python = environment_without_xfd(folder / "base")
    with index_of(WHEELS, folder / "index") as index:
        indexes = {"PIP_INDEX_URL": index, "UV_DEFAULT_INDEX": index}
        # Ray would try each environment three times, on every node.
        env = {**s3_server.environment(), **indexes, "RUNTIME_ENV_RETRY_TIMES": "1"}
        with pytest.MonkeyPatch.context() as patch:
            # A task runner names its own environment by it, and uv would install there.
            patch.delenv("UV_PYTHON", raising=False)
            with ray_cluster.running(2, python=str(python), with_metrics=True, env=env) as cluster:
                yield Bare(cluster, env)


def test_the_page_brings_xfd_to_bare_nodes(
    bare: Bare, s3_server: S3Server, hub: HubServer, tmp_path: Path
) -> None:
    pytest.importorskip("grpc", reason="Ray Client needs grpc")
    cluster = bare.cluster
    here = {"http://head:8265": cluster.dashboard_url, "ray://head:10001": cluster.client_address}
    run_page(PAGE, World(s3_server, hub, cluster, here), tmp_path, pytest.skip)
    for root in cluster.roots:
        assert (root / "llama" / "config.json").read_bytes() == CONFIG


def test_another_environment_has_a_coordinator_of_its_own(bare: Bare) -> None:
    """That of the drivers before is still up, in an environment that pip has made."""
    answer = bare.drive(bare.cluster.address, {"uv": ["xfd-ray"]})
    assert answer.get("states") == ["done", "done"], answer
    assert "/runtime_resources/uv/" in answer["from"]


@pytest.mark.parametrize("way", ["address", "client_address"])
def test_nodes_without_the_packages_are_named_at_once(bare: Bare, way: str) -> None:
    answer = bare.drive(getattr(bare.cluster, way), {})
    assert answer.get("error") == "VersionMismatchError", answer
    assert answer["node"] == bare.cluster.nodes[0].id
    assert "No module named 'xfd_" in answer["says"]
    assert 'ray.init(runtime_env={"pip": ["xfd-ray==' in answer["says"]


def test_a_package_that_the_index_lacks_is_named_at_once(bare: Bare) -> None:
    answer = bare.drive(bare.cluster.address, {"pip": ["xfd-ray", "no-such-package"]})
    assert answer.get("error") == "RuntimeEnvError", answer
    assert answer["node"] == bare.cluster.nodes[0].id
    assert "No matching distribution found for no-such-package" in answer["says"]
    assert "/runtime_resources/" not in answer["says"], "Ray's command line helps nobody"


def test_a_node_that_cannot_reach_the_index_is_named_at_once(bare: Bare) -> None:
    cut_off = bare.cluster.add_node(env={"PIP_NO_INDEX": "1"})
    answer = bare.drive(bare.cluster.address, {"pip": ["xfd-ray"]})
    assert answer.get("error") == "RuntimeEnvError", answer
    assert answer["node"] == cut_off.id
    assert "No matching distribution found for xfd-ray" in answer["says"]
