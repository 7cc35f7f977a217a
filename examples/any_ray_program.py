"""A Ray program whose tasks and actors find their files, and know nothing of xfd.

It needs a Ray cluster that reads the bucket `my-models`: `python examples/any_ray_program.py`.
"""

from __future__ import annotations

import ray

import xfd_ray
from xfd_api import ObjectStoreConfig, local_path

STORE = ObjectStoreConfig.make_for_s3(bucket="my-models")


@ray.remote
def size() -> int:
    """A task that reads a file."""
    return local_path("llama/weights.safetensors").stat().st_size


@ray.remote
class Model:
    """An actor that reads a file in its constructor."""

    def __init__(self) -> None:
        self.config = local_path("llama/config.json").read_text()

    @ray.method
    def describe(self) -> str:
        """What it read."""
        return self.config


if __name__ == "__main__":
    hook = xfd_ray.setup_hook("llama/", STORE, deadline_s=600)
    ray.init(runtime_env={"worker_process_setup_hook": hook})
    print(ray.get(size.remote()), "bytes of weights")
    print(ray.get(Model.remote().describe.remote()))
