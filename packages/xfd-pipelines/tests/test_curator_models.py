"""Which models the stages of NeMo Curator load: stand-ins with the names of its classes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from xfd_api.errors import InvalidRequestError
from xfd_pipelines import curator
from xfd_pipelines.curator import base_models
from xfd_pipelines.curator.models import Model, models_of

_HF_REPO_ID = "org/constant"
_HF_MODEL_FILENAME = "model.joblib"


def made(name: str, *bases: type, **fields: Any) -> Any:
    """A stage of a class with this name."""
    stage = type(name, bases, {"__module__": __name__})()
    for field, value in fields.items():
        setattr(stage, field, value)
    return stage


class ProcessingStage:
    """As the base of all stages."""

    def setup_on_node(self) -> None:
        """Does nothing."""


class Loads(ProcessingStage):
    """A user's own."""

    def setup_on_node(self) -> None:
        """Loads something."""


TokenCountFilter = type("TokenCountFilter", (), {"model_check_or_download": lambda self: None})
FastTextFilter = type("FastTextFilter", (), {"model_check_or_download": lambda self: None})


def counting(**fields: Any) -> Any:
    filter_ = TokenCountFilter()
    for field, value in fields.items():
        setattr(filter_, field, value)
    return filter_


@pytest.mark.parametrize(
    ("stage", "models"),
    [
        (made("TokenizerStage", model_identifier="org/a"), [Model("org/a")]),
        (
            made("TokenizerStage", model_identifier="org/a", hf_token="t"),
            [Model("org/a", token="t")],
        ),
        (
            made(
                "TokenizerStage",
                model_identifier="org/a",
                transformers_init_kwargs={"revision": "v1"},
            ),
            [Model("org/a"), Model("org/a", "v1")],
        ),
        (
            made("MyStage", type("ModelStage", (), {}), model_identifier="org/a"),
            [Model("org/a")],
        ),
        (
            made("ClassifierModelStage", model_identifier="org/a"),
            [Model("org/a", names_base=True)],
        ),
        (made("BandFilterStage"), [Model("org/constant", include=("model.joblib",))]),
        (made("BandFilterStage", model_path="/m.joblib"), []),
        (made("SnippetRepetitionFilterStage", tokenizer_path=str(Path(__file__).parent)), []),
        (
            made("ScoreFilter", filter_obj=[counting(_hf_model_name="org/t", _hf_token=None)]),
            [Model("org/t")],
        ),
        (
            made(
                "ASRStage",
                _create_adapter=lambda: made("QwenASRAdapter", model_id="org/asr", revision="abc"),
            ),
            [Model("org/asr", "abc")],
        ),
    ],
)
def test_known_stages_name_their_models(stage: Any, models: list[Model]) -> None:
    found = models_of(stage)
    assert list(found.models) == models
    assert found.unknown is None


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        (made("Mine", Loads), "it has a setup_on_node"),
        (made("Mine", ProcessingStage, model_dir="/models"), "it has model_dir"),
        (made("Score", score_fn=[FastTextFilter()]), "it holds a FastTextFilter"),
        (made("TokenizerStage", model_identifier="org/a", cache_dir="/c"), "cache_dir is /c"),
        (made("Mine", ProcessingStage), None),
        (made("Filter", Loads, filter_obj=[len]), None),
    ],
)
def test_stages_that_may_load_more_are_named_with_the_reason(stage: Any, words: str) -> None:
    found = models_of(stage)
    assert found.models == ()
    assert found.unknown is None if words is None else words in str(found.unknown)


def test_what_was_found_reads_as_lines() -> None:
    known = models_of(made("TokenizerStage", model_identifier="org/a", hf_token="secret"))
    unknown = models_of(made("Mine", Loads))
    text = str(curator.Prefetched((known, unknown)))
    assert text.splitlines()[0] == "TokenizerStage: org/a"
    assert text.splitlines()[1].startswith("Mine: it has a setup_on_node")
    assert "secret" not in text + repr(known)


def test_base_models_are_read_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    configs = {
        "a": '{"base_model": "org/base"}',
        "b": "{}",
        "c": "[]",
        "d": '{"base_model": ["org/other"]}',
        "e": "{",
        "f": "[" * 100_000,
    }
    for name, config in configs.items():
        folder = tmp_path / f"models--org--{name}"
        (folder / "refs").mkdir(parents=True)
        (folder / "refs/main").write_text("c0")
        (folder / "snapshots/c0").mkdir(parents=True)
        (folder / "snapshots/c0/config.json").write_text(config)
    assert base_models([*(f"org/{name}" for name in configs), "org/none"]) == ["org/base"]


@pytest.mark.parametrize(
    ("pipeline", "words"),
    [
        ([], "The pipeline is a list"),
        (SimpleNamespace(build=lambda: [][0], stages=[]), None),
        (SimpleNamespace(build=lambda: int("x"), stages=[]), "cannot build the pipeline"),
    ],
)
def test_what_is_no_pipeline_is_refused(pipeline: Any, words: str | None) -> None:
    error = IndexError if words is None else InvalidRequestError
    with pytest.raises(error, match=words):
        curator.prefetch(pipeline)
