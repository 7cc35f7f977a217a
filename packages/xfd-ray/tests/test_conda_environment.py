"""What is refused as an environment of Ray's workers, and how its interpreter is named."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ray.runtime_env import RuntimeEnv

from xfd_api.errors import CondaUnpackError, InvalidRequestError, VersionMismatchError
from xfd_api.ids import NodeId
from xfd_ray.frameworks.conda import Environment, check, environment, executable, look_at

NODE = NodeId("n1")
MINOR = sys.version_info[:2]
RAY = importlib.metadata.version("ray")


def test_the_same_python_and_ray_are_accepted_whatever_the_patch() -> None:
    check(NODE, Environment("/env", (*MINOR, 99), RAY))


@pytest.mark.parametrize(
    ("found", "what"),
    [
        (Environment("/env", (3, 6, 15), RAY), r"has Python 3\.6\.15, .* with Python 3\.\d+$"),
        (Environment("/env", (*MINOR, 0), None), rf"has no Ray, .* Install ray=={RAY}"),
        (Environment("/env", (*MINOR, 0), "2.0.0"), rf"has Ray 2\.0\.0, .* Ray {RAY}"),
    ],
)
def test_another_python_or_ray_is_named_with_what_to_pack(found: Environment, what: str) -> None:
    with pytest.raises(VersionMismatchError, match=what) as raised:
        check(NODE, found)
    assert (raised.value.node, raised.value.path) == (NODE, "/env")


@pytest.mark.parametrize(
    ("script", "what"),
    [
        (None, "No such file"),
        ("#!/bin/sh\necho 'no module encodings' >&2\nexit 1\n", "no module encodings"),
        ("#!/bin/sh\necho something\n", "does not start"),
    ],
)
def test_an_interpreter_that_does_not_start_is_named(
    tmp_path: Path, script: str | None, what: str
) -> None:
    python = tmp_path / "bin" / "python"
    if script is not None:
        python.parent.mkdir()
        python.write_text(script)
        python.chmod(0o755)
    with pytest.raises(CondaUnpackError, match=what) as raised:
        look_at(str(tmp_path))
    assert raised.value.path == str(python)


@pytest.mark.parametrize(
    ("destination", "roots", "named"),
    [
        ("/opt/env", {"/a", "/b"}, "/opt/env/bin/python"),
        ("/opt/my env", {"/a"}, "'/opt/my env/bin/python'"),
        ("envs/a", {"/data"}, "/data/envs/a/bin/python"),
        (
            "envs/a",
            {"/a", "/b"},
            '"${XFD_ROOT:-${XDG_CACHE_HOME:-$HOME/.cache}/xfd}"/envs/a/bin/python',
        ),
    ],
)
def test_the_interpreter_is_named_as_a_shell_reads_it(
    destination: str, roots: set[str], named: str
) -> None:
    assert executable(destination, roots) == named


def test_without_a_cluster_the_error_names_its_address() -> None:
    code = "from xfd_ray.frameworks import conda; conda.environment('s3://b/env.tar.gz', 'env')"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "RAY_ADDRESS": "127.0.0.1:1"},
        capture_output=True,
        text=True,
    )
    last = ran.stderr.splitlines()[-1]
    assert last.startswith("xfd_api.errors.ClusterConnectionError: ")
    assert "127.0.0.1:1" in last


def test_a_ray_that_would_run_the_actor_elsewhere_is_refused_before_a_byte_moves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(RuntimeEnv, "known_fields", {"pip", "conda"})
    with pytest.raises(InvalidRequestError, match=rf"Ray {RAY} cannot .*Use Ray 2\.43"):
        environment("s3://bucket/env.tar.gz", "env")
