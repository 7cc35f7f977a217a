"""Spreads one object by Ray's object store: one task reads it, each node writes it."""

import json
import os
import sys
import time
from pathlib import Path

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy


@ray.remote(num_cpus=0)
def read(bucket: str, key: str) -> bytes:
    """The object's bytes."""
    import boto3

    client = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL_S3"])
    return client.get_object(Bucket=bucket, Key=key)["Body"].read()


@ray.remote(num_cpus=0)
def write(body: bytes, path: str) -> None:
    """Writes them on this node."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(body)


def main() -> None:
    """Arguments: bucket, set, folder."""
    bucket, name, folder = sys.argv[1:4]
    ray.init(address="auto", log_to_driver=False)
    called_at = time.time()
    body = read.remote(bucket, f"{name}/00000")
    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
    ray.get(
        [
            write.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)
            ).remote(body, f"/data/{folder}/00000")
            for node in nodes
        ]
    )
    print(json.dumps({"called_at": called_at, "returned_at": time.time()}))


main()
