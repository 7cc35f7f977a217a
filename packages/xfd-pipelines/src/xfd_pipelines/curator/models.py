"""Which models of the hub the stages of NeMo Curator 1.4 load. Pure.

NeMo Curator has no common attribute for them: each stage names its models by attributes or by
constants of its module, and downloads them in `setup_on_node`. The table has the stages that fill
the hub cache. Nothing of NeMo Curator is imported; a stage counts by the names of its classes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Model:
    """A repository of the hub that a stage loads.

    Attributes:
        repo_id: `ORG/NAME`.
        revision: a branch, a tag or a commit; None for main.
        include: patterns of the files that it takes; empty for all.
        token: the one that the stage gives the hub, if any.
        names_base: whether the key `base_model` of its `config.json` is another model to load.
    """

    repo_id: str
    revision: str | None = None
    include: tuple[str, ...] = ()
    token: str | None = field(default=None, repr=False)
    names_base: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A class of stages, or of what a stage holds, that fills the hub cache.

    Attributes:
        name: of the class.
        repos: attributes of the stage, or constants of its module, with the ids.
        unless: an attribute that, if it is set, has a model on disk instead.
        include: constants with names of files, or patterns; empty for all files.
        names_base: see `Model`.
    """

    name: str
    repos: tuple[str, ...]
    unless: str | None = None
    include: tuple[str, ...] = ()
    names_base: bool = False


ROWS = (
    # Subclasses come before their bases.
    Row("AegisModelStage", ("model_identifier", "PRETRAINED_MODEL_NAME_OR_PATH")),
    Row("ClassifierModelStage", ("model_identifier",), names_base=True),
    Row("PromptTaskComplexityModelStage", ("model_identifier",), names_base=True),
    Row("ModelStage", ("model_identifier",)),
    Row("TokenizerStage", ("model_identifier",)),
    Row("PostProcessAegisResponsesStage", ("PRETRAINED_MODEL_NAME_OR_PATH",)),
    Row("VLLMEmbeddingModelStage", ("model_identifier",)),
    Row("MegatronTokenizerWriter", ("model_identifier",), include=("*.json", "*.txt", "*.model")),
    Row("TokenSplitterStage", ("model_name",)),
    Row("LLMCleanupStage", ("model_name",)),
    Row("InferenceSortformerStage", ("model_name",), unless="model_path"),
    Row("SnippetRepetitionFilterStage", ("tokenizer_path",)),
    Row("BandFilterStage", ("_HF_REPO_ID",), "model_path", include=("_HF_MODEL_FILENAME",)),
    Row("OCRNemotronV2Stage", ("_HF_REPO_ID",), "model_dir"),
    Row("TokenCountFilter", ("_hf_model_name",)),
    Row("QwenOmniASRAdapter", ("model_id",)),
    Row("QwenASRAdapter", ("model_id",)),
)
"""What is known of NeMo Curator 1.4."""

_GUARD = "INSTRUCTION_DATA_GUARD_MODEL_IDENTIFIER"
_FILTERS = ("score_fn", "filter_obj")
_HINTS = ("model_identifier", "model_name", "model_id", "model_path", "model_dir", "hf_token")


@dataclass(frozen=True, slots=True)
class StageModels:
    """What is known of one stage.

    Attributes:
        stage: the name of its class.
        models: that it loads from the hub cache.
        unknown: why it may load more than these; None if it does not.
    """

    stage: str
    models: tuple[Model, ...] = ()
    unknown: str | None = None


def models_of(stage: Any) -> StageModels:
    """The models that one stage loads, as far as they are known.

    Args:
        stage: of NeMo Curator, not composite.

    Example:
        >>> class TokenSplitterStage:
        ...     model_name = "org/bert"
        >>> models_of(TokenSplitterStage()).models[0].repo_id
        'org/bert'
    """
    name = type(stage).__name__
    held = list(_held(stage))
    loaders = [each for each in (stage, *held) if _row(each) is not None]
    if not loaders:
        return StageModels(name, unknown=_may_load(stage, held))
    found: list[Model] = []
    unknown: list[str] = []
    for each in loaders:
        cache = _cache_dir(each)
        if cache is not None:
            unknown.append(
                f"its cache_dir is {cache}: leave it out, and set HF_HUB_CACHE in the env_vars of "
                "ray.init's runtime_env"
            )
            continue
        found += _models(each)
    unknown += filter(None, [_may_load_of(each) for each in held if _row(each) is None])
    return StageModels(name, tuple(found), "; ".join(unknown) or None)


def _row(thing: Any) -> Row | None:
    names = [each.__name__ for each in type(thing).__mro__]
    return next((row for row in ROWS if row.name in names), None)


def _models(thing: Any) -> Iterator[Model]:
    row = _row(thing)
    if row is None or (row.unless and getattr(thing, row.unless, None) is not None):
        return
    token = getattr(thing, "hf_token", getattr(thing, "_hf_token", None))
    include = tuple(str(_named(thing, each) or each) for each in row.include)
    repos = [*row.repos, *([_GUARD] if getattr(thing, "add_instruction_data_guard", False) else [])]
    # A tokenizer stage downloads main, and then loads the revision that these name.
    given = (getattr(thing, "transformers_init_kwargs", None) or {}).get("revision")
    own = getattr(thing, "revision", None)
    revisions = (own,) if given is None else (own, str(given))
    for name in repos:
        repo_id = _named(thing, name)
        if not isinstance(repo_id, str) or not repo_id or Path(repo_id).is_dir():
            continue
        for revision in revisions:
            has_token = token if isinstance(token, str) else None
            yield Model(repo_id, revision, include, has_token, row.names_base)


def _named(thing: Any, name: str) -> Any:
    """An attribute, or a constant of a module that the class or a base of it is in."""
    if hasattr(thing, name):
        return getattr(thing, name)
    modules = (sys.modules.get(each.__module__) for each in type(thing).__mro__)
    return next((getattr(each, name) for each in modules if hasattr(each, name)), None)


def _cache_dir(thing: Any) -> str | None:
    given = getattr(thing, "cache_dir", None) or (getattr(thing, "_model_kwargs", None) or {}).get(
        "cache_dir"
    )
    return None if given is None else str(given)


def _held(stage: Any) -> Iterator[Any]:
    """What a stage holds that loads models: filters, and the adapter of an audio stage."""
    for name in _FILTERS:
        value = getattr(stage, name, None)
        yield from value if isinstance(value, Sequence) else [value] if value is not None else []
    create = getattr(stage, "_create_adapter", None)
    if create is not None:
        try:
            yield create()
        except Exception:  # It imports what this process may lack.
            return


def _may_load(stage: Any, held: Iterable[Any]) -> str | None:
    reasons = [*filter(None, map(_may_load_of, held))]
    if reasons:
        return "; ".join(reasons)
    if any(hasattr(stage, name) for name in _FILTERS):  # Its setup_on_node is about those.
        return None
    hints = [name for name in _HINTS if getattr(stage, name, None)]
    if hints:
        return f"it has {', '.join(hints)}, and what it loads is not known"
    bases = ("ProcessingStage", "CompositeStage", "object")
    own = [each for each in type(stage).__mro__ if each.__name__ not in bases]
    if any("setup_on_node" in vars(each) for each in own):
        return "it has a setup_on_node, and what that loads is not known"
    return None


def _may_load_of(held: Any) -> str | None:
    if any(hasattr(held, each) for each in ("model_check_or_download", "download_weights_on_node")):
        return f"it holds a {type(held).__name__}, and what that loads is not known"
    return None
