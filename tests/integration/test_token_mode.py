"""A cluster that asks for a token (`RAY_AUTH_MODE=token`), and the drivers that it admits.

Ray reads its mode once, when it is imported. So the test runs in a process of its own, with a home
folder that has the token. Older versions of Ray know no tokens.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import ray

SCRIPT = """
import os, subprocess, sys
from pathlib import Path

import xfd_ray
from xfd_testing import ray_cluster
from xfd_api import DownloadRequest, ObjectDownloadRequest, ObjectStoreConfig

home = Path(os.environ["HOME"])
store = home / "store"
store.mkdir()
(store / "a.bin").write_bytes(os.urandom(3_000_000))

DRIVER = '''
import sys
from pathlib import Path
import xfd_ray
from xfd_api import DownloadRequest, ObjectDownloadRequest, ObjectStoreConfig
from xfd_api.errors import XfdError
wanted = [DownloadRequest(ObjectDownloadRequest("a.bin", Path(sys.argv[2])))]
try:
    report = xfd_ray.download_distributed(wanted, ObjectStoreConfig.make_for_local(sys.argv[1]))
    print("landed on", len(report.nodes))
except XfdError as error:
    print(type(error).__name__, error)
'''

def driver(name, **changed):
    env = {**os.environ, "RAY_ADDRESS": cluster.address, **changed}
    env = {key: value for key, value in env.items() if value is not None}
    command = [sys.executable, "-c", DRIVER, str(store), name]
    return name, subprocess.Popen(command, env=env, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True)

with ray_cluster.connected(2) as cluster:
    import ray

    wanted = [DownloadRequest(ObjectDownloadRequest("a.bin", Path("a.bin")))]
    at = ObjectStoreConfig.make_for_local(str(store))
    report = xfd_ray.download_distributed(wanted, at)
    print("first:", [node.state for node in report.nodes], report.peer_bytes)
    local = ray.get(ray.remote(lambda: xfd_ray.ensure_local(wanted, at)).remote())
    print("task:", local.cached_bytes)
    drivers = [
        driver("variable", HOME="/nonexistent", RAY_AUTH_TOKEN="a" * 64),
        driver("none", HOME="/nonexistent"),
        driver("disabled", RAY_AUTH_MODE="disabled"),
    ]
    for name, process in drivers:
        print(f"{name}:", process.communicate(timeout=90)[0].strip().splitlines()[-1])
"""


@pytest.mark.skipif(
    not hasattr(ray.exceptions, "AuthenticationError"), reason="this Ray knows no tokens"
)
def test_a_cluster_in_token_mode_admits_drivers_with_the_token(tmp_path: Path) -> None:
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("a" * 64)
    env = {**os.environ, "HOME": str(tmp_path), "RAY_AUTH_MODE": "token"}
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, timeout=240
    )
    printed = dict(line.split(": ", 1) for line in ended.stdout.splitlines() if ": " in line)
    assert printed.get("first") == "['done', 'done'] 3000000", ended.stderr[-2000:]
    assert printed["task"] == "3000000"
    assert printed["variable"] == "landed on 2"
    assert printed["none"].startswith("ClusterConnectionError Ray asks for a token")
    assert printed["disabled"].startswith("ClusterConnectionError No connection to the Ray cluster")
    assert "set RAY_AUTH_MODE=token" in printed["disabled"]
