"""A worker has the environment of the driver it works for, over that of its node, and no other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ray._private.ray_constants import WORKER_PROCESS_SETUP_HOOK_ENV_VAR

from xfd_api.errors import InvalidRequestError
from xfd_api.settings import NodeSettings
from xfd_ray.cluster.raylet import environment_of_raylet
from xfd_ray.environment import (
    NODE_ENVIRONMENT,
    Environment,
    affects_files,
    apply_environment,
    blanked,
    overrides,
)
from xfd_ray.messages import Terms, WorkerTerms
from xfd_ray.validation import check_option

NODE = {"AWS_PROFILE": "nodes", "XFD_ROOT": "/node", "HOME": "/root", "PATH": "/bin"}


@pytest.mark.parametrize(
    ("inherited", "own", "expected"),
    [
        # inherited from the process that started it, set by its driver, and the result
        ({}, {}, {"AWS_PROFILE": "nodes", "XFD_ROOT": "/node"}),
        ({"AWS_PROFILE": "a"}, {}, {"AWS_PROFILE": "nodes"}),
        ({"AWS_PROFILE": "a"}, {"AWS_PROFILE": "b"}, {"AWS_PROFILE": "b"}),
        ({"AWS_SESSION_TOKEN": "a"}, {"AWS_PROFILE": "b"}, {"AWS_SESSION_TOKEN": None}),
        ({"https_proxy": "http://a"}, {}, {"https_proxy": None}),
        ({"XFD_ROOT": "/a"}, {}, {"XFD_ROOT": "/node"}),
        ({}, {"XFD_ROOT": "/b"}, {"XFD_ROOT": "/b"}),
        ({}, {"XFD_ROOT": ""}, {"XFD_ROOT": ""}),
        ({"OMP_NUM_THREADS": "1"}, {}, {"OMP_NUM_THREADS": "1"}),
        ({}, {"XFD_ROOT": "${HOME}/xfd"}, {"XFD_ROOT": "/root/xfd"}),
        ({"HOME": "/a"}, {"XFD_ROOT": "${HOME}/xfd"}, {"XFD_ROOT": "/root/xfd", "HOME": "/root"}),
        ({}, {"NO_PROXY": "${NO_PROXY},b"}, {"NO_PROXY": ",b"}),
    ],
)
def test_what_a_process_takes_on(
    monkeypatch: pytest.MonkeyPatch,
    inherited: dict[str, str],
    own: dict[str, str],
    expected: dict[str, str | None],
) -> None:
    for name in [name for name in os.environ if affects_files(name)]:
        monkeypatch.delenv(name)
    for name, value in {**NODE, **inherited, **blanked(inherited)}.items():
        monkeypatch.setenv(name, value)
    apply_environment(Environment.of(own), inherited, NODE)
    assert {name: os.environ.get(name) for name in expected} == expected
    for name, value in overrides(inherited, NODE_ENVIRONMENT, NODE).items():
        monkeypatch.setenv(name, value or "")  # so that all of it is undone


def test_a_new_process_is_started_with_nobodys_keys() -> None:
    inherited = {"AWS_SECRET_ACCESS_KEY": "s", "HOME": "/a", "OMP_NUM_THREADS": "1"}
    assert blanked(inherited) == {"AWS_SECRET_ACCESS_KEY": ""}


def test_a_new_process_does_not_run_the_hook_that_may_wait_for_it() -> None:
    assert blanked([WORKER_PROCESS_SETUP_HOOK_ENV_VAR]) == {WORKER_PROCESS_SETUP_HOOK_ENV_VAR: ""}


def test_a_drivers_surroundings_are_what_matters_of_its_variables_and_are_never_shown() -> None:
    environment = Environment.of({"AWS_SECRET_ACCESS_KEY": "s3cret", "WANDB_RUN_ID": "1"})
    assert environment.variables == (("AWS_SECRET_ACCESS_KEY", "s3cret"),)
    assert Environment.of({"WANDB_RUN_ID": "2"}) == Environment.of(None) == NODE_ENVIRONMENT
    for kind in (Terms, WorkerTerms):
        assert "s3cret" not in repr(kind(environment=environment))


@pytest.mark.parametrize(
    "name",
    [
        *("HF_HOME", "HF_HUB_CACHE", "HF_ENDPOINT", "HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE"),
        *("NETRC", "GOOGLE_APPLICATION_CREDENTIALS", "AZURE_STORAGE_ACCOUNT_KEY"),
    ],
)
def test_variables_of_every_store_reach_the_workers(name: str) -> None:
    assert Environment.of({name: "value"}).variables == ((name, "value"),)


@pytest.mark.parametrize(
    ("root", "is_fine"),
    [("/data", True), ("~/data", True), ("${HOME}/data", True), ("", True), ("data", False)],
)
def test_a_relative_root_is_refused_before_anything_is_started(root: str, is_fine: bool) -> None:
    if is_fine:
        Environment.of({"XFD_ROOT": root})
        return
    with pytest.raises(InvalidRequestError, match="runtime_env is 'data'"):
        Environment.of({"XFD_ROOT": root})


@pytest.mark.parametrize("root", ["/data", "~/data", "data"])
def test_a_root_in_the_settings_is_refused_since_no_task_would_look_there(root: str) -> None:
    with pytest.raises(InvalidRequestError, match="XFD_ROOT"):
        check_option("node_settings", NodeSettings(root=root))
    for accepted in (None, NodeSettings()):
        check_option("node_settings", accepted)


def test_a_hub_cache_in_the_settings_is_refused_too() -> None:
    with pytest.raises(InvalidRequestError, match="HF_HUB_CACHE"):
        check_option("node_settings", NodeSettings(hub_cache="/hub"))


def test_a_nodes_own_variables_are_its_raylets(tmp_path: Path) -> None:
    def process(pid: int, parent: int, name: str, environ: bytes) -> None:
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "stat").write_text(f"{pid} (a) (b)) S {parent} 0")
        (tmp_path / str(pid) / "comm").write_text(f"{name}\n")
        (tmp_path / str(pid) / "environ").write_bytes(environ)

    process(os.getpid(), 70, "ray::Worker", b"A=of the worker\0")
    process(70, 60, "bash", b"A=of the shell\0")
    process(60, 50, "raylet", b"A=a=1\0B=\0\0")
    process(50, 1, "python", b"A=of the driver\0")
    assert environment_of_raylet(tmp_path) == {"A": "a=1", "B": ""}
    (tmp_path / "60" / "comm").write_text("other\n")
    assert environment_of_raylet(tmp_path) == {}
    assert environment_of_raylet(tmp_path / "nowhere") == {}
