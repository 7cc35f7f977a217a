"""What the blocks of all pages find: a cluster, an S3 server, and a stand-in of the hub.

The bucket `my-models` has

- `llama/`: `config.json`, `tokenizer.json` and `weights.safetensors`, 5 MiB;
- `tokenizer/`: seven small files, `piece_1.txt` to `piece_7.txt`;
- `env.tar.gz`: a packed environment of 50 files.

The hub has the model `google-bert/bert-base-uncased`, the model `org/adapter`, and the data set
`org/books` at the revision `v1.0`. The cluster has three nodes: the head, one with the label
`market=spot`, and one with `market=on-demand`; each has two CPUs and a root of its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from xfd_testing import artifacts, hub, s3
from xfd_testing.hub import HubServer, models
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import S3Server

BUCKET = "my-models"
BERT = "google-bert/bert-base-uncased"


@dataclass(frozen=True)
class World:
    """The servers that the blocks reach."""

    s3: S3Server
    hub: HubServer
    cluster: RayCluster

    def environment(self, folder: Path) -> dict[str, str]:
        """The variables of a block that runs in `folder`, which is its home too."""
        beside = str(Path(sys.executable).parent)
        return {
            **os.environ,
            **self.s3.environment(),
            **self.hub.environment(),
            "HOME": str(folder),
            "HF_HOME": str(folder / ".cache" / "huggingface"),
            "PATH": f"{beside}{os.pathsep}{os.environ['PATH']}",
            "RAY_ADDRESS": self.cluster.address,
            "XDG_CACHE_HOME": str(folder / ".cache"),
            "XDG_CONFIG_HOME": str(folder / ".config"),
            "XDG_STATE_HOME": str(folder / ".state"),
        }


@contextmanager
def running() -> Iterator[World]:
    """Starts it all for a block."""
    with s3.running() as store, hub.running() as hub_server:
        _fill_store(store)
        _fill_hub(hub_server)
        env = {**store.environment(), **hub_server.environment()}
        cluster = RayCluster.start(1, env=env)
        try:
            cluster.add_node(labels={"market": "spot"})
            cluster.add_node(labels={"market": "on-demand"})
            yield World(store, hub_server, cluster)
        finally:
            cluster.stop()


def _fill_store(store: S3Server) -> None:
    store.make_bucket(BUCKET)
    store.put(BUCKET, "llama/config.json", b'{"model_type": "llama"}')
    store.put(BUCKET, "llama/tokenizer.json", models.tokenizer().encode())
    weights = b"".join(artifacts.random_bytes(5 * 2**20, seed=21))
    store.put(BUCKET, "llama/weights.safetensors", weights)
    for place in range(1, 8):
        store.put(BUCKET, f"tokenizer/piece_{place}.txt", b"x" * place)
    with TemporaryDirectory() as folder:
        packed = artifacts.tar_gz(Path(folder) / "env.tar.gz", artifacts.environment(50))
        store.upload(BUCKET, "env.tar.gz", packed)


def _fill_hub(server: HubServer) -> None:
    server.add(BERT, {"main": models.bert(2 * 2**20, seed=22)})
    server.add("org/adapter", {"main": models.bert(2**20, seed=23)})
    books = {"train/a.parquet": b"a" * 1000, "test/b.parquet": b"b"}
    server.add("org/books", {"v1.0": books}, kind="dataset")
