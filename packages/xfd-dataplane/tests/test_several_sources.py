"""Several sources, and lists of them: where each lands, and which line is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from xfd_get_process import Command

from xfd_api.errors import InvalidRequestError
from xfd_dataplane.cli.operands import Operand, operands_of, parse_lines, read_lines, split_words
from xfd_dataplane.cli.selection import named_by_profile
from xfd_dataplane.cli.sources import parse_source, parse_sources
from xfd_dataplane.cli.store_options import StoreOptions
from xfd_testing.s3 import S3Server

HERE = Command({})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files, and a folder of two."""
    origin = tmp_path / "in"
    (origin / "set" / "deep").mkdir(parents=True)
    for name in ("a", "b", "set/one.bin", "set/deep/two.bin"):
        (origin / name).write_bytes(name.encode())
    return origin


def files_below(place: Path) -> dict[str, bytes]:
    """The files of a folder that are not the data plane's own."""
    return {
        str(path.relative_to(place)): path.read_bytes()
        for path in place.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


@pytest.mark.parametrize(
    ("words", "sources", "destination"),
    [
        (["s3://b/k"], ["s3://b/k"], None),
        (["s3://b/k", "d"], ["s3://b/k"], "d"),
        (["s3://b/k", "gs://b/l", "d/"], ["s3://b/k", "gs://b/l"], "d/"),
        (["hf://o/m", "HF://o/n"], ["hf://o/m", "HF://o/n"], None),
        (["no-source"], ["no-source"], None),
        ([], [], None),
    ],
)
def test_the_last_word_is_the_destination_unless_it_is_a_source(
    words: list[str], sources: list[str], destination: str | None
) -> None:
    assert split_words(words, from_file=False) == (sources, destination)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["s3://b/k", "s3://b/l"], "Name a folder at the end"),
        (["s3://b/k", "d", "e"], "All words but the last are sources"),
        (["d", "s3://b/k"], "Name a folder at the end"),
    ],
)
def test_words_that_are_no_sources_and_a_destination_are_refused(
    words: list[str], why: str
) -> None:
    with pytest.raises(InvalidRequestError, match=why):
        split_words(words, from_file=False)


def test_with_a_list_the_words_may_be_a_destination_alone() -> None:
    assert split_words(["d"], from_file=True) == ([], "d")
    assert split_words(["s3://b/k", "s3://b/l"], from_file=True) == (["s3://b/k", "s3://b/l"], None)


def test_lines_land_below_the_destination_of_the_command() -> None:
    lines = parse_lines("s3://b/k\n \n# s3://b/no\n s3://b/l sub/x\ns3://b/m '/abs o lute/'\n", "f")

    assert operands_of(["s3://b/j"], "d", lines) == [
        Operand("s3://b/j", "d", into=True),
        Operand("s3://b/k", "d", into=True, line="f, line 1"),
        Operand("s3://b/l", "d/sub/x", line="f, line 4"),
        Operand("s3://b/m", "/abs o lute/", line="f, line 5"),
    ]
    assert operands_of([], None, lines)[1].destination == "sub/x"


def test_a_list_of_a_windows_editor_is_read_and_names_keep_their_characters(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes("\ufeffs3://b/one\r\ns3://b/t\u2028w\x85o\x0c x\r\n".encode())

    assert [(each.source, each.destination) for each in read_lines(str(path))] == [
        ("s3://b/one", None),
        ("s3://b/t\u2028w\x85o\x0c", "x"),
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("s3://b/k d e\n", "f, line 1: it has 3 words"),
        ("\n\ns3://b/it's\n", "f, line 3: No closing quotation"),
        ("a b\n", "f, line 1: 'a' is no source"),
        ("s3://b/k -\n", "f, line 1: '-' is no destination on disk"),
        ("s3://b/k s3://b/l\n", "is no destination on disk"),
        ("# nothing\n\n", "names no source"),
    ],
)
def test_a_line_that_is_wrong_is_named(text: str, why: str) -> None:
    with pytest.raises(InvalidRequestError, match=why):
        parse_lines(text, "f")


@pytest.mark.parametrize(
    ("sources", "options", "why"),
    [
        (["s3://b/k", "https://h/f"], StoreOptions(account="a"), "has no meaning for these"),
        (["https://h/f", "https://i/f"], StoreOptions(token="t"), "go to several servers"),
        (["https://h/f", "https://i/f"], StoreOptions(headers={"X": "1"}), "to several servers"),
        (["hf://o/m", "https://h/f"], StoreOptions(token="t"), "go to several servers"),
        (["s3://b/k", "gs://b/k"], StoreOptions(endpoint="https://e"), "go to several servers"),
    ],
)
def test_an_option_goes_to_one_server_that_has_a_use_for_it(
    sources: list[str], options: StoreOptions, why: str
) -> None:
    with pytest.raises(InvalidRequestError, match=why):
        parse_sources([Operand(source) for source in sources], options)


