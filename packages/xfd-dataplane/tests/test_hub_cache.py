"""Repositories land in a node's hub cache as `huggingface_hub` keeps them, and are found there."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from xfd_api import errors
from xfd_api.progress import Progress
from xfd_api.requests import HubDownloadRequest
from xfd_api.results import DistributionReport
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane import download, verify
from xfd_dataplane.verification import verify_paths
from xfd_testing import artifacts
from xfd_testing.hub import HubServer, Repository, caches, running
from xfd_testing.waiting import until

pytest.importorskip("huggingface_hub")

MODEL = "org/model"
FOLDER = "models--org--model"
WEIGHTS = b"".join(artifacts.random_bytes(12 * 2**20, seed=31))
FILES = {
    "config.json": b'{"model_type": "bert"}\n' * 40,
    "model.safetensors": WEIGHTS,
    "notes/long/read me.md": b"# Notes\n",
    "notes/empty.txt": b"",
    "notes/same.json": b'{"model_type": "bert"}\n' * 40,
}
STRANGER = 65534


class Node:
    """A node with its own hub cache and root, whose hub is the stand-in."""

    def __init__(self, hub: HubServer, model: Repository, folder: Path) -> None:
        self.model = model
        self.home = folder / "hf"
        self.cache = self.home / "hub"
        self.repository = self.cache / FOLDER
        self.environment = {
            **hub.environment(),
            "HF_HOME": str(self.home),
            "XFD_ROOT": str(folder / "root"),
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }
        self.config = ObjectStoreConfig.make_for_hub(hub.url)

    def fetch(self, uri: str = f"hf://{MODEL}", **more: Any) -> DistributionReport:
        return download(uri, self.config, deadline_s=60, **more)

    def python(self, program: str, *arguments: str) -> subprocess.Popen[str]:
        """A process with the node's environment."""
        return subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            text=True,
        )

    def blob(self, path: str) -> Path:
        return self.repository / "blobs" / self.model.files()[path].blob_id


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with running() as server:
        yield server


@pytest.fixture
def node(hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    node = Node(hub, hub.add(MODEL, {"main": FILES}), tmp_path / "node")
    for name, value in node.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    return node


def with_huggingface_hub(hub: HubServer, cache: Path, **more: Any) -> Path:
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(MODEL, endpoint=hub.url, cache_dir=cache, **more))


def layout(cache: Path) -> dict[str, str]:
    """Everything in a cache but locks: what a link says, and else a file's content and mode.

    `huggingface_hub` lets no other user read the lists of files, which nothing says is wanted.
    """
    found = {}
    for path in cache.rglob("*"):
        place = path.relative_to(cache)
        if place.parts[0] == ".locks" or path.is_dir():
            continue
        if path.is_symlink():
            found[str(place)] = str(path.readlink())
        else:
            mode = "" if place.suffix == ".json" else f"{path.stat().st_mode:o}"
            found[str(place)] = f"{path.read_bytes().hex()} {mode}"
    return found


@pytest.mark.parametrize("revision", ["main", "v1.0", "refs/pr/1"])
def test_the_cache_is_what_huggingface_hub_makes(
    hub: HubServer, node: Node, tmp_path: Path, revision: str
) -> None:
    if revision != "main":
        node.model.commit(revision, {**FILES, "more.txt": b"more"})
    with_huggingface_hub(hub, tmp_path / "theirs", revision=revision)
    node.fetch(f"hf://{MODEL}@{revision.replace('/', '%2F')}")

    assert layout(node.cache) == layout(tmp_path / "theirs")
    assert caches.faults_of(node.home) == []
    assert caches.snapshot_of(node.home, MODEL, revision)["model.safetensors"] == WEIGHTS


def test_a_second_run_moves_no_byte_and_a_second_revision_what_differs(
    hub: HubServer, node: Node
) -> None:
    assert node.fetch().origin_bytes == sum(map(len, FILES.values())) - len(FILES["config.json"])
    again = node.fetch()
    assert (again.origin_bytes, again.cached_bytes) == (0, again.catalog_bytes)

    node.model.commit("v2", {**FILES, "config.json": b"{}"})
    assert node.fetch(f"hf://{MODEL}@v2").origin_bytes == 2
    assert caches.snapshot_of(node.home, MODEL, "v2")["config.json"] == b"{}"
    assert caches.snapshot_of(node.home, MODEL) == FILES
    assert caches.faults_of(node.home) == []


