"""A real Ray cluster of several nodes on this host, each with folders of its own.

A node is a `ray start --block` with its raylet, agents and workers, below a supervisor; so a node
can be killed whole, and clusters run side by side without knowing of each other. All nodes have the
address 127.0.0.1, and ports that were free.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

# Ray asks for a token if the user's home happens to have one, and this process must agree with
# the nodes. Set before Ray is imported, which reads it once.
os.environ.setdefault("RAY_AUTH_MODE", "disabled")
# A process of Ray that starts others crashes now and then in gRPC's own threads, between fork and
# exec. Ray Client's server then says that a driver's process could not be started.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
# A driver that has used Ray Data 2.60 asks the cluster for figures every ten seconds, in a thread.
# If the driver disconnects meanwhile, as tests do, Ray ends the process.
os.environ.setdefault("RAY_DATA_USAGE_DISABLED", "1")

from ray._raylet import GcsClient  # type: ignore[attr-defined]

from xfd_testing.processes import StartError, Supervised, free_ports, listens
from xfd_testing.turns import turn_to_start
from xfd_testing.waiting import until

HOST = "127.0.0.1"
START_TIMEOUT_S = 120.0
RAY_STARTS = 3
MIB = 2**20

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_prestart_worker_first_driver": "0",
    "RAY_memory_monitor_refresh_ms": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
}
"""Spares the cores what a test does not look at, and keeps Ray from calling home."""

_FAST_DEATH = {
    "RAY_health_check_initial_delay_ms": "2000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
    "RAY_health_check_timeout_ms": "3000",
}
"""A killed node is noticed within seconds; busy test machines still get some patience."""

_MEASURING = {"RAY_enable_metrics_collection": "1", "RAY_metrics_report_interval_ms": "2000"}
"""Processes report to their node's agent every two seconds. The agent forgets gauges after twice
that time, so they have to be set as often."""


@dataclass
class RayNode:
    """One node.

    Attributes:
        id: its Ray node id in hexadecimal.
        name: its Ray node name, `node0` for the head.
        root: where its relative destinations land (`XFD_ROOT`).
        hf_home: where its programs of the Hugging Face hub keep their cache (`HF_HOME`).
    """

    id: str
    name: str
    root: Path
    hf_home: Path
    process: Supervised

    @property
    def alive(self) -> bool:
        """Whether its processes run."""
        return self.process.running


class RayCluster:
    """Several Ray nodes. Use `RayCluster.start`, or `running`.

    Attributes:
        address: what `ray.init(address=...)` takes.
        nodes: in the order they were added, the head first; killed ones stay in the list.
    """

    def __init__(
        self,
        folder: Path,
        env: Mapping[str, str],
        num_cpus: int,
        store_mib: int,
        with_metrics: bool = False,
        python: str = sys.executable,
    ) -> None:
        self._folder = folder
        self._with_metrics = with_metrics
        self._python = python
        measuring = _MEASURING if with_metrics else {}
        self._env = {**_QUIET, **_FAST_DEATH, **measuring, "RAY_TMPDIR": str(folder), **env}
        self._num_cpus = num_cpus
        self._store_mib = store_mib
        self._port, self._dashboard_port, self._client_port = free_ports(3)
        self._gcs: GcsClient | None = None
        self.address = f"{HOST}:{self._port}"
        self.nodes: list[RayNode] = []

    @staticmethod
    def start(
        nodes: int = 3,
        *,
        num_cpus: int = 2,
        store_mib: int = 80,
        env: Mapping[str, str] | None = None,
        folder: Path | None = None,
        with_metrics: bool = False,
        python: str = sys.executable,
    ) -> RayCluster:
        """Starts a cluster and returns when all of its nodes are alive.

        Args:
            nodes: how many, the head among them.
            num_cpus: that each node says it has.
            store_mib: size of each node's object store.
            env: variables of every node and its workers, for example `S3Server.environment()`.
            folder: where a temporary folder for logs and roots is made. Its path must be short,
                since Ray puts sockets there. None for the system's.
            with_metrics: whether Ray measures, its agents answer Prometheus, and the head has
                Ray's dashboard. It needs what `ray[default]` installs.
            python: the interpreter of the nodes, in an environment with Ray. With another one than
                this process has, each node builds the environments of a `runtime_env` for itself,
                as nodes on several hosts do.

        Raises:
            StartError: a node did not come up.
        """
        home = Path(tempfile.mkdtemp(prefix="xfd-ray-", dir=folder))
        cluster = RayCluster(home, env or {}, num_cpus, store_mib, with_metrics, python)
        try:
            cluster._start_nodes(1)
            cluster._start_nodes(nodes - 1)
        except BaseException:
            cluster.stop()
            raise
        return cluster

    @property
    def roots(self) -> list[Path]:
        """The root folder of each node, in the order of `nodes`."""
        return [node.root for node in self.nodes]

    @property
    def session(self) -> Path:
        """The folder of Ray's session, with `metrics/` and the discovery file for Prometheus."""
        return (self._folder / "session_latest").resolve()

    @property
    def dashboard_url(self) -> str:
        """Where jobs are submitted to, with `with_metrics`."""
        return f"http://{HOST}:{self._dashboard_port}"

    @property
    def client_address(self) -> str:
        """Where drivers of Ray Client connect to, if grpc is installed."""
        return f"ray://{HOST}:{self._client_port}"

    def add_node(
        self,
        *,
        labels: Mapping[str, str] | None = None,
        resources: Mapping[str, float] | None = None,
        root: Path | None = None,
        env: Mapping[str, str] | None = None,
        gpus: int = 0,
    ) -> RayNode:
        """One more node, alive when this returns; `root` makes it share another node's.

        Ray believes a node that says it has GPUs.
        """
        return self._start_nodes(1, labels, resources, root, env, gpus)[0]

    def kill_node(self, place: int) -> RayNode:
        """Kills all processes of one node at once, as a power cut would."""
        node = self.nodes[place]
        node.process.stop()
        return node

    def drain_node(self, place: int, deadline_s: int = 600) -> RayNode:
        """Has Ray start nothing on the node any more, as after a spot notice; it lives on."""
        node = self.nodes[place]
        command = [sys.executable, "-m", "ray.scripts.scripts", "drain-node"]
        command += ["--address", self.address, "--node-id", node.id]
        command += ["--reason", "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "a spot notice"]
        command += ["--deadline-remaining-seconds", str(deadline_s)]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, **self._env})
        return node

    def wait_dead(self, place: int, timeout_s: float = 30.0) -> None:
        """Returns when Ray has noticed that a node is dead."""
        node = self.nodes[place]
        until(
            lambda: node.name not in self._alive_ids(),
            timeout_s,
            f"Ray still lists {node.name} as alive",
        )

    def stop(self) -> None:
        """Ends every node and removes what they left, roots included."""
        self._gcs = None
        for node in reversed(self.nodes):
            node.process.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start_nodes(
        self,
        count: int,
        labels: Mapping[str, str] | None = None,
        resources: Mapping[str, float] | None = None,
        root: Path | None = None,
        env: Mapping[str, str] | None = None,
        gpus: int = 0,
    ) -> list[RayNode]:
        started: list[RayNode] = []
        with turn_to_start("ray"):
            for _ in range(count):
                name = f"node{len(self.nodes)}"
                its_root = root or self._folder / "roots" / name
                its_root.mkdir(parents=True, exist_ok=True)
                hf_home = self._folder / "hf-homes" / name
                folders = {"XFD_ROOT": str(its_root), "HF_HOME": str(hf_home)}
                process = Supervised(
                    self._command(name, labels, resources, gpus),
                    self._folder / f"{name}.log",
                    env={**self._env, **folders, **(env or {})},
                )
                node = RayNode("", name, its_root, hf_home, process)
                self.nodes.append(node)
                started.append(node)
                # Ray names a node's sockets by counting those that are there, so two nodes that
                # start at the same instant would take the same one.
                process.wait_until(self._has_all_sockets, name, START_TIMEOUT_S)
            for node in started:
                self._wait_until_up(node)
        return started

    def _wait_until_up(self, node: RayNode) -> None:
        """Starts the node again if Ray gives it up, as it does after 30 s on a busy machine."""
        for _ in range(RAY_STARTS - 1):
            with suppress(StartError):
                node.process.wait_until(partial(self._is_up, node), node.name, START_TIMEOUT_S)
                return
            node.process.stop()
            node.process = node.process.again()
        node.process.wait_until(partial(self._is_up, node), node.name, START_TIMEOUT_S)

    def _command(
        self,
        name: str,
        labels: Mapping[str, str] | None,
        resources: Mapping[str, float] | None,
        gpus: int,
    ) -> list[str]:
        is_head = not self.nodes
        command = [self._python, "-m", "ray.scripts.scripts", "start", "--block"]
        if is_head:
            command += ["--head", f"--port={self._port}", f"--temp-dir={self._folder}"]
            command += [f"--include-dashboard={self._with_metrics}", "--no-monitor"]
            if self._with_metrics:
                command += [f"--dashboard-port={self._dashboard_port}"]
            if find_spec("grpc"):  # Then Ray would start its client server, on a fixed port.
                command += [f"--ray-client-server-port={self._client_port}"]
        else:
            command += [f"--address={self.address}"]
            if self._python != sys.executable:
                command += [f"--temp-dir={self._folder / name}"]
        if labels:
            command.append("--labels=" + ",".join(f"{key}={is_}" for key, is_ in labels.items()))
        if resources:
            pairs = ", ".join(f'"{key}": {amount}' for key, amount in resources.items())
            command.append(f"--resources={{{pairs}}}")
        return [
            *command,
            f"--node-name={name}",
            f"--node-ip-address={HOST}",
            f"--num-cpus={self._num_cpus}",
            f"--num-gpus={gpus}",
            f"--object-store-memory={self._store_mib * MIB}",
            "--min-worker-port=0",
            "--max-worker-port=0",
            "--dashboard-agent-listen-port=0",
            "--include-log-monitor=false",
            "--disable-usage-stats",
        ]

    def _has_all_sockets(self) -> bool:
        # Not through Ray's `session_latest`: each node that starts removes that link for a moment.
        sessions = "session_[0-9]*/sockets/raylet*"
        made = [*self._folder.glob(sessions), *self._folder.glob(f"node*/{sessions}")]
        return len(made) >= len(self.nodes)

    def _is_up(self, node: RayNode) -> bool:
        found = self._alive_ids().get(node.name)
        if found is None:
            return False
        node.id = found
        return True

    def _alive_ids(self) -> dict[str, str]:
        """Node ids by node name, as Ray's control service lists them; empty while it is not up."""
        if self._gcs is None and not listens(HOST, self._port):
            return {}
        try:
            if self._gcs is None:
                self._gcs = GcsClient(address=self.address)
            listed = self._gcs.get_all_node_info(timeout=10)
        except Exception:  # Ray raises several kinds here while the head is starting.
            self._gcs = None
            return {}
        return {
            info.node_name: node_id.hex() for node_id, info in listed.items() if info.state == 0
        }


@contextmanager
def running(nodes: int = 3, **options: object) -> Iterator[RayCluster]:
    """A cluster for the length of a block; options as in `RayCluster.start`."""
    cluster = RayCluster.start(nodes, **options)  # type: ignore[arg-type]
    try:
        yield cluster
    finally:
        cluster.stop()


@contextmanager
def connected(nodes: int = 3, **options: object) -> Iterator[RayCluster]:
    """The same, with this process connected to it as a driver."""
    import ray

    with running(nodes, **options) as cluster:
        ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
        try:
            yield cluster
        finally:
            ray.shutdown()