def test_an_option_reaches_the_sources_that_have_a_use_for_it() -> None:
    operands = [Operand(source) for source in ("s3://b/k", "hf://o/m", "s3://c/k")]
    one, hub, two = parse_sources(operands, StoreOptions(region="eu-1"))

    assert (one.config.region, two.config.region) == ("eu-1", "eu-1")
    assert hub.config.region is None


def test_sources_of_one_store_share_a_profile() -> None:
    sources = [parse_source(text) for text in ("s3://b/k", "s3://c/k", "s3://b/l")]

    assert [each.profile for each in named_by_profile(sources)] == [None, "source 2", None]


def test_sources_land_in_the_folder_under_their_own_names(
    xfd_get: Command, s3_server: S3Server, bucket: str, folder: Path, tmp_path: Path
) -> None:
    """From two kinds of stores: an object, a prefix, a pattern, and a whole bucket."""
    s3_server.upload(bucket, "deep/key", folder / "a")
    out = tmp_path / "out"

    done = xfd_get.run(
        f"file://{folder}/a",
        f"file://{folder}/set/",
        f"file://{folder}/set/**/*.bin",
        f"s3://{bucket}/",
        out,
    )

    assert done.code == 0, done.err
    assert files_below(out) == {
        "a": b"a",
        "set/one.bin": b"set/one.bin",
        "set/deep/two.bin": b"set/deep/two.bin",
        "one.bin": b"set/one.bin",
        "deep/two.bin": b"set/deep/two.bin",
        f"{bucket}/deep/key": b"a",
    }


def test_two_sources_of_one_name_are_refused_before_anything_moves(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "set" / "a").write_bytes(b"another")

    done = HERE.run(f"file://{folder}/a", f"file://{folder}/set/a", tmp_path / "out")

    assert done.code == 2
    assert "'a' and 'a' cannot both land there" in done.err
    assert not (tmp_path / "out").exists()


def test_a_list_may_come_from_standard_input(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    lines = f"# two files\nfile://{folder}/a\nfile://{folder}/set/ 'my set'\n"

    done = subprocess.run(
        [sys.executable, "-m", "xfd_dataplane", "--from-file", "-", str(out), "--json"],
        input=lines,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["objects"]) == 3
    assert set(files_below(out)) == {"a", "my set/one.bin", "my set/deep/two.bin"}


def test_an_object_that_is_not_there_is_named_with_its_line(folder: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list"
    listed.write_text(f"file://{folder}/a\nfile://{folder}/none\n")

    done = HERE.run("--from-file", listed, tmp_path / "out")

    assert done.code == 3
    assert f"{listed}, line 2: " in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--from-file", "/no/list", "d"], 2, "The list cannot be read"),
        (["--from-file", "/proc/self/exe", "d"], 2, "it is not UTF-8"),
        (["{in}/a", "{in}/b", "d", "--checksum", f"crc32c:{'0' * 8}"], 2, "goes with one object"),
        (["{in}/a", "{in}/b", "-"], 2, "Use xfd-get cat"),
        (["{in}/a", "{in}/set/", "d", "--unpack"], 2, "Only an object can be unpacked"),
        (["{in}/a", "{in}/set/", "d", "--include", "x"], 2, "go with a prefix"),
    ],
)
def test_what_cannot_be_done_with_several_is_refused(
    words: list[str], code: int, said: str, folder: Path
) -> None:
    done = HERE.run(*(word.replace("{in}", f"file://{folder}") for word in words))

    assert (done.code, done.out) == (code, "")
    assert said in done.err


def test_log_lines_are_shown_on_request(folder: Path, tmp_path: Path) -> None:
    wrong = ("--checksum", "crc32c:00000000", "-q")
    silent = HERE.run(f"file://{folder}/a", tmp_path / "a", *wrong)
    loud = HERE.run(f"file://{folder}/a", tmp_path / "a", "-v", *wrong)

    assert (silent.code, loud.code) == (5, 5)
    assert "info:" not in silent.err
    assert "xfd-get: info: object_failed object=0" in loud.err
    assert loud.out == ""


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("s3://b/k/", "k/"),
        ("s3://b/", "b"),
        ("hf://org/m", "models/org/m"),
        ("file:///data/models/", "/data/models"),
    ],
)
def test_a_source_without_a_key_has_a_name(source: str, named: str) -> None:
    assert parse_source(source).named == named
