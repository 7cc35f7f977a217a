"""One call of a driver: runs its lease, shows the progress, and keeps the report."""

from __future__ import annotations

from xfd_api.progress import OnProgress
from xfd_api.progress_modes import ProgressMode
from xfd_api.results import DistributionReport
from xfd_dataplane.progress import progress_display
from xfd_ray.client.lease_client import LeaseClient


class LeaseCall:
    """A lease with its progress and its report.

    Args:
        lease: the lease, which has not run yet.
        mode: how progress is displayed.
        deadline_s: longest time until the files are there, in seconds; None for no limit.
        on_progress: called with each `Progress`.

    Attributes:
        report: what the distribution did; set when it has run.
    """

    report: DistributionReport

    def __init__(
        self,
        lease: LeaseClient,
        *,
        mode: ProgressMode = "none",
        deadline_s: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> None:
        self._lease = lease
        self._mode = mode
        self._deadline_s = deadline_s
        self._on_progress = on_progress

    def hold(self) -> None:
        """Distributes, and renews the lease until it is closed."""
        self._run()
        self._lease.hold()

    def once(self) -> DistributionReport:
        """Distributes, and gives the lease back."""
        self._run()
        self._lease.close()
        return self.report

    def cancel(self) -> None:
        """Has a call of another thread give the lease back soon, and raise `CancelledError`."""
        self._lease.cancel()

    def close(self) -> None:
        """Gives the lease back."""
        self._lease.close()

    def _run(self) -> None:
        try:
            with progress_display(self._mode, then=self._on_progress) as on_progress:
                self.report = self._lease.run(deadline_s=self._deadline_s, on_progress=on_progress)
        except BaseException:
            self._lease.close()
            raise
