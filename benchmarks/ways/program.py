"""One way in as a driver of its own: prints its times as JSON. `benchmarks.ways` starts it.

A module of `benchmarks.ways.programs` is a way in. It has

- a docstring whose first line is the row's title;
- `seconds(files, with_xfd)`, which does once what the way's users do, and returns how long it took;
- if the way needs one, `runtime_env(files, with_xfd)` for `ray.init`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
from dataclasses import dataclass

import ray

from xfd_api import ObjectStoreConfig

BUCKET = "ways"
MODEL = "ways/model"
"""On the stand-in of the hub."""


@dataclass(frozen=True)
class Files:
    """What is brought to each node: a prefix of small files and a larger one."""

    requests: tuple[str, ...] = ("model/",)
    path: str = "model/weights"

    @property
    def store(self) -> ObjectStoreConfig:
        """Its keys are in the environment of driver and nodes."""
        return ObjectStoreConfig.make_for_s3(BUCKET)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way")
    parser.add_argument("--with-xfd", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    way = importlib.import_module(f"benchmarks.ways.programs.{options.way}")
    files = Files()
    has_env = hasattr(way, "runtime_env")
    ray.init(
        address=os.environ["RAY_ADDRESS"],
        runtime_env=way.runtime_env(files, options.with_xfd) if has_env else None,
        log_to_driver=False,
        logging_level="ERROR",
    )
    times = [way.seconds(files, options.with_xfd) for _ in range(options.rounds)]
    ray.shutdown()
    print(json.dumps(times))


if __name__ == "__main__":
    main()
