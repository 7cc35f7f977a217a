"""Starts as many empty actors as xfd starts, as Ray alone does it, and prints when all answered."""

import json
import sys
import time
from typing import Any

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
    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
    # One on every node, and one on the driver's node, for xfd's coordinator.
    actors = [_actor_on(node) for node in (ray.get_runtime_context().get_node_id(), *nodes)]
    ray.get([actor.answer.remote() for actor in actors])
    used = 0.0
    if idle_s:
        time.sleep(2)
        called_at, used = time.time(), time.process_time()
        time.sleep(idle_s)
        used = time.process_time() - used
    print(json.dumps({"called_at": called_at, "returned_at": time.time(), "cpu_s": used}))


def _actor_on(node: str) -> Any:
    strategy = NodeAffinitySchedulingStrategy(node, soft=False)
    return Empty.options(scheduling_strategy=strategy).remote()


main()
