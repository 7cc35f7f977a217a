"""What the words of `xfd get` ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from xfd_api.errors import InvalidRequestError
from xfd_ray.cli import get
from xfd_ray.cli.main import parse
from xfd_ray.cli.requested import requested


def destinations(*words: str) -> list[tuple[str, Path | None]]:
    wanted = requested(parse(["get", *words]), [])
    values = [each.value for each in wanted.requests]
    return [(getattr(value, "uri", ""), value.destination) for value in values]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["s3://b/llama/w.bin"], [("llama/w.bin", Path("llama/w.bin"))]),
        (["s3://b/llama/"], [("llama/", Path("llama"))]),
        (["s3://b/"], [("", Path("b"))]),
        (["s3://b/w.bin", "models/x"], [("w.bin", Path("models/x"))]),
        (["s3://b/w.bin", "models/"], [("w.bin", Path("models/w.bin"))]),
        (["s3://b/w.bin", "/data/w"], [("w.bin", Path("/data/w"))]),
        (["s3://b/p/", "models"], [("p/", Path("models"))]),
        (
            ["s3://b/w.bin", "s3://b/p/", "models"],
            [("w.bin", Path("models/w.bin")), ("p/", Path("models/p"))],
        ),
        (["hf://org/m"], [("hf://org/m", None)]),
        (["hf://org/m", "models"], [("hf://org/m", Path("models"))]),
    ],
)
def test_a_destination_is_the_same_on_each_node(
    words: list[str], expected: list[tuple[str, Path | None]]
) -> None:
    assert [place for _, place in destinations(*words)] == [place for _, place in expected]


def test_options_may_stand_between_the_words() -> None:
    options = parse(["get", "s3://b/w.bin", "--peer-ports", "7000-7010", "models/", "-q"])
    assert options.destination == "models/"
    assert options.peer_ports == (7000, 7010)
    assert options.origin_policy is None  # As configured.


def test_archives_are_unpacked_below_the_root() -> None:
    wanted = requested(parse(["get", "s3://b/env.tar.gz", "x/env.tar.gz", "--unpack"]), [])
    assert wanted.requests[0].value.unpack_options.destination == Path("x/env")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["s3://b/w.bin", "-"],
        ["s3://b/w.bin", "s3://b/v.bin"],
        ["models", "s3://b/w.bin"],
        ["s3://b/w.bin", "--origin-policy", "twice"],
        ["s3://b/w.bin", "--peer-ports", "9-1"],
        ["s3://b/w.bin", "--nodes", "="],
        ["s3://b/w.bin", "x", "--no-keep-archive"],
    ],
    ids=" ".join,
)
def test_words_that_make_no_sense_end_with_2(words: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse(["get", *words])
    assert end.value.code == 2


def test_a_web_server_itself_has_no_path() -> None:
    with pytest.raises(InvalidRequestError):
        destinations("https://host/")


@pytest.mark.parametrize(
    ("words", "mode"),
    [([], None), (["-q"], "none"), (["-q", "--progress", "json"], "json")],
    ids=str,
)
def test_a_display_that_is_named_precedes_silence(words: list[str], mode: str | None) -> None:
    options = parse(["get", "s3://b/w.bin", *words])
    assert get.arguments(options, None)["progress"] == mode
