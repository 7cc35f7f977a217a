"""Keys that a call is given are not found by those who look at what Ray, xfd and the system show.

Whoever may run tasks on the cluster is trusted. Dashboards, logs and process listings have other
readers.
"""

from __future__ import annotations

import contextlib
import http.server
import os
import re
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from ray._raylet import (  # type: ignore[attr-defined]
    GcsClient,
    GcsClientOptions,
    GlobalStateAccessor,
)

import xfd_ray
from xfd_api.errors import XfdError
from xfd_api.progress import Progress
from xfd_api.requests import DownloadRequest, ObjectDownloadRequest
from xfd_api.stores import ObjectStoreConfig
from xfd_testing import s3
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import Identity, S3Server

MARK = "Zq7marked"
READER = Identity("marked-reader", f"{MARK}right", ("marked-models",))
SECRETS = re.compile(rf"{MARK}\w+".encode())
TOKENS = re.compile(r"\b[0-9a-f]{64}\b")
"""What the token of a swarm looks like."""

BUCKET = "marked-models"


def stores(s3_server: S3Server, refusing: str) -> dict[str, ObjectStoreConfig]:
    """One that admits, and one of each kind that refuses."""
    of_s3 = ObjectStoreConfig.make_for_s3
    url = s3_server.endpoint
    return {
        "right": of_s3(BUCKET, url, READER.access_key_id, f"{MARK}right", region="us-east-1"),
        "wrong": of_s3(BUCKET, url, READER.access_key_id, f"{MARK}wrong", region="us-east-1"),
        "session": of_s3(BUCKET, url, "a", f"{MARK}key", f"{MARK}session", region="us-east-1"),
        "bearer": ObjectStoreConfig.make_for_http(
            refusing, headers={"X-Key": f"{MARK}header"}, bearer=f"{MARK}bearer"
        ),
        "hub": ObjectStoreConfig.make_for_hub(refusing, f"{MARK}hub"),
        "gcs": ObjectStoreConfig.make_for_gcs("b", refusing, bearer=f"{MARK}gcs"),
        "azure": ObjectStoreConfig.make_for_azure("c", "a", refusing, sas_token=f"sig={MARK}sas"),
    }


def shown_by_ray(address: str) -> Iterator[tuple[str, bytes]]:
    """What its state API, its dashboard and its command line are made from."""
    gcs = GcsClient(address=address)
    for namespace in (None, b"fun", b"job", b"dashboard", b"xfd", b"tracing"):
        for key in gcs.internal_kv_keys(b"", namespace):
            yield f"kv {namespace!r} {key!r}", gcs.internal_kv_get(key, namespace) or b""
    accessor = GlobalStateAccessor(GcsClientOptions.create(address, None, True, False))
    accessor.connect()
    tables = {
        "actor": accessor.get_actor_table(None, None),
        "job": accessor.get_job_table(),
        "worker": accessor.get_worker_table(),
        "node": accessor.get_node_table(),
        "tasks": accessor.get_task_events(),
    }
    for table, rows in tables.items():
        yield (
            table,
            b"\n".join(row if isinstance(row, bytes) else repr(row).encode() for row in rows),
        )


def files_below(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Logs, sockets' folders, spilled objects: all that Ray writes."""
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            if path.is_file() and not path.is_symlink():
                yield str(path), path.read_bytes()


def processes() -> Iterator[tuple[str, bytes]]:
    """What `ps` shows to everyone, and the variables, which the same user may read."""
    for folder in Path("/proc").glob("[0-9]*"):
        if int(folder.name) == os.getpid():
            continue
        for name in ("cmdline", "environ"):
            with contextlib.suppress(OSError):
                yield f"{folder.name} {name}", (folder / name).read_bytes()


def by_command(cluster: RayCluster, server: S3Server, name: str, *more: str) -> str:
    """What a command prints that has its keys from its own variables, by `--env`."""
    variables = server.environment(READER)
    given = [word for variable in variables for word in ("--env", variable)]
    words = [sys.executable, "-m", "xfd_ray", name, f"s3://{BUCKET}/secrets/model", *more, *given]
    done = subprocess.run(
        [*words, "--address", cluster.address],
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, **variables},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def marked_server() -> Iterator[S3Server]:
    with s3.running([READER]) as server:
        yield server


class Refusing(http.server.BaseHTTPRequestHandler):
    """Refuses whatever is asked for."""

    def do_GET(self) -> None:
        """Any object, and any list."""
        self.send_error(403)

    def do_HEAD(self) -> None:
        """Any object."""
        self.send_error(403)

    def do_POST(self) -> None:
        """Any question."""
        self.send_error(403)

    def log_message(self, *_: object) -> None:
        """Its log is not what is looked at."""


@pytest.fixture
def refusing() -> Iterator[str]:
    """The address of a server that admits nobody."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.usefixtures("driver")
def test_what_a_call_is_given_is_shown_nowhere(
    cluster: RayCluster, marked_server: S3Server, refusing: str, capfd: pytest.CaptureFixture[str]
) -> None:
    marked_server.make_bucket(BUCKET)
    marked_server.put(BUCKET, "secrets/model", os.urandom(300))
    said: dict[str, str] = {}
    for name, store in stores(marked_server, refusing).items():
        uri = "org/model/a.bin" if name == "hub" else "secrets/model"
        # Enough of them that Ray keeps the request in its object store.
        wanted = [
            DownloadRequest(ObjectDownloadRequest(uri, Path("secrets", f"{name}-{place:0100}")))
            for place in range(800 if name == "right" else 1)
        ]
        seen: list[Progress] = []
        try:
            report = xfd_ray.download_distributed(
                wanted, store, peer_tls=True, keep_s=300, verbose=True, on_progress=seen.append
            )
            said[name] = f"{report!r}{report}{report.to_json()}{seen!r}"
        except XfdError as error:
            said[name] = "".join(traceback.format_exception(error)) + repr(error) + repr(seen)
        said[name] += repr((store, wanted))
    assert ("Error" in said["wrong"], "Error" in said["right"]) == (True, False), said
    for words in (("get", "secrets/by-command"), ("verify", "secrets/by-command")):
        said[words[0]] = by_command(cluster, marked_server, *words)
    printed = capfd.readouterr()
    assert not TOKENS.search(printed.out + printed.err + str(said))
    places = [
        *((name, text.encode()) for name, text in said.items()),
        ("printed", (printed.out + printed.err).encode()),
        *shown_by_ray(cluster.address),
        *files_below(cluster.session),
        *processes(),
    ]
    looked_at = {place.split()[0] for place, _ in places}
    assert {"tasks", "actor", "kv"} < looked_at
    assert len(places) > 100
    found = {place: SECRETS.findall(text) for place, text in places if SECRETS.search(text)}
    assert found == {}
