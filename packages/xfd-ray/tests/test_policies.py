"""How often the origin is read, what crosses zones, and settings that a call brings along."""

from __future__ import annotations

import pytest
from inprocess import LocalCluster, lease, over, run_async

from xfd_api.ids import NodeId
from xfd_api.results import DistributionReport
from xfd_api.settings import NodeSettings, UnpackCaps
from xfd_api.traffic import Prices
from xfd_ray.coordinator.coordinator import Coordinator
from xfd_ray.messages import OriginReads, Terms
from xfd_ray.report_format import report_text

MIB = 2**20
BIG = 8 * MIB
SIZES = {"big": BIG, "small": 100}


async def distributed(
    cluster: LocalCluster, terms: Terms, prices: Prices | None = None
) -> DistributionReport:
    coordinator = Coordinator(cluster, tick_s=0.05)
    # Nodes that come when a chunk is there already need no other copy: let all be there first.
    await coordinator.attach(lease("first", "small", terms=terms))
    assert (await over(coordinator, "first")).report is not None
    await coordinator.attach(lease("l", "big", terms=terms, prices=prices))
    status = await over(coordinator, "l")
    assert status.report is not None, status.error
    await coordinator.detach("l")
    await coordinator.detach("first")
    return status.report


def two_zones() -> LocalCluster:
    cluster = LocalCluster(0, SIZES)
    for place in range(6):
        cluster.add_node(f"n{place}", zone="east" if place % 2 else "west")
    return cluster


def read_with(policy: OriginReads) -> DistributionReport:
    reports = []

    @run_async
    async def check():
        cluster = two_zones()
        reports.append(await distributed(cluster, Terms(origin_policy=policy)))
        assert reports[0].origin_bytes <= cluster.origin.read_bytes

    check()
    return reports[0]


def test_each_zone_reads_once_where_the_policy_says_so():
    report = read_with("once-per-zone")
    assert report.traffic.origin_bytes_by_zone == {"east": BIG, "west": BIG}
    assert report.amplification == 2.0


@pytest.mark.parametrize("copies", [1, 2, 4])
def test_a_budget_is_spent_at_most(copies: int):
    report = read_with(copies)
    assert report.origin_bytes <= copies * BIG
    assert (report.origin_bytes > BIG) is (copies > 1)
    assert report.origin_bytes + report.peer_bytes == 6 * BIG


@run_async
async def test_the_report_has_what_was_moved_across_zones_and_its_cost():
    prices = Prices(origin_per_gb=1.0, across_zones_per_gb=10.0)
    report = await distributed(two_zones(), Terms(), prices)
    traffic = report.traffic
    assert traffic.origin_bytes == report.origin_bytes == BIG
    assert traffic.within_zones_bytes + traffic.across_zones_bytes == report.peer_bytes
    assert BIG <= traffic.across_zones_bytes < report.peer_bytes
    cost = (BIG + 10 * traffic.across_zones_bytes) / 1e9
    assert traffic.estimated_cost == pytest.approx(cost)
    text = report_text(report)
    assert f"across zones {traffic.across_zones_bytes / MIB:.1f} MiB" in text
    assert f"estimated cost {cost:.4f}" in text


@run_async
async def test_a_second_lease_reports_only_its_own_traffic():
    coordinator = Coordinator(two_zones(), tick_s=0.05)
    for name in ("first", "second"):
        await coordinator.attach(lease(name, "big"))
        report = (await over(coordinator, name)).report
        assert report is not None
        assert report.traffic.origin_bytes == (BIG if name == "first" else 0)


@run_async
async def test_settings_of_a_call_reach_its_workers_and_no_others():
    cluster = LocalCluster(2, SIZES)
    caps = UnpackCaps(max_entries=5)
    asked = NodeSettings(memory_budget_bytes=MIB, upload_bytes_per_s=7, unpack_caps=caps)
    await distributed(cluster, Terms(node_settings=asked))
    assert cluster.settings[NodeId("n0")] == asked
    await distributed(cluster, Terms())
    assert cluster.settings[NodeId("n0")] == NodeSettings()


def test_how_hard_a_node_works_makes_no_other_swarm():
    assert Terms(node_settings=NodeSettings(node_parallelism=4)) == Terms()
    assert Terms(node_settings=NodeSettings(attempts=4)) != Terms()
