"""Pipelines of the real NeMo Curator find their models in the hub caches of all nodes."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from xfd_api.errors import ClusterConnectionError, InvalidRequestError, XfdError
from xfd_pipelines import curator
from xfd_pipelines.curator.models import ROWS, Row, models_of
from xfd_testing import ray_cluster
from xfd_testing.hub import HubServer, caches, models
from xfd_testing.ray_cluster import RayCluster

nemo_curator = pytest.importorskip(
    "nemo_curator", reason="NeMo Curator is not installed: nox -s curator"
)

curator_pipeline = pytest.importorskip("nemo_curator.pipeline")

ROOT = Path(__file__).parents[2]
FILES = models.bert(2 * 2**20, seed=81)
TOKEN = "hf_test_token_curator"
LIMITS = {"RAY_MAX_LIMIT_FROM_API_SERVER": "40000", "RAY_MAX_LIMIT_FROM_DATA_SOURCE": "40000"}
"""Its cosmos-xenna lists more actors at once than Ray allows by default."""

Drive = Callable[[RayCluster], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def curator_cluster(hub: HubServer) -> Iterator[RayCluster]:
    """Two nodes, with the dashboard that cosmos-xenna looks at."""
    env = {**hub.environment(), **LIMITS}
    with ray_cluster.running(2, env=env, with_metrics=True) as running:
        yield running


def sources() -> dict[str, str]:
    """The source of each class of NeMo Curator, and its module's, by the name of the class."""
    found: dict[str, str] = {}
    for file in Path(nemo_curator.__file__).parent.rglob("*.py"):
        text = file.read_text()
        if not any(f"class {row.name}" in text for row in ROWS):
            continue
        classes = (each for each in ast.walk(ast.parse(text)) if isinstance(each, ast.ClassDef))
        found |= {each.name: text for each in classes}
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_table_has_the_names_of_nemo_curator(row: Row) -> None:
    source = sources()[row.name]
    named = [*row.repos, *filter(None, [row.unless])]
    constants = [each for each in row.include if not each.startswith("*")]
    assert [each for each in [*named, *constants] if each not in source] == []


def test_stages_of_nemo_curator_name_their_models() -> None:
    from nemo_curator.stages.text.classifiers.base import DistributedDataClassifier
    from nemo_curator.stages.text.models.tokenizer import TokenizerStage

    stages = [
        DistributedDataClassifier(model_identifier="org/quality"),
        TokenizerStage("org/embedder", hf_token=TOKEN),
        TokenizerStage("org/cached", cache_dir="/elsewhere"),
    ]
    pipeline = curator_pipeline.Pipeline("names", stages=stages)
    pipeline.build()
    known = [models_of(stage) for stage in pipeline.stages]
    assert [[model.repo_id for model in each.models] for each in known] == [
        ["org/quality"],
        ["org/quality"],
        ["org/embedder"],
        [],
    ]
    assert [each.names_base for each in known[1].models] == [True]
    assert known[2].models[0].token == TOKEN
    assert TOKEN not in repr(known)
    assert "cache_dir is /elsewhere" in (known[3].unknown or "")


def test_the_pipeline_runs_without_asking_the_hub(
    hub: HubServer, curator_cluster: RayCluster, drive: Drive
) -> None:
    repository = hub.add("curator/bert", {"main": FILES})
    script = str(ROOT / "examples/curator_pipeline.py")
    env = {**os.environ, **hub.environment(), "RAY_ADDRESS": curator_cluster.address}
    with drive(curator_cluster):
        from nemo_curator.stages.math.modifiers.chunking import TokenSplitterStage

        pipeline = curator_pipeline.Pipeline("one", stages=[TokenSplitterStage("curator/bert")])
        first = curator.prefetch(pipeline)
    weights = repository.files()["model.safetensors"]
    assert hub.sent_bytes(weights.blob_id) == weights.size
    assert [report.amplification for report in first.reports] == [1.0]
    for node in curator_cluster.nodes:
        assert caches.snapshot_of(node.hf_home, "curator/bert") == FILES
    hub.forget()
    ran = subprocess.run(
        [sys.executable, script, "curator/bert"], env=env, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert "TokenSplitterStage: curator/bert" in ran.stdout
    assert "tokens [2, 5]" in ran.stdout
    # All that asked was xfd, which compares what is cached: once for the commit and its list.
    assert [each.path for each in hub.asked(of="/resolve/")] == []
    listed = [each.path for each in hub.asked()]
    assert len(listed) == len(set(listed)) <= 2, listed


def test_a_base_model_that_a_configuration_names_comes_too(
    hub: HubServer, curator_cluster: RayCluster, drive: Drive
) -> None:
    from nemo_curator.stages.text.classifiers.base import DistributedDataClassifier

    config = json.dumps({"base_model": "curator/deberta", "fc_dropout": 0.2, "id2label": {}})
    hub.add("curator/quality", {"main": {**FILES, "config.json": config.encode()}})
    hub.add("curator/deberta", {"main": FILES})
    stage = DistributedDataClassifier(model_identifier="curator/quality")
    pipeline = curator_pipeline.Pipeline("two", stages=[stage])
    with drive(curator_cluster):
        done = curator.prefetch(pipeline)
    assert [report.amplification for report in done.reports] == [1.0, 1.0]
    assert done.unknown == ()
    for node in curator_cluster.nodes:
        assert caches.snapshot_of(node.hf_home, "curator/deberta") == FILES
    assert [stage.runtime_env for stage in pipeline.stages] == [
        {"env_vars": {"HF_HUB_OFFLINE": "1"}}
    ] * 2


def test_models_that_cannot_come_are_errors_of_ours(
    hub: HubServer,
    curator_cluster: RayCluster,
    drive: Drive,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from nemo_curator.stages.text.models.tokenizer import TokenizerStage

    hub.add("curator/gated", {"main": FILES}, gated=True, readers=(TOKEN,))

    def pipeline(model: str, **more: Any) -> Any:
        return curator_pipeline.Pipeline("bad", stages=[TokenizerStage(model, **more)])

    with drive(curator_cluster):
        for model, error in (("curator/nowhere", LookupError), ("curator/gated", PermissionError)):
            with pytest.raises(XfdError) as caught:
                curator.prefetch(pipeline(model))
            assert isinstance(caught.value, error | OSError)
        done = curator.prefetch(pipeline("curator/gated", hf_token=TOKEN))
    assert done.reports[0].amplification == 1.0
    with pytest.raises(InvalidRequestError, match="no stages"):
        curator.prefetch(curator_pipeline.Pipeline("empty"))
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    with pytest.raises(ClusterConnectionError, match="RAY_ADDRESS"):
        curator.prefetch(pipeline("curator/bert"))
