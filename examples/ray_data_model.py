"""Ray Data: the actors of `map_batches` find a model's files in their constructors.

It needs a Ray cluster that reads the bucket `my-models`: `python examples/ray_data_model.py`.
"""

from __future__ import annotations

from typing import Any

import ray.data

import xfd_ray
from xfd_api import ObjectStoreConfig, local_path

STORE = ObjectStoreConfig.make_for_s3(bucket="my-models")


@xfd_ray.with_files("llama/", STORE, deadline_s=600)
class Model:
    """Writes its name into each row."""

    def __init__(self, mark: str = "") -> None:
        self.name = local_path("llama/config.json").read_text() + mark

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """One batch of rows."""
        return {"id": batch["id"], "model": [self.name for _ in batch["id"]]}


if __name__ == "__main__":
    rows = ray.data.range(64).map_batches(
        Model, fn_constructor_kwargs={"mark": "!"}, concurrency=(1, 3), batch_size=8
    )
    print({row["model"] for row in rows.take_all()})
