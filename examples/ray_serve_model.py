"""Ray Serve: a replica's files are on its node before its constructor runs.

It needs a Ray cluster that reads the bucket `my-models`: `python examples/ray_serve_model.py`, or
`serve run examples.ray_serve_model:app` to serve requests.
"""

from __future__ import annotations

from ray import serve

import xfd_ray
from xfd_api import ObjectStoreConfig, local_path

STORE = ObjectStoreConfig.make_for_s3(bucket="my-models")


@serve.deployment(num_replicas=2)
@xfd_ray.with_files("llama/", STORE, deadline_s=600)
class Model:
    """Answers with what it has read."""

    def __init__(self) -> None:
        self.config = local_path("llama/config.json").read_text()

    def __call__(self, _request: object = None) -> str:
        """One request."""
        return self.config


app = Model.bind()

if __name__ == "__main__":
    serve.start(proxy_location="Disabled")  # This program calls the replicas itself.
    print(serve.run(app).remote().result())
    serve.shutdown()
