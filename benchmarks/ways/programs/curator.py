"""`curator.prefetch` of a pipeline for NeMo Curator; the hub says what its commit is."""

from __future__ import annotations

import time

from benchmarks.ways.program import MODEL, Files
from xfd_pipelines import curator


class TokenSplitterStage:
    """As NeMo Curator's, as far as prefetch reads it."""

    model_name = MODEL


class Pipeline:
    """As NeMo Curator's."""

    def __init__(self) -> None:
        self.stages = [TokenSplitterStage()]

    def build(self) -> None:
        """Takes composite stages apart, of which there are none."""


def seconds(_files: Files, with_xfd: bool) -> float:
    """From the call to its result."""
    pipeline = Pipeline()
    began = time.perf_counter()
    if with_xfd:
        curator.prefetch(pipeline)
    return time.perf_counter() - began
