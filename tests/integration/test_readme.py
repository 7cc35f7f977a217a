"""Every block of README.md does what it shows, and every link leads somewhere."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from xfd_testing import artifacts
from xfd_testing.hub import HubServer, caches, models
from xfd_testing.markdown import Block, blocks_of
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import S3Server

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "README.md"
BLOCKS = blocks_of(PAGE)
PYTHON = [block for block in BLOCKS if block.language == "python"]
SHELL = [block for block in BLOCKS if block.language == "sh"]
WEIGHTS = b"".join(artifacts.random_bytes(5 * 2**20, seed=21))
PIECES = {f"piece_{place}.txt": b"x" * place for place in range(1, 8)}
BERT = "google-bert/bert-base-uncased"
BERT_FILES = {**models.bert(2 * 2**20, seed=22), "flax_model.msgpack": b"of another framework"}


@pytest.fixture(scope="module")
def store(s3_server: S3Server, my_models: str) -> S3Server:
    """The shared server, with the objects of the page."""
    s3_server.put(my_models, "llama/weights.safetensors", WEIGHTS)
    for name, body in PIECES.items():
        s3_server.put(my_models, f"tokenizer/{name}", body)
    return s3_server


@pytest.fixture(scope="module")
def bert(hub: HubServer) -> HubServer:
    """The stand-in of the hub, with the model of the page."""
    hub.add(BERT, {"main": BERT_FILES})
    return hub


def test_no_block_goes_untested() -> None:
    assert len(BLOCKS) == len(PYTHON) + len(SHELL)
    assert len(PYTHON) == 2
    assert len(SHELL) == 4


def script(block: Block, server: S3Server, cluster: RayCluster, folder: Path) -> str:
    """Runs a block as a script; returns its output."""
    file = folder / "script.py"
    file.write_text(block.text)
    env = {**os.environ, **server.environment(), "RAY_ADDRESS": cluster.address}
    ran = subprocess.run(
        [sys.executable, str(file)], cwd=folder, env=env, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_a_driver_brings_weights_to_every_node(
    store: S3Server, cluster: RayCluster, tmp_path: Path
) -> None:
    before = store.sent_bytes("my-models")
    printed = script(PYTHON[0], store, cluster, tmp_path)
    for root in cluster.roots:
        assert (root / "llama/weights.safetensors").read_bytes() == WEIGHTS
    assert store.sent_bytes("my-models") - before == len(WEIGHTS)
    assert "amplification 1.000" in printed


def test_a_model_of_the_hub_is_in_the_cache_of_every_node(
    store: S3Server, bert: HubServer, cluster: RayCluster, tmp_path: Path
) -> None:
    bert.forget()
    printed = script(PYTHON[1], store, cluster, tmp_path)
    wanted = {path for path in BERT_FILES if path.endswith((".json", ".safetensors"))}
    for node in cluster.nodes:
        found = caches.snapshot_of(node.hf_home, BERT, allow_patterns=list(wanted))
        assert found == {path: BERT_FILES[path] for path in wanted}
    assert "amplification 1.000" in printed
    folders = {
        str(node.hf_home / "hub/models--google-bert--bert-base-uncased") for node in cluster.nodes
    }
    assert printed.splitlines()[-1].partition("/snapshots/")[0] in folders


def test_the_command_works_on_one_host(
    store: S3Server, bert: HubServer, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (block,) = (block for block in SHELL if "xfd-get" in block.text)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    home = tmp_path_factory.mktemp("hf-home")
    env = {**os.environ, **store.environment(), **bert.environment(), "HF_HOME": str(home)}
    env["PATH"] = path
    command = ["bash", "-euo", "pipefail", "-c", block.text]
    ran = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "weights.safetensors").read_bytes() == WEIGHTS
    assert artifacts.tree_of(tmp_path / "tokenizer") == PIECES
    assert caches.snapshot_of(home, BERT) == BERT_FILES


def test_the_command_works_on_a_cluster(
    store: S3Server, cluster: RayCluster, tmp_path: Path
) -> None:
    (block,) = (block for block in SHELL if "xfd doctor" in block.text)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    state = str(tmp_path / "state")
    env = {**os.environ, "RAY_ADDRESS": cluster.address, "PATH": path, "XDG_STATE_HOME": state}
    command = ["bash", "-euo", "pipefail", "-c", block.text]
    ran = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    for root in cluster.roots:
        assert (root / "llama/weights.safetensors").read_bytes() == WEIGHTS
    assert (tmp_path / "run.json").is_file()
    assert "all as they should be" in ran.stdout
    assert "all well" in ran.stdout


def test_the_two_commands_name_tasks_that_exist() -> None:
    tasks = {
        node.name
        for node in ast.parse((ROOT / "noxfile.py").read_text()).body
        if isinstance(node, ast.FunctionDef) and node.decorator_list
    }
    commands = [block.text.strip() for block in SHELL if "nox" in block.text]
    assert commands == ["pip install nox && nox -s demo", "pip install nox && nox"]
    assert "demo" in tasks
    ci = (ROOT / ".ci" / "run").read_text()
    assert '/nox" "$@"' in ci


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)]+)\)", PAGE.read_text())
    local = [link for link in links if not link.startswith("https://")]
    assert local
    assert [link for link in local if not (ROOT / link).exists()] == []


def test_the_picture_can_be_drawn() -> None:
    picture = ElementTree.parse(ROOT / "docs" / "picture.svg").getroot()
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    drawn = {child.tag.rpartition("}")[2] for child in picture.iter()}
    assert {"title", "rect", "path", "text"} <= drawn
