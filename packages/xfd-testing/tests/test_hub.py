"""The stand-in of the hub is one for `huggingface_hub`: it lists, downloads and errs as there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from xfd_testing import artifacts
from xfd_testing.hub import Fault, HubServer, RateLimit, caches, models, running

os.environ["HF_HUB_DISABLE_XET"] = "1"  # The stand-in does not speak Xet's own protocol.
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"

import huggingface_hub
from huggingface_hub import errors, hf_hub_download, scan_cache_dir, snapshot_download

MODEL = "org/model"
WEIGHTS = b"".join(artifacts.random_bytes(3 * 2**20, seed=31))
FILES = {
    "config.json": b'{"model_type": "bert"}\n' * 40,
    "model.safetensors": WEIGHTS,
    "notes/long/read me.md": b"# Notes\n",
    "notes/empty.txt": b"",
}


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with running() as server:
        yield server


@pytest.fixture
def api(hub: HubServer) -> huggingface_hub.HfApi:
    return huggingface_hub.HfApi(endpoint=hub.url)


def fetch(hub: HubServer, cache: Path, id: str = MODEL, **more: Any) -> dict[str, bytes]:
    """A snapshot in a cache of its own, as a tree of files."""
    return caches.files_of(Path(snapshot_download(id, endpoint=hub.url, cache_dir=cache, **more)))


def test_a_snapshot_lands_whole_and_no_token_reaches_the_cdn(
    hub: HubServer, api: huggingface_hub.HfApi, tmp_path: Path
) -> None:
    repository = hub.add(MODEL, {"main": FILES}, private=True, readers=("hf_reader",))
    assert fetch(hub, tmp_path, token="hf_reader") == FILES

    weights = repository.files()["model.safetensors"]
    assert hub.sent_bytes(weights.blob_id) == len(WEIGHTS)
    assert {each.blob for each in hub.cdn.exchanges} == {weights.blob_id}
    assert hub.leaked() == []
    assert hub.asked(with_token=False) == []
    checked = api.verify_repo_checksums(MODEL, cache_dir=tmp_path, token="hf_reader")
    assert (checked.checked_count, checked.mismatches, checked.missing_paths) == (4, [], [])
    assert scan_cache_dir(tmp_path).warnings == []


def test_the_environment_brings_any_process_to_it(hub: HubServer, tmp_path: Path) -> None:
    hub.add(MODEL, {"main": FILES}, gated=True, readers=("hf_reader",))
    script = "import huggingface_hub; print(huggingface_hub.snapshot_download('org/model'))"
    env = {**os.environ, **hub.environment("hf_reader"), "HF_HOME": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True
    )
    assert caches.files_of(Path(ran.stdout.strip())) == FILES
    assert len(hub.asked(of="/tree/")) == 1


def test_lists_come_in_pages_and_by_folder(hub: HubServer, api: huggingface_hub.HfApi) -> None:
    hub.add(MODEL, {"main": FILES})
    hub.page_entries = 2
    every = list(api.list_repo_tree(MODEL, recursive=True))
    assert [each.path for each in every] == sorted([*FILES, "notes", "notes/long"])
    assert len(hub.asked(of="/tree/")) == 3
    assert [each.path for each in api.list_repo_tree(MODEL)] == [
        "config.json",
        "model.safetensors",
        "notes",
    ]
    below = api.list_repo_tree(MODEL, "notes/long")
    assert [each.path for each in below] == ["notes/long/read me.md"]
    asked = ["notes", "config.json", "nothing"]
    assert [each.path for each in api.get_paths_info(MODEL, asked)] == asked[:2]
    with pytest.raises(errors.RemoteEntryNotFoundError, match="nothing does not exist"):
        list(api.list_repo_tree(MODEL, "nothing"))


def test_branches_tags_pull_requests_and_kinds(
    hub: HubServer, api: huggingface_hub.HfApi, tmp_path: Path
) -> None:
    first, second = {"a.txt": b"first", "same.txt": b"same"}, {"a.txt": b"second"}
    revisions = {"main": second, "v1.0": first, "refs/pr/1": {"b.txt": b"proposed"}}
    hub.add("org/data", revisions, kind="dataset")
    hub.add("gpt2", {"main": first})
    kind = {"repo_type": "dataset"}
    assert fetch(hub, tmp_path, "org/data", **kind) == second
    assert fetch(hub, tmp_path, "org/data", revision="v1.0", **kind) == first
    assert fetch(hub, tmp_path, "org/data", revision="refs/pr/1", **kind) == {"b.txt": b"proposed"}
    assert fetch(hub, tmp_path, "gpt2") == first
    named = api.list_repo_refs("org/data", include_pull_requests=True, **kind)
    commit = api.repo_info("org/data", revision="v1.0", **kind).sha
    assert [(each.name, each.target_commit) for each in named.tags] == [("v1.0", commit)]
    assert [each.ref for each in named.pull_requests or []] == ["refs/pr/1"]
    assert fetch(hub, tmp_path, "org/data", revision=commit, **kind) == first


def test_a_renamed_repository_is_found_under_its_new_name(hub: HubServer, tmp_path: Path) -> None:
    hub.add(MODEL, {"main": FILES})
    hub.renamed["old/name"] = MODEL
    assert fetch(hub, tmp_path, "old/name") == FILES


@pytest.mark.parametrize(
    ("id", "token", "more", "error"),
    [
        ("org/nothing", None, {}, errors.RepositoryNotFoundError),
        ("org/nothing", "hf_known", {}, errors.RepositoryNotFoundError),
        ("org/private", None, {}, errors.RepositoryNotFoundError),
        ("org/private", "hf_known", {}, errors.RepositoryNotFoundError),
        ("org/gated", None, {}, errors.GatedRepoError),
        ("org/gated", "hf_known", {}, errors.GatedRepoError),
        ("org/gated", "hf_unknown", {}, errors.HfHubHTTPError),
        ("org/open", None, {"revision": "v9"}, errors.RevisionNotFoundError),
        ("org/open", None, {"revision": "0" * 40}, errors.RevisionNotFoundError),
        ("org/torn", None, {}, errors.RemoteEntryNotFoundError),
    ],
)
def test_refusals_are_those_of_the_hub(
    hub: HubServer,
    tmp_path: Path,
    id: str,
    token: str | None,
    more: dict[str, str],
    error: type[Exception],
) -> None:
    hub.add("org/open", {"main": FILES}, readers=("hf_known",))
    hub.add("org/gated", {"main": FILES}, gated=True, readers=("hf_accepted",))
    hub.add("org/private", {"main": FILES}, private=True, readers=("hf_accepted",))
    hub.add("org/torn", {"main": FILES}).missing.add("config.json")
    with pytest.raises(error):
        fetch(hub, tmp_path, id, token=token or False, **more)
    for opened in ("org/gated", "org/private"):
        assert fetch(hub, tmp_path / "of reader", opened, token="hf_accepted") == FILES


@pytest.mark.parametrize("headers", [("RateLimit",), ("Retry-After",)])
def test_a_full_window_is_waited_for(
    hub: HubServer, api: huggingface_hub.HfApi, headers: tuple[str, ...]
) -> None:
    hub.add(MODEL, {"main": FILES})
    hub.limits["api"] = RateLimit(requests=1, window_s=1, headers=headers)
    for _ in range(2):
        assert len(list(api.list_repo_tree(MODEL, recursive=True))) == len(FILES) + 2
    assert [each.status for each in hub.exchanges] == [200, 429, 200]


def test_a_broken_body_is_fetched_again(hub: HubServer, tmp_path: Path) -> None:
    hub.add(MODEL, {"main": FILES})
    hub.cdn.faults.append(Fault(cut_after=1000))
    file = hf_hub_download(MODEL, "model.safetensors", endpoint=hub.url, cache_dir=tmp_path)
    assert Path(file).read_bytes() == WEIGHTS
    assert [each.sent_bytes for each in hub.cdn.exchanges] == [1000, len(WEIGHTS)]


def test_the_cdn_refuses_tokens_and_addresses_that_expired(hub: HubServer) -> None:
    repository = hub.add(MODEL, {"main": FILES})
    weights = repository.files()["model.safetensors"]
    address = hub.cdn.sign(weights)

    def status(address: str, **headers: str) -> int:
        try:
            with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
                answer.read()
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    assert status(address, Range="bytes=10-19") == 206
    assert hub.sent_bytes(weights.blob_id) == 10
    assert status(address, Range="bytes=4000000-") == 416
    assert status(address, Authorization="Bearer hf_reader") == 400
    assert [each.token for each in hub.leaked()] == ["hf_reader"]
    hub.cdn.faults.append(Fault(status=503))
    assert [status(address), status(address)] == [503, 200]
    hub.cdn.expire_all()
    assert status(address) == 403
    hub.cdn.lost.add(weights.blob_id)
    assert status(hub.cdn.sign(weights)) == 404
    hub.cdn.lifetime_s = 0
    assert status(hub.cdn.sign(weights)) == 403


def test_text_is_compressed_for_those_who_accept_it(hub: HubServer, tmp_path: Path) -> None:
    commit = hub.add(MODEL, {"main": FILES}).resolve("main")
    address = f"{hub.url}/{MODEL}/resolve/{commit}/config.json"
    headers = {"Accept-Encoding": "gzip", "User-Agent": "test"}
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
    assert fetch(hub, tmp_path)["config.json"] == FILES["config.json"]


def test_a_token_has_no_repr(hub: HubServer) -> None:
    repository = hub.add(MODEL, {"main": FILES}, gated=True, readers=("hf_reader",))
    request = urllib.request.Request(
        f"{hub.url}/api/models/{MODEL}", headers={"Authorization": "Bearer hf_reader"}
    )
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer)["gated"] == "manual"
    assert "hf_reader" not in f"{hub.exchanges} {repository}"


def test_transformers_reads_the_small_model(hub: HubServer, tmp_path: Path) -> None:
    files = models.bert(1000)
    hub.add("org/bert", {"main": files})
    assert fetch(hub, tmp_path / "hub", "org/bert") == files
    script = (
        "from transformers import AutoConfig, AutoTokenizer\n"
        "tokens = AutoTokenizer.from_pretrained('org/bert')('many hands make light work')\n"
        "print(tokens['input_ids'], AutoConfig.from_pretrained('org/bert').hidden_size)\n"
    )
    env = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    ran = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True)
    assert ran.stdout == "[5, 6, 7, 8, 9] 32\n", ran.stderr
    assert caches.snapshot_of(tmp_path, "org/bert") == files
    assert caches.faults_of(tmp_path) == []


def test_what_does_not_belong_in_a_cache_is_named(hub: HubServer, tmp_path: Path) -> None:
    hub.add(MODEL, {"main": FILES})
    fetch(hub, tmp_path / "hub")
    blobs = tmp_path / "hub/models--org--model/blobs"
    (blobs / ".a.xfd-part").touch()
    (blobs / "b.incomplete").touch()
    blob = next(blobs.iterdir())
    (tmp_path / "hub/models--org--model/snapshots/absolute").symlink_to(blob)
    assert len(caches.faults_of(tmp_path)) >= 3
