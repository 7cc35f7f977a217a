"""A swarm's scheduler, writing down what passes through it where `XFD_TRACE` asks for it."""

from __future__ import annotations

from xfd_api.ids import SwarmId
from xfd_ray.messages import Limits, Terms
from xfd_ray.telemetry.log import logger, trace_folder
from xfd_ray.telemetry.log_events import INTERNAL_ERROR
from xfd_scheduler.scheduler import Scheduler
from xfd_scheduler.settings import SchedulerSettings
from xfd_scheduler.trace import Recorder


def scheduler_of(swarm: SwarmId, terms: Terms, limits: Limits) -> Scheduler | Recorder:
    """The swarm's scheduler as it is, or one that records itself and is to be closed."""
    settings = SchedulerSettings(
        download_slots=limits.node_parallelism,
        upload_slots=terms.node_settings.max_uploads,
        origin_slots=limits.object_store_parallelism,
        origin_policy=(
            "once-per-zone" if terms.origin_policy == "once-per-zone" else "once-per-cluster"
        ),
        origin_copies=terms.origin_copies,
    )
    scheduler = Scheduler(settings)
    folder = trace_folder()
    if folder is None:
        return scheduler
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return Recorder(scheduler, folder / f"scheduler-{swarm}.jsonl", settings, seed=0)
    except OSError as error:
        logger().warning(INTERNAL_ERROR, error=f"XFD_TRACE: no trace is written: {error}")
        return scheduler
