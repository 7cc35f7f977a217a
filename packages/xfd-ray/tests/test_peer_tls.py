"""Which certificates the coordinator gives to nodes. No Ray anywhere."""

from __future__ import annotations

from inprocess import LocalCluster, lease, over, run_async, until

from xfd_api.ids import NodeId
from xfd_api.settings import PeerIdentity, SwarmTicket
from xfd_api.testing import FakeDataPlane
from xfd_ray.coordinator.coordinator import Coordinator
from xfd_ray.messages import Terms

SIZES = {"big": 8 * 2**20}


class Noted(LocalCluster):
    """Keeps the tickets by which nodes join. `n1` gets nothing done at first."""

    def __init__(self, nodes: int) -> None:
        super().__init__(nodes, SIZES)
        self.tickets: list[tuple[NodeId, SwarmTicket]] = []
        self.prepare = self._note

    def identities(self, node: str) -> list[PeerIdentity | None]:
        return [ticket.identity for name, ticket in self.tickets if name == node]

    def _note(self, plane: FakeDataPlane) -> None:
        join = plane.join

        def noted(ticket: SwarmTicket) -> None:
            self.tickets.append((plane.node, ticket))
            join(ticket)

        plane.join = noted
        plane.paused = plane.node == "n1"


@run_async
async def test_each_node_and_each_worker_that_is_started_again_has_a_key_of_its_own():
    cluster = Noted(2)
    coordinator = Coordinator(cluster, tick_s=0.05)
    await coordinator.attach(lease("l", "big", terms=Terms(peer_tls=True)))
    await until(lambda: "n1" in cluster.planes and bool(cluster.planes["n1"].submitted))
    late = cluster.add_node("late")
    await until(lambda: bool(cluster.identities(late)))
    cluster.planes[NodeId("n1")].paused = False
    cluster.kill_worker("n1")
    report = (await over(coordinator, "l")).report
    assert report is not None
    assert report.nodes_lost == ()

    shown = [each for node in ("n0", "n1", "late") for each in cluster.identities(node) if each]
    assert len(cluster.identities("n1")) == 2
    assert len(shown) == len({each.key for each in shown}) == 4
    assert len({each.certificate for each in shown}) == 4
    assert len({each.authority for each in shown}) == 1
    for _, ticket in cluster.tickets:
        assert ticket.token not in repr(ticket)
        assert ticket.identity is not None
        assert str(ticket.identity.key) not in repr(ticket)


@run_async
async def test_calls_with_and_without_certificates_share_no_swarm():
    cluster = Noted(1)
    coordinator = Coordinator(cluster, tick_s=0.05)
    for name, peer_tls in (("a", True), ("b", False)):
        await coordinator.attach(lease(name, "big", terms=Terms(peer_tls=peer_tls)))
        await over(coordinator, name)
    has_one = {ticket.swarm: ticket.identity is not None for _, ticket in cluster.tickets}
    assert sorted(has_one.values()) == [False, True]
