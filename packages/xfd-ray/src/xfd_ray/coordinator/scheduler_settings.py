"""The settings of a swarm's scheduler, out of the swarm's terms and limits. Pure."""

from __future__ import annotations

from xfd_ray.messages import Limits, Terms
from xfd_scheduler.settings import SchedulerSettings


def scheduler_settings(terms: Terms, limits: Limits) -> SchedulerSettings:
    """The settings by which a swarm of these terms is scheduled."""
    return SchedulerSettings(
        download_slots=limits.node_parallelism,
        upload_slots=terms.node_settings.max_uploads,
        origin_slots=limits.object_store_parallelism,
        origin_policy=(
            "once-per-zone" if terms.origin_policy == "once-per-zone" else "once-per-cluster"
        ),
        origin_copies=terms.origin_copies,
    )
