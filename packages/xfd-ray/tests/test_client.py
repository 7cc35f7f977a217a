"""A driver's side of a lease, against a coordinator with scripted answers. No Ray anywhere."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import replace

import pytest
from inprocess import lease

from xfd_api.errors import CoordinatorLostError, DeadlineExceededError, VersionMismatchError
from xfd_api.progress import Progress
from xfd_api.results import DistributionReport
from xfd_ray.client.lease_call import LeaseCall
from xfd_ray.client.lease_client import CALL_TIMEOUT_S, DETACH_TIMEOUT_S, LeaseClient
from xfd_ray.messages import LeaseRequest, LeaseState, LeaseStatus

REPORT = object.__new__(DistributionReport)
RUNNING = LeaseStatus(LeaseState.RUNNING)
DONE = LeaseStatus(LeaseState.DONE, report=REPORT)
UNKNOWN = LeaseStatus(LeaseState.UNKNOWN)
LOST = CoordinatorLostError("The coordinator is gone: killed")
SILENT = CoordinatorLostError("The coordinator did not answer")
PROGRESS = Progress(1.0, 100, 40, 20, 20, 5, 2, 3, 1)
STALLED = replace(PROGRESS, stalls=("node n0: no bytes for 9 s",))


class Clock:
    """Seconds that go by only when somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class ScriptedCoordinator:
    """Answers with what `attached` and `watched` say; a watch takes the time that it may wait.

    `SILENT` takes all the time that the call has.
    """

    def __init__(self, clock: Clock, attached: Callable[[int], object], watched=lambda n: DONE):
        self.clock = clock
        self.attached, self.watched = attached, watched
        self.attaches = self.watches = self.connects = 0
        self.detach_timeouts: list[float] = []
        self.requests: list[LeaseRequest] = []

    def connect(self, request) -> None:
        self.connects += 1

    def attach(self, request, timeout_s):
        self.attaches += 1
        self.requests.append(request)
        return self._answer(self.attached(self.attaches), timeout_s)

    def watch(self, lease_id, wait_s, timeout_s):
        self.watches += 1
        answer = self.watched(self.watches)
        if answer is not SILENT:
            self.clock.now += wait_s
        return self._answer(answer, timeout_s)

    def renew(self, lease_id, timeout_s):
        return self.watch(lease_id, 0.0, timeout_s).state

    def detach(self, lease_id, timeout_s):
        self.detach_timeouts.append(timeout_s)

    def _answer(self, answer, timeout_s):
        if answer is SILENT:
            self.clock.now += timeout_s
        if isinstance(answer, Exception):
            raise answer
        return answer


def client(attached, watched=lambda n: DONE) -> tuple[LeaseClient, ScriptedCoordinator, Clock]:
    clock = Clock()
    coordinator = ScriptedCoordinator(clock, attached, watched)
    return (
        LeaseClient(lease("l", "big"), coordinator, clock=clock, sleep=clock.sleep),
        coordinator,
        clock,
    )


def test_a_coordinator_that_takes_its_time_to_end_is_waited_for():
    lease_client, coordinator, clock = client(lambda n: UNKNOWN if n <= 20 else RUNNING)
    began = clock()
    assert lease_client.run() is REPORT
    assert coordinator.attaches == 21
    assert clock() - began >= 20 * 0.5


def test_a_coordinator_that_never_ends_is_an_error():
    lease_client, _, clock = client(lambda n: UNKNOWN)
    began = clock()
    with pytest.raises(CoordinatorLostError, match="ending"):
        lease_client.run()
    assert clock() - began >= 30


def test_losses_that_lie_far_apart_do_not_add_up():
    lease_client, coordinator, _ = client(
        lambda n: RUNNING,
        lambda n: DONE if n == 2000 else LOST if n % 100 == 0 else RUNNING,
    )
    assert lease_client.run() is REPORT
    assert coordinator.attaches == 20


def test_a_coordinator_that_is_lost_as_soon_as_it_is_there_is_an_error():
    lease_client, _, _ = client(lambda n: RUNNING, lambda n: LOST)
    with pytest.raises(CoordinatorLostError, match=r"lost 6 times.*gone: killed"):
        lease_client.run()


def test_a_lease_that_is_attached_again_says_for_how_long_it_has_been_running():
    lease_client, coordinator, clock = client(
        lambda n: RUNNING, lambda n: DONE if n == 20 else LOST if n == 10 else RUNNING
    )
    began = clock()
    lease_client.run()
    first, second = coordinator.requests
    assert first.running_s == 0.0
    assert second.running_s == pytest.approx(20.0)
    assert clock() - began > 18.0


