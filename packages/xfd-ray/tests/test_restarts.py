"""How often, and how soon, a node whose worker was lost gets another."""

from __future__ import annotations

import pytest

from xfd_api.errors import InternalError, NodeLostError, NodeUnavailableError
from xfd_api.ids import NodeId
from xfd_ray.coordinator.restarts import (
    LONG_REFUSAL_S,
    PAUSES_IF_REFUSED_S,
    PAUSES_S,
    STEADY_S,
    Restarts,
)

N = NodeId("n")
LOST = NodeLostError("killed")


def test_each_loss_makes_the_pause_longer_until_the_node_is_refused():
    restarts, now = Restarts(), 0.0
    for pause in PAUSES_S:
        assert restarts.lost(N, LOST, now)
        assert not restarts.may_start(N, now + pause - 0.1)
        now += pause
        assert restarts.may_start(N, now)
        restarts.came_up(N, now)
    assert not restarts.lost(N, LOST, now)
    assert restarts.refusal(N) is LOST
    assert not restarts.may_start(N, now + 1e9)
    assert restarts.pausing == ()


def test_losses_before_a_steady_time_are_forgotten():
    restarts, now = Restarts(), 0.0
    for _ in range(3 * len(PAUSES_S)):
        restarts.came_up(N, now)
        now += STEADY_S
        assert restarts.lost(N, LOST, now)
        assert restarts.may_start(N, now + PAUSES_S[0])
        now += PAUSES_S[0]


def test_what_does_not_pass_by_itself_is_a_refusal_at_once():
    restarts = Restarts()
    error = InternalError("ValueError")
    assert not restarts.lost(N, error, 0.0)
    assert restarts.refusal(N) is error


@pytest.mark.parametrize(
    ("took_s", "tries"),
    [(0.0, 1 + len(PAUSES_IF_REFUSED_S)), (LONG_REFUSAL_S, 1)],
)
def test_a_node_on_which_ray_starts_nothing_is_given_up_within_seconds(took_s, tries):
    restarts, now, tried = Restarts(), 0.0, 0
    refused = NodeUnavailableError("draining")
    while restarts.refusal(N) is None:
        assert restarts.may_start(N, now)
        restarts.starting(N, now)
        tried += 1
        if restarts.lost(N, refused, now + took_s):
            now += took_s + PAUSES_IF_REFUSED_S[tried - 1]
    assert tried == tries
    assert now <= 5.0
    assert restarts.refusal(N) is refused
    restarts.lift_refusals([N])
    assert restarts.may_start(N, now)


def test_a_new_lease_lifts_a_refusal_but_not_a_pause():
    restarts, other, unasked = Restarts(), NodeId("other"), NodeId("unasked")
    for node in (N, unasked):
        restarts.lost(node, InternalError("ValueError"), 0.0)
    restarts.lost(other, LOST, 0.0)
    restarts.lift_refusals([N, other])
    assert restarts.may_start(N, 0.0)
    assert restarts.refusal(unasked)
    assert not restarts.may_start(other, 0.0)
    assert restarts.pausing == (other,)


def test_a_node_is_pausing_until_its_worker_is_up_and_a_node_that_is_gone_is_not():
    restarts = Restarts()
    restarts.lost(N, LOST, 0.0)
    assert restarts.pausing == (N,)
    restarts.came_up(N, 2.0)
    assert restarts.pausing == ()
    restarts.lost(N, LOST, 3.0)
    restarts.forget(N)
    assert restarts.pausing == ()
    assert restarts.may_start(N, 3.0)
