"""The command: several runs, packs, pictures, and times compared with measured ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("numpy")

from xfd_api.traffic import Prices
from xfd_scheduler.scheduler import Scheduler, SchedulerSettings
from xfd_scheduler.simulator import cli
from xfd_scheduler.simulator.engine import Engine, catalog_of
from xfd_scheduler.simulator.idle import TITLES
from xfd_scheduler.simulator.scenario import Scenario
from xfd_scheduler.trace import Recorder, replay, settings_and_seed

Captured = pytest.CaptureFixture[str]


def ratios(printed: str) -> list[float]:
    """The last column of each row below the header."""
    return [float(line.split()[-1]) for line in printed.splitlines()[1:]]


def test_a_recorded_run_simulated_again_takes_as_long(tmp_path: Path, capsys: Captured) -> None:
    trace = str(tmp_path / "trace.jsonl")
    setting = ["--nodes", "6", "--gigabytes", "0.4", "--gbit", "1", "--step-ms", "4"]
    cli.main([*setting, "--joins-s", "0", "0", "0.5", "--trace", trace])
    capsys.readouterr()
    cli.main([*setting, "--against", trace])
    assert ratios(capsys.readouterr().out) == pytest.approx([1.0], abs=0.05)


def test_a_trace_keeps_its_settings_and_its_recorder_counts_traffic(tmp_path: Path) -> None:
    settings = SchedulerSettings(origin_policy="once-per-zone", download_slots=3)
    trace = tmp_path / "trace.jsonl"
    recorder = Recorder(trace, settings, seed=3)
    assert recorder.traffic().at(Prices(origin_per_gb=2.0)).estimated_cost == 0.0
    recorder.close()
    assert settings_and_seed(trace) == (settings, 3)
    assert "0 plans: the same orders" in replay(trace)


def test_a_measured_setting_is_compared_with_its_simulation(
    tmp_path: Path, capsys: Captured
) -> None:
    link = [1e8]
    scenario = {
        "nodes": 4,
        "total_bytes": 2e8,
        "chunk_bytes": 4e6,
        "down": link,
        "up": link,
        "origin": 1e8,
    }
    settings = tmp_path / "measured.json"
    settings.write_text(json.dumps([{"name": "four", "measured_s": 4.0, "scenario": scenario}]))
    cli.main(["--measured", str(settings)])
    (ratio,) = ratios(capsys.readouterr().out)
    assert 0.5 <= ratio <= 0.6


def test_many_small_files_travel_in_packs() -> None:
    catalog = catalog_of(Scenario(2, 64e6, 8e6, files=1000))
    assert len(catalog.objects) == 1000
    assert len(catalog.chunks) < 20


def test_files_in_packs_come_near_the_bound(capsys: Captured) -> None:
    cli.main(["--nodes", "20", "--gigabytes", "2", "--files", "2000", "--step-ms", "8"])
    row = capsys.readouterr().out.splitlines()[1].split()
    assert float(row[4]) <= 1.2


def test_several_seeds_give_a_median_and_a_worst(capsys: Captured) -> None:
    cli.main(["--nodes", "4", "--gigabytes", "0.5", "--seeds", "3", "--step-ms", "4"])
    _, median, worst = (line.split() for line in capsys.readouterr().out.splitlines())
    assert worst[:3] == ["worst", "of", "3"]
    assert float(median[4]) <= float(worst[6])


def test_a_picture_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "run.png"
    cli.main(["--nodes", "2", "4", "--gigabytes", "0.2", "--plot", str(picture)])
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_pictures_show_chunks_over_time_completion_and_the_bound() -> None:
    np = pytest.importorskip("numpy")
    plot = pytest.importorskip("xfd_scheduler.simulator.plot")
    outcomes = [cli.run(Scenario(nodes, 1e8, 4e6, step_s=0.002), "xfd") for nodes in (2, 4)]
    last = outcomes[-1]
    heat, completion, scaling = [
        each for each in plot.figure_of(outcomes).axes if each.get_label() != "<colorbar>"
    ]
    share = heat.images[0].get_array()
    assert share.shape == (25, 200)
    assert np.all(np.diff(share, axis=1) >= 0)
    assert np.allclose(share[:, -1], 1.0)
    assert heat.images[0].get_extent() == pytest.approx([0, last.elapsed_s, 0, 25])
    moved, whole, bound = completion.lines
    assert [moved.get_label(), whole.get_label(), bound.get_label()] == [
        "bytes",
        "whole nodes",
        "bound",
    ]
    assert len(moved.get_xdata()) == 4 * 25
    assert moved.get_ydata()[-1] == whole.get_ydata()[-1] == 1.0
    assert whole.get_xdata()[-1] == pytest.approx(last.elapsed_s)
    assert bound.get_xdata()[0] == pytest.approx(last.scenario.bound_s())
    assert list(scaling.lines[0].get_xdata()) == [2, 4]
    assert list(scaling.lines[0].get_ydata()) == [each.ratio for each in outcomes]
    alone = [each for each in plot.figure_of(outcomes[:1]).axes if each.get_label() != "<colorbar>"]
    assert len(alone) == 2


def test_bytes_of_each_pair_of_zones_and_their_cost_are_printed(capsys: Captured) -> None:
    setting = ["--nodes", "4", "--gigabytes", "0.1", "--zones", "2", "--step-ms", "2"]
    cli.main([*setting, "--prices", "1", "0.5", "0"])
    printed = capsys.readouterr().out.splitlines()[2:]
    pairs = {tuple(line.split()[0:3:2]): float(line.split()[3]) for line in printed[:-1]}
    assert set(pairs) == {
        (source, target)
        for source in ("origin", "zone-0", "zone-1")
        for target in ("zone-0", "zone-1")
    }
    assert sum(pairs.values()) == pytest.approx(0.4)
    assert float(printed[-1].split()[1]) == pytest.approx(0.1 + 0.5 * 0.1)


def test_an_order_that_is_kept_waiting_lets_others_have_its_slot(capsys: Captured) -> None:
    """Otherwise, with one slot per node, it would stop all orders after it."""
    cli.main(["--nodes", "6", "--gigabytes", "0.2", "--slots", "1", "--step-ms", "4"])
    assert float(capsys.readouterr().out.splitlines()[1].split()[7]) == 1.0


@pytest.mark.parametrize("step_s", [0.0, 0.004])
def test_the_idle_time_of_a_node_is_what_it_took_beyond_its_link(step_s: float) -> None:
    scenario = Scenario(6, 0.4e9, 8e6, down=(1e8, 5e7), up=(1e8,), step_s=step_s)
    engine = Engine(scenario, Scheduler(scenario.settings))
    idle = engine.watch_idle()
    engine.run()
    for node in engine.nodes:
        down = scenario.rates_of(node.index)[0]
        assert node.finished is not None
        busy = node.finished - idle.seconds[node.index].sum()
        came = scenario.total_bytes + node.wasted_bytes
        assert busy == pytest.approx(came / down, abs=0.05)


def test_the_command_prints_why_downlinks_were_idle(capsys: Captured) -> None:
    cli.main(["--nodes", "4", "--gigabytes", "0.2", "--step-ms", "4", "--idle"])
    printed = capsys.readouterr().out
    assert all(title in printed for title in TITLES.values())
