"""What is written on the command line is meant by the letter where there is such a thing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from s3_stores import store_with_keys
from xfd_get_process import Command

from xfd_testing import artifacts

KEYS = {
    "file[1].txt": b"brackets",
    "file1.txt": b"one",
    "what?.txt": b"question mark",
    "whats.txt": b"s",
    "star*.txt": b"star",
    "starry.txt": b"starry",
    "{a,b}.txt": b"braces",
    "a%20b.txt": b"percent",
    "a b.txt": b"space",
    "a+b.txt": b"plus",
    "a#b.txt": b"hash",
    "run[1]/x.txt": b"in a folder with brackets",
    "run1/y.txt": b"in a folder",
    "only[2]/z.txt": b"z",
}
CREDENTIALS = Command(
    {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "us-east-1"}
)


def fetched(command: Command, source: str, out: Path, *more: str) -> dict[str, bytes]:
    done = command.run(source, f"{out}/", "--quiet", *more)
    assert (done.code, done.err) == (0, "")
    landed = artifacts.tree_of(out)
    return {name: body for name, body in landed.items() if "/." not in f"/{name}"}


MEANT = [
    *((key, {key.rpartition("/")[2]: body}) for key, body in KEYS.items()),
    ("run[1]/", {"x.txt": b"in a folder with brackets"}),
    ("file[[]1].txt", {"file[1].txt": b"brackets"}),
    ("file?.txt", {"file1.txt": b"one"}),
    ("file[0-9].txt", {"file1.txt": b"one"}),
    ("star*.tx[t]", {"star*.txt": b"star", "starry.txt": b"starry"}),
    ("run[1]/*.txt", {"run1/y.txt": b"in a folder"}),
    ("only[[]2]/*", {"only[2]/z.txt": b"z"}),
]
"""The last pattern but one is a pattern as a whole: nothing of that name exists."""


@pytest.mark.parametrize(("name", "files"), MEANT, ids=[name for name, _ in MEANT])
def test_a_key_of_a_bucket(name: str, files: dict[str, bytes], tmp_path: Path) -> None:
    with store_with_keys(KEYS) as endpoint:
        more = ("--endpoint-url", endpoint)
        assert fetched(CREDENTIALS, f"s3://bucket/{name}", tmp_path / "out", *more) == files

        listed = json.loads(CREDENTIALS.run("ls", f"s3://bucket/{name}", "--json", *more).out)
        assert len(listed["objects"]) == len(files)
        verified = CREDENTIALS.run("verify", f"s3://bucket/{name}", f"{tmp_path}/out/", *more)
        assert (verified.code, verified.err) == (0, "")


@pytest.mark.parametrize(("name", "files"), MEANT, ids=[name for name, _ in MEANT])
def test_a_path_of_this_host(name: str, files: dict[str, bytes], tmp_path: Path) -> None:
    """A file:// source is decoded first: `%20` is a space where a file with a space is there."""
    for key, body in KEYS.items():
        place = tmp_path / "in" / key
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(body)
    if name == "a%20b.txt":
        files = {"a b.txt": b"space"}

    assert fetched(Command({}), f"file://{tmp_path}/in/{name}", tmp_path / "out") == files


def test_a_path_with_a_percent_sign_is_found_without_its_being_encoded(tmp_path: Path) -> None:
    (tmp_path / "100%25.txt").write_bytes(b"x")
    (tmp_path / "a%2Fb").write_bytes(b"y")

    for name, body in [("100%25.txt", b"x"), ("a%2Fb", b"y"), ("100%2525.txt", b"x")]:
        out = tmp_path / "out" / name
        assert list(fetched(Command({}), f"file://{tmp_path}/{name}", out).values()) == [body]


def test_a_pattern_that_matches_nothing_says_how_to_write_a_bracket(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")

    said = Command({}).run(f"file://{tmp_path}/b[1]", tmp_path / "out")

    assert said.code == 3
    assert "[[]" in said.err


@pytest.mark.parametrize("command", [["ls"], []], ids=["ls", "get"])
def test_a_prefix_is_written_with_a_slash_by_every_command(
    command: list[str], tmp_path: Path
) -> None:
    """`ls` listed what `get` did not find; both say what to write."""
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "x").write_bytes(b"x")
    out = [] if command else [str(tmp_path / "out")]
    with store_with_keys({"p/x": b"x"}) as endpoint:
        more = ["--endpoint-url", endpoint]
        for source, options in ((f"file://{tmp_path}/", []), ("s3://bucket/", more)):
            without = CREDENTIALS.run(*command, f"{source}p", *out, *options)
            with_slash = CREDENTIALS.run(*command, f"{source}p/", *out, *options, "--json")

            assert without.code == 3
            assert "a prefix is written p/" in without.err
            assert with_slash.code == 0


def test_include_and_exclude_of_the_command(tmp_path: Path) -> None:
    keys = {"p/a.bin": b"a", "p/b.txt": b"b", "p/d/c.bin": b"c", "p//bad": b"", "p/d/": b"content"}
    out = tmp_path / "out"
    with store_with_keys(keys) as endpoint:
        words = ["s3://bucket/p/", out, "--endpoint-url", endpoint]
        refused = CREDENTIALS.run(*words)
        assert refused.code == 2
        assert "exclude pattern '/bad'" in refused.err

        done = CREDENTIALS.run(*words, "--exclude", "/bad", "--exclude", "*.txt", "--json")
        document = json.loads(done.out)
        assert artifacts.tree_of(out) == {"a.bin": b"a", "d/c.bin": b"c"}
        assert (document["excluded"], document["left_out"]) == (2, ["p/d/"])
        assert "left out, as no folder can hold it: the content of p/d/" in done.err

        more = ["--include", "*.bin", "--exclude", "d/*"]
        verified = CREDENTIALS.run("verify", *words, *more)
        assert (verified.code, verified.err) == (0, "")
        assert "1 file(s)" in verified.out
    useless = CREDENTIALS.run("s3://bucket/k", out, "--exclude", "x")
    assert useless.code == 2
