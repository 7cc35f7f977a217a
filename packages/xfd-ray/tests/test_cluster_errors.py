"""The errors that Ray's become; their texts are those of Ray 2.60."""

from __future__ import annotations

import pytest
from ray.exceptions import (
    ActorDiedError,
    ActorUnavailableError,
    ActorUnschedulableError,
    GetTimeoutError,
    RayActorError,
    RayTaskError,
    RuntimeEnvSetupError,
    TaskUnschedulableError,
    WorkerCrashedError,
)

from xfd_api.errors import (
    CoordinatorLostError,
    DiskFullError,
    InternalError,
    NodeLostError,
    NodeUnavailableError,
    RuntimeEnvError,
    VersionMismatchError,
    XfdError,
)
from xfd_ray.cluster.errors import (
    LONGEST_TEXT,
    coordinator_error,
    installer_words,
    last_words,
    task_error,
    worker_error,
)
from xfd_ray.worker_api import Unavailable

KILLED = (
    "The actor died unexpectedly before finishing this task.\n\tclass_name: NodeWorker\n\tpid: 8\n"
    "The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR"
)


PIP = """Failed to set up runtime environment.
Traceback (most recent call last):
  File "pip.py", line 252, in _install_pip_packages
ray._private.runtime_env.utils.SubprocessCalledProcessError: Run cmd[24] failed with the following
Command '['python', '-m', 'pip', 'install', '-r', 'requirements.txt']' returned non-zero exit status
Last 50 lines of stdout:
    Looking in links: /wheels
    ERROR: Could not find a version that satisfies the requirement xfd-nothing (from versions: none)
    ERROR: No matching distribution found for xfd-nothing
"""
UV = """ray._private.runtime_env.utils.SubprocessCalledProcessError: Run cmd[15] failed
Last 50 lines of stdout:
      \u00d7 No solution found when resolving dependencies:
      ╰─▶ Because xfd-nothing was not found in the package registry, we can conclude
"""


def raised(cause: Exception, trace: str = "") -> RayTaskError:
    return RayTaskError("NodeWorker.method", trace or f"Traceback\n{cause!r}", cause)


def constructor_raised(words: str) -> ActorDiedError:
    trace = (
        "\x1b[36mray::NodeWorker.__init__()\x1b[39m (pid=8, ip=127.0.0.1)\n"
        '  File "worker.py", line 13, in __init__\n    self._check()\n'
        f"    ^^^^^^^^^^^^^\n{words}"
    )
    return ActorDiedError(raised(ValueError(), trace))


def test_an_error_of_ours_keeps_its_type_and_gets_its_node():
    mapped = worker_error(raised(DiskFullError("no room", path="/data")), "n1")
    assert isinstance(mapped, DiskFullError)
    assert (mapped.node, mapped.path) == ("n1", "/data")


def test_a_node_on_which_ray_starts_nothing_is_unavailable():
    mapped = worker_error(ActorUnschedulableError("The node ... is infeasible"), "n1")
    assert isinstance(mapped, NodeUnavailableError)
    assert isinstance(mapped, NodeLostError)  # Code that catches this keeps working.
    assert mapped.node == "n1"
    assert "drained" in str(mapped)


def test_a_bug_in_a_method_keeps_its_message():
    mapped = worker_error(raised(KeyError(5)), "n1")
    assert isinstance(mapped, InternalError)
    assert mapped.what == "KeyError: 5"


def test_an_error_of_a_constructor_is_named_and_not_tried_again():
    mapped = worker_error(constructor_raised("ValueError: XFD_ROOT is 'here'\nand relative"), "n1")
    assert isinstance(mapped, InternalError)
    assert not isinstance(mapped, NodeLostError)
    assert mapped.what.endswith("could not start: ValueError: XFD_ROOT is 'here' and relative")
    assert mapped.node == "n1"
    assert "report it" not in str(mapped)


def test_a_package_that_a_node_lacks_is_named():
    mapped = worker_error(
        constructor_raised("ModuleNotFoundError: No module named 'xfd_ray'"), "n1"
    )
    assert isinstance(mapped, VersionMismatchError)
    assert "xfd_ray" in mapped.what


def test_an_import_that_fails_behind_ray_client_names_the_packages():
    mapped = coordinator_error(ModuleNotFoundError("No module named 'xfd_ray'"), 0.0, "n1")
    assert isinstance(mapped, VersionMismatchError)
    assert mapped.node == "n1"
    assert 'runtime_env={"pip": ["xfd-ray==' in mapped.remedy


