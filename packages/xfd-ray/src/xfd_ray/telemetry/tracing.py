"""Records what passes through a swarm's scheduler, if `XFD_TRACE` asks for it."""

from __future__ import annotations

from xfd_api.ids import SwarmId
from xfd_ray.telemetry.log import Log, trace_folder
from xfd_ray.telemetry.log_events import TRACE_NOT_WRITTEN
from xfd_scheduler.scheduler import Scheduler
from xfd_scheduler.settings import SchedulerSettings
from xfd_scheduler.trace import Recorder


def scheduler_of(swarm: SwarmId, settings: SchedulerSettings) -> Scheduler:
    """Makes a swarm's scheduler: a plain one, or one that records itself and is to be closed."""
    folder = trace_folder()
    if folder is None:
        return Scheduler(settings)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return Recorder(folder / f"scheduler-{swarm}.jsonl", settings)
    except OSError as error:
        Log(swarm=swarm).emit(TRACE_NOT_WRITTEN, error=str(error))
        return Scheduler(settings)
