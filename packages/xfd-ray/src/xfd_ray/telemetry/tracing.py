"""Writes files for people who look for a fault, if `XFD_TRACE` names a folder for them.

They are the record of a swarm's scheduler, and the time line of each lease.
"""

from __future__ import annotations

import json

from xfd_api.ids import SwarmId
from xfd_api.results import DistributionReport
from xfd_ray.report_trace import chrome_trace
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


def write_timeline(lease: str, report: DistributionReport) -> None:
    """Writes a lease's time line to `lease-ID.trace.json`, for Perfetto, if it is asked for."""
    folder = trace_folder()
    if folder is None:
        return
    try:
        text = json.dumps(chrome_trace(report), separators=(",", ":"))
        (folder / f"lease-{lease}.trace.json").write_text(text, encoding="utf-8")
    except OSError as error:
        Log(lease=lease).emit(TRACE_NOT_WRITTEN, error=str(error))
