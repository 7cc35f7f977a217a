"""Distributes one set by cosmos-xenna and prints what it took. Runs on a host of the bed."""

import json
import os
import sys
import time
from pathlib import Path

import ray
from cosmos_xenna import file_distribution as fd


def main() -> None:
    """Arguments: bucket, set, folder, number of files."""
    bucket, name, folder, files = sys.argv[1:5]
    store = fd.ObjectStoreConfig.make_for_s3(
        bucket=bucket,
        endpoint=os.environ["AWS_ENDPOINT_URL_S3"],
        access_key_id="any",
        secret_access_key="any",
        region="us-east-1",
    )
    store.config_args["allow_http"] = "true"
    if int(files) > 1:
        value = fd.PrefixDownloadRequest(uri=f"{name}/", destination=Path("/data") / folder)
    else:
        target = Path("/data") / folder / "00000"
        value = fd.ObjectDownloadRequest(uri=f"{name}/00000", destination=target)
    ray.init(address="auto", log_to_driver=False)
    called_at = time.time()
    fd.download_distributed([fd.DownloadRequest(value=value)], store, chunk_size_bytes=16_000_000)
    print(json.dumps({"called_at": called_at, "returned_at": time.time()}))


main()
