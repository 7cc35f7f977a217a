"""Each rank's shards of a model on its own nodes: `python examples/tensor_parallel.py MODEL RANKS`.

MODEL is a prefix such as `s3://my-models/llama-70b-tp4/` with what vLLM's `save_sharded_state`
writes: `model-rank-0-part-0.safetensors` and so on, beside the files of the tokenizer and the
configuration. A node's label says which rank it serves: `ray start --labels=tp-rank=0`. What the
ranks share leaves the store once, and nodes without a rank get nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import ray

import xfd_ray
from xfd_api import DownloadRequest, PrefixDownloadRequest, local_path

RANK = "tp-rank"
SHARED = ("*.json", "*.txt", "*.model")


def requests_of(model: str, folder: Path, ranks: int) -> list[DownloadRequest]:
    """For the nodes of each rank its shards, and what all ranks need."""
    return [
        DownloadRequest(
            value=PrefixDownloadRequest(
                model, folder, include=(*SHARED, f"model-rank-{rank}-*.safetensors")
            ),
            nodes={RANK: str(rank)},
        )
        for rank in range(ranks)
    ]


@ray.remote(num_cpus=0.1)
def files_of(folder: Path) -> list[str]:
    """The names of the files on the node where it runs; an engine would load them here."""
    return sorted(path.name for path in local_path(folder).iterdir())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a prefix, for example s3://my-models/llama-70b-tp4/")
    parser.add_argument("ranks", type=int, help="how many ranks the model is split into")
    options = parser.parse_args()
    ray.init(log_to_driver=False)
    folder = Path("models") / Path(options.model).name
    requests = requests_of(options.model, folder, options.ranks)
    print(xfd_ray.report_text(xfd_ray.download_distributed(requests)))
    for rank in range(options.ranks):
        there = files_of.options(label_selector={RANK: str(rank)}).remote(folder)
        print(f"rank {rank}: {' '.join(ray.get(there))}")


if __name__ == "__main__":
    main()
