"""Trouble at the hub or in a cache: a named error with its remedy, and nothing half-written.

What heals by itself, such as a full rate limit or an address that expired, only takes longer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import ray

import xfd_ray
from xfd_api import DistributionReport, DownloadRequest, HubDownloadRequest, ObjectStoreConfig
from xfd_api.errors import AccessDeniedError, InvalidRequestError, ObjectNotFoundError, XfdError
from xfd_testing.hub import Fault, HubServer, RateLimit, caches, models
from xfd_testing.ray_cluster import RayCluster

MIB = 2**20
READER, STRANGER = "hf_judge_reader", "hf_judge_stranger"
FILES = models.bert(9 * MIB, seed=51)


def fetch(token: str | None, *wanted: HubDownloadRequest | str) -> DistributionReport:
    store = ObjectStoreConfig.make_for_hub(token=token)
    requests = [each if isinstance(each, str) else DownloadRequest(each) for each in wanted]
    return xfd_ray.download_distributed(requests, store)


def whole_on_every_node(cluster: RayCluster, id: str) -> bool:
    return all(caches.snapshot_of(node.hf_home, id) == FILES for node in cluster.nodes)


@dataclass(frozen=True)
class Refusal:
    """A request that cannot be carried out, and what the error says of it."""

    id: str
    error: type[XfdError]
    words: tuple[str, ...]
    token: str | None = None
    revision: str | None = None


REFUSALS = [
    Refusal("refused/unknown", ObjectNotFoundError, ("refused/unknown", "private", "HF_TOKEN")),
    Refusal("refused/unknown", ObjectNotFoundError, ("refused/unknown",), STRANGER),
    Refusal("refused/open", ObjectNotFoundError, ("revision", "v9"), revision="v9"),
    Refusal("refused/private", ObjectNotFoundError, ("refused/private", "HF_TOKEN")),
    Refusal("refused/gated", AccessDeniedError, ("gated", "licence", "HF_TOKEN")),
    Refusal("refused/gated", AccessDeniedError, ("gated", "licence"), STRANGER),
    Refusal("refused/open", AccessDeniedError, ("token",), "hf_nobody_has_this"),
    Refusal("refused/torn", ObjectNotFoundError, ("config.json",)),
    Refusal("refused/lost", ObjectNotFoundError, ("model.safetensors of refused/lost", "storage")),
    Refusal("not a name", InvalidRequestError, ("not a name",)),
]


@pytest.fixture
def refusing(hub: HubServer) -> HubServer:
    readers = (READER,)
    hub.add("refused/open", {"main": FILES}, readers=(READER, STRANGER))
    hub.add("refused/private", {"main": FILES}, private=True, readers=readers)
    hub.add("refused/gated", {"main": FILES}, gated=True, readers=readers)
    hub.add("refused/torn", {"main": FILES}).missing.add("config.json")
    lost = hub.add("refused/lost", {"main": {**FILES, "model.safetensors": b"lost" * 1000}})
    hub.cdn.lost.add(lost.files()["model.safetensors"].blob_id)
    return hub


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: f"{case.id}-{case.token}")
def test_a_refusal_says_what_to_do(refusing: HubServer, driver: RayCluster, case: Refusal) -> None:
    with pytest.raises(case.error) as caught:
        fetch(case.token, HubDownloadRequest(case.id, case.revision))
    said = str(caught.value)
    assert [word for word in case.words if word not in said] == []
    assert caught.value.remedy
    assert case.token is None or case.token not in said
    assert "Signature" not in said
    folder = "models--" + case.id.replace("/", "--")
    for node in driver.nodes:
        cached = node.hf_home / "hub" / folder
        assert not (cached / "refs").exists()
        assert not (cached / "trees").exists()
        # What arrived before the refusal is kept for the next call, out of everybody's way.
        faults = caches.faults_of(node.hf_home, case.id)
        assert [fault for fault in faults if f"{folder}/.xfd" not in fault] == []


def test_a_gated_model_arrives_once_the_licence_is_accepted(
    hub: HubServer, driver: RayCluster
) -> None:
    repository = hub.add("refused/licence", {"main": FILES}, gated=True)
    hub.tokens.add(READER)
    with pytest.raises(AccessDeniedError, match="licence"):
        fetch(READER, "hf://refused/licence")
    repository.readers.add(READER)
    fetch(READER, "hf://refused/licence")
    assert whole_on_every_node(driver, "refused/licence")


def test_a_full_rate_limit_paces_the_cluster(hub: HubServer, driver: RayCluster) -> None:
    hub.add("paced/model", {"main": FILES})
    hub.forget()
    # The window has room for the list, and for a few of the twelve requests for files.
    hub.limits["resolvers"] = RateLimit(requests=4, window_s=2.5)
    begin = time.monotonic()
    try:
        report = fetch(None, "hf://paced/model")
    finally:
        hub.limits.clear()
    assert time.monotonic() - begin >= 2.5
    assert whole_on_every_node(driver, "paced/model")
    assert report.amplification == 1.0
    refused = [each for each in hub.asked() if each.status == 429]
    # Nobody asks again before the window ends; what is refused was on its way at the same time.
    assert 1 <= len(refused) <= 30


def test_lists_wait_for_their_rate_limit(hub: HubServer, driver: RayCluster) -> None:
    hub.add("paced/list", {"main": FILES})
    hub.limits["api"] = RateLimit(requests=1, window_s=2, headers=("RateLimit",))
    try:
        fetch(None, "hf://paced/list")
    finally:
        hub.limits.clear()
    assert whole_on_every_node(driver, "paced/list")


@pytest.mark.parametrize(
    "fault",
    [Fault(status=403), Fault(status=503), Fault(cut_after=100_000), Fault(bytes_per_s=400_000)],
    ids=["expired", "overloaded", "broken", "slow"],
)
def test_a_bad_answer_of_the_cdn_is_healed(
    hub: HubServer, driver: RayCluster, fault: Fault, request: pytest.FixtureRequest
) -> None:
    name = "healed/" + request.node.callspec.id
    hub.add(name, {"main": models.bert(9 * MIB, seed=len(name))})
    # A fresh address that is refused, too, would be a refusal.
    hub.cdn.faults.extend([fault] if fault.status == 403 else [fault, fault])
    try:
        fetch(None, HubDownloadRequest(name))
    finally:
        hub.cdn.faults.clear()
    for node in driver.nodes:
        found = caches.snapshot_of(node.hf_home, name)
        assert found == models.bert(9 * MIB, seed=len(name))
        assert caches.faults_of(node.hf_home, name) == []


def wrong_blob(cached: Path, commit: str, blobs: dict[str, str]) -> None:
    """A blob of the right name and size whose bytes are wrong."""
    (cached / "blobs").mkdir(parents=True)
    (cached / "blobs" / blobs["model.safetensors"]).write_bytes(b"\0" * (9 * MIB))


def short_blob(cached: Path, commit: str, blobs: dict[str, str]) -> None:
    """A blob that another tool has begun under its own name."""
    (cached / "blobs").mkdir(parents=True)
    (cached / "blobs" / blobs["model.safetensors"]).write_bytes(FILES["model.safetensors"][:MIB])


def begun_blob(cached: Path, commit: str, blobs: dict[str, str]) -> None:
    """What a killed download leaves: the lock's file, and bytes under a name of their own."""
    (cached / "blobs").mkdir(parents=True)
    name = blobs["model.safetensors"]
    (cached / "blobs" / f"{name}.1a2b3c4d.incomplete").write_bytes(b"\0" * 1000)
    locks = cached.parent / ".locks" / cached.name
    locks.mkdir(parents=True)
    (locks / f"{name}.lock").touch()


