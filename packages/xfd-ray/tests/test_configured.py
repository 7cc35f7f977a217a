"""The options of a call, and what is configured for those that it leaves open."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from inprocess import STORES, requests

import xfd_ray
from xfd_api.configuration import SETTINGS, Configuration, load
from xfd_api.errors import InvalidRequestError
from xfd_api.node_selector import NodeSelector
from xfd_api.settings import NodeSettings
from xfd_api.traffic import Prices
from xfd_ray.cli.main import run
from xfd_ray.configured import configured
from xfd_ray.link_rates import LinkRates
from xfd_ray.options import DistributionOptions

PER_CALL = {"verbose", "on_progress", "rates", "prices", "node_settings"}
"""Options that no setting has: functions and tables, and `verbose`, which `progress` replaces."""


def settings(**variables: str) -> Configuration:
    return load({f"XFD_{name}": text for name, text in variables.items()}, Path("/"))


def test_every_option_can_be_configured():
    keys = {each.key for each in SETTINGS if "cluster" in each.readers and "." not in each.key}
    options = {each.name for each in fields(DistributionOptions)}
    assert options - PER_CALL == keys - {"config"}
    rates = {each.name for each in SETTINGS if each.key.startswith("rates.")}
    assert rates == {each.name for each in fields(LinkRates)}


def test_nothing_configured_leaves_the_defaults():
    options = configured(DistributionOptions(), Configuration())
    assert (options.keep_s, options.object_store_parallelism) == (60.0, 1000)
    assert (options.node_settings, options.nodes) == (NodeSettings(), NodeSelector())
    assert (options.rates, options.prices, options.deadline_s) == (None, None, None)


def test_what_is_configured_fills_what_a_call_leaves_open():
    configuration = settings(
        KEEP_S="5",
        NODES="zone=a",
        PEER_PORTS="7000-7001",
        DOWN_BYTES_PER_S="5e6",
        PRICES_ORIGIN_PER_GB="0.1",
        NODE_ATTEMPTS="2",
    )
    options = configured(DistributionOptions(deadline_s=1.0), configuration)
    assert (options.keep_s, options.deadline_s, options.peer_ports) == (5.0, 1.0, (7000, 7001))
    assert options.nodes == NodeSelector(labels={"zone": "a"})
    assert options.rates == LinkRates(down=5e6)
    assert options.prices == Prices(origin_per_gb=0.1)
    assert options.node_settings.attempts == 2


@pytest.mark.parametrize(
    ("given", "parallelism"),
    [
        ({}, 4),
        ({"node_parallelism": 2}, 2),
        ({"node_settings": NodeSettings(node_parallelism=3)}, 3),
        ({"node_settings": NodeSettings(attempts=3)}, 4),
        ({"node_settings": NodeSettings(node_parallelism=3), "node_parallelism": 16}, 16),
    ],
    ids=str,
)
def test_settings_of_a_call_replace_the_configured_ones(given: dict[str, Any], parallelism: int):
    configuration = settings(NODE_PARALLELISM="4", NODE_ATTEMPTS="2")
    options = configured(DistributionOptions(**given), configuration)
    assert options.node_parallelism == parallelism
    if whole := given.get("node_settings"):
        assert options.node_settings == whole


@pytest.mark.parametrize(
    ("given", "variable", "mode"),
    [
        ({}, "", "none"),
        ({"verbose": True}, "", "auto"),
        ({"verbose": True}, "lines", "lines"),
        ({}, "json", "json"),
        ({"progress": "bar"}, "json", "bar"),
    ],
    ids=str,
)
def test_the_display_is_the_one_that_is_named_nearest(
    given: dict[str, Any], variable: str, mode: str
):
    assert configured(DistributionOptions(**given), settings(PROGRESS=variable)).progress == mode


def test_a_wrong_setting_is_refused_before_ray_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "xfd.toml").write_text("keep = 3\n")
    monkeypatch.chdir(tmp_path)
    for call in (xfd_ray.download_distributed, xfd_ray.ensure_local):
        with pytest.raises(InvalidRequestError, match="Did you mean keep_s"):
            call(requests("big"), STORES)


def test_the_command_shows_settings_and_checks_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "xfd.toml"
    file.write_text("keep_s = 3\n")
    assert run(["config", "show", "--origin"]) == 0
    assert f"keep_s = 3  # {file}:1\n" in capsys.readouterr().out
    file.write_text("keep = 3\n")
    assert run(["config", "check", str(file)]) == 2
    assert "Did you mean keep_s?" in capsys.readouterr().out
    assert run(["config", "show"]) == 2
    assert capsys.readouterr().err.startswith(f"xfd: error: {file}:1: there is no setting keep.")