def test_what_huggingface_hub_has_fetched_is_taken_and_the_rest_is_fetched(
    hub: HubServer, node: Node
) -> None:
    with_huggingface_hub(hub, node.cache, allow_patterns=["*.safetensors", "*.md"])
    report = node.fetch()
    assert report.origin_bytes == len(FILES["config.json"])
    assert caches.snapshot_of(node.home, MODEL) == FILES
    assert caches.faults_of(node.home) == []


def test_missing_links_refs_and_lists_are_made_without_a_byte(node: Node) -> None:
    node.fetch()
    before = layout(node.cache)
    for name in ("snapshots", "refs", "trees"):
        shutil.rmtree(node.repository / name)
        assert node.fetch().origin_bytes == 0
        assert layout(node.cache) == before


def test_a_blob_of_wrong_bytes_is_fetched_anew(hub: HubServer, node: Node) -> None:
    node.fetch()
    blob = node.blob("model.safetensors")
    with blob.open("r+b") as file:
        file.write(b"evil")
    assert [each.problem for each in verify(f"hf://{MODEL}").mismatches] == ["checksum"]
    assert node.fetch().origin_bytes == len(WEIGHTS)
    assert caches.snapshot_of(node.home, MODEL) == FILES
    assert verify(f"hf://{MODEL}").ok


def test_a_part_of_a_repository_has_no_list_of_the_whole(node: Node) -> None:
    download(HubDownloadRequest(MODEL, include=("*.json",)), node.config, deadline_s=60)
    assert not (node.repository / "trees").exists()
    assert set(caches.snapshot_of(node.home, MODEL)) == {"config.json", "notes/same.json"}
    node.fetch(f"hf://{MODEL}/notes/long/read me.md")
    assert "notes/long/read me.md" in caches.snapshot_of(node.home, MODEL)
    assert not (node.repository / "trees").exists()
    node.fetch()
    assert caches.snapshot_of(node.home, MODEL) == FILES


FETCH = """
import sys
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane import download
rate = int(sys.argv[2]) if sys.argv[2:] else None
store = ObjectStoreConfig.make_for_hub(sys.argv[1])
def tell(progress):
    print(progress.done_bytes, progress.waits_for, flush=True)
report = download("hf://org/model", store, download_bytes_per_s=rate, on_progress=tell,
                  chunk_size_bytes=1 << 20, node_parallelism=2, deadline_s=60)
print("fetched", report.origin_bytes, flush=True)
"""


def test_a_killed_download_goes_on_and_leaves_nothing_in_the_cache(
    hub: HubServer, node: Node
) -> None:
    process = node.python(FETCH, hub.url, str(4 * 2**20))
    assert process.stdout is not None
    for line in process.stdout:
        if int(line.split()[0]) > 5 * 2**20:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    blobs = node.repository / "blobs"
    assert all(path.is_file() and "." not in path.name for path in blobs.iterdir())

    report = node.fetch(chunk_size_bytes=1 << 20)
    assert report.resumed_bytes >= 3 * 2**20
    assert report.origin_bytes < len(WEIGHTS) - 2 * 2**20
    assert caches.snapshot_of(node.home, MODEL) == FILES
    assert caches.faults_of(node.home) == []