def links_astray(cached: Path, commit: str, blobs: dict[str, str]) -> None:
    """Links to blobs that are not there, and a reference to a commit that is not, either."""
    (cached / "snapshots" / commit).mkdir(parents=True)
    link = cached / "snapshots" / commit / "config.json"
    link.symlink_to(f"../../blobs/{blobs['config.json']}")
    (cached / "refs").mkdir()
    (cached / "refs/main").write_text("0" * 40)


HALF_WRITTEN = [wrong_blob, short_blob, begun_blob, links_astray]


@pytest.mark.parametrize("spoil", HALF_WRITTEN, ids=lambda spoil: spoil.__name__)
def test_a_cache_that_another_tool_left_half_written_is_completed(
    hub: HubServer, driver: RayCluster, spoil: Callable[[Path, str, dict[str, str]], None]
) -> None:
    name = f"spoilt/{spoil.__name__}"
    repository = hub.add(name, {"main": FILES})
    blobs = {path: file.blob_id for path, file in repository.files().items()}
    spoilt = driver.nodes[1].hf_home / "hub" / ("models--" + name.replace("/", "--"))
    spoil(spoilt, repository.resolve("main"), blobs)
    fetch(None, HubDownloadRequest(name))
    assert whole_on_every_node(driver, name)
    for file in (spoilt / "blobs").glob("*.incomplete"):
        file.unlink()  # Another tool's, which may still be at it: left alone.
    assert caches.faults_of(driver.nodes[1].hf_home, name) == []


def test_a_cache_that_cannot_be_written_is_an_error_with_its_path(
    hub: HubServer, cluster: RayCluster, tmp_path: Path
) -> None:
    hub.add("refused/place", {"main": FILES})
    (tmp_path / "file").write_text("not a folder")
    place = tmp_path / "file" / "hub"
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    hub.forget()
    with (
        ray.init(
            cluster.address, runtime_env={"env_vars": {"HF_HUB_CACHE": str(place)}}, **options
        ),
        pytest.raises(XfdError, match=str(tmp_path)) as caught,
    ):
        xfd_ray.download_distributed(["hf://refused/place"])
    assert isinstance(caught.value, OSError)
    assert caught.value.remedy
    assert hub.asked(of="/resolve/") == []


def test_offline_nodes_are_told_so(hub: HubServer, cluster: RayCluster) -> None:
    hub.add("refused/offline", {"main": FILES})
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    with (
        ray.init(cluster.address, runtime_env={"env_vars": {"HF_HUB_OFFLINE": "1"}}, **options),
        pytest.raises(XfdError, match="HF_HUB_OFFLINE"),
    ):
        xfd_ray.download_distributed(["hf://refused/offline"])
