"""An asynchronous actor awaits the files of several requests at once, and answers meanwhile.

It needs a Ray cluster that reads the bucket `my-models`: `python examples/async_actor.py`.
"""

from __future__ import annotations

import asyncio

import ray

import xfd_ray
from xfd_api import ObjectStoreConfig, local_path

STORE = ObjectStoreConfig.make_for_s3(bucket="my-models")


@ray.remote
class Files:
    """Reads files of the bucket."""

    async def size(self, key: str) -> int:
        """The size of an object, which is on this actor's node by then."""
        await xfd_ray.ensure_local_async(key, STORE, deadline_s=600)
        return local_path(key).stat().st_size

    @ray.method
    async def sizes(self, keys: list[str]) -> list[int]:
        """The same of several objects."""
        return await asyncio.gather(*(self.size(key) for key in keys))


if __name__ == "__main__":
    files = Files.remote()
    print(ray.get(files.sizes.remote(["llama/config.json", "llama/tokenizer.json"])))
