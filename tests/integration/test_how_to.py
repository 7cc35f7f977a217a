"""How-tos that need other nodes and stores than `test_pages` has.

The nodes have no keys but those of a role: the head has an instance's, the second node also a
container's, the third a web identity. All of them reach S3 by a gate, which is closed for those
that do not pay for `paid-data`.
"""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import xfd_ray
from xfd_testing import artifacts, aws_identities, emulators, hub, rclone, s3
from xfd_testing.aws_identities import AwsIdentities
from xfd_testing.hub.wire import Answer, Request, WebServer
from xfd_testing.markdown import blocks_of
from xfd_testing.pages import World, run_page, world
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import S3Server
from xfd_testing.waiting import until

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"


class PayingGate:
    """Passes requests on to S3 as they are; readers of `paid-data` have to say that they pay."""

    def __init__(self, store: S3Server) -> None:
        self._store = store
        self.paid = 0

    def answer(self, request: Request) -> Answer:
        headers = request.headers
        if request.path.startswith("/paid-data"):
            is_signed = "x-amz-request-payer" in headers.get("authorization", "")
            if headers.get("x-amz-request-payer") != "requester" or not is_signed:
                return Answer(403)
            self.paid += 1
        query = f"?{request.raw_query}" if request.raw_query else ""
        url = f"{self._store.endpoint}{request.path}{query}"
        passed = urllib.request.Request(url, headers=headers, method=request.method)
        try:
            with urllib.request.urlopen(passed, timeout=60) as got:
                # The length of an answer to HEAD is that of a body which is not sent.
                is_head = request.method == "HEAD"
                return _answer(
                    got, bytes(int(got.headers["Content-Length"])) if is_head else got.read()
                )
        except urllib.error.HTTPError as error:
            return _answer(error, error.read())


def _answer(got: Any, body: bytes) -> Answer:
    left_out = {"connection", "content-length", "transfer-encoding", "date", "server"}
    headers = {name: value for name, value in got.headers.items() if name.lower() not in left_out}
    return Answer(got.status, headers, body)


@dataclass(frozen=True)
class Pods(World):
    """The cluster whose nodes have roles."""

    aws: AwsIdentities | None = None
    gate: PayingGate | None = None


@pytest.fixture(scope="module")
def pods(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pods]:
    with (
        s3.running() as store,
        hub.running() as hub_server,
        aws_identities.running(s3.OWNER) as aws,
    ):
        world.fill_store(store)
        gate = PayingGate(store)
        web = WebServer("gate", gate)
        env = {
            **hub_server.environment(),
            "AWS_ENDPOINT_URL_S3": web.url,
            "AWS_REGION": store.region,
            **aws.instance(),
        }
        cluster = RayCluster.start(1, env=env)
        try:
            # What comes earlier in the chain of AWS precedes the instance's.
            cluster.add_node(env=aws.container())
            cluster.add_node(env=aws.web_identity())
            named = world.stand_ins(web.url, hub_server.url, str(tmp_path_factory.mktemp("disks")))
            variables = {**world.secrets(store), **dict.fromkeys(store.environment(), "")}
            yield Pods(store, hub_server, cluster, named, variables, aws, gate)
        finally:
            cluster.stop()
            web.stop()


def test_a_node_is_not_idle_while_files_are_held_there(pods: Pods) -> None:
    """docs/how-to/kuberay.md says so of the autoscaler, which asks this."""
    import ray
    from ray._raylet import GcsClient  # type: ignore[attr-defined]
    from ray.autoscaler.v2.sdk import get_cluster_resource_state

    def busy() -> set[str]:
        state = get_cluster_resource_state(GcsClient(address=pods.cluster.address))
        # `node_activity` keeps what it was; the time in which a node was idle begins anew.
        return {each.node_id.hex() for each in state.node_states if not each.idle_duration_ms}

    nodes = {node.id for node in pods.cluster.nodes}
    # The first test of the file, since workers stay for a while. Nodes may still be starting.
    until(lambda: not busy(), 60, "a node without workers of xfd is busy")
    ray.init(pods.cluster.address, log_to_driver=False, logging_level="ERROR")
    try:
        with xfd_ray.distribution("s3://my-models/llama/", keep_s=0):
            until(lambda: busy() == nodes, 30, "a node with a worker of xfd is idle")
        until(lambda: not busy(), 60, "a node without workers of xfd is busy")
    finally:
        ray.shutdown()