def test_a_request_that_the_coordinator_refuses_is_not_repeated():
    lease_client, coordinator, _ = client(lambda n: VersionMismatchError("xfd_ray is 0.0.1"))
    with pytest.raises(VersionMismatchError):
        lease_client.run()
    assert coordinator.attaches == 1


@pytest.mark.parametrize(
    ("attached", "watched", "text"),
    [
        (lambda n: SILENT, lambda n: DONE, "the coordinator had not answered"),
        (lambda n: UNKNOWN, lambda n: DONE, "the coordinator had not answered"),
        (lambda n: LOST, lambda n: DONE, "the coordinator had not answered"),
        (lambda n: RUNNING, lambda n: RUNNING, "still being looked for"),
        (lambda n: RUNNING, lambda n: SILENT, "still being looked for"),
        (
            lambda n: LeaseStatus(LeaseState.RUNNING, PROGRESS),
            lambda n: LeaseStatus(LeaseState.RUNNING, PROGRESS),
            "2 of 5 nodes were done, with 40 of 100 bytes",
        ),
        (
            lambda n: LeaseStatus(LeaseState.RUNNING, STALLED),
            lambda n: LeaseStatus(LeaseState.RUNNING, STALLED),
            "with 40 of 100 bytes; node n0: no bytes for 9 s",
        ),
        (
            lambda n: LeaseStatus(LeaseState.RUNNING, waits_for="another call to end. It has x"),
            lambda n: LeaseStatus(LeaseState.RUNNING, waits_for="another call to end. It has x"),
            "it waited for another call to end. It has x",
        ),
    ],
)
def test_a_deadline_bounds_every_call_and_says_how_far_it_got(attached, watched, text):
    lease_client, coordinator, clock = client(attached, watched)
    began = clock()
    with pytest.raises(DeadlineExceededError, match=text):
        lease_client.run(deadline_s=2.0)
    assert clock() - began == pytest.approx(2.0)
    lease_client.close()
    assert coordinator.detach_timeouts == [1.0]


@pytest.mark.parametrize(("polls", "logged"), [(2, 0), (20, 1)])
def test_a_driver_logs_what_it_waits_for_once(polls, logged, caplog):
    waiting = LeaseStatus(LeaseState.RUNNING, waits_for="another call to end")
    lease_client, _, _ = client(lambda n: waiting, lambda n: DONE if n == polls else waiting)
    assert lease_client.run() is REPORT
    messages = [record.getMessage() for record in caplog.records if record.name == "xfd_ray"]
    assert messages == ["The distribution waits for another call to end"] * logged


def test_before_objects_are_found_the_caller_hears_what_that_waits_for():
    looking = LeaseStatus(LeaseState.RUNNING, waits_for="an answer to its lookups")
    lease_client, _, _ = client(lambda n: looking, lambda n: DONE)
    seen: list[Progress] = []
    lease_client.run(on_progress=seen.append)
    lease_client.close()
    assert [each.phase for each in seen] == ["finding"]
    assert seen[0].waits_for == "an answer to its lookups"


def test_without_a_deadline_giving_back_has_its_own_time():
    lease_client, coordinator, _ = client(lambda n: DONE)
    assert lease_client.run() is REPORT
    lease_client.close()
    assert coordinator.detach_timeouts == [DETACH_TIMEOUT_S]
    assert DETACH_TIMEOUT_S < CALL_TIMEOUT_S


def test_a_lease_that_outlives_its_deadline_is_given_back_without_haste():
    lease_client, coordinator, clock = client(lambda n: DONE)
    lease_client.run(deadline_s=2.0)
    lease_client.hold()
    clock.now += 100
    lease_client.close()
    assert coordinator.detach_timeouts == [DETACH_TIMEOUT_S]


def test_a_lease_is_renewed_while_the_caller_takes_its_time_over_progress():
    renewed = threading.Event()
    lease_client, coordinator, _ = client(
        lambda n: LeaseStatus(LeaseState.RUNNING, PROGRESS), lambda n: renewed.set() or DONE
    )
    assert lease_client.run(on_progress=lambda progress: renewed.wait(20)) is REPORT
    assert coordinator.watches >= 2  # One of them while `on_progress` waited for it.
    lease_client.close()


def test_a_cancelled_call_gives_its_lease_back():
    def watched(n: int) -> LeaseStatus:
        if n == 3:
            lease_client.cancel()
        return RUNNING

    lease_client, coordinator, _ = client(lambda n: RUNNING, watched)
    with pytest.raises(CancelledError):
        LeaseCall(lease_client).once()
    assert (coordinator.watches, len(coordinator.detach_timeouts)) == (3, 1)
