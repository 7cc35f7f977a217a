"""Ray Train: each rank asks for the files of its node, and no rank waits for another one.

It needs a Ray cluster that reads the bucket `my-models`: `python examples/ray_train_ranks.py`.
"""

from __future__ import annotations

from ray import train
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

import xfd_ray
from xfd_api import ObjectStoreConfig, local_path

STORE = ObjectStoreConfig.make_for_s3(bucket="my-models")


def train_loop() -> str:
    """What each rank runs, here without a framework; TorchTrainer's is no different."""
    xfd_ray.ensure_local("llama/", STORE, deadline_s=600)
    weights = local_path("llama/weights.safetensors").read_bytes()
    return f"{train.get_context().get_world_size()} ranks have {len(weights)} bytes"


if __name__ == "__main__":
    trainer = DataParallelTrainer(train_loop, scaling_config=train.ScalingConfig(num_workers=2))
    print(trainer.fit().return_value)
