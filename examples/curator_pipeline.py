"""A pipeline of NeMo Curator whose model xfd brings: `python examples/curator_pipeline.py MODEL`.

Run it where `ray.init()` finds your cluster, with nemo-curator 1.4 and tqdm on every node. The
tokenizer of the model is in the hub cache of every node before the pipeline starts, which then asks
no hub.
"""

from __future__ import annotations

import argparse

import pandas as pd  # pyright: ignore[reportMissingImports, reportMissingTypeStubs]
from nemo_curator.pipeline import Pipeline  # pyright: ignore[reportMissingImports]
from nemo_curator.stages.math.modifiers.chunking import (  # pyright: ignore[reportMissingImports]
    TokenSplitterStage,
)
from nemo_curator.tasks import DocumentBatch  # pyright: ignore[reportMissingImports]

from xfd_pipelines import curator


def main() -> None:
    """Fills the caches, and counts tokens with the pipeline."""
    parser = argparse.ArgumentParser(description="Brings a pipeline's models to every node.")
    parser.add_argument("model", help="for example google-bert/bert-base-uncased")
    chosen = parser.parse_args()
    pipeline = Pipeline("tokens", stages=[TokenSplitterStage(chosen.model)])
    print(curator.prefetch(pipeline))
    texts = pd.DataFrame({"text": ["many hands make light work", "light work"]})
    batch = DocumentBatch(dataset_name="texts", data=texts)
    (chunks,) = pipeline.run(initial_tasks=[batch]) or []
    print(f"tokens {sorted(chunks.to_pandas()['n_tokens'])}")


if __name__ == "__main__":
    main()
