"""A model of the Hugging Face hub on every node: `python examples/hub_model.py ORG/NAME`.

Run it where `ray.init()` finds your cluster. Each file leaves the hub once for the whole cluster,
and lies then in each node's hub cache. So a pipeline loads the tokenizer by its name, without a
network. Gated models need `HF_TOKEN`, or a token in the nodes' `HF_HOME`.
"""

from __future__ import annotations

import argparse

import ray

import xfd_ray
from xfd_pipelines import file_distribution, pipelines, specs
from xfd_pipelines import v1 as pipelines_v1

FILES = ("*.json", "*.txt", "*.model", "*.safetensors")
"""Not the weights in the formats of other frameworks."""


class Tokenize(pipelines_v1.Stage):
    """Returns each text with the number of its tokens, and the node that counted them."""

    batch_size = 2
    required_resources = pipelines_v1.Resources(cpus=0.5)

    def __init__(self, model: str, revision: str | None) -> None:
        self._model = file_distribution.HubDownloadRequest(model, revision, include=FILES)

    @property
    def download_requests(self) -> list[file_distribution.DownloadRequest]:
        return [file_distribution.DownloadRequest(self._model)]

    def setup(self, worker_metadata: pipelines_v1.WorkerMetadata) -> None:
        from transformers import AutoTokenizer  # pyright: ignore[reportMissingImports]

        self._node = worker_metadata.node_id
        self._tokenizer = AutoTokenizer.from_pretrained(
            self._model.repo_id, revision=self._model.revision, local_files_only=True
        )

    def process_data(self, items: list[str]) -> list[tuple[str, int, str]]:
        return [(item, len(self._tokenizer(item)["input_ids"]), self._node) for item in items]


def main() -> None:
    """Distributes the model, reports, and counts the tokens of some texts with a pipeline."""
    parser = argparse.ArgumentParser(description="Brings a model of the hub to every node.")
    parser.add_argument("model", help="for example google-bert/bert-base-uncased")
    parser.add_argument("--revision", help="a branch, a tag or a commit")
    chosen = parser.parse_args()
    ray.init(log_to_driver=False)
    model = file_distribution.HubDownloadRequest(chosen.model, chosen.revision, include=FILES)
    report = xfd_ray.download_distributed(model)
    print(xfd_ray.report_text(report))
    texts = ["many hands make light work", "light work", "many hands"]
    stage = Tokenize(chosen.model, chosen.revision)
    spec = specs.PipelineSpec(input_data=texts, stages=[stage])
    for text, tokens, node in pipelines.run_pipeline(spec, pipelines.DistributedDownloadConfig()):
        print(f"{tokens} tokens on node {node[:8]}: {text}")


if __name__ == "__main__":
    main()
