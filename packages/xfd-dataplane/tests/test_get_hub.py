"""`xfd-get` with a hub: into its cache, to a folder, to standard output; lists and dry runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from xfd_get_process import Command

from xfd_testing.hub import HubServer, running

FILES = {
    "config.json": b"{}",
    "onnx/model.onnx": b"graph" * 1000,
    "model.safetensors": b"weights" * 1000,
    "copy.safetensors": b"weights" * 1000,
}


@pytest.fixture(scope="module")
def server() -> Iterator[HubServer]:
    with running() as hub:
        hub.add("org/bert", {"main": FILES})
        hub.add("org/gated", {"main": FILES}, gated=True, readers=("reader",))
        hub.tokens.add("stranger")
        yield hub


@pytest.fixture
def hub_get(server: HubServer, tmp_path: Path) -> Command:
    """The command, with the hub in its environment."""
    server.forget()
    return Command({**server.environment(), "HF_HOME": str(tmp_path / "hf")})


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def test_a_repository_lands_in_a_folder(hub_get: Command, tmp_path: Path) -> None:
    done = hub_get.run("hf://org/bert", tmp_path / "bert")

    assert done.code == 0, done.err
    assert files_below(tmp_path / "bert") == dict(sorted(FILES.items()))
    assert "all here already" in hub_get.run("hf://org/bert", tmp_path / "bert").out


def test_patterns_choose_files(hub_get: Command, tmp_path: Path) -> None:
    done = hub_get.run("hf://org/bert", tmp_path / "b", "--include", "*.safetensors")
    globbed = hub_get.run("hf://org/bert/*.json", tmp_path / "c")

    assert (done.code, globbed.code) == (0, 0), done.err + globbed.err
    assert sorted(files_below(tmp_path / "b")) == ["copy.safetensors", "model.safetensors"]
    assert sorted(files_below(tmp_path / "c")) == ["config.json"]


def test_a_file_goes_to_its_destination_or_to_standard_output(
    hub_get: Command, tmp_path: Path
) -> None:
    to_disk = hub_get.run("hf://org/bert/onnx/model.onnx", tmp_path / "m.onnx")
    to_stdout = hub_get.run("hf://org/bert/config.json", "-")

    assert (to_disk.code, (tmp_path / "m.onnx").read_bytes()) == (0, FILES["onnx/model.onnx"])
    assert (to_stdout.code, to_stdout.out) == (0, "{}")


def test_a_checksum_of_the_model_card_is_held_to(hub_get: Command, tmp_path: Path) -> None:
    right = hashlib.sha256(FILES["model.safetensors"]).hexdigest()
    command = ["hf://org/bert/model.safetensors", str(tmp_path / "m")]

    wrong = hub_get.run(*command, "--sha256", "0" * 64, "--json")

    assert json.loads(wrong.out)["error"]["type"] == "PinMismatchError"
    assert wrong.code == 5
    assert not (tmp_path / "m").exists()
    assert hub_get.run(*command, "--sha256", right).code == 0


def test_ls_lists_a_repository_and_a_folder_of_it(hub_get: Command) -> None:
    whole = hub_get.run("ls", "hf://org/bert", "--json")
    folder = hub_get.run("ls", "hf://org/bert/onnx/")

    assert [each["key"] for each in json.loads(whole.out)["objects"]] == sorted(FILES)
    assert folder.out.split()[-1] == "onnx/model.onnx"


def test_a_dry_run_says_where_the_snapshot_will_be(
    hub_get: Command, server: HubServer, tmp_path: Path
) -> None:
    done = hub_get.run("hf://org/bert", "--dry-run")

    assert done.code == 0, done.err
    assert "3 object(s)" in done.out  # Two of the files have one content.
    assert f"snapshot {tmp_path}/hf/hub/models--org--bert/snapshots/" in done.out
    assert not (tmp_path / "hf" / "hub").exists()
    assert not [each for each in server.exchanges if "/resolve/" in each.path]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["hf://org/none"], 3, "has no model of this name"),
        (["hf://org/bert@v9"], 3, "no revision 'v9'"),
        (["hf://org/bert/none"], 3, "no such file"),
        (["hf://org/gated"], 4, "Accept the licence at"),
        (["hf://org"], 2, "names no owner"),
        (["hf://gpt2@refs/pr/1"], 2, "names no owner"),
        (["hf://org/none/config.json"], 3, "Check the name and repo_type"),
        (["hf://org/bert/onnx", "x"], 3, "a folder is a prefix: onnx/"),
        (["hf://org/bert", "--include", "*.zip"], 3, "(object models/org/bert)"),
        (["hf://org/bert", "--header", "X: y"], 2, "has no meaning for this source"),
        (["hf://org/bert", "--sha256", "0" * 64], 2, "goes with one object"),
    ],
)
def test_each_refusal_has_its_code_and_its_words(
    hub_get: Command, words: list[str], code: int, said: str
) -> None:
    done = hub_get.run(*words)

    assert (done.code, said in done.err) == (code, True), done.err


def test_a_token_file_opens_a_gated_repository(
    hub_get: Command, server: HubServer, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("reader\n")

    done = hub_get.run("hf://org/gated/config.json", tmp_path / "c", "--token-file", token)

    assert (done.code, (tmp_path / "c").read_bytes()) == (0, b"{}"), done.err
    assert server.leaked() == []
    assert "reader" not in done.out + done.err


def test_offline_the_hub_is_not_asked(server: HubServer, tmp_path: Path) -> None:
    server.forget()
    command = Command({**server.environment(), "HF_HUB_OFFLINE": "1"})

    done = command.run("hf://org/bert", tmp_path / "b")

    assert (done.code, "HF_HUB_OFFLINE" in done.err) == (7, True), done.err
    assert server.exchanges == []


def test_without_a_destination_it_lands_in_the_hub_cache(
    hub_get: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = hub_get.run("hf://org/bert")

    assert done.code == 0, done.err
    blobs = tmp_path / "hf" / "hub" / "models--org--bert" / "blobs"
    contents = {path.name: path.read_bytes() for path in blobs.iterdir()}
    assert set(contents.values()) == set(FILES.values())
    weights = hashlib.sha256(FILES["model.safetensors"]).hexdigest()
    assert contents[weights] == FILES["model.safetensors"]
