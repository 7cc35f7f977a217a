"""Imports between the Rust modules run one way."""

from __future__ import annotations

from pathlib import Path

import pytest
from rust_modules import circles, module_graph

CRATES = Path(__file__).parents[1] / "crates"


@pytest.mark.parametrize("crate", ["xfd-dataplane-core", "xfd-dataplane-py"])
def test_no_modules_of_a_crate_import_each_other(crate: str) -> None:
    graph = module_graph(CRATES / crate / "src")

    assert len(graph) > 5
    assert circles(graph) == []


def test_decisions_import_no_effects() -> None:
    graph = module_graph(CRATES / "xfd-dataplane-core/src")
    rooms = {"decides", "error", "model"}

    for name, used in graph.items():
        if name.split("::")[0] == "decides":
            assert {other.split("::")[0] for other in used} <= rooms, name


def test_what_swarms_share_knows_no_swarm() -> None:
    graph = module_graph(CRATES / "xfd-dataplane-core/src")
    reached = {"node::context"}
    while more := {used for name in reached for used in graph[name]} - reached:
        reached |= more

    assert {name for name in reached if name.startswith("node::")} == {
        "node::context",
        "node::obstacles",
        "node::origins",
        "node::slots",
    }


def test_a_circle_is_found(tmp_path: Path) -> None:
    (tmp_path / "lib.rs").write_text("mod a;\nmod b;\nmod c;\nuse a::A;\n")
    (tmp_path / "a.rs").write_text("use crate::{b::{B, self}, c::C};\n")
    (tmp_path / "b.rs").write_text("/// See [`super::c`].\nfn f() { super::a::g(); }\n")
    (tmp_path / "c.rs").write_text("#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}\n")

    graph = module_graph(tmp_path)

    assert graph == {"": {"a"}, "a": {"b", "c"}, "b": {"a"}, "c": set()}
    assert circles(graph) == [{"a", "b"}]
