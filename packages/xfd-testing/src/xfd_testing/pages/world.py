"""What the blocks of all pages find: a cluster, an S3 server, and a stand-in of the hub.

The bucket `my-models` has

- `llama/`: `config.json`, `tokenizer.json` and `weights.safetensors`, 5 MiB;
- `mistral/`: `config.json` and `weights.safetensors`, 8 MiB, which one page alone fetches;
- `tokenizer/`: seven small files, `piece_1.txt` to `piece_7.txt`;
- `env.tar.gz`: a packed environment of 50 files;
- `torch.tar.gz`: what conda-pack made of an environment with this Ray, where conda-pack is;
- `sealed/weights.bin`, encrypted with the key `MODEL_KEY` of its owner.

`my-data` has `labels.json`, and `paid-data` has `part-0.parquet`. The keys `MODELS_…` and `DATA_…`
open one of the first two each, `STORE_…` all.

The hub has the models `google-bert/bert-base-uncased`, `org/adapter` and `org/inside`, the gated
model `org/model`, which opens with `HF_TOKEN`, and the data set `org/books` at the revision `v1.0`.
The cluster has three nodes: the head, one with the label `market=spot`, and one with
`market=on-demand`; each has two CPUs and a root of its own.
"""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from xfd_testing import artifacts, conda_env, hub, s3
from xfd_testing.hub import HubServer, models
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import Identity, S3Server

BUCKET = "my-models"
BERT = "google-bert/bert-base-uncased"
HUB_TOKEN = "hf_reader_of_the_pages"
CUSTOMER_KEY = b"a key that has thirty-two bytes."
MODELS_READER = Identity("models-reader", "models-reader-secret", buckets=("my-models",))
DATA_READER = Identity("data-reader", "data-reader-secret", buckets=("my-data",))


@dataclass(frozen=True)
class World:
    """The servers that the blocks reach.

    Attributes:
        stand_ins: what takes the place of an address or a folder that a page names.
        variables: of each block, beside those that lead to the servers.
    """

    s3: S3Server
    hub: HubServer
    cluster: RayCluster
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)

    def here(self, text: str) -> str:
        """A block's text, with the addresses and folders that there are here."""
        for named, here in self.stand_ins.items():
            text = text.replace(named, here)
        return text

    def environment(self, folder: Path) -> dict[str, str]:
        """The variables of a block that runs in `folder`, which is its home too."""
        beside = str(Path(sys.executable).parent)
        return {
            **os.environ,
            **self.s3.environment(),
            **self.hub.environment(),
            **self.variables,
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
    with (
        s3.running([MODELS_READER, DATA_READER]) as store,
        hub.running() as hub_server,
        TemporaryDirectory(prefix="xfd-pages-") as disks,
    ):
        fill_store(store)
        fill_hub(hub_server)
        env = {**store.environment(), **hub_server.environment()}
        cluster = RayCluster.start(1, env=env)
        try:
            cluster.add_node(labels={"market": "spot"})
            cluster.add_node(labels={"market": "on-demand"})
            named = stand_ins(store.endpoint, hub_server.url, disks)
            yield World(store, hub_server, cluster, named, secrets(store))
        finally:
            cluster.stop()


def stand_ins(store: str, hub: str, disks: str) -> dict[str, str]:
    """What takes the place of the addresses and folders that pages name."""
    return {
        "http://minio.internal:9000": store,
        "https://hub.example.com": hub,
        "/mnt/shared": f"{disks}/shared",
        "/media/disk": f"{disks}/disk",
    }


def secrets(store: S3Server) -> dict[str, str]:
    """The variables in which pages have their keys."""
    return {
        "MODELS_KEY_ID": MODELS_READER.access_key_id,
        "MODELS_SECRET": MODELS_READER.secret_access_key,
        "DATA_KEY_ID": DATA_READER.access_key_id,
        "DATA_SECRET": DATA_READER.secret_access_key,
        "STORE_KEY_ID": store.owner.access_key_id,
        "STORE_SECRET": store.owner.secret_access_key,
        "MODEL_KEY": base64.b64encode(CUSTOMER_KEY).decode(),
        "HF_TOKEN": HUB_TOKEN,
    }


def fill_store(store: S3Server) -> None:
    """Writes the objects of the pages."""
    store.make_bucket(BUCKET)
    store.put(BUCKET, "llama/config.json", b'{"model_type": "llama"}')
    store.put(BUCKET, "llama/tokenizer.json", models.tokenizer().encode())
    weights = b"".join(artifacts.random_bytes(5 * 2**20, seed=21))
    store.put(BUCKET, "llama/weights.safetensors", weights)
    store.put(BUCKET, "mistral/config.json", b'{"model_type": "mistral"}')
    others = b"".join(artifacts.random_bytes(8 * 2**20, seed=26))
    store.put(BUCKET, "mistral/weights.safetensors", others)
    for place in range(1, 8):
        store.put(BUCKET, f"tokenizer/piece_{place}.txt", b"x" * place)
    with TemporaryDirectory() as folder:
        packed = artifacts.tar_gz(Path(folder) / "env.tar.gz", artifacts.environment(50))
        store.upload(BUCKET, "env.tar.gz", packed)
        if find_spec("conda_pack") is not None:
            prefix = conda_env.make_prefix(Path(folder) / "torch", conda_env.own_packages())
            store.upload(BUCKET, "torch.tar.gz", conda_env.pack(prefix, prefix.with_suffix(".tgz")))
    sealed = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": CUSTOMER_KEY}
    store.client.put_object(Bucket=BUCKET, Key="sealed/weights.bin", Body=weights, **sealed)
    store.make_bucket("my-data")
    store.put("my-data", "labels.json", b"[]")
    store.make_bucket("paid-data")
    store.put("paid-data", "part-0.parquet", weights)


def fill_hub(server: HubServer) -> None:
    """Adds the repositories of the pages."""
    server.add(BERT, {"main": models.bert(2 * 2**20, seed=22)})
    server.add("org/adapter", {"main": models.bert(2**20, seed=23)})
    server.add("org/inside", {"main": models.bert(2**20, seed=24)})
    gated = {"main": models.bert(2**20, seed=25)}
    server.add("org/model", gated, gated=True, readers=(HUB_TOKEN,))
    books = {"train/a.parquet": b"a" * 1000, "test/b.parquet": b"b"}
    server.add("org/books", {"v1.0": books}, kind="dataset")
