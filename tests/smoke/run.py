"""One distribution and one pipeline on a local Ray, with nothing but what was installed.

Run by a clean environment's own Python, which has no test library. With `--no-pipeline` the
pipeline is left out, for versions of Ray that xfd-ray supports and xfd-pipelines does not.
"""

import faulthandler
import importlib.metadata
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("RAY_AUTH_MODE", "disabled")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
# By default `ray.init` waits until the first worker processes have registered. If one of them ends
# at its start, or takes more than a minute, Ray starts no other, and `ray.init` never ends.
os.environ.setdefault("RAY_prestart_worker_first_driver", "0")

import ray

import xfd_ray
from xfd_api import (
    DistributionReport,
    ObjectDownloadRequest,
    ObjectStoreConfig,
    PrefixDownloadRequest,
    local_path,
)

WEIGHTS = bytes(range(256)) * 40_000
TIMEOUT_S = 300


def main(with_pipeline: bool) -> None:
    """Ends with an exception if something is not as it should be, and with stacks if it hangs."""
    logs = "/tmp/ray/session_latest/logs"
    print(f"Ends after {TIMEOUT_S} s at most, then with its stacks. Ray's logs: {logs}", flush=True)
    faulthandler.dump_traceback_later(TIMEOUT_S, exit=True)
    folder = Path(tempfile.mkdtemp(prefix="xfd-smoke-"))
    os.environ["XFD_ROOT"] = str(folder / "root")
    store = folder / "store"
    (store / "tokenizer").mkdir(parents=True)
    (store / "weights.bin").write_bytes(WEIGHTS)
    (store / "tokenizer" / "vocab.txt").write_text("a b c")
    ray.init(
        address="local",  # Never a cluster that happens to run here.
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=80 * 2**20,
        log_to_driver=False,
    )
    config = ObjectStoreConfig.make_for_local(store)
    requests = [
        ObjectDownloadRequest("weights.bin", Path("weights.bin")),
        PrefixDownloadRequest("tokenizer/", Path("tokenizer")),
    ]
    report = xfd_ray.download_distributed(requests, config, deadline_s=60)
    assert local_path("weights.bin").read_bytes() == WEIGHTS
    assert report.origin_bytes == len(WEIGHTS) + 5, report
    _page(report, folder)
    if with_pipeline:
        _pipeline(config, requests)
    ray.shutdown()
    faulthandler.cancel_dump_traceback_later()
    versions = {name: importlib.metadata.version(name) for name in ("ray", "xfd-ray")}
    print(f"Python {sys.version.split()[0]}, {versions}: all as it should be")


def _page(report: DistributionReport, folder: Path) -> None:
    """The page needs files that are no Python; the wheel has to bring them."""
    report.save(folder / "run.json")
    command = [sys.executable, "-m", "xfd_ray", "report", folder / "run.json", "-o", "-"]
    page = subprocess.run(command, check=True, capture_output=True).stdout
    assert b"uPlot" in page, page
    assert b"weights.bin" in page, page


def _pipeline(config: ObjectStoreConfig, requests: list[object]) -> None:
    from xfd_pipelines import pipelines, specs, v1

    class Measure(v1.Stage):
        workers = 1
        download_requests = requests

        def setup(self, worker_metadata: v1.WorkerMetadata) -> None:
            self.size = local_path("weights.bin").stat().st_size

        def process_data(self, items: list[int]) -> list[int]:
            return [item + self.size for item in items]

    made = pipelines.run_pipeline(
        specs.PipelineSpec(input_data=range(3), stages=[Measure()]),
        pipelines.DistributedDownloadConfig(object_store_config=config, deadline_s=60),
    )
    assert made == [len(WEIGHTS) + item for item in range(3)], made


if __name__ == "__main__":
    main(with_pipeline="--no-pipeline" not in sys.argv[1:])
