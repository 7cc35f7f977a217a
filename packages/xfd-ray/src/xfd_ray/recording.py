"""A swarm's scheduler, writing down what passes through it where `XFD_TRACE` asks for it."""

from __future__ import annotations

from xfd_api.ids import SwarmId
from xfd_ray.events import INTERNAL_ERROR, logger, trace_folder
from xfd_scheduler.scheduler import Scheduler
from xfd_scheduler.settings import SchedulerSettings
from xfd_scheduler.simulator.trace import Recorder


def recorded(
    scheduler: Scheduler, settings: SchedulerSettings, swarm: SwarmId
) -> Scheduler | Recorder:
    """The scheduler as it is, or one that records itself and is to be closed."""
    folder = trace_folder()
    if folder is None:
        return scheduler
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return Recorder(scheduler, folder / f"scheduler-{swarm}.jsonl", settings, seed=0)
    except OSError as error:
        logger().warning(INTERNAL_ERROR, error=f"XFD_TRACE: no trace is written: {error}")
        return scheduler