@pytest.mark.parametrize(
    ("text", "says"), [(PIP, "requirement xfd-nothing"), (UV, "xfd-nothing was not found")]
)
def test_an_environment_that_cannot_be_made_is_no_loss_and_says_why(text: str, says: str) -> None:
    failed = RuntimeEnvSetupError(text)
    for mapped in (
        worker_error(failed, "n1"),
        task_error(failed, "n1"),
        coordinator_error(failed, 1.0, "n1"),
    ):
        assert isinstance(mapped, RuntimeEnvError)
        assert not isinstance(mapped, (NodeLostError, CoordinatorLostError))
        assert mapped.node == "n1"
        assert says in mapped.what
        assert "SubprocessCalledProcessError" not in mapped.what


def test_a_login_of_an_index_is_not_shown_either_where_the_text_is_cut() -> None:
    login = "https://someone:" + "secret" * 8
    for before in range(0, LONGEST_TEXT, 25):
        text = f"ERROR: {'x' * before} {login}@index.example/simple"
        for said in (installer_words(RuntimeEnvSetupError(text)), last_words(ValueError(text))):
            assert "secret" not in said
            assert "***@" in said or before > LONGEST_TEXT - 60


def test_an_agent_that_does_not_answer_yet_is_worth_another_attempt():
    failed = RuntimeEnvSetupError("Server got itself in trouble, maybe network problems")
    assert isinstance(worker_error(failed, "n1"), NodeLostError)
    assert isinstance(coordinator_error(failed, 1.0, "n1"), CoordinatorLostError)


def test_only_errors_of_packages_get_the_node_of_the_coordinator():
    mapped = coordinator_error(raised(DiskFullError("no room")), 1.0, "n1")
    assert isinstance(mapped, DiskFullError)
    assert mapped.node is None


def test_a_process_that_died_is_a_loss_and_says_what_of():
    error = RayActorError(error_msg=KILLED)
    mapped = worker_error(error, "n1")
    assert isinstance(mapped, NodeLostError)
    assert last_words(error) in mapped.what
    assert type(error).__name__ in mapped.what
    mapped = coordinator_error(error, 1.0)
    assert isinstance(mapped, CoordinatorLostError)
    assert last_words(error) in mapped.what


def test_a_worker_that_is_out_of_reach_may_be_well():
    assert isinstance(worker_error(ActorUnavailableError("rpc", None), "n1"), Unavailable)


def test_a_coordinator_that_does_not_answer_is_a_loss():
    mapped = coordinator_error(GetTimeoutError("Get timed out"), 2.5)
    assert isinstance(mapped, CoordinatorLostError)
    assert "within 2.5 s" in mapped.what


def test_a_coordinator_whose_constructor_raised_is_no_loss():
    mapped = coordinator_error(constructor_raised("KeyError: 'loud'"), 1.0)
    assert isinstance(mapped, InternalError)
    assert "KeyError: 'loud'" in mapped.what


def test_the_last_words_are_the_last_line_where_no_exception_is_named_and_are_not_too_long():
    assert last_words(RayActorError(error_msg=KILLED)).startswith("The actor is dead because its")
    assert len(last_words(RayActorError(error_msg="x" * 9999))) <= LONGEST_TEXT + 3
    assert last_words(RayActorError(error_msg="")) == ""


NOT_IMPORTED = RuntimeError(
    "The remote function failed to import on the worker. This may be because needed library "
    "dependencies are not installed in the worker environment"
)


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (raised(DiskFullError("full", path="/x")), DiskFullError, "path /x, node 3f2a"),
        (raised(ValueError("no")), InternalError, "ValueError: no"),
        (
            raised(NOT_IMPORTED, "ModuleNotFoundError: No module named 'xfd_ray'"),
            VersionMismatchError,
            "lacks packages of xfd: ModuleNotFoundError: No module named 'xfd_ray'",
        ),
        (TaskUnschedulableError("soft=False"), NodeUnavailableError, "being drained"),
        (WorkerCrashedError(), NodeLostError, "Its process is gone: WorkerCrashedError"),
    ],
    ids=lambda each: each.__name__ if isinstance(each, type) else None,
)
def test_a_failed_task_has_an_error_of_its_node(
    error: BaseException, kind: type[XfdError], says: str
) -> None:
    made = task_error(error, "3f2a")
    assert type(made) is kind
    assert made.node == "3f2a"
    assert says in str(made)