HOLD = """
import sys
from huggingface_hub.utils import WeakFileLock
with WeakFileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_the_lock_of_a_running_download_is_waited_for_by_name(hub: HubServer, node: Node) -> None:
    name = node.blob("model.safetensors").name
    lock = node.cache / ".locks" / FOLDER / f"{name}.lock"
    lock.parent.mkdir(parents=True)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    waited: list[str] = []

    def note(progress: Progress) -> None:
        if progress.waits_for is not None:
            waited.append(progress.waits_for)
            if len(waited) == 3:
                holder.communicate("\n")

    assert node.fetch(on_progress=note).origin_bytes > len(WEIGHTS)
    assert "another process" in waited[0]
    assert name in waited[0]
    assert caches.faults_of(node.home) == []


def test_huggingface_hub_waits_for_a_download_and_takes_what_it_made(
    hub: HubServer, node: Node
) -> None:
    ours = node.python(FETCH, hub.url, str(6 * 2**20))
    assert ours.stdout is not None
    blob = node.blob("model.safetensors")
    lock = node.cache / ".locks" / FOLDER / f"{blob.name}.lock"
    until(lock.exists, 20, "the download has no lock")
    path = with_huggingface_hub(hub, node.cache)
    assert caches.files_of(path) == FILES
    assert ours.wait(60) == 0
    assert hub.sent_bytes(blob.name) < 1.5 * len(WEIGHTS), "one of the two has fetched it"
    assert caches.faults_of(node.home) == []


def test_two_downloads_into_one_cache_fetch_each_blob_once(hub: HubServer, node: Node) -> None:
    both = [node.python(FETCH, hub.url, str(12 * 2**20)) for _ in range(2)]
    lines = [process.communicate(timeout=60)[0].splitlines()[-1] for process in both]
    assert sorted(line.split()[1] == "0" for line in lines) == [False, True]
    assert hub.sent_bytes(node.blob("model.safetensors").name) == len(WEIGHTS)
    assert caches.snapshot_of(node.home, MODEL) == FILES
    assert caches.faults_of(node.home) == []


def test_a_tree_of_links_in_the_way_is_a_named_error(node: Node) -> None:
    node.fetch()
    [snapshot] = (node.repository / "snapshots").iterdir()
    shutil.rmtree(snapshot / "notes")
    (snapshot / "notes").write_bytes(b"a file")
    with pytest.raises(errors.DestinationConflictError) as raised:
        node.fetch()
    assert str(snapshot / "notes") in str(raised.value)


def test_verify_reads_what_the_cache_has_with_and_without_the_hub(
    hub: HubServer, node: Node
) -> None:
    node.fetch()
    assert verify(f"hf://{MODEL}").files == len(FILES)
    assert verify(f"hf://{MODEL}", node.config).ok
    assert verify_paths([node.cache]).files == len(FILES) - 1
    assert verify_paths([node.blob("config.json")]).ok

    [snapshot] = (node.repository / "snapshots").iterdir()
    (snapshot / "config.json").unlink()
    for report in (verify(f"hf://{MODEL}"), verify(f"hf://{MODEL}", node.config)):
        assert [(Path(one.path).name, one.problem) for one in report.mismatches] == [
            ("config.json", "missing")
        ]
    assert verify(f"hf://{MODEL}@unknown").mismatches[0].problem == "missing"


AS_STRANGER = """
import os, sys
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane import download
import xfd_dataplane.hub.find, xfd_dataplane.hub.swarm_links, huggingface_hub.utils
store = ObjectStoreConfig.make_for_hub(sys.argv[1])
home, root = os.environ["HF_HOME"], os.environ["XFD_ROOT"]
# Everything that is imported late is imported now: the interpreter may be root's alone.
os.environ["HF_HOME"] = os.environ["XFD_ROOT"] = sys.argv[2]
download("hf://org/model/config.json", store, deadline_s=60)
os.environ.update(HF_HOME=home, XFD_ROOT=root, HF_HUB_CACHE=home + "/hub")
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
try:
    print("fetched", download("hf://org/model", store, deadline_s=60).origin_bytes)
except Exception as error:
    print(f"{type(error).__name__}: {error}")
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that other users can reach."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        place = Path(name)
        place.chmod(0o755)
        yield place


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user")
@pytest.mark.parametrize(
    ("unwritable", "expected"),
    [
        ("nothing", "fetched"),
        ("whole", "fetched 0"),
        ("hub", "DestinationNotWritableError"),
        (f"hub/{FOLDER}/blobs", "DestinationNotWritableError"),
        (f"hub/{FOLDER}/snapshots", "DestinationNotWritableError"),
        ("hub/.locks", "DestinationNotWritableError"),
    ],
)
def test_a_cache_that_may_not_be_written_is_a_named_error_before_a_byte_is_read(
    hub: HubServer, place: Path, monkeypatch: pytest.MonkeyPatch, unwritable: str, expected: str
) -> None:
    node = Node(hub, hub.add(MODEL, {"main": FILES}), place / "node")
    for name, value in node.environment.items():
        monkeypatch.setenv(name, value)
    (place / "node" / "root").mkdir(parents=True)
    node.cache.mkdir(parents=True)
    for folder in (place / "node" / "root", node.home, node.cache):
        folder.chmod(0o777)
    if unwritable == "whole":
        node.fetch()
        hub.forget()
        node.cache.chmod(0o755)
    elif unwritable != "nothing":
        (node.home / unwritable).mkdir(parents=True, exist_ok=True)
        for folder in (node.home / unwritable).relative_to(node.home).parents:
            (node.home / folder).chmod(0o777)
        (node.home / unwritable).chmod(0o755)
    output, _ = node.python(AS_STRANGER, hub.url, str(place / "aside")).communicate(timeout=60)
    assert output.startswith(expected), output
    if expected.endswith("Error"):
        assert hub.sent_bytes(node.blob("model.safetensors").name) == 0
        assert str(node.cache) in output
