"""A process that was forked from one that uses Ray or a data plane gets an error at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import os, sys, time
from pathlib import Path
import ray, xfd_ray, xfd_dataplane
from xfd_api import ObjectDownloadRequest, ObjectStoreConfig
from xfd_api.errors import XfdError
from xfd_dataplane.downloading import open_node
from xfd_pipelines import pipelines, specs, v1

store = ObjectStoreConfig.make_for_local(Path("store").absolute())
wanted = ObjectDownloadRequest("a.bin", Path("a.bin"))

def in_a_child(name, call):
    child = os.fork()
    if child == 0:
        try:
            print(name, call(), flush=True)
        except XfdError as error:
            print(name, type(error).__name__, error, flush=True)
        os._exit(0)
    until = time.monotonic() + 20
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > until:
            os.kill(child, 9)
            sys.exit(f"{name} hangs")
        time.sleep(0.02)

with open_node() as node:
    in_a_child("node", node.counters)
    in_a_child("close", node.close)
    in_a_child("own", lambda: xfd_dataplane.download(wanted, store).origin_bytes)
    node.counters()
ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, object_store_memory=80 * 2**20)
in_a_child("all", lambda: xfd_ray.download_distributed(wanted, store, deadline_s=2))
in_a_child("here", lambda: xfd_ray.ensure_local(wanted, store, deadline_s=2))
in_a_child("pipeline", lambda: pipelines.run_pipeline(specs.PipelineSpec([1], [v1.Stage()])))
in_a_child("alone", lambda: xfd_dataplane.download(wanted, store).cached_bytes)
"""


@pytest.mark.needs_ray
def test_a_forked_child_is_refused_by_name_and_never_hangs(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "a.bin").write_bytes(b"x" * 1000)
    env = {**os.environ, "XFD_ROOT": str(tmp_path / "root"), "RAY_AUTH_MODE": "disabled"}
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    said = dict(line.split(" ", 1) for line in ended.stdout.splitlines() if " " in line)
    for name in ("node", "all", "here", "pipeline"):
        assert said[name].startswith("InvalidRequestError This process was forked"), said
        assert "spawn" in said[name]
    assert (said["close"], said["own"], said["alone"]) == ("None", "1000", "1000")
