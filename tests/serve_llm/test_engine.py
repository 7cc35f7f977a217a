"""A real engine of vLLM, in a real application of Serve LLM, has its model by xfd.

`nox -s serve-llm` runs it: torch, vLLM and their libraries take 7 GB, so no other task does.
"""

from __future__ import annotations

import json
import os
import runpy
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("HF_HUB_DISABLE_XET", "1")

import ray
from ray import serve
from ray.serve.llm import LLMConfig, build_openai_app

from xfd_testing import hub as hub_server
from xfd_testing import ray_cluster, s3
from xfd_testing.hub import HubServer, models
from xfd_testing.processes import free_ports
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import ONCE, S3Server

pytestmark = pytest.mark.timeout(1800)  # vLLM alone takes minutes to start on a busy machine.

ROOT = Path(__file__).parents[2]
ON_A_CPU = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_TARGET_DEVICE": "cpu",
    "OMP_NUM_THREADS": "1",
    "TORCHINDUCTOR_DISABLE": "1",
}


def tiny_llama(folder: Path) -> dict[str, bytes]:
    """The files of a model with random weights that vLLM can run."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(models.WORDS),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=128,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    names = ("tokenizer.json", "tokenizer_config.json", ".gitattributes")
    return {**files, **{name: models.bert(1)[name] for name in names}}


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A model's files."""
    return tiny_llama(tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="module")
def hub() -> Iterator[HubServer]:
    """A stand-in of the hub."""
    with hub_server.running() as server:
        yield server


@pytest.fixture(scope="module")
def store() -> Iterator[S3Server]:
    """A real S3 server."""
    with s3.running() as server:
        yield server


@pytest.fixture(scope="module")
def cluster(hub: HubServer, store: S3Server) -> Iterator[RayCluster]:
    """Two nodes, each with room for one replica."""
    env = {**hub.environment(), **store.environment(), **ON_A_CPU}
    with ray_cluster.running(2, env=env, store_mib=200, num_cpus=4) as running:
        ray.init(address=running.address, log_to_driver=False)
        try:
            yield running
        finally:
            serve.shutdown()
            ray.shutdown()


def tokens_of(config: LLMConfig) -> int:
    """Serves a model, asks it to go on with a text, and counts the tokens of its answer."""
    (port,) = free_ports(1)
    serve.start(http_options={"port": port})
    serve.run(build_openai_app({"llm_configs": [config]}), blocking=False)
    asked = {
        "model": config.model_id,
        "prompt": "many hands make",
        "max_tokens": 3,
        "ignore_eos": True,
    }
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/completions",
        data=json.dumps(asked).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:
        said: dict[str, Any] = json.load(response)
    serve.shutdown()
    return int(said["usage"]["completion_tokens"])


def configured(model: str) -> LLMConfig:
    """The configuration of the example."""
    example = runpy.run_path(str(ROOT / "examples/serve_llm.py"))
    config: LLMConfig = example["configured"](model, 1, True)
    return config


def test_a_model_of_the_hub_answers(
    cluster: RayCluster, hub: HubServer, llama: dict[str, bytes]
) -> None:
    repository = hub.add("tiny/llama", {"main": {**llama, "original/consolidated.pth": b"x" * 99}})
    hub.forget()
    assert tokens_of(configured("tiny/llama")) == 3
    weights = repository.files()["model.safetensors"]
    sent = {each.blob for each in hub.exchanges if each.blob is not None}
    assert hub.sent_bytes(weights.blob_id) == weights.size
    assert repository.files()["original/consolidated.pth"].blob_id not in sent


def test_a_model_of_a_bucket_answers(
    cluster: RayCluster, store: S3Server, llama: dict[str, bytes]
) -> None:
    store.make_bucket("models")
    for name, content in llama.items():
        store.put("models", f"llama/{name}", content)
    assert tokens_of(configured("s3://models/llama")) == 3
    assert any((root / "serve-llm/model/config.json").is_file() for root in cluster.roots)
    assert store.sent_bytes("models") <= ONCE * sum(map(len, llama.values()))