def test_each_node_reads_with_its_role(pods: Pods, tmp_path: Path) -> None:
    """docs/how-to/aws-roles.md"""
    run_page(HOW_TO / "aws-roles.md", pods, tmp_path, pytest.skip)
    assert pods.aws is not None
    asked = Counter(each.path.partition("?")[0] for each in pods.aws.exchanges)
    # One node each; `xfd doctor` looks from all of them.
    assert asked["/"] > 0
    assert asked["/v1/credentials"] > 0
    assert asked["/latest/api/token"] > 0
    for root in pods.cluster.roots:
        assert (root / "llama/weights.safetensors").stat().st_size == 5 * 2**20


def test_who_pays_is_said_with_each_request(pods: Pods, tmp_path: Path) -> None:
    """docs/how-to/paid-and-encrypted.md"""
    run_page(HOW_TO / "paid-and-encrypted.md", pods, tmp_path, pytest.skip)
    assert pods.gate is not None
    assert pods.gate.paid >= 4
    for root in pods.cluster.roots:
        weights = (root / "paid/part-0.parquet").read_bytes()
        assert (root / "part-0.parquet").read_bytes() == weights
        assert (root / "sealed/weights.bin").read_bytes() == weights


def test_a_store_of_another_make_is_read(pods: Pods, tmp_path: Path) -> None:
    """docs/how-to/s3-compatible.md, on rclone's server; `test_pages` runs it on SeaweedFS."""
    if emulators.is_absent(rclone.VARIABLE, rclone.PROGRAM):
        pytest.skip(f"no {rclone.PROGRAM} ({rclone.ADVICE})")
    objects = {"llama/weights.safetensors": b"w" * 3_000_000, "llama/empty.txt": b""}
    with rclone.running("my-models", objects) as server:
        named = {**pods.stand_ins, "http://minio.internal:9000": server.endpoint}
        keys = {
            "STORE_KEY_ID": server.key_id,
            "STORE_SECRET": server.secret,
            "AWS_ACCESS_KEY_ID": server.key_id,
            "AWS_SECRET_ACCESS_KEY": server.secret,
        }
        here = replace(pods, stand_ins=named, variables={**pods.variables, **keys})
        run_page(HOW_TO / "s3-compatible.md", here, tmp_path, pytest.skip)
    for folder in (*(root / "from-minio" for root in pods.cluster.roots), tmp_path / "llama"):
        got = artifacts.tree_of(folder)
        assert got == {key.removeprefix("llama/"): body for key, body in objects.items()}


def test_ray_reads_the_cluster_of_kuberay() -> None:
    """What Ray's autoscaler makes of the RayCluster, with the labels that `nodes=` selects."""
    from ray.autoscaler._private.kuberay import autoscaling_config

    (text,) = (block.text for block in blocks_of(HOW_TO / "kuberay.md") if block.language == "yaml")
    cluster = yaml.safe_load(text)
    cluster["metadata"]["namespace"] = "default"
    read = autoscaling_config._derive_autoscaling_config_from_ray_cr(cluster)
    spot = read["available_node_types"]["spot"]
    assert (spot["min_workers"], spot["max_workers"]) == (0, 16)
    assert spot["labels"] == {"market": "spot"}
    assert spot["resources"]["GPU"] == 1
    assert read["available_node_types"]["headgroup"]["resources"]["CPU"] == 0
    for group in (cluster["spec"]["headGroupSpec"], *cluster["spec"]["workerGroupSpecs"]):
        template = group["template"]
        annotations = template["metadata"]["annotations"]
        assert annotations["prometheus.io/port"] == group["rayStartParams"]["metrics-export-port"]
        (container,) = template["spec"]["containers"]
        ports = {each["name"]: each["containerPort"] for each in container["ports"]}
        assert str(ports["metrics"]) == annotations["prometheus.io/port"]
        mounts = {each["name"] for each in container.get("volumeMounts", ())}
        assert mounts == {each["name"] for each in template["spec"].get("volumes", ())}
        assert re.fullmatch(
            r"registry\.example\.com/\S+:" + cluster["spec"]["rayVersion"], container["image"]
        )
