"""Starts one empty actor on every node, as Ray alone does it, and prints when all have answered."""

import json
import sys
import time

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy


@ray.remote(num_cpus=0)
class Empty:
    """Imports nothing, does nothing."""

    async def answer(self) -> None:
        """The first answer means that the actor is up."""


def main() -> None:
    """Argument: seconds to leave the actors alone for, not counted in their start."""
    idle_s = float(sys.argv[1])
    ray.init(address="auto", log_to_driver=False)
    called_at = time.time()
    actors = [
        Empty.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote()
        for node in ray.nodes()
        if node["Alive"]
    ]
    ray.get([actor.answer.remote() for actor in actors])
    if idle_s:
        time.sleep(2)
        called_at = time.time()
        time.sleep(idle_s)
    print(json.dumps({"called_at": called_at, "returned_at": time.time()}))


main()
