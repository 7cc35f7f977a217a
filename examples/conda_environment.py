"""An actor in a packed conda environment: `python examples/conda_environment.py URI`.

The archive is what `conda-pack -n NAME -o NAME.tar.gz` makes, with the cluster's Python and Ray in
it. It leaves its store once for the whole cluster. Each node unpacks it and runs its `conda-unpack`
once; a second run finds it there.
"""

from __future__ import annotations

import argparse
import importlib
import sys

import ray

from xfd_ray.frameworks import conda


class Inside:
    """Runs in the environment, where the driver's own packages need not be."""

    @ray.method
    def where(self, module: str) -> tuple[str, str | None]:
        """The folder of the environment, and where it has the module."""
        return sys.prefix, importlib.import_module(module).__file__


def main() -> None:
    """Brings the environment to every node, and asks an actor where it runs."""
    parser = argparse.ArgumentParser(description="Runs an actor in a conda environment.")
    parser.add_argument("uri", help="for example s3://my-envs/torch.tar.gz")
    parser.add_argument("--module", default="ray", help="a module to look for in it")
    chosen = parser.parse_args()
    ray.init(log_to_driver=False)
    environment = conda.environment(chosen.uri, "envs/example")
    inside = ray.remote(Inside).options(runtime_env=environment).remote()
    prefix, found = ray.get(inside.where.remote(chosen.module))
    print(f"The actor runs in {prefix}, and has {chosen.module} in {found}")


if __name__ == "__main__":
    main()
